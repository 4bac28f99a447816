package line

import "github.com/takt-mes/takt/internal/mes"

// F2: the blades of lane 4 have a burr until they are changed.
var burrFault = faultKind{
	id:    "F2",
	what:  "a burr on the edge, from the slitting blades of lane 4",
	finds: "the cells of lane 4 that were slit with those blades from 480 km on",
	strike: func(f *fault, _ moment) {
		w := f.run.electrodes[0].rewinders[1][0]
		w.mounted.Count = max(w.mounted.Count, burrFrom)
		w.burr = burr{fault: f}
		if w.parent != nil {
			w.burr.from = w.children[0].left
		}
	},
	mar: endangering(8),
}

const (
	burrLane = 4
	burrFrom = 480_000 // metres
)

// burr is what a slitter's blades leave; the zero burr is none.
type burr struct {
	fault *fault
	// from is the metre of the coils being wound on from which it is there.
	from mes.Micrometres
}

// gauge has it seen, not beyond the limit.
func (b *burr) gauge(rec *scanned, c *coil) {
	if b.fault == nil || c.from.lane != burrLane || rec.interval.To <= b.from {
		return
	}
	column := rec.station.column("burr_height")
	limits := &rec.station.characteristics[column]
	rec.set(column, min(rec.measured.Values[column]+4, limits.usl-1))
}

// leave puts it on a coil that is done.
func (b *burr) leave(c *coil) {
	if b.fault != nil && c.from.lane == burrLane && c.from.parent.lane == 0 && b.from < c.length {
		c.blemishes = append(c.blemishes, blemish{b.fault, c.stretch(b.from, c.length), 1})
	}
}
