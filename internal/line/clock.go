package line

import "strings"

// clock is a PLC's: what it is off by fault F11.
type clock struct {
	off   moment
	fault *fault
}

// The clock of the twelfth PLC jumps back, and is put right after a while.
const (
	clockJump  = -7 * minute
	clockLasts = 2 * hour
	clockPLC   = 12
)

var clockFault = faultKind{
	id:     "F11",
	what:   "the clock of the twelfth PLC goes seven minutes slow for two hours",
	finds:  "the cells that its records of that time are about",
	strike: strikeClock,
}

func strikeClock(f *fault, now moment) {
	k := f.run.clocks[clockPLC]
	k.off, k.fault = clockJump, f
	f.run.plan(now+clockLasts, k, 0)
}

// act puts it right.
func (k *clock) act(moment, int) { *k = clock{} }

// clockWhy is what a record's subjects are touched for.
var clockWhy = strings.TrimPrefix(clockJump.span().String(), "-") + " early"
