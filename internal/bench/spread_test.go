package bench

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	tests := []struct {
		name   string
		values []float64
		want   Spread
	}{
		{"none", nil, Spread{}},
		{"one", []float64{3}, Spread{3, 3, 3, 1}},
		{"odd", []float64{9, 1, 4}, Spread{4, 1, 9, 3}},
		{"even", []float64{8, 1, 4, 2}, Spread{3, 1, 8, 4}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, spreadOf(test.values)); diff != "" {
				t.Errorf("spreadOf(%v) mismatch (-want +got):\n%s", test.values, diff)
			}
		})
	}
}

func TestRatiosArePairByPair(t *testing.T) {
	// The median of the ratios, 2, is not the ratio of the medians, 3.
	got := spreadOf(ratios([]float64{1, 6, 30}, []float64{1, 3, 2}))
	if diff := cmp.Diff(Spread{2, 1, 15, 3}, got); diff != "" {
		t.Errorf("ratios mismatch (-want +got):\n%s", diff)
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	tests := []struct {
		name string
		of   []time.Duration
		q    float64
		want time.Duration
	}{
		{"none", nil, 0.99, 0},
		{"one", []time.Duration{7}, 0.99, 7},
		{"half of a hundred", hundred, 0.5, 50},
		{"99th of a hundred", hundred, 0.99, 99},
		{"99th of ten is the largest", hundred[90:], 0.99, 10},
		{"all", hundred, 1, 100},
		{"least", hundred, 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := percentile(test.of, test.q); got != test.want {
				t.Errorf("percentile(%g) = %d, want %d", test.q, got, test.want)
			}
		})
	}
}

func TestGrowth(t *testing.T) {
	sizes := []float64{1e6, 2e6, 5e6, 12e6}
	costs := func(exponent float64) []float64 {
		list := make([]float64, len(sizes))
		for i, s := range sizes {
			list[i] = 3e-6 * math.Pow(s, exponent)
		}
		return list
	}
	for _, want := range []float64{0, 0.05, 1, -0.2} {
		if got := growthOf(sizes, costs(want)); math.Abs(got-want) > 1e-9 {
			t.Errorf("growthOf a power of %g = %g", want, got)
		}
	}
	for name, got := range map[string]float64{
		"one size":         growthOf([]float64{5, 5}, []float64{1, 2}),
		"nothing measured": growthOf([]float64{1, 2}, []float64{0, 0}),
		"nothing":          growthOf(nil, nil),
	} {
		if !math.IsNaN(got) {
			t.Errorf("growthOf %s = %g, want NaN", name, got)
		}
	}
}
