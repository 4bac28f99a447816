package line

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

// TestTruthIsWhatIsReported holds the records against the truth beside them: the
// slots by what was loaded, intervals within their delta, quantities exactly.
func TestTruthIsWhatIsReported(t *testing.T) {
	type place struct {
		equipment mes.EquipmentID
		slot      string
	}
	on := make(map[place]mes.Thing)
	where := make(map[mes.Thing]place)
	halves := 0
	for i, rec := range sample() {
		e := rec.Event
		switch f := e.Fact.(type) {
		case *mes.SlotChange:
			at := place{e.Equipment, f.Slot}
			if f.Action == mes.SlotClean {
				continue // of a tank, whose blends are named
			}
			if f.Action == mes.SlotLoad {
				if was, taken := on[at]; taken {
					t.Fatalf("record %d loads %s on %v, where %s is", i, f.Material.Thing, at, was)
				}
				on[at] = f.Material.Thing
				if other, elsewhere := where[f.Material.Thing]; elsewhere {
					t.Fatalf("record %d loads %s on %v, but it is on %v", i, f.Material.Thing, at, other)
				}
				where[f.Material.Thing] = at
				continue
			}
			if on[at] != f.Material.Thing {
				t.Fatalf("record %d unloads %s from %v, where %s is", i, f.Material.Thing, at, on[at])
			}
			delete(on, at)
			delete(where, f.Material.Thing)
			if f.Interval != nil && f.Interval.To > 50*mes.Metre {
				halves++
			}
		case *mes.Work:
			if number := stepOf(codeOf(e.Equipment)).number; number < 9 || len(f.Subjects) == 0 {
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
				from, to := a.Interval.From-really.Interval.From, a.Interval.To-really.Interval.To
				if delta := a.Interval.Delta; max(from, -from, to, -to) > delta {
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
// scrap, where it is, where it ends, and how long it stays.
func TestRoute(t *testing.T) {
	config := newLine(t, testConfig()).Config()
	w := &walker{
		t: t, gone: make(map[mes.Thing]string), step: make(map[mes.Thing]*step), ended: make(map[mes.Thing]time.Time),
		in: make(map[mes.Thing]mes.Thing), built: make(map[mes.Thing]mes.Thing), attempts: make(map[attemptKey]uint32),
		places: make(map[mes.Thing]int), shipped: make(map[mes.Thing]bool),
	}
	reused := 0
	for i, rec := range sample() {
		w.record = i
		e := rec.Event
		s := stepOf(codeOf(e.Equipment))
		switch f := e.Fact.(type) {
		case *mes.Work:
			if s.number < 9 || len(f.Subjects) == 0 {
				continue
			}
			w.work(s, e, f)
			if s.code == "OC1" && f.Attempt == 1 {
				if rest := e.EventTime.Sub(w.graded[f.Subjects[0].Thing]); rest < config.Dwell.Settling {
					t.Fatalf("record %d: %s settled for %s", i, f.Subjects[0].Thing, rest)
				}
			}
		case *mes.Placement:
			if w.placement(s, e, f) {
				reused++
			}
		}
	}
	if len(w.places) >= reused {
		t.Errorf("%d carriers were emptied %d times; none is used again", len(w.places), reused)
	}
	if len(w.shipped) == 0 {
		t.Error("no pack was shipped")
	}
}

// walker keeps what is known of things while the records are gone through.
type walker struct {
	t      *testing.T
	record int
	// gone are scrapped and used up, by what.
	gone    map[mes.Thing]string
	step    map[mes.Thing]*step
	ended   map[mes.Thing]time.Time
	graded  map[mes.Thing]time.Time
	in      map[mes.Thing]mes.Thing
	built   map[mes.Thing]mes.Thing
	shipped map[mes.Thing]bool
	// places counts what is in a carrier.
	places   map[mes.Thing]int
	attempts map[attemptKey]uint32
}

type attemptKey struct {
	segment string
	thing   mes.Thing
}

// reach checks that a thing can be where it is.
func (w *walker) reach(s *step, thing mes.Thing, began time.Time) {
	w.t.Helper()
	if by := w.gone[thing]; by != "" {
		w.t.Fatalf("record %d: %s comes to %s after %s", w.record, thing, s.code, by)
	}
	if before := w.step[thing]; before != nil && before.number > s.number {
		w.t.Fatalf("record %d: %s was at %s and comes to %s", w.record, thing, before.code, s.code)
	}
	if began.Before(w.ended[thing]) {
		w.t.Fatalf("record %d: %s was elsewhere until %s, not %s", w.record, thing, w.ended[thing], began)
	}
	if whole, away := w.built[thing]; away {
		w.t.Fatalf("record %d: %s comes to %s and is in %s", w.record, thing, s.code, whole)
	}
}

func (w *walker) work(s *step, e *mes.Event, f *mes.Work) {
	w.t.Helper()
	for _, subject := range f.Subjects {
		thing := subject.Thing
		if thing.Kind != mes.RefItem {
			continue
		}
		w.reach(s, thing, e.StartTime)
		k := attemptKey{e.ProcessSegment, thing}
		if w.attempts[k]++; f.Attempt != w.attempts[k] {
			w.t.Fatalf("record %d of %s: attempt %d at %s, want %d", w.record, e.Equipment, f.Attempt, thing, w.attempts[k])
		}
		if f.Carrier != "" && !s.sample && f.Carrier != w.in[thing].ID {
			w.t.Fatalf("record %d: %s is in %s, not in %s", w.record, thing, w.in[thing], f.Carrier)
		}
		if s.code == "GRD" {
			if w.graded == nil {
				w.graded = make(map[mes.Thing]time.Time)
			}
			w.graded[thing] = e.EventTime
		}
		w.step[thing], w.ended[thing] = s, e.EventTime
		switch f.Disposition {
		case mes.DispositionScrap, mes.DispositionDowngrade, mes.DispositionSample:
			w.gone[thing] = fmt.Sprintf("%s at %s", f.Disposition, s.code)
		default:
		}
	}
	for _, a := range f.Consumed {
		if a.Ref.Kind == mes.RefItem {
			w.reach(s, a.Ref.Thing, e.StartTime)
			w.built[a.Ref.Thing] = f.Subjects[0].Thing
		}
	}
}

// placement reports whether it empties a carrier.
func (w *walker) placement(s *step, e *mes.Event, f *mes.Placement) bool {
	w.t.Helper()
	parent := f.Parent.Thing
	switch {
	case f.Action == mes.PlacementDelete && parent.Kind == mes.RefItem:
		for _, h := range f.Children {
			if w.built[h.Ref.Thing] != parent {
				w.t.Fatalf("record %d takes %s out of %s, where it is not", w.record, h.Ref.Thing, parent)
			}
			delete(w.built, h.Ref.Thing)
			w.gone[h.Ref.Thing] = "it was swapped"
		}
	case f.Action == mes.PlacementDelete:
		if len(f.Children) == 0 {
			for thing, at := range w.in {
				if at == parent {
					delete(w.in, thing)
				}
			}
			w.places[parent] = 0
			return true
		}
		for _, h := range f.Children {
			if w.in[h.Ref.Thing] != parent {
				w.t.Fatalf("record %d takes %s out of %s, where it is not", w.record, h.Ref.Thing, parent)
			}
			delete(w.in, h.Ref.Thing)
		}
		if w.places[parent] -= len(f.Children); w.places[parent] < 0 {
			w.t.Fatalf("record %d takes more out of %s than was in it", w.record, parent)
		}
		return w.places[parent] == 0
	default:
		for _, h := range f.Children {
			switch parent.Kind {
			case mes.RefItem:
				w.reach(s, h.Ref.Thing, e.EventTime)
				w.built[h.Ref.Thing] = parent
			case mes.RefShipment:
				w.reach(s, h.Ref.Thing, e.EventTime)
				w.shipped[h.Ref.Thing] = true
			default:
				if at, already := w.in[h.Ref.Thing]; already {
					w.t.Fatalf("record %d puts %s into %s, it is in %s", w.record, h.Ref.Thing, parent, at)
				}
				w.in[h.Ref.Thing] = parent
				w.places[parent]++
			}
		}
	}
	return false
}

// TestKFollowsFromTheVoltages computes K from two records of each cell, five days
// apart.
func TestKFollowsFromTheVoltages(t *testing.T) {
	type reading struct {
		at time.Time
		v  float64
	}
	c := testConfig()
	c.Dwell.Ageing, c.Takt = 0, 60*time.Second
	formed := make(map[mes.Thing]reading)
	var column column
	for i, rec := range take(newLine(t, c), 290_000) {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok {
			continue
		}
		if len(f.Subjects) == 0 {
			continue
		}
		thing := f.Subjects[0].Thing
		switch rec.Event.ProcessSegment {
		case "ocv-1":
			formed[thing] = reading{rec.Event.EventTime, f.Measurements.Values[0]}
		case "ocv-2":
			before := formed[thing]
			k := (before.v - f.Measurements.Values[0]) * 1000 / (rec.Event.EventTime.Sub(before.at).Hours() / 24)
			if math.Abs(k-f.Measurements.Values[1]) > 0.00051 {
				t.Fatalf("record %d: K of %s is %v, its voltages say %v", i, thing, f.Measurements.Values[1], k)
			}
			if f.Disposition == mes.DispositionConformant {
				column.add(k)
			}
		}
	}
	if column.n < 500 || math.Abs(column.mean-0.45) > 0.02 || math.Abs(column.deviation()-0.1) > 0.015 {
		t.Errorf("K of %.0f good cells has the mean %.3f and the deviation %.3f mV/d, want 0.45 and 0.1", column.n, column.mean, column.deviation())
	}
}
