package line

import (
	"math"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestWindingYield counts jelly rolls. The share that is good is within four
// standard errors of the table's.
func TestWindingYield(t *testing.T) {
	all, good := 0.0, 0.0
	for i, rec := range webSample() {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok || rec.Event.ProcessSegment != "winding" || len(f.Subjects) == 0 {
			continue
		}
		all++
		conformant := f.Disposition == mes.DispositionConformant
		if conformant {
			good++
		}
		if conformant != (len(f.Defects) == 0) {
			t.Fatalf("record %d: %s with %v", i, f.Disposition, f.Defects)
		}
	}
	want := stepOf("WND").yield
	if got := good / all; math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/all) {
		t.Errorf("%.0f jelly rolls have a yield of %.5f, want %.5f", all, got, want)
	}
	t.Logf("%.0f jelly rolls, yield %.5f", all, good/all)
}

// TestWindersKeepTheTakt winds as many jelly rolls as the line needs for its takt,
// from its start on and for longer than what was made before lasts.
func TestWindersKeepTheTakt(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		takt   time.Duration
		cells  int
	}{
		{"as it is", func(*Config) {}, time.Second, 10_000},
		{"a tenth of it", func(*Config) {}, 100 * time.Millisecond, 20_000},
		{"slow", func(*Config) {}, time.Minute, 2_000},
		{"one machine each", func(c *Config) {
			c.Machines = make(map[string]int)
			for _, code := range codes() {
				c.Machines[code] = 1
			}
		}, 10 * time.Second, 5_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := webConfig()
			c.Takt = tc.takt
			tc.change(&c)
			r := newRun(newLine(t, c))
			rolls := 0.0
			until := r.start + span(time.Duration(tc.cells)*tc.takt)
			for r.now < until {
				for _, rec := range r.step() {
					if f, ok := rec.Event.Fact.(*mes.Work); ok && rec.Event.ProcessSegment == "winding" && len(f.Subjects) > 0 {
						rolls++
					}
				}
			}
			// What the laboratory takes by the hour comes on top.
			want := float64(tc.cells) * (1 + r.sampleRate*tc.takt.Seconds())
			if got := rolls * r.rollShare / 2; math.Abs(got/want-1) > 0.01 {
				t.Errorf("%.0f cells' jelly rolls were wound, want %.0f", got, want)
			}
			for _, e := range r.electrodes {
				t.Logf("%s: begun %s ahead; %d daughters wait, target %d", e.name, time.Duration(r.leadTime())*time.Millisecond, e.daughters.len()+len(e.halves), e.coilTarget)
			}
		})
	}
}

// TestOverhangFollowsFromTheWidths finds the coated widths of the two electrodes of
// each jelly roll among the scans of their mothers.
func TestOverhangFollowsFromTheWidths(t *testing.T) {
	var k trail
	widths := make(map[mes.ID][][]float64) // by scan and lane
	n := 0
	for i, rec := range webSample() {
		k.add(&rec)
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok {
			continue
		}
		if rec.Event.ProcessSegment == "coating" && f.Measurements != nil {
			id, first := f.Subjects[0].ID, stepOf(codeOf(rec.Event.Equipment)).column("coat_width_1")
			widths[id] = append(widths[id], f.Measurements.Values[first:first+lanes])
		}
		if link, _ := cathodeOf(&rec); link == nil || f.Disposition != mes.DispositionConformant {
			continue
		}
		var width [2]float64
		for e, link := range rec.Truth.Links[:2] {
			mother, lane, from, _ := k.origin(link.From.ID, metresOf(link.Interval.From), metresOf(link.Interval.To))
			if at := from / 20; math.Abs(at-math.Round(at)) < 1e-4 {
				break // on the edge of a scan
			}
			width[e] = widths[mother][int(from/20)][lane-1]
		}
		if width[1] == 0 {
			continue
		}
		n++
		// Both sides are rounded to 0.1 mm.
		if sum := f.Measurements.Values[2] + f.Measurements.Values[3]; math.Abs(sum-width[1]+width[0]) > 0.1001 {
			t.Fatalf("record %d: %.1f and %.1f mm beyond a cathode of %.2f, the anode has %.2f", i, f.Measurements.Values[2], f.Measurements.Values[3], width[0], width[1])
		}
	}
	if n < 10_000 {
		t.Errorf("only %d jelly rolls were looked at", n)
	}
}

// TestArealOfJellyRolls holds the coating that jelly rolls know against the table.
func TestArealOfJellyRolls(t *testing.T) {
	r := newRun(newLine(t, webConfig()))
	var taken rollsTaken
	r.rolls = &taken
	for r.now < r.start+2*hour {
		r.step()
	}
	mean, square := 0.0, 0.0
	for _, c := range taken.list {
		if c.hazard != 0 || c.taint != 0 || c.touches != nil {
			t.Fatalf("%s has %v, %v, %v without a fault", c.ref.ID, c.hazard, c.taint, c.touches)
		}
		mean += float64(c.areal)
		square += float64(c.areal * c.areal)
	}
	n := float64(len(taken.list))
	mean /= n
	table := cathode.coating()
	// Six metres vary nearly as one does: the fast part forgets 2 % a metre.
	sigma, want := math.Sqrt(square/n-mean*mean), table.sigma/table.nominal
	if math.Abs(mean-1) > 0.6*want || math.Abs(sigma/want-1) > 0.25 {
		t.Errorf("the coating of %.0f jelly rolls is %.5f ± %.5f of the nominal, want 1 ± %.5f", n, mean, sigma, want)
	}
}
