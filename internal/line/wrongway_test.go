package line

import (
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestWrongWay adds up what the winder says and what is so: one goes down as the
// other goes up.
func TestWrongWay(t *testing.T) {
	var k trail
	var coil mes.Thing
	rolls, unknown, sum := 0, 0, mes.Micrometres(0)
	struck(t, webConfig(), "F14", 10*time.Minute, 6*time.Hour, func(rec *Record) {
		k.add(rec)
		if f, ok := rec.Event.Fact.(*mes.SlotChange); ok && len(rec.Truth.Touches) > 0 {
			if coil != (mes.Thing{}) || f.Action != mes.SlotLoad {
				t.Errorf("%+v after %s", f, coil)
			}
			coil = rec.Truth.Touches[0].Thing
		}
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok || rec.Event.ProcessSegment != "winding" || coil == (mes.Thing{}) {
			return
		}
		if len(f.Subjects) == 0 && f.Consumed[0].Ref.Thing == coil {
			// A splice where the geometry has none.
			i := f.Consumed[0].Interval
			known := false
			for _, s := range k.geometry[coil.ID].Splices {
				known = known || s.At > i.From-i.Delta && s.At < i.From+2*i.Delta
			}
			if !known {
				unknown++
			}
		}
		link, shown := cathodeOf(rec)
		if link == nil {
			return
		}
		if (link.From == coil) != (len(rec.Truth.Touches) == 1) {
			t.Errorf("%s of %s: %+v", link.Into, link.From, rec.Truth.Touches)
		}
		if link.From != coil {
			return
		}
		if sum == 0 {
			sum = link.Interval.From + shown.To
		}
		if off := link.Interval.From + shown.To - sum; off > 2*shown.Delta || off < -2*shown.Delta {
			t.Errorf("%s is shown as %s", link.Interval, shown)
		}
		rolls++
	})
	t.Logf("%d jelly rolls of %s, %d sections where none is known", rolls, coil, unknown)
	if rolls == 0 || unknown == 0 {
		t.Error("no coil was wound the wrong way round")
	}
}
