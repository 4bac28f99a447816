package bench

import (
	"fmt"
	"strconv"
)

// goal is a bound that a row of the table has to keep.
type goal struct {
	bound float64
	// atLeast says that the figure must not be below the bound; otherwise it must
	// not be above.
	atLeast bool
	// absolute says that the figure is no ratio.
	absolute bool
	unit     string
}

func atLeast(ratio float64) *goal { return &goal{bound: ratio, atLeast: true} }
func atMost(ratio float64) *goal  { return &goal{bound: ratio} }

// met says whether a figure keeps the goal.
func (g goal) met(figure float64) bool {
	if g.atLeast {
		return figure >= g.bound
	}
	return figure <= g.bound
}

// String returns the goal as `≥ 3.5 ×`.
func (g goal) String() string {
	sign := "≤"
	if g.atLeast {
		sign = "≥"
	}
	unit := "×"
	if g.absolute {
		unit = g.unit
	}
	return fmt.Sprintf("%s %s %s", sign, strconv.FormatFloat(g.bound, 'g', 4, 64), unit)
}
