package bench

import (
	"math"
	"slices"
	"time"
)

// Spread is what several measurements of one thing came to.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Count is how many there were: of a ratio, the pairs.
	Count int `json:"count"`
}

// spreadOf returns the spread of values, zero where there are none.
func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1], Count: len(sorted)}
}

// ratios divides each of a by the one of b that it was measured with.
func ratios(a, b []float64) []float64 {
	list := make([]float64, min(len(a), len(b)))
	for i := range list {
		list[i] = a[i] / b[i]
	}
	return list
}

// percentile returns the smallest of the durations that the share q of all is not
// above (the nearest rank), 0 where there are none.
func percentile(durations []time.Duration, q float64) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(durations))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// growthOf returns the exponent e of the power law cost = c × size^e that fits
// best, by least squares of the logarithms; NaN where there are not two sizes.
func growthOf(sizes, costs []float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for i := range sizes {
		if sizes[i] <= 0 || costs[i] <= 0 {
			continue
		}
		x, y := math.Log(sizes[i]), math.Log(costs[i])
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	spread := n*sxx - sx*sx
	if n < 2 || spread <= 1e-12*n*sxx {
		return math.NaN()
	}
	return (n*sxy - sx*sy) / spread
}
