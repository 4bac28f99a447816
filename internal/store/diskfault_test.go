package store_test

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// TestDiskFaultOfAHasty is the control: of a store that acknowledges before it has
// synced, records are lost where the disk fails.
func TestDiskFaultOfAHasty(t *testing.T) {
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk of our own: %v", err)
	}
	disk := powercut.New()
	disk.FailFrom(500, syscall.EIO)
	acknowledged, _ := runOn(t, disk, "early append some")
	disk.Repair()
	if durable, _ := runOn(t, disk, "check"); durable >= acknowledged {
		t.Errorf("what acknowledges early has all %d that it acknowledged: the test cannot fail", acknowledged)
	}
}

// TestSlowDisk appends on a disk that takes 50 ms to sync, and now and then much
// longer: nothing is lost, and nothing is there twice.
func TestSlowDisk(t *testing.T) {
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk of our own: %v", err)
	}
	disk := powercut.New()
	var syncs atomic.Int64
	disk.Slow = func() time.Duration {
		if syncs.Add(1)%20 == 0 {
			return 1500 * time.Millisecond
		}
		return 50 * time.Millisecond
	}
	acknowledged, complaint := runOn(t, disk, "append some")
	if complaint != "" {
		t.Errorf("on a slow disk: %s", complaint)
	}
	disk.Slow = nil
	durable, wrong := runOn(t, disk, "check")
	if durable != acknowledged || wrong != "" {
		t.Errorf("durable up to %d, and %d was acknowledged; %s", durable, acknowledged, wrong)
	}
	t.Logf("%d syncs", syncs.Load())
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
