package line

import (
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

func TestTornTab(t *testing.T) {
	var k trail
	found := 0
	struck(t, webConfig(), "F13", 10*time.Minute, 3*time.Hour, func(rec *Record) {
		k.add(rec)
		link, _ := cathodeOf(rec)
		if link == nil || len(rec.Truth.Touches) == 0 {
			return
		}
		found++
		f := rec.Event.Fact.(*mes.Work)
		if f.Disposition != mes.DispositionConcession || len(f.Defects) != 1 || f.Defects[0].Code != "WND-03" {
			t.Errorf("%s with %v", f.Disposition, f.Defects)
		}
		if folds := &stepOf("WND").characteristics[4]; folds.within(f.Measurements.Values[4]) {
			t.Errorf("the separator overhangs by %v mm, which is good", f.Measurements.Values[4])
		}
		for _, c := range rec.Truth.Touches {
			if !c.Certain || c.Thing != link.Into && c.Thing != link.From {
				t.Errorf("%+v", c)
			}
			m := markAt(k.geometry[link.From.ID].Marks, c.Interval.From, c.Interval.To)
			if m == nil || m.Code != "NOT-05" || m.Interval.From < link.Interval.From || m.Interval.To > link.Interval.To {
				t.Errorf("%+v is wound up in %s", m, link.Interval)
			}
		}
		if len(rec.Truth.Touches) != 2 {
			t.Errorf("%+v", rec.Truth.Touches)
		}
	})
	if found != 1 {
		t.Errorf("%d jelly rolls are touched, want 1", found)
	}
}
