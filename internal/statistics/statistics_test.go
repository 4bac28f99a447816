package statistics_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/statistics"
)

// michelso are A. A. Michelson's 100 determinations of the speed of light, in
// thousands of km/s.
var michelso = []float64{
	299.85, 299.74, 299.90, 300.07, 299.93, 299.85, 299.95, 299.98, 299.98, 299.88,
	300.00, 299.98, 299.93, 299.65, 299.76, 299.81, 300.00, 300.00, 299.96, 299.96,
	299.96, 299.94, 299.96, 299.94, 299.88, 299.80, 299.85, 299.88, 299.90, 299.84,
	299.83, 299.79, 299.81, 299.88, 299.88, 299.83, 299.80, 299.79, 299.76, 299.80,
	299.88, 299.88, 299.88, 299.86, 299.72, 299.72, 299.62, 299.86, 299.97, 299.95,
	299.88, 299.91, 299.85, 299.87, 299.84, 299.84, 299.85, 299.84, 299.84, 299.84,
	299.89, 299.81, 299.81, 299.82, 299.80, 299.77, 299.76, 299.74, 299.75, 299.76,
	299.91, 299.92, 299.89, 299.86, 299.88, 299.72, 299.84, 299.85, 299.85, 299.78,
	299.89, 299.84, 299.78, 299.81, 299.76, 299.81, 299.79, 299.81, 299.82, 299.85,
	299.87, 299.87, 299.81, 299.74, 299.81, 299.94, 299.95, 299.80, 299.81, 299.87,
}

// around is how NIST made NumAcc2 to NumAcc4: one value, and 500 times a tenth
// less and a tenth more.
func around(middle, less, more float64) []float64 {
	values := []float64{middle}
	for range 500 {
		values = append(values, less, more)
	}
	return values
}

// TestSummarizeNIST compares with the certified values of the Statistical
// Reference Datasets, Univariate Summary Statistics, of NIST
// (https://www.itl.nist.gov/div898/strd/univ/homepage.html). The figures of
// NumAcc3 and NumAcc4 are of the decimal numbers; the doubles next to those have
// only as many digits of the deviation as the tolerance says.
func TestSummarizeNIST(t *testing.T) {
	for _, tc := range []struct {
		name            string
		values          []float64
		mean, deviation float64
		tolerance       float64 // of the deviation, relative
	}{
		{"Michelso", michelso, 299.8524, 0.0790105478190518, 1e-13},
		{"NumAcc1", []float64{10000001, 10000003, 10000002}, 10000002, 1, 0},
		{"NumAcc2", around(1.2, 1.1, 1.3), 1.2, 0.1, 1e-15},
		{"NumAcc3", around(1000000.2, 1000000.1, 1000000.3), 1000000.2, 0.1, 1e-9},
		{"NumAcc4", around(10000000.2, 10000000.1, 10000000.3), 10000000.2, 0.1, 1e-8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := statistics.Summarize(tc.values)
			if s.Count != len(tc.values) || s.Min != slices.Min(tc.values) || s.Max != slices.Max(tc.values) {
				t.Errorf("Summarize = %+v; want %d values from %v to %v", s, len(tc.values), slices.Min(tc.values), slices.Max(tc.values))
			}
			if math.Abs(s.Mean-tc.mean) > 1e-15*tc.mean {
				t.Errorf("mean = %.17g; want %.17g", s.Mean, tc.mean)
			}
			if math.Abs(s.Deviation-tc.deviation) > tc.tolerance*tc.deviation {
				t.Errorf("deviation = %.17g; want %.17g within %g", s.Deviation, tc.deviation, tc.tolerance)
			}
		})
	}
}

func TestSummarizeEnds(t *testing.T) {
	nan := math.NaN()
	most := math.MaxFloat64
	for _, tc := range []struct {
		name   string
		values []float64
		want   statistics.Summary
	}{
		{"none", nil, statistics.Summary{0, nan, nan, nan, nan}},
		{"one", []float64{0.1}, statistics.Summary{1, 0.1, nan, 0.1, 0.1}},
		{"equal", []float64{0.1, 0.1, 0.1}, statistics.Summary{3, 0.1, 0, 0.1, 0.1}},
		{"the largest", []float64{most / 2, most}, statistics.Summary{2, most * 0.75, most / math.Sqrt2 / 2, most / 2, most}},
		{"the smallest", []float64{0, 1e-300, 2e-300}, statistics.Summary{3, 1e-300, 1e-300, 0, 2e-300}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			near := gocmp.Comparer(func(a, b float64) bool {
				return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-15*math.Abs(a)
			})
			if diff := gocmp.Diff(tc.want, statistics.Summarize(tc.values), near); diff != "" {
				t.Errorf("Summarize(%v) mismatch (-want +got):\n%s", tc.values, diff)
			}
		})
	}
}

// TestOrderDoesNotMatter has the same answer to the bit, whatever the order.
func TestOrderDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := normal(r, 20_000, 3.3, 0.002)
	p := []float64{0, 0.001, 0.25, 0.5, 0.999, 1}
	summary, quantiles, bins := statistics.Summarize(values), statistics.Quantiles(slices.Clone(values), p), statistics.Histogram(slices.Clone(values), 0)
	for range 20 {
		r.Shuffle(len(values), func(i, k int) { values[i], values[k] = values[k], values[i] })
		if got := statistics.Summarize(values); got != summary {
			t.Fatalf("Summarize of another order = %+v; want %+v", got, summary)
		}
		if diff := gocmp.Diff(quantiles, statistics.Quantiles(slices.Clone(values), p)); diff != "" {
			t.Fatalf("Quantiles of another order mismatch (-want +got):\n%s", diff)
		}
		if diff := gocmp.Diff(bins, statistics.Histogram(slices.Clone(values), 0)); diff != "" {
			t.Fatalf("Histogram of another order mismatch (-want +got):\n%s", diff)
		}
	}
}

func normal(r *rand.Rand, n int, mean, deviation float64) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = mean + deviation*r.NormFloat64()
	}
	return values
}

// TestQuantilesType7 has examples from the documentation of R and NumPy, whose
// own are of type 7 too.
func TestQuantilesType7(t *testing.T) {
	ten := []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	for _, tc := range []struct {
		name      string
		values, p []float64
		want      []float64
	}{
		{"R, quantile(1:10)", ten, []float64{0, 0.25, 0.5, 0.75, 1}, []float64{1, 3.25, 5.5, 7.75, 10}},
		{"R, quantile(1:10), in any order and twice", ten, []float64{0.9, 0.1, 0.9}, []float64{9.1, 1.9, 9.1}},
		{"NumPy, quantile([[10, 7, 4], [3, 2, 1]], 0.5)", []float64{10, 7, 4, 3, 2, 1}, []float64{0.5}, []float64{3.5}},
		{"one value", []float64{7}, []float64{0, 0.3, 1}, []float64{7, 7, 7}},
		{"the whole range", []float64{-math.MaxFloat64, math.MaxFloat64}, []float64{0.5}, []float64{0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := gocmp.Diff(tc.want, statistics.Quantiles(slices.Clone(tc.values), tc.p)); diff != "" {
				t.Errorf("Quantiles mismatch (-want +got):\n%s", diff)
			}
		})
	}
	if q := statistics.Quantiles(nil, []float64{0.5}); len(q) != 1 || !math.IsNaN(q[0]) {
		t.Errorf("Quantiles(nil) = %v; want NaN", q)
	}
}

// TestQuantilesAreThoseOfTheSorted compares with sorting, for values that repeat
// and orders that make choosing a pivot hard.
func TestQuantilesAreThoseOfTheSorted(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		values := make([]float64, 1+r.IntN(3000))
		distinct := 1 + r.IntN(1+r.IntN(5000))
		for i := range values {
			values[i] = float64(r.IntN(distinct))
		}
		switch round % 4 {
		case 1:
			slices.Sort(values)
		case 2:
			slices.SortFunc(values, func(a, b float64) int { return cmp.Compare(b, a) })
		case 3: // up and down
			slices.Sort(values[:len(values)/2])
		}
		p := []float64{r.Float64(), r.Float64(), r.Float64(), 0, 1}
		sorted := slices.Sorted(slices.Values(values))
		var want []float64
		for _, p := range p {
			at := p * float64(len(sorted)-1)
			low := int(at)
			a, b := sorted[low], sorted[min(low+1, len(sorted)-1)]
			want = append(want, a+(at-float64(low))*(b-a))
		}
		got := statistics.Quantiles(values, p)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d: Quantiles mismatch (-want +got):\n%s", round, diff)
		}
		slices.Sort(values)
		if !slices.Equal(values, sorted) {
			t.Fatalf("round %d: Quantiles changed the values themselves", round)
		}
	}
}

func TestHistogram(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []float64
		bins   int
		want   []statistics.Bin
	}{
		{"none", nil, 0, nil},
		{"equal values", []float64{2, 2, 2}, 7, []statistics.Bin{{2, 2, 3}}},
		{"as many as asked for, the last one closed", []float64{0, 1, 2, 3, 4}, 2, []statistics.Bin{{0, 2, 2}, {2, 4, 3}}},
		{
			"round widths, as decimals",
			[]float64{0.11, 0.2, 0.25, 0.3, 0.35, 0.4, 0.42},
			0,
			[]statistics.Bin{{0, 0.2, 1}, {0.2, 0.4, 4}, {0.4, 0.6, 2}},
		},
		{"more than half are equal", []float64{5, 5, 5, 5, 5, 9}, 0, []statistics.Bin{{5, 6, 5}, {6, 7, 0}, {7, 8, 0}, {8, 9, 0}, {9, 10, 1}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := gocmp.Diff(tc.want, statistics.Histogram(slices.Clone(tc.values), tc.bins)); diff != "" {
				t.Errorf("Histogram mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzHistogram has each value in one bin, and bins that follow one another.
func FuzzHistogram(f *testing.F) {
	for _, seed := range [][3]float64{
		{0, 1, 0.5},
		{-math.MaxFloat64, math.MaxFloat64, 0},
		{0, 5e-324, 1e-323},
		{1e300, 1.0000000001e300, 1e300},
		{1, 1 + 1e-15, 1},
		{-0.3, 0.3, 0.1},
		{1e-250, 3e-250, 2e-250},
		{3.2999, 3.3001, 3.3},
	} {
		f.Add(seed[0], seed[1], seed[2], uint16(0))
		f.Add(seed[0], seed[1], seed[2], uint16(37))
	}
	f.Fuzz(func(t *testing.T, a, b, c float64, bins uint16) {
		values := []float64{a, b, c, a/2 + b/2, a/4 + c*0.75, c, c}
		for _, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return
			}
		}
		histogram := statistics.Histogram(slices.Clone(values), int(bins))
		if len(histogram) == 0 || len(histogram) > statistics.MaxBins {
			t.Fatalf("%d bins", len(histogram))
		}
		n := 0
		for i, bin := range histogram {
			want := 0
			for _, v := range values {
				if v >= bin.Lower && (v < bin.Upper || i == len(histogram)-1 && v == bin.Upper) {
					want++
				}
			}
			if bin.Count != want || i > 0 && (bin.Lower != histogram[i-1].Upper || bin.Lower >= bin.Upper) {
				t.Errorf("bin %d of %v is %+v; it has %d values", i, values, bin, want)
			}
			n += bin.Count
		}
		if n != len(values) {
			t.Errorf("%d of %d values are in a bin", n, len(values))
		}
	})
}

// BenchmarkDay describes a day of one cell a second, at an instrument's
// resolution.
func BenchmarkDay(b *testing.B) {
	values := normal(rand.New(rand.NewPCG(1, 2)), 86_400, 3.3, 0.01)
	for i, v := range values {
		values[i] = math.Round(v*1e4) / 1e4
	}
	for b.Loop() {
		v := slices.Clone(values)
		statistics.Summarize(v)
		statistics.Quantiles(v, []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99})
		statistics.Histogram(v, 0)
	}
}
