// Package yield holds how first-pass yield is counted: how time is divided in a
// site's zone, and what becomes of first attempts in each part of it.
//
// First-pass yield of a process segment is the number of items that were
// conformant at their first attempt over the number with a first attempt; it is
// counted at the event time of that attempt. Rolled throughput yield is the
// product over the segments, not the average.
package yield

import (
	"cmp"
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// Count counts first attempts at a process segment on a piece of equipment.
type Count struct {
	// ProcessSegment is the step.
	ProcessSegment string
	// Equipment is where they were.
	Equipment mes.EquipmentID
	// Tested counts the items with a first attempt, Passed the conformant ones.
	Tested, Passed uint64
}

// Row is what became of the first attempts of one process segment, or of one
// piece of equipment in it, in one period.
type Row struct {
	// Period is when.
	Period Period
	// ProcessSegment is the step.
	ProcessSegment string
	// Equipment is where; empty where rows are by process segment.
	Equipment mes.EquipmentID
	// Tested counts the items with a first attempt, Passed the conformant ones.
	Tested, Passed uint64
}

// FirstPassYield returns Passed over Tested, 0 where nothing was tested.
func (r Row) FirstPassYield() float64 {
	if r.Tested == 0 {
		return 0
	}
	return float64(r.Passed) / float64(r.Tested)
}

type rowKey struct {
	period    int
	segment   string
	equipment mes.EquipmentID
}

// Table counts first attempts by period. Its zero value is not of use; NewTable
// returns one.
type Table struct {
	periods     []Period
	byEquipment bool
	rows        map[rowKey]*Row
	segments    map[string]*Row // over the whole time
}

// NewTable returns a table over periods that follow one another, with a row for
// each piece of equipment rather than each process segment where byEquipment.
func NewTable(periods []Period, byEquipment bool) *Table {
	return &Table{periods, byEquipment, make(map[rowKey]*Row), make(map[string]*Row)}
}

// Count adds what was counted in a period, given by its place among the periods.
func (t *Table) Count(period int, c Count) {
	if c.Tested == 0 {
		return
	}
	k := rowKey{period: period, segment: c.ProcessSegment}
	if t.byEquipment {
		k.equipment = c.Equipment
	}
	row := t.rows[k]
	if row == nil {
		row = &Row{Period: t.periods[period], ProcessSegment: c.ProcessSegment, Equipment: k.equipment}
		t.rows[k] = row
	}
	whole := t.segments[c.ProcessSegment]
	if whole == nil {
		whole = &Row{ProcessSegment: c.ProcessSegment}
		t.segments[c.ProcessSegment] = whole
	}
	for _, r := range [...]*Row{row, whole} {
		r.Tested += c.Tested
		r.Passed += c.Passed
	}
}

// Rows returns the rows by period, process segment and equipment; those without
// an attempt are left out.
func (t *Table) Rows() []Row {
	rows := make([]Row, 0, len(t.rows))
	for _, r := range t.rows {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(a.Period.Start.Compare(b.Period.Start), cmp.Compare(a.ProcessSegment, b.ProcessSegment),
			cmp.Compare(a.Equipment, b.Equipment))
	})
	return rows
}

// RolledThroughputYield returns the product of the segments' first-pass yields
// over the whole time, and whether there was any attempt.
func (t *Table) RolledThroughputYield() (float64, bool) {
	rolled := 1.0
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for s := range t.segments {
			if !yield(s) {
				return
			}
		}
	}) {
		rolled *= t.segments[name].FirstPassYield()
	}
	return rolled, len(t.segments) > 0
}
