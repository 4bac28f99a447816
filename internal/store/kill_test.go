package store_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestKill kills a store's process whenever it comes, the first start included:
// no acknowledged record is lost, and what is there is what was sent. TAKT_SEED
// repeats a run as far as chance goes; the clock decides with it.
func TestKill(t *testing.T) {
	kills := 6
	if long {
		kills = 1000
	}
	seed := seed(t)
	n := 0
	kill(t, seed, kills, "append", func(lost int, wrong string) bool {
		n++
		if lost > 0 || wrong != "" {
			t.Errorf("kill %d of seed %d: %d acknowledged records lost; %s", n, seed, lost, wrong)
		}
		return !t.Failed()
	})
}

// TestKillOfAHasty is the control: of a store that acknowledges before it has
// written, records are lost, and TestKill sees it.
func TestKillOfAHasty(t *testing.T) {
	seen := false
	kill(t, 1, 20, "early append", func(lost int, _ string) bool {
		seen = lost > 0
		return !seen
	})
	if !seen {
		t.Error("what acknowledges early loses nothing: the test cannot fail")
	}
}

// kill kills a store's process again and again, and calls lost with how many
// acknowledged records are gone, and what is wrong beside, until it returns false.
func kill(t *testing.T, seed uint64, kills int, does string, lost func(n int, wrong string) (more bool)) {
	t.Helper()
	chance := rand.New(rand.NewPCG(seed, 8))
	dir := filepath.Join(t.TempDir(), "store")
	for kill := range kills {
		if kill%20 == 19 {
			dir = filepath.Join(t.TempDir(), "store")
		}
		left := chance.IntN([]int{1, 3, 60}[chance.IntN(3)])
		acknowledged, _ := runChild(t, dir, does, func(child *os.Process) {
			if left == 0 {
				// What is still in the pipe was acknowledged, too.
				if err := child.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			left--
		})
		durable, wrong := runChild(t, dir, "check", func(*os.Process) {})
		if !lost(int(max(acknowledged, durable)-durable), wrong) {
			return
		}
	}
}
