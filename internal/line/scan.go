package line

import "github.com/takt-mes/takt/internal/mes"

// scanned is the record of what was measured along a stretch of a coil, in one
// piece of memory. The stretch comes to be with it; what it was made of is said
// by records of their own, which are few.
type scanned struct {
	work
	station  *station
	found    int
	produced [1]mes.Actual
	quantity mes.Quantity
	interval mes.Interval
}

// newScan is a scan of a stretch that ends now. It finds what is marked there,
// and conforms elsewhere.
func newScan(s *station, c *coil, from, to mes.Micrometres, began moment) *scanned {
	rec := &scanned{station: s, found: -1, quantity: metres(to - from), interval: c.stretch(from, to)}
	if m := markAt(c.marks, from, to); m != nil {
		rec.found = s.defect(m.Code)
	}
	rec.begin(s.run, s, c.ref, began, rec.found, 1, s.measure(rec.found))
	rec.produced[0] = mes.Actual{Ref: c.ref, Quantity: &rec.quantity, Interval: &rec.interval}
	rec.work.work.Produced = rec.produced[:]
	return rec
}

// set gives a characteristic its value, and reports whether it did: what shows
// the defect that was found keeps what it has.
func (rec *scanned) set(column int, value float64) bool {
	if rec.found >= 0 && rec.station.shows[rec.found] == column {
		return false
	}
	rec.measured.Values[column] = rec.station.characteristics[column].round(value)
	return true
}
