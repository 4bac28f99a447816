package line

import (
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestParticle computes from the records alone which jelly rolls have some of the
// metres, and compares that with what is said to be so.
func TestParticle(t *testing.T) {
	var k trail
	touches := make(map[mes.Thing][]Touch)
	mother := mes.ID("")
	lanes := make(map[uint32]int)
	certain, possible := 0, 0
	struck(t, webConfig(), "F3", 10*time.Minute, 9*time.Hour, func(rec *Record) {
		k.add(rec)
		touched(t, rec, touches)
		for _, c := range rec.Truth.Touches {
			if rec.Event.ProcessSegment == "coating" {
				if mother != "" || rec.Event.Equipment != "L1.COT-C.01" || *c.Interval != (mes.Interval{From: 1210 * mes.Metre, To: 1238 * mes.Metre}) {
					t.Errorf("%+v after %s", c, mother)
				}
				mother = c.Thing.ID
			}
		}
		link, shown := cathodeOf(rec)
		if link == nil {
			return
		}
		of, lane, from, to := k.origin(link.From.ID, metresOf(link.Interval.From), metresOf(link.Interval.To))
		over := of == mother && from < 1238-0.001 && to > 1210+0.001
		list := touches[link.Into]
		switch {
		case over != (len(list) > 0 && list[0].Certain):
			t.Errorf("%s has metres %.3f to %.3f of %s: %+v", link.Into, from, to, of, list)
		case over:
			certain++
			lanes[lane]++
			if i := list[0].Interval; i.From < link.Interval.From || i.To > link.Interval.To || i.From >= i.To {
				t.Errorf("%s overlaps in %s of %s", link.Into, i, link.Interval)
			}
		case len(list) > 0:
			possible++
			if d := metresOf(shown.Delta) * 2.1; of != mother || from > 1238+d || to < 1210-d {
				t.Errorf("%s is possible with metres %.3f to %.3f of %s, ± %.1f", link.Into, from, to, of, d)
			}
		}
	})
	t.Logf("%d jelly rolls certain, %d possible, by lane %v", certain, possible, lanes)
	// 28 m of six lanes are some 5.4 jelly rolls each, and one more that is cut.
	if certain < 25 || certain > 45 || possible == 0 || len(lanes) != 6 {
		t.Errorf("%d jelly rolls are certain, %d possible, of %d lanes", certain, possible, len(lanes))
	}
}
