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
	step := 193
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
	t.Logf("%d operations failed: %d stops, %d went on", stopped+wentOn, stopped, wentOn)
	if stopped == 0 {
		t.Error("nothing that failed stopped the store: the test cannot fail")
	}
}

// TestReadOnlyDisk has a disk become read-only somewhere in a run: the store stops
// with a sentence, refuses to start with one, and has every acknowledged record
// when the disk may be written again.
func TestReadOnlyDisk(t *testing.T) {
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk of our own: %v", err)
	}
	turns := 3
	if long {
		turns = 100
	}
	for turn := range turns {
		disk := powercut.New()
		at := 1 + turn*977%(1+200*turn)
		disk.FailFrom(at, syscall.EROFS)
		acknowledged, complaint := runOn(t, disk, "append")
		if complaint == "" || strings.Contains(complaint, "goroutine") || strings.Count(complaint, "\n") != 1 {
			t.Errorf("read-only from operation %d on, %s: the store ends with %q; want one sentence", at, disk.Failed(), complaint)
		}
		if _, complaint := runOn(t, disk, "append"); complaint == "" || strings.Contains(complaint, "goroutine") {
			t.Errorf("read-only from operation %d on: a start says %q; want a sentence", at, complaint)
		}
		disk.Repair()
		durable, wrong := runOn(t, disk, "check")
		if durable < acknowledged || wrong != "" {
			t.Errorf("read-only from operation %d on: durable up to %d, and %d was acknowledged; %s", at, durable, acknowledged, wrong)
		}
	}
}
