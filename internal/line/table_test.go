package line

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

// long reports whether the slow tier runs.
func long() bool { return os.Getenv("TAKT_LONG") != "" }

// tally is what was counted and measured of a step.
type tally struct {
	step *step
	// first counts first attempts, passed those of them that were good, out what
	// went on in the end, lost what did not, samples what was used up.
	first, passed, out, lost, samples int
	columns                           []column
}

// column gathers the values of a characteristic on what conforms. Of what is
// lognormal it gathers the decimal logarithms.
type column struct {
	n             float64
	mean, squares float64
}

func (c *column) add(v float64) {
	c.n++
	d := v - c.mean
	c.mean += d / c.n
	c.squares += d * (v - c.mean)
}

func (c *column) deviation() float64 { return math.Sqrt(c.squares / (c.n - 1)) }

// gathered is what a column gathers of a value.
func (c *characteristic) gathered(v float64) float64 {
	if c.shape == lognormal || c.shape == lognormal10 {
		return math.Log10(v)
	}
	return v
}

// law returns the centre and the deviation that the table asks for, of what is
// gathered: that of the whole distribution, and of what of it conforms.
func (c *characteristic) law() (nominal, sigma, centre, deviation float64) {
	nominal, sigma = c.gathered(c.nominal), c.sigma
	value := func(z float64) float64 { return c.nominal + z*c.sigma }
	switch c.shape {
	case lognormal:
		ratio := c.sigma / c.nominal
		sigma = math.Sqrt(math.Log((1+math.Sqrt(1+4*ratio*ratio))/2)) / math.Ln10
		value = func(z float64) float64 { return math.Pow(10, nominal+z*sigma) }
	case lognormal10:
		value = func(z float64) float64 { return math.Pow(10, nominal+z*sigma) }
	case folded:
		value = func(z float64) float64 { return math.Abs(c.nominal + z*c.sigma) }
	case cut:
		value = func(z float64) float64 { return math.Min(c.nominal+z*c.sigma, c.usl) }
	default:
	}
	weight, sum, squares := 0.0, 0.0, 0.0
	for z := -8.0; z <= 8; z += 1.0 / 512 {
		if v := value(z); c.within(v) {
			p, x := math.Exp(-z*z/2), c.gathered(v)
			weight += p
			sum += p * x
			squares += p * x * x
		}
	}
	centre = sum / weight
	deviation = math.Sqrt(squares/weight - centre*centre)
	if c.shape == sparse { // nine of ten are zero
		mean := 0.1 * c.sigma * math.Sqrt(2/math.Pi)
		centre, deviation = mean, math.Sqrt(0.1*c.sigma*c.sigma-mean*mean)
	}
	return nominal, sigma, centre, deviation
}

// tallies counts the records of a line until so many cells are finished, and
// holds each against the rules of the table: what conforms is within its limits,
// and what does not shows it.
func tallies(t *testing.T, l *Line, cells int) map[string]*tally {
	t.Helper()
	list := make(map[string]*tally)
	for i := range steps {
		list[steps[i].code] = &tally{step: &steps[i], columns: make([]column, len(steps[i].characteristics))}
	}
	for rec := range l.Records() {
		f, ok := rec.Event.Fact.(*mes.Work)
		if !ok {
			continue
		}
		y := list[codeOf(rec.Event.Equipment)]
		y.count(f)
		if f.Measurements != nil {
			y.measure(t, rec, f, l.config.Dwell == defaultDwell)
		}
		if y.step.code == "SRT" && y.out == cells {
			break
		}
	}
	return list
}

func (y *tally) count(f *mes.Work) {
	units := len(f.Subjects)
	good := f.Disposition == mes.DispositionConformant || f.Disposition == mes.DispositionSample && len(f.Defects) == 0
	if f.Attempt == 1 {
		y.first += units
		if good {
			y.passed += units
		}
	}
	switch f.Disposition {
	case mes.DispositionScrap, mes.DispositionDowngrade:
		y.lost += units
	case mes.DispositionSample:
		y.samples += units
	case mes.DispositionConformant:
		y.out += units
	default:
	}
}

func (y *tally) measure(t *testing.T, rec Record, f *mes.Work, reference bool) {
	t.Helper()
	// On the web a camera finds stretches, which are cut out later.
	web := y.step.level == levelWeb
	good := len(f.Defects) == 0
	if bad := f.Disposition != mes.DispositionConformant && f.Disposition != mes.DispositionSample; good == bad && !web {
		t.Fatalf("%s: %s with the defects %v", rec.Identity, f.Disposition, f.Defects)
	}
	shown := good
	for k := range y.step.characteristics {
		c, v := &y.step.characteristics[k], f.Measurements.Values[k]
		if math.IsNaN(v) || v == 0 && math.Signbit(v) {
			t.Fatalf("%s: %s is %v", rec.Identity, c.name, v)
		}
		// Times are what they are where they are not the reference line's; and
		// what follows from them.
		strict := reference || c.shape != dwell && c.name != "k_value" && c.name != "ocv2"
		if good && !c.within(v) && strict {
			t.Fatalf("%s: %s is %v on a good thing", rec.Identity, c.name, v)
		}
		if good {
			y.columns[k].add(c.gathered(v))
		}
		for _, d := range y.step.defects {
			if !good && d.code == f.Defects[0].Code && (d.share == 0 || d.shows == c.name && !c.within(v)) {
				shown = true
			}
		}
	}
	if !shown && !web {
		t.Fatalf("%s: %s does not show in %v", rec.Identity, f.Defects[0].Code, f.Measurements.Values)
	}
}

// follows are the characteristics that follow from others by more than a sum,
// with how far their centre may be from the table's, in deviations; the boxes
// that modules are made of hold cells that match better than the table asks.
var follows = map[string]float64{
	"ocv_spread": 0.5, "capacity_spread": 0.2, "module_voltage": 0.5, "pack_voltage": 0.2,
}

// TestTable counts and measures 200,000 finished cells of the reference line in
// the slow tier, and some thousands of a quicker one elsewhere.
func TestTable(t *testing.T) {
	c := testConfig()
	cells := 10_000
	if long() {
		c.Dwell, c.OvenTrays, cells = Dwell{}, 0, 200_000
	}
	list := tallies(t, newLine(t, c), cells)
	rolled, table := 1.0, 1.0
	for i := range steps {
		s := &steps[i]
		y := list[s.code]
		if s.yield > 0 && s.level != levelWeb {
			n := float64(y.first)
			got := float64(y.passed) / n
			// Four standard errors; where next to none fail, two that do are no wonder.
			bound := 4*math.Sqrt(s.yield*(1-s.yield)/n) + 2/n
			t.Logf("%-5s %-32s n %8d first pass %.5f (table %.5f ± %.5f) lost %d, samples %d", s.code, s.title, y.first, got, s.yield, bound, y.lost, y.samples)
			if math.Abs(got-s.yield) > bound {
				t.Errorf("%s: first-pass yield of %d is %.5f, want %.5f ± %.5f", s.code, y.first, got, s.yield, bound)
			}
			if s.number >= 9 && s.number <= 36 {
				power := 1.0
				if s.level == levelRoll {
					power = 2
				}
				rolled *= math.Pow(got, power)
				table *= math.Pow(s.yield, power)
			}
		}
		for k := range y.columns {
			y.compare(t, k)
		}
	}
	t.Logf("rolled through WND to SRT with both jelly rolls %.5f (table %.5f)", rolled, table)
	if math.Abs(rolled-table) > 0.006 || math.Abs(table-0.951) > 0.0005 {
		t.Errorf("rolled throughput yield is %.4f, the table's %.4f; want 0.951", rolled, table)
	}
	if long() {
		compareOpenWork(t, list)
	}
}

// compare holds the values of a characteristic against the table.
func (y *tally) compare(t *testing.T, k int) {
	t.Helper()
	c, v := &y.step.characteristics[k], &y.columns[k]
	if v.n < 30 || c.sigma == 0 || c.shape == dwell && !long() || (c.name == "k_value" || c.name == "ocv2" || c.name == "ocv3" || strings.HasSuffix(c.name, "_voltage") && c.shape == given) && !long() {
		return
	}
	nominal, sigma, centre, deviation := c.law()
	t.Logf("   %-28s n %8.0f centre %12.5g (table %g, of what conforms %.5g) deviation %10.4g (%.4g, %.4g)", c.name, v.n, v.mean, nominal, centre, v.deviation(), sigma, deviation)
	step := 0.0 // what rounding does
	if c.shape != lognormal10 {
		step = math.Pow(10, -float64(c.decimals)) / 2
		if c.shape == lognormal {
			step /= c.nominal
		}
	}
	few := 4 / math.Sqrt(v.n)
	if c.name == "elongation" { // one a coil, in some 150 scans
		few *= math.Sqrt(150)
	}
	off, wide := 0.03*deviation+few*deviation+0.1*step, 0.03+few
	switch {
	case follows[c.name] > 0:
		centre, off, wide = nominal, follows[c.name]*sigma+few*sigma, 1
	case c.shape == web: // neighbours say the same, so that there are few of them
		off, wide = off+0.25*sigma, wide+0.15
	case c.shape == given:
		centre, deviation = nominal, sigma
		off, wide = off+0.05*sigma, wide+0.05
	}
	if math.Abs(v.mean-centre) > off {
		t.Errorf("%s %s: the centre of %.0f is %g, want %g ± %.2g", y.step.code, c.name, v.n, v.mean, centre, off)
	}
	if math.Abs(v.deviation()/deviation-1) > wide+step/deviation/4 {
		t.Errorf("%s %s: the deviation of %.0f is %g, want %g ± %.0f %%", y.step.code, c.name, v.n, v.deviation(), deviation, 100*wide)
	}
}

// compareOpenWork holds what is on its way against what a cell a second and the
// dwell times give: some 760,000 cells.
func compareOpenWork(t *testing.T, list map[string]*tally) {
	t.Helper()
	trays := func(code string) int { return list[code].out * trayPlaces }
	all := 0
	for _, w := range []struct {
		where      string
		open, want int
	}{
		{"in the ovens, and waiting for their samples", list["HL1"].out - list["FIL1"].first - list["KFT"].samples, 7 * 3600},
		{"soaking", list["FIL1"].out - trays("SOK"), 24 * 3600},
		{"in formation", trays("SOK") - list["FRM"].first, 6 * 3600},
		{"in hot ageing", list["FRM"].out - trays("HTA"), 24 * 3600},
		{"in grading", list["HL2"].out - list["GRD"].first, 6 * 3600},
		{"settling", list["GRD"].out - list["OC1"].first, 24 * 3600},
		{"ageing", list["OC1"].out - trays("RTA"), 120 * 3600},
	} {
		all += w.open
		t.Logf("%8d cells are %s (%d)", w.open, w.where, w.want)
		// Some more than a cell a second, since some are lost on the way; a load, a
		// tray and half an hour in the laboratory.
		if ratio := float64(w.open) / float64(w.want); ratio < 0.95 || ratio > 1.15 {
			t.Errorf("%d cells are %s, want some %d", w.open, w.where, w.want)
		}
	}
	t.Logf("%8d cells are open", all)
}
