package line

import (
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// amount is how much there is of something, in millionths of its unit: exact,
// and fast to add. Of what is counted in metres it is micrometres.
type amount int64

const one amount = 1_000_000

// of returns the amount as an exact quantity.
func (a amount) of(unit string) mes.Quantity {
	return mes.Quantity{Value: mes.NewDecimal(int64(a), -6), Unit: unit}
}

// metres returns a length as an exact quantity.
func metres(m mes.Micrometres) mes.Quantity { return amount(m).of("m") }

// pieces is a quantity of one piece.
var piece = one.of("1")

// moment is a time in milliseconds since 1970: PLCs tell no finer.
type moment int64

// The units of a span between moments.
const (
	second moment = 1000
	minute        = 60 * second
	hour          = 60 * minute
)

func momentOf(t time.Time) moment { return moment(t.UnixMilli()) }

func span(d time.Duration) moment { return moment(d.Milliseconds()) }

// span is the same as a duration.
func (m moment) span() time.Duration { return time.Duration(m) * time.Millisecond }

func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}
