package line

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// webConfig is the line whose web is looked at.
func webConfig() Config {
	return Config{Name: "L1", Seed: 1, Start: time.Date(2026, 3, 11, 5, 0, 0, 0, time.UTC)}
}

// onWeb reports whether a record is of the web or of a jelly roll's winding.
func onWeb(rec *Record) bool {
	switch rec.Event.ProcessSegment {
	case "incoming-inspection", "cathode-mixing", "anode-mixing", "day-tank", "coating", "calendering", "slitting", "notching", "winding":
		return true
	}
	return false
}

// webSample is ten hours of the web of a line at a takt of 1 s, with a change of
// shift in them.
var webSample = sync.OnceValue(func() []Record {
	l, err := New(webConfig())
	if err != nil {
		panic(err)
	}
	var list []Record
	for rec := range l.Records() {
		if rec.Due.Sub(webConfig().Start) >= 10*time.Hour {
			break
		}
		if onWeb(&rec) {
			list = append(list, rec)
		}
	}
	return list
})

// amountOf is a quantity in millionths, as a test adds it up.
func amountOf(tb testing.TB, q *mes.Quantity) amount {
	tb.Helper()
	c := q.Value.Coefficient
	for e := q.Value.Exponent; e > -6; e-- {
		c *= 10
	}
	if q.Value.Exponent < -6 {
		tb.Fatalf("%s has more than six places", q)
	}
	return amount(c)
}

// TestWebTruthIsWhatIsReported holds the records against the truth beside them:
// quantities exactly, intervals within what the record says that they may be off.
func TestWebTruthIsWhatIsReported(t *testing.T) {
	type place struct {
		equipment mes.EquipmentID
		slot      string
	}
	on := make(map[place]mes.Thing)
	halves, ejected, most := 0, 0, mes.Micrometres(0)
	for i, rec := range webSample() {
		e := rec.Event
		switch f := e.Fact.(type) {
		case *mes.SlotChange:
			at := place{e.Equipment, f.Slot}
			switch f.Action {
			case mes.SlotLoad:
				if was, taken := on[at]; taken {
					t.Fatalf("record %d loads %s on %v, where %s is", i, f.Material.Thing, at, was)
				}
				on[at] = f.Material.Thing
			case mes.SlotUnload:
				if on[at] != f.Material.Thing {
					t.Fatalf("record %d unloads %s from %v, where %s is", i, f.Material.Thing, at, on[at])
				}
				delete(on, at)
				if f.Interval != nil && f.Interval.To > 50*mes.Metre {
					halves++
				}
			case mes.SlotClean:
				if !strings.HasPrefix(codeOf(e.Equipment), "TNK") || f.Material.IsZero() {
					t.Fatalf("record %d cleans %v of %v", i, at, f.Material)
				}
			}
		case *mes.Work:
			really := make([]Link, len(f.Consumed))
			switch e.ProcessSegment {
			case "calendering", "slitting", "notching":
				continue // TestRoad looks at these
			case "winding":
				if len(f.Subjects) == 0 {
					k := rec.Truth.Losses[0]
					really = []Link{{From: k.Thing, Quantity: k.Quantity, Interval: k.Interval}}
					ejected++
					break
				}
				fallthrough
			default:
				copy(really, rec.Truth.Links)
				if len(rec.Truth.Links) != len(f.Consumed) {
					t.Fatalf("record %d of %s reports %d things consumed, %d were", i, e.Equipment, len(f.Consumed), len(rec.Truth.Links))
				}
			}
			for k, a := range f.Consumed {
				if amountOf(t, a.Quantity) != amountOf(t, &really[k].Quantity) {
					t.Fatalf("record %d of %s reports %s, it was %s", i, e.Equipment, a.Quantity, really[k].Quantity)
				}
				thing := a.Ref.Thing
				if a.Ref.IsZero() {
					thing = on[place{e.Equipment, a.Slot}]
				}
				if thing != really[k].From {
					t.Fatalf("record %d of %s reports %s on %s, it was %s", i, e.Equipment, thing, a.Slot, really[k].From)
				}
				if a.Interval == nil {
					continue
				}
				if a.Interval.From < 0 {
					t.Fatalf("record %d of %s reports %s", i, e.Equipment, a.Interval)
				}
				for _, off := range []mes.Micrometres{a.Interval.From - really[k].Interval.From, a.Interval.To - really[k].Interval.To} {
					if most = max(most, off, -off); off < -a.Interval.Delta || off > a.Interval.Delta {
						t.Fatalf("record %d of %s reports %s, it was %s", i, e.Equipment, a.Interval, really[k].Interval)
					}
				}
			}
		}
	}
	t.Logf("%d coils came off half used, %d stretches were ejected; the count of metres was at most %s m off", halves, ejected, most)
	if halves == 0 || ejected == 0 || most < mes.Metre/2 {
		t.Error("the sample does not show the shapes that it should")
	}
}

// TestWebForgets runs for weeks of virtual time: what is used up is dropped.
func TestWebForgets(t *testing.T) {
	c := webConfig()
	c.Takt = time.Minute
	r := newRun(newLine(t, c))
	reachable := func() int {
		coils := make(map[*coil]bool)
		follow := func(list ...*coil) {
			for _, c := range list {
				for c != nil {
					coils[c] = true
					if c.from == nil {
						break
					}
					c = c.from.parent
				}
			}
		}
		for _, e := range r.electrodes {
			for _, q := range []*queue[*coil]{&e.mothers, &e.calendered, &e.strips, &e.daughters} {
				follow(q.items...)
			}
			follow(e.halves...)
		}
		for _, w := range r.winders {
			follow(w.electrodes[0].coil, w.electrodes[1].coil)
		}
		return len(coils)
	}
	weeks := moment(1)
	if long() {
		weeks = 4
	}
	for r.now < r.start+weeks*2*24*hour {
		r.step()
	}
	week := reachable()
	for r.now < r.start+weeks*7*24*hour {
		r.step()
	}
	if month := reachable(); month > 2*week+100 {
		t.Errorf("%d coils are kept after four weeks, %d after one", month, week)
	}
}
