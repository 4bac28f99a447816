package statistics

import (
	"math"
	"math/bits"
	"slices"
)

// Quantiles returns the quantiles of values at the given probabilities, from 0
// to 1, in their order; NaN where there are no values. It changes the order of
// values.
//
// They are those of type 7 in R. J. Hyndman and Y. Fan, "Sample quantiles in
// statistical packages", The American Statistician 50 (1996) 361–365: the value
// at (n−1)p of the ordered sample from 0, interpolated between neighbours; what
// R, NumPy and spreadsheets answer unless asked for another.
func Quantiles(values, probabilities []float64) []float64 {
	quantiles := make([]float64, len(probabilities))
	n := len(values)
	if n == 0 {
		for i := range quantiles {
			quantiles[i] = math.NaN()
		}
		return quantiles
	}
	var ranks []int
	for _, p := range probabilities {
		low, _ := rank(p, n)
		ranks = append(ranks, low, min(low+1, n-1))
	}
	slices.Sort(ranks)
	selectRanks(values, 0, slices.Compact(ranks), 2*bits.Len(uint(n)))
	for i, p := range probabilities {
		low, part := rank(p, n)
		a, b := values[low], values[min(low+1, n-1)]
		quantiles[i] = between(a, b, part)
	}
	return quantiles
}

// rank returns which value of the ordered sample is the one at p or the last
// before it, and how far p is from there to the next one.
func rank(p float64, n int) (low int, part float64) {
	at := min(max(p, 0), 1) * float64(n-1)
	low = min(int(at), n-1)
	return low, at - float64(low)
}

func between(a, b, part float64) float64 {
	switch {
	case part == 0 || a == b:
		return a
	case math.IsInf(b-a, 0):
		return a*(1-part) + b*part
	}
	return min(max(a+part*(b-a), a), b)
}

// selectRanks puts the values of some ranks, ascending, where they would be if
// all were sorted; first is the rank of values[0]. Where parting goes badly for
// so many turns, it sorts.
func selectRanks(values []float64, first int, ranks []int, turns int) {
	for len(ranks) > 0 {
		const few = 24
		if len(values) <= few || turns == 0 {
			slices.Sort(values)
			return
		}
		turns--
		less, more := part(values, pivot(values))
		i, _ := slices.BinarySearch(ranks, first+less)
		k, _ := slices.BinarySearch(ranks, first+more)
		selectRanks(values[:less], first, ranks[:i], turns)
		values, first, ranks = values[more:], first+more, ranks[k:]
	}
}

// pivot returns the median of three medians of three values.
func pivot(values []float64) float64 {
	step := (len(values) - 1) / 8
	at := func(i int) float64 { return values[i*step] }
	return median(median(at(0), at(3), at(6)), median(at(1), at(4), at(7)), median(at(2), at(5), at(8)))
}

func median(a, b, c float64) float64 {
	return max(min(a, b), min(max(a, b), c))
}

// part orders values into those less than the pivot, those equal to it from less
// on, and those greater from more on. Values of an instrument repeat often.
func part(values []float64, pivot float64) (less, more int) {
	more = len(values)
	for i := 0; i < more; {
		switch v := values[i]; {
		case v < pivot:
			values[i], values[less] = values[less], v
			less++
			i++
		case v > pivot:
			more--
			values[i], values[more] = values[more], v
		default:
			i++
		}
	}
	return less, more
}
