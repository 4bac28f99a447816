package store

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPace has a disk stand still: it is slow while it does, and for a while after.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := func(when string, want time.Duration, p *pace) {
			t.Helper()
			if got := p.slow(); got != want {
				t.Errorf("%s: slow for %v; want %v", when, got, want)
			}
		}
		var p pace
		want("before anything", 0, &p)
		p.begin()
		time.Sleep(slowSync - 1)
		want("a little less than slow", 0, &p)
		if took := p.end(); took != 0 {
			t.Errorf("a little less than slow took %v; want 0", took)
		}
		p.begin()
		time.Sleep(5 * time.Second)
		want("while it stands still", 5*time.Second, &p)
		if took := p.end(); took != 5*time.Second {
			t.Errorf("it stood still for %v; want 5 s", took)
		}
		time.Sleep(slowFor - 1)
		want("a little less than a minute later", 5*time.Second, &p)
		time.Sleep(time.Nanosecond)
		want("a minute later", 0, &p)
	})
}
