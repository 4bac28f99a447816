package line

import (
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestRoad follows every coil: where it comes from, in which order, and that what
// was marked on it is cut out of it at the next machine.
func TestRoad(t *testing.T) {
	order := map[string]int{"coating": 1, "calendering": 2, "slitting": 3, "notching": 4, "winding": 5}
	type passed struct {
		stage    int
		until    time.Time
		scanned  mes.Micrometres
		geometry *mes.CoilGeometry
		edges    int
	}
	coils := make(map[mes.ID]*passed)
	reversals := 0
	for i, rec := range webSample() {
		stage := order[rec.Event.ProcessSegment]
		switch f := rec.Event.Fact.(type) {
		case *mes.CoilGeometry:
			c := coils[f.Coil]
			if c == nil || c.geometry != nil || c.scanned != f.Length {
				t.Fatalf("record %d: %s is of %s m, but %+v", i, f.Coil, f.Length, c)
			}
			c.geometry = f
			if f.Parent == "" {
				if stage != 1 || c.edges == 0 {
					t.Fatalf("record %d: %s has no parent, and %d stretches", i, f.Coil, c.edges)
				}
				continue
			}
			parent := coils[f.Parent].geometry
			if c.edges != 1 || f.Winding != mes.WindingReversed || coils[f.Parent].stage != stage-1 || !strings.HasPrefix(string(f.Coil), string(f.Parent)+"-") {
				t.Fatalf("record %d: %s came of %s with %d records, %s", i, f.Coil, f.Parent, c.edges, f.Winding)
			}
			if (f.Elongation > 0) != (stage == 2) || (f.ParentLane > 1) && stage != 3 {
				t.Fatalf("record %d of %s: %+v", i, rec.Event.Equipment, f)
			}
			reversals++
			if len(f.CutOuts) != len(parent.Marks) {
				t.Fatalf("record %d: %d cut-outs of %d marks", i, len(f.CutOuts), len(parent.Marks))
			}
			kept := parent.Length - f.StartScrap
			for k, cut := range f.CutOuts {
				mark := parent.Marks[len(parent.Marks)-1-k]
				if cut.At != parent.Length-mark.Interval.To || cut.Length != mark.Interval.To-mark.Interval.From || cut.Code != mark.Code {
					t.Fatalf("record %d: cut-out %+v of the mark %+v", i, cut, mark)
				}
				kept -= cut.Length
			}
			if want := kept + mes.Micrometres(float64(kept)*float64(f.Elongation)/1e6); f.Length-want > 1 || want-f.Length > 1 {
				t.Fatalf("record %d: %s is %s m long, want %s", i, f.Coil, f.Length, want)
			}
			if len(f.Splices) < len(f.CutOuts) {
				t.Fatalf("record %d: %d splices of %d cut-outs", i, len(f.Splices), len(f.CutOuts))
			}
		case *mes.Work:
			if stage == 0 {
				continue
			}
			for _, a := range f.Consumed {
				if stage > 1 && a.Ref.MaterialDefinition != "" {
					parent := coils[a.Ref.ID]
					if parent == nil || parent.geometry == nil || parent.stage != stage-1 || parent.until.After(rec.Event.StartTime) && stage < 5 {
						t.Fatalf("record %d of %s uses %s, which is not there yet", i, rec.Event.Equipment, a.Ref.ID)
					}
				}
			}
			if stage == 5 {
				continue
			}
			id := f.Subjects[0].ID
			if coils[id] == nil {
				coils[id] = &passed{stage: stage}
			}
			c := coils[id]
			if c.stage != stage || c.geometry != nil {
				t.Fatalf("record %d of %s: %s is further on", i, rec.Event.Equipment, id)
			}
			c.until = rec.Event.EventTime
			if len(f.Consumed) > 0 {
				c.edges++
				continue
			}
			// A scan goes on where the last one ended.
			at := f.Produced[0].Interval
			if at.From != c.scanned || f.Measurements == nil {
				t.Fatalf("record %d: a scan of %s of %s, which was scanned to %s", i, at, id, c.scanned)
			}
			c.scanned = at.To
		}
	}
	if reversals < 500 {
		t.Errorf("%d coils were rewound", reversals)
	}
}
