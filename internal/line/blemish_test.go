package line

import (
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// struck runs a line with a fault, and hands every record to look until so long
// after the start.
func struck(tb testing.TB, c Config, id string, after, until time.Duration, look func(rec *Record)) {
	tb.Helper()
	c.Faults = []Fault{{ID: id, After: after}}
	r := newRun(newLine(tb, c))
	for r.now < r.start+span(until) {
		for _, rec := range r.step() {
			if onWeb(&rec) {
				look(&rec)
			}
		}
	}
}

// touched collects what a fault has done to, by thing; a thing must be touched
// once, or as a coil in several intervals.
func touched(tb testing.TB, rec *Record, into map[mes.Thing][]Touch) {
	tb.Helper()
	for _, k := range rec.Truth.Touches {
		if k.Why == "" || k.Thing.Kind == mes.RefItem && len(into[k.Thing]) > 0 {
			tb.Errorf("%+v after %+v", k, into[k.Thing])
		}
		into[k.Thing] = append(into[k.Thing], k)
	}
}

// trail follows metres of a coil to its mother by what was recorded alone.
type trail struct{ geometry map[mes.ID]*mes.CoilGeometry }

func (k *trail) add(rec *Record) {
	if g, ok := rec.Event.Fact.(*mes.CoilGeometry); ok {
		if k.geometry == nil {
			k.geometry = make(map[mes.ID]*mes.CoilGeometry)
		}
		k.geometry[g.Coil] = g
	}
}

// origin returns the mother, the lane and the metres of a stretch, as 2.4 has it.
func (k *trail) origin(coil mes.ID, from, to float64) (mes.ID, uint32, float64, float64) {
	lane := uint32(0)
	for {
		g := k.geometry[coil]
		if g.Parent == "" {
			return coil, lane, from, to
		}
		if k.geometry[g.Parent].Lanes > 1 && g.ParentLane > 0 {
			lane = g.ParentLane
		}
		back := func(t float64) float64 {
			u := t/(1+float64(g.Elongation)/1e6) + metresOf(g.StartScrap)
			for _, cut := range g.CutOuts {
				if u >= metresOf(cut.At) {
					u += metresOf(cut.Length)
				}
			}
			return metresOf(k.geometry[g.Parent].Length) - u
		}
		from, to = back(to), back(from)
		coil = g.Parent
	}
}

// cathodeOf is what of a cathode coil went into a jelly roll, nil where the record
// is of none, with what the winder says of it.
func cathodeOf(rec *Record) (link *Link, shown *mes.Interval) {
	f, ok := rec.Event.Fact.(*mes.Work)
	if !ok || rec.Event.ProcessSegment != "winding" || len(f.Subjects) == 0 {
		return nil, nil
	}
	return &rec.Truth.Links[0], f.Consumed[0].Interval
}
