package line

import (
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

// laneOf is one lane of a coil.
type laneOf struct {
	coil mes.Thing
	lane uint32
}

// ledger is what the records of a line say came in and went.
type ledger struct {
	got, gone map[mes.Thing]amount
	// metres are the stretches of each coil's lane that were used or lost.
	metres map[laneOf][]mes.Interval
	// lanes are a coil's, by its geometry.
	lanes    map[mes.Thing]uint32
	rejected map[mes.Thing]bool
}

func (b *ledger) add(tb testing.TB, rec *Record) {
	tb.Helper()
	switch f := rec.Event.Fact.(type) {
	case *mes.LotReport:
		switch f.Status {
		case mes.LotReceived:
			b.got[f.Lot.Thing] += amountOf(tb, f.Quantity)
		case mes.LotRejected:
			b.rejected[f.Lot.Thing] = true
		default:
		}
	case *mes.Work:
		for _, p := range f.Produced {
			if p.Quantity != nil {
				b.got[p.Ref.Thing] += amountOf(tb, p.Quantity)
			}
		}
	case *mes.CoilGeometry:
		coil := mes.Thing{Kind: mes.RefLot, ID: f.Coil}
		b.lanes[coil] = f.Lanes
		if length := mes.Micrometres(b.got[coil]); length != f.Length {
			tb.Errorf("%s is %s m long, of which %s were scanned", coil, f.Length, length)
		}
	}
	take := func(thing mes.Thing, q mes.Quantity, i *mes.Interval) {
		if i == nil {
			b.gone[thing] += amountOf(tb, &q)
			return
		}
		if i.Delta != 0 || amount(i.To-i.From) != amountOf(tb, &q) {
			tb.Errorf("%s of %s is said to be %s long", i, thing, q)
		}
		if i.Lane > 0 || b.lanes[thing] == 1 {
			b.metres[laneOf{thing, i.Lane}] = append(b.metres[laneOf{thing, i.Lane}], *i)
			return
		}
		for lane := range uint32(lanes) {
			b.metres[laneOf{thing, lane + 1}] = append(b.metres[laneOf{thing, lane + 1}], *i)
		}
	}
	for _, k := range rec.Truth.Links {
		take(k.From, k.Quantity, k.Interval)
	}
	for _, k := range rec.Truth.Losses {
		take(k.Thing, k.Quantity, k.Interval)
	}
}

// TestBalance adds up, lot by lot, blend by blend, and coil by coil and lane by
// lane: what came in is what went into other things, was lost, and is there yet.
// The slow tier does it over a month.
func TestBalance(t *testing.T) {
	r := newRun(newLine(t, testConfig()))
	lasts := 5 * hour
	if long() {
		lasts = 30 * 24 * hour
	}
	b := ledger{
		got: make(map[mes.Thing]amount), gone: make(map[mes.Thing]amount), metres: make(map[laneOf][]mes.Interval),
		lanes: make(map[mes.Thing]uint32), rejected: make(map[mes.Thing]bool),
	}
	for until := r.start + lasts; r.now < until; {
		for _, rec := range r.step() {
			b.add(t, &rec)
		}
	}

	left := make(map[mes.Thing]amount)
	lots := func(list ...*lot) {
		for _, l := range list {
			if l != nil {
				left[l.ref.Thing] += l.left
			}
		}
	}
	// What is being worked on has left where it was, and no record says so yet.
	pending := func(thing mes.Thing, a amount) { b.gone[thing] += a }
	type span struct{ core, left mes.Micrometres }
	remaining := make(map[mes.Thing]span)
	coils := func(list ...*coil) {
		for _, c := range list {
			if c != nil {
				remaining[c.ref.Thing] = span{c.core, c.left}
			}
		}
	}
	for _, s := range r.stocks {
		lots(s.lots.items[s.lots.head:]...)
	}
	for _, a := range r.heap {
		if d, ok := a.actor.(*delivery); ok {
			lots(d.lot)
		}
	}
	for _, s := range r.waiting {
		for _, b := range s.benches {
			for _, at := range b.slots {
				lots(at.lot)
			}
		}
	}
	for _, w := range r.winders {
		lots(w.separators[0].lot, w.separators[1].lot)
		coils(w.electrodes[0].coil, w.electrodes[1].coil)
	}
	for _, e := range r.electrodes {
		lots(e.slurry.items[e.slurry.head:]...)
		lots(e.rests.items[e.rests.head:]...)
		for _, k := range e.tanks {
			lots(k.blend)
		}
		for _, q := range []*queue[*coil]{&e.mothers, &e.calendered, &e.strips, &e.daughters} {
			coils(q.items[q.head:]...)
		}
		coils(e.halves...)
		for _, c := range e.coaters {
			lots(c.foil.lot)
			if c.mother != nil {
				remaining[c.mother.ref.Thing] = span{0, c.mother.length}
				if c.blend != nil {
					pending(c.blend.ref.Thing, c.slurry)
				}
				pending(c.foil.lot.ref.Thing, c.foilUsed)
				for _, k := range c.lost {
					pending(k.Thing, amountOf(t, &k.Quantity))
				}
			}
		}
		for _, list := range e.rewinders {
			for _, w := range list {
				coils(w.parent)
				if w.parent != nil {
					coils(w.children...)
				}
			}
		}
		for _, m := range e.mixers {
			if m.busy && m.attempt == 1 {
				for _, k := range m.from {
					pending(k.From, amountOf(t, &k.Quantity))
				}
			}
			if m.busy && m.attempt > 1 {
				lots(m.batch)
			}
		}
	}

	blends, used, whole := 0, 0, 0
	for thing, in := range b.got {
		if _, isCoil := b.lanes[thing]; isCoil {
			continue
		}
		if _, isCoil := remaining[thing]; isCoil {
			continue
		}
		if thing.Kind != mes.RefLot {
			continue
		}
		there := left[thing]
		if b.rejected[thing] {
			there = in
		}
		if b.gone[thing]+there != in {
			t.Errorf("%s: %d came in, %d went, %d is there", thing, in, b.gone[thing], there)
		}
		if strings.HasPrefix(string(thing.ID), "L1D") {
			blends++
		}
		if b.gone[thing] > 0 {
			used++
		}
	}
	for thing := range b.gone {
		if b.got[thing] == 0 && thing.Kind == mes.RefLot {
			t.Errorf("%s is used and never came in", thing)
		}
	}
	for coil, n := range b.lanes {
		for lane := uint32(1); lane <= n; lane++ {
			at, length := laneOf{coil, lane}, mes.Micrometres(b.got[coil])
			there := remaining[coil]
			// A lane is whole when its stretches and what remains fill it from 0 on
			// to its length, and none is used twice.
			list := append([]mes.Interval{{From: there.core, To: there.left}}, b.metres[at]...)
			ends := make(map[mes.Micrometres]mes.Micrometres)
			for _, i := range list {
				if _, twice := ends[i.From]; twice && i.From < i.To {
					t.Errorf("lane %d of %s: two stretches begin at %s", lane, coil, i.From)
				}
				if i.From < i.To {
					ends[i.From] = i.To
				}
			}
			covered := mes.Micrometres(0)
			for range ends {
				covered = max(covered, ends[covered])
			}
			if covered != length {
				t.Errorf("lane %d of %s: %s m are accounted for of %s", lane, coil, covered, length)
			}
			whole++
		}
	}
	t.Logf("%d lots were used, of which %d blends, and %d lanes of coils balance", used, blends, whole)
	if used < 200 || blends < 20 || whole < 500 {
		t.Error("the sample does not show the shapes that it should")
	}
}
