package line

import (
	"math"
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

// TestWebYields adds up what each step loses by length: its scrap, and what it
// marked and the next one cuts out.
func TestWebYields(t *testing.T) {
	in, lost := make(map[string]float64), make(map[string]float64)
	for _, rec := range webSample() {
		f, ok := rec.Event.Fact.(*mes.CoilGeometry)
		if !ok {
			continue
		}
		code, _, _ := strings.Cut(codeOf(rec.Event.Equipment), "-")
		length := metresOf(f.Length) / (1 + float64(f.Elongation)/1e6)
		scrapped := metresOf(f.StartScrap)
		if code == "COT" {
			scrapped = 11.5 // which no geometry says
		}
		in[code] += length + scrapped
		lost[code] += scrapped
		for _, m := range f.Marks {
			lost[code] += metresOf(m.Interval.To - m.Interval.From)
		}
	}
	for _, code := range []string{"COT", "CAL", "SLT", "NOT"} {
		want := stepOf(code + "-C").yield
		got := 1 - lost[code]/in[code]
		t.Logf("%s: %.0f m, yield %.4f (table %.4f)", code, in[code], got, want)
		// A coil has about k marks of a length with a deviation of half its mean:
		// what it loses varies by √(1.25/k) of itself. Of 100 mothers, four
		// standard errors of 1.8 % in 3.7 marks are 0.4 %.
		if math.Abs(got-want) > 0.004 {
			t.Errorf("%s has a yield of %.4f by length, want %.4f ± 0.004", code, got, want)
		}
	}
}

// TestWebCharacteristics compares what is measured with the table: all that
// conforms is within its limits, and centre and deviation are those of the table.
// The web's drift forgets within some 2,000 m, so that the scans of one coater's
// mothers are worth one or two each.
func TestWebCharacteristics(t *testing.T) {
	type sums struct{ n, sum, square float64 }
	of := make(map[string][]sums)
	for i, rec := range webSample() {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok || f.Measurements == nil {
			continue
		}
		s := stepOf(codeOf(rec.Event.Equipment))
		if of[s.code] == nil {
			of[s.code] = make([]sums, len(s.characteristics))
		}
		for k, v := range f.Measurements.Values {
			c := &s.characteristics[k]
			if len(f.Defects) == 0 {
				if !c.within(v) {
					t.Fatalf("record %d of %s: %s is %v on what is good", i, s.code, c.name, v)
				}
				a := &of[s.code][k]
				a.n, a.sum, a.square = a.n+1, a.sum+v, a.square+v*v
				continue
			}
			for _, d := range s.defects {
				if d.code == f.Defects[0].Code && d.shows == c.name && c.within(v) {
					t.Fatalf("record %d of %s: %s with %s of %v", i, s.code, d.code, c.name, v)
				}
			}
		}
	}
	for _, tc := range []struct {
		code, characteristic string
		// centre is how many deviations the centre may be off, spread by which
		// share the deviation.
		centre, spread float64
	}{
		{"COT-C", "areal_density_single", 0.2, 0.15},
		{"COT-C", "areal_density_total", 0.2, 0.15},
		{"COT-C", "coat_width_3", 0.1, 0.05},
		{"COT-C", "web_tension", 0.1, 0.05},
		{"COT-A", "areal_density_single", 0.2, 0.15},
		{"COT-A", "areal_density_total", 0.2, 0.15},
		{"CAL-C", "thickness", 0.2, 0.15},
		{"CAL-C", "density", 0.2, 0.15},
		{"CAL-A", "thickness", 0.2, 0.15},
		{"CAL-A", "density", 0.2, 0.15},
		{"SLT-C", "width", 0.1, 0.05},
		{"NOT-C", "tab_pitch_error", 0.1, 0.05},
		{"NOT-A", "tab_height", 0.1, 0.05},
		{"WND", "cathode_length", 0.05, 0.05},
		{"WND", "overhang_AC_left", 0.05, 0.05},
		{"WND", "overhang_AC_right", 0.05, 0.05},
		{"WND", "tension_sep", 0.05, 0.05},
	} {
		s := stepOf(tc.code)
		k := s.column(tc.characteristic)
		c, a := s.characteristics[k], of[tc.code][k]
		mean := a.sum / a.n
		sigma := math.Sqrt(a.square/a.n - mean*mean)
		// The instrument's resolution adds a twelfth of its square.
		resolution := math.Pow(10, -float64(c.decimals))
		want := math.Sqrt(c.sigma*c.sigma + resolution*resolution/12)
		t.Logf("%s %-20s n=%6.0f %.4f ± %.4f (table %.4f ± %.4f)", tc.code, c.name, a.n, mean, sigma, c.nominal, want)
		if math.Abs(mean-c.nominal) > tc.centre*c.sigma || math.Abs(sigma/want-1) > tc.spread {
			t.Errorf("%s of %s is %.4f ± %.4f, want %.4f ± %.4f", c.name, s.code, mean, sigma, c.nominal, want)
		}
	}
}

// TestCellsOfAMother counts the cells that the cathode of a mother, and of a
// batch, is wound into, by metres: each step's yield takes its share of them, and
// what a winder ejects, tears off and leaves on the core is counted.
func TestCellsOfAMother(t *testing.T) {
	mothers, mothersLength, slurry, wound, wasted, rolls := 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
	for _, rec := range webSample() {
		switch f := rec.Event.Fact.(type) {
		case *mes.CoilGeometry:
			if f.Parent == "" && strings.HasPrefix(string(f.Coil), "L1EC") {
				mothers++
				mothersLength += metresOf(f.Length)
			}
		case *mes.Work:
			if codeOf(rec.Event.Equipment) == "COT-C" && len(f.Consumed) > 0 {
				slurry += float64(amountOf(t, f.Consumed[0].Quantity)) / 1e6
			}
		}
		if rec.Event.ProcessSegment != "winding" {
			continue
		}
		for _, k := range rec.Truth.Links {
			if k.Slot == "cathode" {
				wound += metresOf(k.Interval.To - k.Interval.From)
				rolls++
			}
		}
		for _, k := range rec.Truth.Losses {
			if strings.HasPrefix(string(k.Thing.ID), "L1EC") {
				wasted += metresOf(k.Interval.To - k.Interval.From)
			}
		}
	}
	// NOT's tags are in what winders waste, 0.45 % of the web; what is above that
	// is their own.
	winding := wound / (wound + wasted)
	scrap := func(code string) float64 { return stepOf(code).scrap.mean() / 3000 }
	yield := (stepOf("COT-C").yield + scrap("COT-C")) * stepOf("CAL-C").yield * 1.003 * stepOf("SLT-C").yield * (1 - scrap("NOT-C")) * winding
	perMother := 3000 * yield * lanes / 10.4
	perBatch := 2850 / (slurry / mothersLength) * yield * lanes / 10.4
	t.Logf("winders use %.4f of what they get; a mother of 3,000 m makes %.0f cells, a batch %.0f", winding, perMother, perBatch)
	if mean := mothersLength / mothers; mean < 2500 || mean > 3000 {
		t.Errorf("a mother is %.0f m long", mean)
	}
	// 2.1 has 1,725 and some 2,450 where nothing is lost.
	if math.Abs(perMother-1725*0.95) > 0.02*1725 || math.Abs(perBatch-2450*0.95) > 0.02*2450 {
		t.Errorf("a mother makes %.0f cells and a batch %.0f, want some %.0f and %.0f", perMother, perBatch, 1725*0.95, 2450*0.95)
	}
	if length := wound / rolls; math.Abs(length-5.2) > 0.001 {
		t.Errorf("a jelly roll has %.4f m, want 5.2", length)
	}
}
