package statistics

import (
	"math"
	"math/bits"
)

// MaxBins is how many bins a histogram may have.
const MaxBins = 1000

// maxOwnBins is how many bins Histogram makes where it was not told.
const maxOwnBins = 40

// Bin is one bar of a histogram.
type Bin struct {
	// Lower is in the bin; Upper is in the next one, but for the last bin, which
	// has both.
	Lower, Upper float64
	// Count is how many values are in it.
	Count int
}

// Histogram counts values, which must be finite, in bins of equal width that
// follow one another and hold all of them; none where there are no values.
//
// Where bins is 0, the width is that of D. Freedman and P. Diaconis, "On the
// histogram as a density estimator" (1981), 2·IQR/∛n, at least a fortieth of the
// range, widened to 1, 2 or 5 times a power of ten, and the bins begin at
// multiples of it; so it needs the quartiles, and changes the order of values.
// Otherwise there are as many bins, up to MaxBins, from the smallest value to
// the largest. Equal values have a single bin without width.
func Histogram(values []float64, bins int) []Bin {
	if len(values) == 0 {
		return nil
	}
	low, high := values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	if low == high {
		return []Bin{{low, high, len(values)}}
	}
	var edges []float64
	if bins == 0 {
		edges = ownEdges(values, low, high)
	} else {
		edges = evenEdges(low, high, min(max(bins, 1), MaxBins))
	}
	return count(values, edges)
}

// evenEdges cuts a range into so many parts; fewer where doubles are not as fine.
func evenEdges(low, high float64, bins int) []float64 {
	edges := []float64{low}
	for i := 1; i < bins; i++ {
		part := float64(i) / float64(bins)
		e := low + (high-low)*part
		if math.IsInf(high-low, 0) {
			e = low*(1-part) + high*part
		}
		if e > edges[len(edges)-1] && e < high {
			edges = append(edges, e)
		}
	}
	return append(edges, high)
}

// ownEdges are at multiples of a round width that suits the values.
func ownEdges(values []float64, low, high float64) []float64 {
	n := float64(len(values))
	q := Quantiles(values, []float64{0.25, 0.75})
	width := 2 * (q[1] - q[0]) / math.Cbrt(n)
	if !(width > 0) { // More than half are equal; as Sturges has it.
		width = (high - low) / float64(bits.Len(uint(len(values)))+1)
	}
	width = max(width, (high-low)/maxOwnBins)
	exponent := math.Floor(math.Log10(width))
	// Beyond these, doubles have no room for round numbers.
	if math.IsNaN(exponent) || math.Abs(exponent) > 250 || width < 1e-12*max(math.Abs(low), math.Abs(high)) {
		return evenEdges(low, high, 10)
	}
	unit := math.Pow(10, math.Abs(exponent))
	const slack = 1 - 1e-9 // a width of 2 that came out as 2.0000000001 stays 2
	for _, step := range []float64{1, 2, 5, 10} {
		at := func(k float64) float64 { return k * step * unit }
		if exponent < 0 {
			at = func(k float64) float64 { return k * step / unit } // 3/10 is 0.3; 3·0.1 is not
		}
		if step < 10 && at(1) < width*slack {
			continue
		}
		first := math.Floor(low / at(1))
		for at(first) > low {
			first--
		}
		edges := []float64{at(first)}
		for k := first + 1; edges[len(edges)-1] <= high; k++ {
			edges = append(edges, at(k))
		}
		return edges
	}
	return nil // the last step is wide enough
}

// count counts values between edges that hold all of them.
func count(values, edges []float64) []Bin {
	bins := make([]Bin, len(edges)-1)
	for i := range bins {
		bins[i].Lower, bins[i].Upper = edges[i], edges[i+1]
	}
	last := len(bins) - 1
	low, high := edges[0], edges[len(edges)-1]
	// Halves, so that no difference is beyond range.
	perUnit := float64(len(bins)) / (high/2 - low/2)
	for _, v := range values {
		i := 0
		if at := (v/2 - low/2) * perUnit; at > 0 {
			i = int(min(at, float64(last)))
		}
		for i > 0 && v < edges[i] {
			i--
		}
		for i < last && v >= edges[i+1] {
			i++
		}
		bins[i].Count++
	}
	return bins
}
