// Package statistics describes a sample of measured values: its mean and
// deviation, its quantiles, and its histogram. It knows values alone, not where
// they come from; the answers do not depend on their order.
package statistics

import (
	"math"
)

// Summary describes a sample by a few figures.
type Summary struct {
	// Count is how many values there are; where it is 0, the rest is NaN.
	Count int
	// Mean is the arithmetic mean.
	Mean float64
	// Deviation is the standard deviation of the sample, by n−1; NaN where there
	// are fewer than two values.
	Deviation float64
	// Min and Max are the smallest and the largest value.
	Min, Max float64
}

// Summarize describes values, which must be finite. Sums are kept in twice the
// precision of a double, and the deviations are taken from the mean in a second
// pass: neither a large offset nor the order of the values costs digits.
func Summarize(values []float64) Summary {
	n := len(values)
	s := Summary{n, math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	if n == 0 {
		return s
	}
	s.Min, s.Max = values[0], values[0]
	for _, v := range values {
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
	}
	if s.Min == s.Max {
		s.Mean = s.Min
		if n > 1 {
			s.Deviation = 0
		}
		return s
	}
	scale := scaleOf(max(math.Abs(s.Min), math.Abs(s.Max)))
	var sum twice
	for _, v := range values {
		sum.add(v * scale)
	}
	count := float64(n)
	mean := sum.high / count
	// What the division left over, and the sum's lower half.
	rest := (math.FMA(-mean, count, sum.high) + sum.low) / count
	s.Mean = min(max((mean+rest)/scale, s.Min), s.Max)
	if n == 1 {
		return s
	}
	var squares twice
	for _, v := range values {
		d := (v*scale - mean) - rest
		squares.addSquare(d)
	}
	s.Deviation = math.Sqrt((squares.high+squares.low)/(count-1)) / scale
	return s
}

// scaleOf returns a power of two that keeps squares of values up to largest
// within range: 1 for all that anybody measures.
func scaleOf(largest float64) float64 {
	const far = 400
	_, e := math.Frexp(largest)
	if e > -far && e < far {
		return 1
	}
	return math.Ldexp(1, min(max(-e, -1000), 1000))
}

// twice is a sum in twice the precision of a double: what the higher half loses
// to rounding is in the lower one.
type twice struct{ high, low float64 }

func (t *twice) add(v float64) {
	sum := t.high + v
	part := sum - t.high
	t.low += (t.high - (sum - part)) + (v - part)
	t.high = sum
}

func (t *twice) addSquare(v float64) {
	square := v * v
	t.low += math.FMA(v, v, -square)
	t.add(square)
}
