package line

import (
	"math"
	"testing"
)

// TestWander correlates a value of the web with itself some metres on: the fast
// part forgets 2 % a metre, the drift 0.05 %.
func TestWander(t *testing.T) {
	p := newProcess(stepOf("CAL-C"), 1)
	w := newWander(p, "thickness")
	values := make([]float64, 400_000)
	for i := range values {
		values[i] = (w.next() - w.nominal) / w.sigma
	}
	correlation := func(lag int) float64 {
		sum := 0.0
		for i := range len(values) - lag {
			sum += values[i] * values[i+lag]
		}
		return sum / float64(len(values)-lag)
	}
	for _, tc := range []struct {
		name string
		lag  int
	}{{"the same metre", 0}, {"a metre on", 1}, {"a scan on", 20}, {"a hundred metres on", 100}, {"a thousand", 1000}} {
		t.Run(tc.name, func(t *testing.T) {
			want := (1-slowShare)*math.Pow(fastMemory, float64(tc.lag)) + slowShare*math.Pow(slowMemory, float64(tc.lag))
			// 400,000 m are 100 times what the drift remembers both ways.
			if got := correlation(tc.lag); math.Abs(got-want) > 0.12 {
				t.Errorf("the correlation is %.3f, want %.3f ± 0.12", got, want)
			}
		})
	}
}
