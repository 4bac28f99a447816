package line

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

// exact is an amount of millionths, as a test adds it up.
func exact(t *testing.T, q mes.Quantity) amount {
	t.Helper()
	c := q.Value.Coefficient
	for e := q.Value.Exponent; e > -6; e-- {
		c *= 10
	}
	if q.Value.Exponent < -6 {
		t.Fatalf("%s has more than six places", q)
	}
	return amount(c)
}

// TestBalance adds up, lot by lot and coil by coil and lane by lane: what came
// in is what went into other things, was lost, and is there yet.
func TestBalance(t *testing.T) {
	r := newRun(newLine(t, testConfig()))
	got := make(map[mes.Thing]amount)  // received, or produced
	gone := make(map[mes.Thing]amount) // used or lost
	type lane struct {
		coil mes.Thing
		lane uint32
	}
	type stretch struct{ from, to mes.Micrometres }
	metresOf := make(map[lane][]stretch)
	rejected := make(map[mes.Thing]bool)
	var batchesFromRests, spanning int
	spans := make(map[mes.Thing]int)
	for n := 0; n < 150_000; {
		for _, rec := range r.step() {
			n++
			switch f := rec.Event.Fact.(type) {
			case *mes.LotReport:
				switch f.Status {
				case mes.LotReceived:
					got[f.Lot.Thing] += exact(t, *f.Quantity)
				case mes.LotRejected:
					rejected[f.Lot.Thing] = true
				default:
				}
			case *mes.Work:
				for _, p := range f.Produced {
					got[p.Ref.Thing] += exact(t, *p.Quantity)
					if rec.Event.ProcessSegment == "coating" {
						spans[p.Ref.Thing]++
					}
				}
				for _, c := range f.Consumed {
					if c.Ref.MaterialDefinition == "cathode-slurry" {
						batchesFromRests++
					}
				}
			}
			for _, k := range rec.Truth.Links {
				if k.Interval == nil {
					gone[k.From] += exact(t, k.Quantity)
					continue
				}
				if length := k.Interval.To - k.Interval.From; amount(length) != exact(t, k.Quantity) {
					t.Fatalf("%s is said to be %s long", k.Interval, k.Quantity)
				}
				at := lane{k.From, k.Interval.Lane}
				metresOf[at] = append(metresOf[at], stretch{k.Interval.From, k.Interval.To})
			}
			for _, k := range rec.Truth.Losses {
				if k.Interval == nil {
					gone[k.Thing] += exact(t, k.Quantity)
					continue
				}
				of := []uint32{k.Interval.Lane}
				if k.Interval.Lane == 0 {
					of = []uint32{1, 2, 3, 4, 5, 6}
				}
				for _, number := range of {
					at := lane{k.Thing, number}
					metresOf[at] = append(metresOf[at], stretch{k.Interval.From, k.Interval.To})
				}
			}
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
	for _, s := range r.stocks {
		lots(s.lots.items[s.lots.head:]...)
	}
	for _, a := range r.heap {
		if d, ok := a.actor.(*delivery); ok {
			lots(d.lot)
		}
	}
	for _, b := range append(r.insertion.benches, r.filling.benches...) {
		for _, s := range b.slots {
			lots(s.lot)
		}
	}
	for _, m := range r.stacking.stackers {
		lots(m.busbar.lot)
	}
	remaining := make(map[mes.Thing]mes.Micrometres)
	for _, w := range r.winders {
		lots(w.separators[0].lot, w.separators[1].lot)
		for _, p := range w.electrodes {
			if p.coil != nil {
				remaining[p.coil.ref.Thing] = p.coil.left
			}
		}
	}
	for _, e := range r.electrodes {
		lots(e.slurry.items[e.slurry.head:]...)
		lots(e.rests.items[e.rests.head:]...)
		for _, c := range append(e.daughters.items[e.daughters.head:], e.halves...) {
			remaining[c.ref.Thing] = c.left
		}
		for _, c := range e.mothers.items[e.mothers.head:] {
			remaining[c.ref.Thing] = c.left
		}
		for _, c := range e.coaters {
			lots(c.batch, c.foil.lot)
			if c.mother != nil {
				remaining[c.mother.ref.Thing] = c.mother.length
			}
		}
		for _, s := range e.slitters {
			if s.mother != nil {
				remaining[s.mother.ref.Thing] = s.mother.left
			}
		}
		// What is in a mixer has left the lots, and no record said so yet.
		for _, m := range e.mixers {
			if m.busy {
				for _, k := range m.from {
					gone[k.From] += exact(t, k.Quantity)
				}
			}
		}
	}

	coils := make(map[mes.Thing]bool)
	for at := range metresOf {
		coils[at.coil] = true
	}
	var used int
	for thing, in := range got {
		if coils[thing] {
			continue
		}
		if _, whole := remaining[thing]; whole {
			continue
		}
		there := left[thing]
		if rejected[thing] {
			there = in
		}
		if gone[thing]+there != in {
			t.Errorf("%s: %d came in, %d went, %d is there", thing, in, gone[thing], there)
		}
		if gone[thing] > 0 {
			used++
		}
	}
	for thing := range gone {
		if got[thing] == 0 && thing.Kind == mes.RefLot {
			t.Errorf("%s is used and never came in", thing)
		}
	}
	for at, stretches := range metresOf {
		// A lane is whole when its stretches and what remains fill it from 0 on,
		// and none is used twice.
		at0 := remaining[at.coil]
		length := mes.Micrometres(got[at.coil])
		covered := at0
		for range stretches {
			next := -1
			for i, s := range stretches {
				if s.from == covered {
					next = i
				}
			}
			if next < 0 {
				t.Errorf("lane %d of %s: nothing begins at %s m of %s", at.lane, at.coil, covered, length)
				break
			}
			covered = stretches[next].to
		}
		if covered != length {
			t.Errorf("lane %d of %s: %s m are accounted for of %s", at.lane, at.coil, covered, length)
		}
	}
	for _, n := range spans {
		if n > 1 {
			spanning++
		}
	}
	t.Logf("%d lots were used, %d coil lanes; %d mothers were reported in parts, %d batches took leftovers", used, len(metresOf), spanning, batchesFromRests)
	if used < 50 || len(metresOf) < 50 || spanning == 0 || batchesFromRests == 0 {
		t.Error("the sample does not show the shapes that it should")
	}
}

// TestTruthIsWhatIsReported holds the records against the truth beside them: the
// slots by what was loaded, intervals within their delta, quantities exactly.
func TestTruthIsWhatIsReported(t *testing.T) {
	type place struct {
		equipment mes.EquipmentID
		slot      string
	}
	on := make(map[place]mes.Thing)
	halves := 0
	for i, rec := range sample() {
		e := rec.Event
		switch f := e.Fact.(type) {
		case *mes.SlotChange:
			at := place{e.Equipment, f.Slot}
			if f.Action == mes.SlotLoad {
				if was, taken := on[at]; taken {
					t.Fatalf("record %d loads %s on %v, where %s is", i, f.Material.Thing, at, was)
				}
				on[at] = f.Material.Thing
				for other, thing := range on {
					if thing == f.Material.Thing && other != at {
						t.Fatalf("record %d loads %s on %v, but it is on %v", i, thing, at, other)
					}
				}
				continue
			}
			if on[at] != f.Material.Thing {
				t.Fatalf("record %d unloads %s from %v, where %s is", i, f.Material.Thing, at, on[at])
			}
			delete(on, at)
			if f.Interval != nil && f.Interval.To > 50*mes.Metre {
				halves++
			}
		case *mes.Work:
			if e.ProcessSegment == "slitting" {
				continue
			}
			if len(f.Consumed) != len(rec.Truth.Links) {
				t.Fatalf("record %d of %s reports %d things consumed, %d were", i, e.Equipment, len(f.Consumed), len(rec.Truth.Links))
			}
			for k, a := range f.Consumed {
				really := rec.Truth.Links[k]
				if diff := cmp.Diff(really.Quantity, *a.Quantity); diff != "" {
					t.Fatalf("record %d of %s: quantity mismatch (-true +reported):\n%s", i, e.Equipment, diff)
				}
				if !a.Ref.IsZero() && a.Ref.Thing != really.From {
					t.Fatalf("record %d of %s reports %s, it was %s", i, e.Equipment, a.Ref.Thing, really.From)
				}
				if a.Slot != "" && on[place{e.Equipment, a.Slot}] != really.From {
					t.Fatalf("record %d of %s: on %s was %s, not %s", i, e.Equipment, a.Slot, on[place{e.Equipment, a.Slot}], really.From)
				}
				if a.Interval == nil {
					continue
				}
				off := a.Interval.From - really.Interval.From
				if off < -a.Interval.Delta || off > a.Interval.Delta || a.Interval.To-really.Interval.To != off {
					t.Fatalf("record %d of %s reports %s, it was %s", i, e.Equipment, a.Interval, really.Interval)
				}
			}
		}
	}
	if halves == 0 {
		t.Error("no coil was taken off half used")
	}
}

// TestRoute follows every thing: the order of its steps, what happens after
// scrap, where it ends, and the dwell times.
func TestRoute(t *testing.T) {
	config := testConfig()
	order := map[string]int{"winding": 1, "insertion": 2, "filling": 3, "formation": 4, "ocv": 5, "module-assembly": 6, "pack-assembly": 7}
	scrapped := make(map[mes.Thing]bool)
	stage := make(map[mes.Thing]int)
	ended := make(map[mes.Thing]time.Time)
	inTray := make(map[mes.Thing]mes.Thing)
	inTrays := make(map[mes.Thing]time.Time)
	built := make(map[mes.Thing]mes.Thing)
	parents := make(map[mes.Thing]int)
	attempts := make(map[string]map[mes.Thing]uint32)
	trays, reused := make(map[mes.Thing]int), 0
	for i, rec := range sample() {
		e := rec.Event
		reach := func(thing mes.Thing, began time.Time) {
			if scrapped[thing] {
				t.Fatalf("record %d of %s: %s is scrap", i, e.Equipment, thing)
			}
			if stage[thing] > order[e.ProcessSegment] {
				t.Fatalf("record %d of %s: %s was further on", i, e.Equipment, thing)
			}
			if began.Before(ended[thing]) {
				t.Fatalf("record %d of %s: %s was elsewhere until %s, not %s", i, e.Equipment, thing, ended[thing], began)
			}
			if _, away := built[thing]; away {
				t.Fatalf("record %d of %s: %s is in %s", i, e.Equipment, thing, built[thing])
			}
		}
		switch f := e.Fact.(type) {
		case *mes.Work:
			if order[e.ProcessSegment] == 0 {
				continue
			}
			thing := f.Subjects[0].Thing
			reach(thing, e.StartTime)
			if attempts[e.ProcessSegment] == nil {
				attempts[e.ProcessSegment] = make(map[mes.Thing]uint32)
			}
			attempts[e.ProcessSegment][thing]++
			if want := attempts[e.ProcessSegment][thing]; f.Attempt != want {
				t.Fatalf("record %d of %s: attempt %d at %s, want %d", i, e.Equipment, f.Attempt, thing, want)
			}
			for _, a := range f.Consumed {
				if a.Ref.Kind != mes.RefItem {
					continue
				}
				reach(a.Ref.Thing, e.StartTime)
				built[a.Ref.Thing] = thing
			}
			if e.ProcessSegment == "formation" {
				if f.Carrier != inTray[thing].ID {
					t.Fatalf("record %d: %s is in %s, not in %s", i, thing, inTray[thing], f.Carrier)
				}
				if f.Attempt == 1 && e.EventTime.Sub(e.StartTime) < config.FormationTime {
					t.Fatalf("record %d: %s was %s in formation", i, thing, e.EventTime.Sub(e.StartTime))
				}
			}
			if e.ProcessSegment == "ocv" && f.Attempt == 1 && e.StartTime.Sub(inTrays[thing]) < 0 {
				t.Fatalf("record %d: %s rested too short", i, thing)
			}
			stage[thing], ended[thing] = order[e.ProcessSegment], e.EventTime
			if f.Disposition == mes.DispositionScrap || f.Disposition == mes.DispositionDowngrade {
				scrapped[thing] = true
			}
		case *mes.Placement:
			switch {
			case f.Parent.Kind == mes.RefCarrier && f.Action == mes.PlacementAdd:
				for _, h := range f.Children {
					reach(h.Ref.Thing, e.EventTime)
					if at, in := inTray[h.Ref.Thing]; in {
						t.Fatalf("record %d: %s is in %s already", i, h.Ref.Thing, at)
					}
					inTray[h.Ref.Thing] = f.Parent.Thing
					trays[f.Parent.Thing]++
					if want := fmt.Sprintf("%02d", trays[f.Parent.Thing]); h.Place != want {
						t.Fatalf("record %d: place %s of %s, want %s", i, h.Place, f.Parent.Thing, want)
					}
				}
			case f.Parent.Kind == mes.RefCarrier:
				if trays[f.Parent.Thing] != trayPlaces || len(f.Children) != 0 && len(f.Children) != trayPlaces {
					t.Fatalf("record %d takes %d cells out of %s, which has %d", i, len(f.Children), f.Parent.Thing, trays[f.Parent.Thing])
				}
				for thing, at := range inTray {
					if at == f.Parent.Thing {
						delete(inTray, thing)
						inTrays[thing] = e.EventTime
						if rest := e.EventTime.Sub(ended[thing]); rest < config.RestTime {
							t.Fatalf("record %d: %s rested for %s", i, thing, rest)
						}
					}
				}
				trays[f.Parent.Thing] = 0
				reused++
			default:
				want := map[string]int{"module-assembly": moduleCells, "pack-assembly": packModules}[e.ProcessSegment]
				if len(f.Children) != want {
					t.Fatalf("record %d puts %d into %s, want %d", i, len(f.Children), f.Parent.Thing, want)
				}
				if parents[f.Parent.Thing]++; parents[f.Parent.Thing] > 1 {
					t.Fatalf("record %d builds %s again", i, f.Parent.Thing)
				}
				for _, h := range f.Children {
					reach(h.Ref.Thing, e.EventTime)
					built[h.Ref.Thing] = f.Parent.Thing
				}
			}
		}
	}
	if len(trays) >= reused {
		t.Errorf("%d trays were emptied %d times; none is used again", len(trays), reused)
	}
}

// TestFirstPassYield counts first attempts. The share that passes is within four
// standard errors of the table's: a sound line fails this once in 16,000 seeds.
func TestFirstPassYield(t *testing.T) {
	l := newLine(t, testConfig())
	rows := make(map[string]*step)
	for i := range steps {
		rows[steps[i].schema] = &steps[i]
	}
	var first, passed, lost [len(steps)]int
	for i, rec := range sample() {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok {
			continue
		}
		s := rows[l.Blocks()[rec.Block].SchemaName]
		at := 0
		for steps[at].code != s.code {
			at++
		}
		good := f.Disposition == mes.DispositionConformant
		if f.Attempt == 1 {
			first[at]++
			if good {
				passed[at]++
			}
		}
		switch f.Disposition {
		case mes.DispositionScrap, mes.DispositionDowngrade:
			lost[at]++
		default:
		}
		// What conforms is within its limits, what does not shows it.
		if good != (len(f.Defects) == 0) {
			t.Fatalf("record %d: %s with the defects %v", i, f.Disposition, f.Defects)
		}
		for k, c := range s.characteristics {
			v := f.Measurements.Values[k]
			if good && !c.within(v) {
				t.Fatalf("record %d of %s: %s is %v on a good thing", i, s.code, c.name, v)
			}
			if math.IsNaN(v) || v == 0 && math.Signbit(v) {
				t.Fatalf("record %d of %s: %s is %v", i, s.code, c.name, v)
			}
			for _, d := range s.defects {
				if !good && f.Defects[0].Code == d.code && d.shows == c.name && c.within(v) {
					t.Fatalf("record %d of %s: %s with %s of %v", i, s.code, d.code, c.name, v)
				}
			}
		}
	}
	for i, s := range steps {
		if first[i] == 0 {
			continue
		}
		want, n := s.yield, float64(first[i])
		if want == 0 {
			want = 1
		}
		got := float64(passed[i]) / n
		if bound := 4 * math.Sqrt(want*(1-want)/n); math.Abs(got-want) > bound {
			t.Errorf("%s: first-pass yield of %d is %.5f, want %.5f ± %.5f", s.code, first[i], got, want, bound)
		}
		t.Logf("%-6s n=%6d first pass %.4f (table %.4f) lost %d", s.code, first[i], got, want, lost[i])
	}
}

// TestKFollowsFromTheVoltages computes K from two records of each cell, half a
// day apart. A meter's noise of 0.1 mV is then 0.2 mV/d, on top of the cells' own
// deviation of 0.1: K's mean has a standard error of 0.01 over 500 cells.
func TestKFollowsFromTheVoltages(t *testing.T) {
	type reading struct {
		at time.Time
		v  float64
	}
	c := testConfig()
	c.FormationTime, c.RestTime, c.Takt = 0, 0, 20*time.Second
	formed := make(map[mes.Thing]reading)
	var n int
	var sum float64
	for i, rec := range take(newLine(t, c), 60_000) {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok {
			continue
		}
		thing := f.Subjects[0].Thing
		switch rec.Event.ProcessSegment {
		case "formation":
			formed[thing] = reading{rec.Event.EventTime, f.Measurements.Values[5]}
		case "ocv":
			before := formed[thing]
			k := (before.v - f.Measurements.Values[0]) * 1000 / (rec.Event.EventTime.Sub(before.at).Hours() / 24)
			if math.Abs(k-f.Measurements.Values[1]) > 0.0051 {
				t.Fatalf("record %d: K of %s is %v, its voltages say %v", i, thing, f.Measurements.Values[1], k)
			}
			if f.Disposition == mes.DispositionConformant {
				n++
				sum += k
			}
		}
	}
	if mean := sum / float64(n); n < 500 || math.Abs(mean-0.45) > 0.04 {
		t.Errorf("K of %d good cells has the mean %.3f mV/d, want 0.45 ± 0.04", n, mean)
	}
}

// The worked example of the reference line's coil arithmetic.
func TestUnwind(t *testing.T) {
	stretches, length := unwind(3000*mes.Metre, 8*mes.Metre, []mes.CutOut{{At: 1500 * mes.Metre, Length: 12 * mes.Metre}}, 3000)
	want := []kept{
		{mes.Interval{From: 1500 * mes.Metre, To: 2992 * mes.Metre}, mes.Interval{To: 1_496_476_000}},
		{mes.Interval{To: 1488 * mes.Metre}, mes.Interval{From: 1_496_476_000, To: 2_988_940_000}},
	}
	if diff := cmp.Diff(want, stretches, cmp.AllowUnexported(kept{})); diff != "" {
		t.Errorf("unwind mismatch (-want +got):\n%s", diff)
	}
	if length != 2_988_940_000 {
		t.Errorf("the daughter is %s m long, want 2988.940", length)
	}
}
