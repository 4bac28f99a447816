package store_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/powercut"
)

// runOn runs a child on a disk until it ends.
func runOn(t *testing.T, d *powercut.Disk, does string) (durable mes.Offset, complaint string) {
	t.Helper()
	mount := t.TempDir()
	if err := d.Mount(mount); err != nil {
		t.Fatalf("mount: %v", err)
	}
	defer func() {
		if err := d.Unmount(); err != nil {
			t.Fatalf("unmount: %v", err)
		}
	}()
	return runChild(t, filepath.Join(mount, "store"), does, func(*os.Process) {})
}

// cut cuts the power under a store again and again, at any operation on its
// disk, and calls lost with how many acknowledged records are gone, and what is
// wrong beside, until it returns false.
func cut(t *testing.T, seed uint64, cuts int, lies bool, lost func(n int, wrong string) (more bool)) {
	t.Helper()
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk whose power can be cut: %v", err)
	}
	chance := rand.New(rand.NewPCG(seed, 7))
	disk := powercut.New()
	disk.Lies = lies
	var before mes.Offset
	for range cuts {
		if before > 30_000 || chance.IntN(5) == 0 {
			disk, before = powercut.New(), 0 // a first start is cut, too
			disk.Lies = lies
		}
		disk.CutAt(1 + chance.IntN([]int{10, 100, 1000, 2000}[chance.IntN(4)]))
		acknowledged, complaint := runOn(t, disk, "append")
		if strings.Contains(complaint, "panic") {
			t.Fatalf("the power cut ends in a panic: %s", complaint)
		}
		acknowledged = max(acknowledged, before)
		disk = disk.Cut(chance, []float64{0, 0.5, 1}[chance.IntN(3)])
		durable, complaint := runOn(t, disk, "check")
		if !lost(int(max(acknowledged, durable)-durable), complaint) {
			return
		}
		before = durable
	}
}

// TestPowerCut cuts the power, whatever the store is doing: no acknowledged
// record is lost, and what is there is what was sent. TAKT_SEED repeats a run.
func TestPowerCut(t *testing.T) {
	cuts := 5
	if long {
		cuts = 1000
	}
	n := 0
	seed := seed(t)
	cut(t, seed, cuts, false, func(lost int, wrong string) bool {
		n++
		if lost != 0 || wrong != "" {
			t.Errorf("cut %d of seed %d: %d acknowledged records lost; %s", n, seed, lost, wrong)
		}
		return !t.Failed()
	})
}

// TestPowerCutOfALiar is the control: on a disk that syncs nothing, records are
// lost, and TestPowerCut sees it.
func TestPowerCutOfALiar(t *testing.T) {
	seen := false
	cut(t, 1, 100, true, func(lost int, wrong string) bool {
		seen = lost != 0 || wrong != ""
		return !seen
	})
	if !seen {
		t.Error("a disk that syncs nothing loses nothing: the test cannot fail")
	}
}
