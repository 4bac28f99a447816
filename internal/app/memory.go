package app

import (
	"os"
	"runtime/debug"
)

// The service keeps little and makes much garbage: some kilobytes an event, most
// of it gone with the answer. Collected as often as Go does by itself, that took
// a sixth of the processor's time of a load. So garbage may grow to three times
// of what is kept, but both together not beyond a bound below the 256 MB that a
// service may take: near it, Go collects as often as it must.
const (
	garbagePercent = 300
	memoryBound    = 208 << 20
)

// spendMemory has memory spent to save time, unless who started the process says
// how much in GOGC and GOMEMLIMIT.
func spendMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBound)
	}
}
