package line

import "github.com/takt-mes/takt/internal/mes"

// item is one thing with a name of its own: a jelly roll, a cell, a module.
type item struct {
	ref mes.Ref
	// parts are a cell's jelly rolls, until they are in.
	parts [2]*item
	// scrapped says that it does not go on.
	scrapped bool
	// can is the code on its can, until it is read.
	can mes.ID
	// before is a cell's weight without electrolyte, in grams; filled is how
	// much electrolyte is in it.
	before float64
	filled amount
	// voltage is what was measured at that moment after formation, second what
	// was after the rest.
	voltage, second float64
	measured        moment
}

// pair makes a cell of every two jelly rolls.
func (r *run) pair(now moment, roll *item) {
	if r.half == nil {
		r.half = roll
		return
	}
	c := &item{parts: [2]*item{r.half, roll}}
	r.half = nil
	r.insertion.queue.push(c)
	r.insertion.serve(now)
}
