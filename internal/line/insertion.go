package line

import "github.com/takt-mes/takt/internal/mes"

// insertion puts two jelly rolls into a can: a cell is born, and gets its
// serial. The code on the can becomes another name of it.
func insertion(r *run) craft {
	double := r.processes["INS"].defect("INS-04")
	return craft{
		see: func(b *bench, _ moment, found int, _ []float64) int {
			if b.attempt > 1 {
				return found
			}
			b.item.ref = r.newItem(cellKind, "cell").ref
			if r.doubled != nil && r.lastCan.code != "" {
				return double
			}
			return found
		},
		record: func(b *bench, _ moment, _ int, w *work) {
			c := b.item
			if b.attempt > 1 {
				return
			}
			for _, roll := range c.parts {
				w.build(roll.ref)
				for _, t := range roll.touches {
					t.Thing = c.ref.Thing
					w.touch(c, t)
				}
			}
			c.parts = nil
			box := b.slots[0].lot
			c.can = canCode(box.ref.ID, int((box.got-box.left)/one))
			r.double(c, w)
		},
		after: func(b *bench, _ moment, found int) {
			c := b.item
			if found == double {
				b.report(stateStopped)
			}
			if c.can != "" && (found < 0 || found == double) {
				r.state(b.station, &mes.AliasBinding{
					Item: c.ref, AliasKind: "can-code", Value: c.can, Reader: string(b.equipment) + ".CAM",
				}, Truth{})
				c.can = ""
			}
		},
	}
}
