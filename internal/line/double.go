package line

import "github.com/takt-mes/takt/internal/mes"

// canRead is a can's code, and the cell that has it.
type canRead struct {
	code mes.ID
	cell mes.Thing
}

var doubleFault = faultKind{
	id:     "F12",
	what:   "a can has the code of the one before it",
	finds:  "both cells",
	strike: strikeDouble,
}

// strikeDouble is fault F12: the supplier has engraved a code twice. The machine
// that reads it again stops, and the cell goes on when somebody has seen it.
func strikeDouble(f *fault, _ moment) { f.run.doubled = f }

// double gives a new cell the code of the one before it.
func (r *run) double(c *item, w *work) {
	if f := r.doubled; f != nil && r.lastCan.code != "" {
		r.doubled = nil
		c.can = r.lastCan.code
		w.truth.Touches = append(w.truth.Touches, f.touch(r.lastCan.cell, true, nil, "has the can code "+c.can.String()))
		w.touch(c, f.touch(c.ref.Thing, true, nil, "has the can code "+c.can.String()))
	}
	r.lastCan = canRead{c.can, c.ref.Thing}
}
