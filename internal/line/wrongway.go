package line

import "github.com/takt-mes/takt/internal/mes"

// F14: a half-used coil is put on the wrong way round. Its metres come from the
// inside then, while the winder counts down as always.
var wrongWayFault = faultKind{
	id:     "F14",
	what:   "a coil put on the wrong way round",
	finds:  "the jelly rolls of the coil from then on, whose metres are mirrored; splices come where none is known",
	strike: func(f *fault, _ moment) { f.run.electrodes[0].turned.push(f) },
}

// turn puts a half-used coil on the wrong way round where a fault waits for one.
func (e *electrode) turn(c *coil, w *winder) []Touch {
	if e.turned.len() == 0 || c.off == nil || c.off == w || c.remaining() < 100*mes.Metre {
		return nil
	}
	c.wrongWay = e.turned.pop()
	i := c.stretch(c.core, c.left)
	return []Touch{c.wrongWay.touch(c.ref.Thing, true, &i, c.wrongWay.kind.what)}
}

// mirrored says of a jelly roll what became of its metres.
func (c *coil) mirrored(roll *item, really mes.Interval) {
	if f := c.wrongWay; f != nil {
		i := really // so that most jelly rolls need no memory for it
		roll.concern(f.touch(roll.ref.Thing, true, &i, "wound off the inside of "+string(c.ref.ID)+", "+f.kind.what))
	}
}
