package genealogy

import (
	"slices"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Moment is when something happened, as far as it can be known: a place in its
// source's numbers, and a time by that source's clock.
type Moment struct {
	// Identity is the event's; within a source its numbers are the order.
	Identity mes.Identity
	// Time is the event time; it orders events of different sources only.
	Time time.Time
}

// InOrder returns the elements in the order in which they happened: those of
// one source by epoch and sequence, whatever its clock said; sources among one
// another by time. The result depends on the set alone, not on its order. It
// does not change the slice that it is given.
func InOrder[E any](elements []E, moment func(E) Moment) []E {
	if len(elements) < 2 {
		return elements
	}
	bySource := slices.Clone(elements)
	slices.SortStableFunc(bySource, func(a, b E) int { return moment(a).Identity.Compare(moment(b).Identity) })

	var runs [][]E
	for from := 0; from < len(bySource); {
		to := from + 1
		for to < len(bySource) && moment(bySource[to]).Identity.Source == moment(bySource[from]).Identity.Source {
			to++
		}
		runs = append(runs, bySource[from:to])
		from = to
	}
	if len(runs) == 1 {
		return bySource
	}
	merged := make([]E, 0, len(bySource))
	for len(merged) < len(bySource) {
		first := -1
		for i, run := range runs {
			if len(run) > 0 && (first < 0 || headsBefore(moment(run[0]), moment(runs[first][0]))) {
				first = i
			}
		}
		merged = append(merged, runs[first][0])
		runs[first] = runs[first][1:]
	}
	return merged
}

// Before reports whether one of two moments was before the other: by the
// source's numbers where they have one source, else by their clocks.
func Before(a, b Moment) bool {
	if a.Identity.Source == b.Identity.Source {
		return a.Identity.Compare(b.Identity) < 0
	}
	return headsBefore(a, b)
}

func headsBefore(a, b Moment) bool {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c < 0
	}
	return strings.Compare(string(a.Identity.Source), string(b.Identity.Source)) < 0
}
