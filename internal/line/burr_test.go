package line

import (
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestBurr computes from the records which jelly rolls are of lane 4 of what was
// slit with the blades in question.
func TestBurr(t *testing.T) {
	var k trail
	coils := make(map[mes.ID]mes.Micrometres) // from which metre on, on the strip
	touches := make(map[mes.Thing][]Touch)
	blades, sharp := mes.ID(""), 0
	certain, possible := 0, 0
	burrs, others := [2]float64{}, [2]float64{}
	struck(t, webConfig(), "F2", 3*time.Hour, 9*time.Hour, func(rec *Record) {
		k.add(rec)
		touched(t, rec, touches)
		slitter := rec.Event.Equipment == "L1.SLT-C.01"
		if f, ok := rec.Event.Fact.(*mes.Work); ok && slitter && rec.Due.Sub(webConfig().Start) >= 3*time.Hour && len(f.Tools) > 0 {
			if blades == "" {
				blades = f.Tools[0].ID
				if f.Tools[0].Count < 480_000 {
					t.Errorf("the blades have run %d m", f.Tools[0].Count)
				}
			}
			if f.Tools[0].ID == blades && len(f.Produced) > 0 && strings.HasSuffix(string(f.Subjects[0].ID), "-4") {
				if _, known := coils[f.Subjects[0].ID]; !known {
					coils[f.Subjects[0].ID] = f.Produced[0].Interval.From
				}
				burrs[0], burrs[1] = burrs[0]+1, burrs[1]+f.Measurements.Values[1]
			}
			if f.Tools[0].ID != blades && strings.HasSuffix(string(f.Subjects[0].ID), "-4") {
				sharp++
			}
			if len(f.Produced) > 0 && strings.HasSuffix(string(f.Subjects[0].ID), "-3") {
				others[0], others[1] = others[0]+1, others[1]+f.Measurements.Values[1]
			}
		}
		link, _ := cathodeOf(rec)
		if link == nil {
			return
		}
		roll := link.Into
		strip := mes.ID(strings.TrimSuffix(string(link.From.ID), "-N"))
		from, of := coils[strip]
		// From the notched strip to the strip the metres run the other way.
		g := k.geometry[link.From.ID]
		edge := g.Length
		if of {
			edge = g.Length - mes.Micrometres(float64(from)*float64(g.Length)/float64(k.geometry[strip].Length))
		}
		switch list := touches[roll]; {
		case len(list) > 0 && list[0].Certain:
			certain++
			if !of || link.Interval.From > edge+20*mes.Metre {
				t.Errorf("%s is certain with %s of %s", roll, link.Interval, link.From)
			}
		case len(list) > 0:
			possible++
		case of && link.Interval.To < edge-20*mes.Metre:
			t.Errorf("%s is not touched with %s of %s", roll, link.Interval, link.From)
		}
	})
	t.Logf("%d strips, %d jelly rolls certain, %d possible; burrs of %.1f µm, on lane 3 of %.1f", len(coils), certain, possible, burrs[1]/burrs[0], others[1]/others[0])
	begun := false // in the middle of a coil
	for _, from := range coils {
		begun = begun || from > 0
	}
	if !begun || certain < 500 {
		t.Error("too little was touched, or all of every coil")
	}
	if burrs[1]/burrs[0] < others[1]/others[0]+3 {
		t.Error("the burr is not seen")
	}
}
