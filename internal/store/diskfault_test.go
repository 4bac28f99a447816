package store_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/takt-mes/takt/internal/powercut"
)

// TestDiskFault has every write, naming and sync of a run fail once: the store
// stops with a sentence or goes on, and no acknowledged record is lost.
func TestDiskFault(t *testing.T) {
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk of our own: %v", err)
	}
	step := 97
	if long {
		step = 1
	}
	stopped, wentOn := 0, 0
	for n := 1; ; n += step {
		disk := powercut.New()
		disk.FailAt(n, syscall.EIO)
		acknowledged, complaint := runOn(t, disk, "append some")
		failed := disk.Failed()
		if failed == "" {
			break
		}
		if strings.Contains(complaint, "goroutine") {
			t.Fatalf("operation %d fails, and the store with a panic: %s", n, complaint)
		}
		if complaint != "" {
			stopped++
			t.Logf("operation %d, %s: %s", n, failed, strings.TrimSpace(complaint))
		} else {
			wentOn++
			t.Logf("operation %d, %s: went on", n, failed)
		}
		durable, wrong := runOn(t, disk, "check")
		if durable < acknowledged || wrong != "" {
			t.Errorf("operation %d fails: durable up to %d, and %d was acknowledged; %s", n, durable, acknowledged, wrong)
		}
	}
	t.Logf("%d stops, %d went on", stopped, wentOn)
	if stopped == 0 {
		t.Error("nothing that failed stopped the store: the test cannot fail")
	}
}
