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
	chance := rand.New(rand.NewPCG(seed, 8))
	dir := filepath.Join(t.TempDir(), "store")
	for kill := range kills {
		if kill%20 == 19 {
			dir = filepath.Join(t.TempDir(), "store")
		}
		left := chance.IntN([]int{1, 3, 60}[chance.IntN(3)])
		acknowledged, _ := runChild(t, dir, "append", func(child *os.Process) {
			if left == 0 {
				// What is still in the pipe was acknowledged, too.
				if err := child.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			left--
		})
		durable, wrong := runChild(t, dir, "check", func(*os.Process) {})
		if durable < acknowledged || wrong != "" {
			t.Fatalf("kill %d of seed %d: durable up to %d, and %d was acknowledged; %s", kill, seed, durable, acknowledged, wrong)
		}
	}
}
