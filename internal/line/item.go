package line

import "github.com/takt-mes/takt/internal/mes"

// item is one thing with a name of its own: a jelly roll, a cell, a module, a
// pack. Some hundred thousand cells are on their way at once, so it is small.
type item struct {
	ref mes.Ref
	// parts are the jelly rolls of a pair and of a cell before it has a name.
	parts *[2]*item
	// scrapped says that it does not go on.
	scrapped bool
	// leaks says that it was found tight and is not.
	leaks bool
	// hazard is how many times more likely than others it fails a test that
	// finds shorts: Hi-Pot and K; 0 stands for 1.
	hazard float32
	// areal is the coating of the cathode in it against the nominal one, taint
	// the share of its active material that comes from a lot of low capacity.
	areal, taint float32
	// touches are what faults have done to it.
	touches []Touch
	// thickness is a jelly roll's after the press, in millimetres.
	thickness float32
	// can is the code on its can, until it is read.
	can mes.ID
	// dry is a cell's weight without electrolyte, first what was filled in first,
	// gas what went off again, wet its weight after that, all in grams; filled is
	// what the present filler has put in.
	dry, first, gas, wet float64
	filled               amount
	// capacity is in ampere-hours; voltage was measured at that moment, second
	// and third later.
	capacity               float64
	voltage, second, third float64
	measured               moment
	// worn is how much more its resistance is than it should be, for a worn horn.
	worn float32
	// built are the parts of a module and a pack; the management system of a pack
	// comes last.
	built []*item
}

// scrap takes the item out of the line; nil is none.
func (c *item) scrap() {
	if c != nil {
		c.scrapped = true
	}
}

// newItem is a thing that is born now.
func (r *run) newItem(k kind, definition string) *item {
	r.calendar.see(r.now)
	return &item{ref: mes.Ref{
		Thing:              mes.Thing{Kind: mes.RefItem, ID: r.naming.next(k, r.calendar.day)},
		MaterialDefinition: definition,
	}}
}

// endanger makes the item more likely to fail.
func (c *item) endanger(times float32) { c.hazard = max(c.hazard, 1) * times }

// taker is what items are handed on to.
type taker interface {
	// take takes an item, and begins to work on it where it can.
	take(now moment, c *item)
}
