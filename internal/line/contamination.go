package line

import "github.com/takt-mes/takt/internal/mes"

// contamination is fault F1: for a while, what the third to fifth filler put in
// is contaminated. Nobody can tell when it began or ended, so that the other
// cells of the same drums are possibly concerned.
type contamination struct {
	*fault
	until moment
	// lots are the drums.
	lots map[mes.Thing]bool
}

// contaminationLasts is from 02:10 to 03:40, as it were.
const contaminationLasts = 90 * minute

var contaminationFault = faultKind{
	id:     "F1",
	what:   "electrolyte at the third to fifth filler is contaminated for 90 minutes",
	finds:  "the cells filled there then, and possibly the others of the same drums",
	strike: strikeContamination,
}

func strikeContamination(f *fault, now moment) {
	f.run.contamination = &contamination{fault: f, until: now + contaminationLasts, lots: make(map[mes.Thing]bool)}
}

// contaminate looks at a cell that is being filled.
func (r *run) contaminate(b *bench, now moment, w *work) {
	c, k := b.item, r.contamination
	drum := b.slots[0].lot.ref.Thing
	if b.drum != drum {
		b.drum, b.filled = drum, b.filled[:0]
	}
	if k != nil && b.number >= 2 && b.number <= 4 && now <= k.until {
		if !k.lots[drum] {
			k.lots[drum] = true
			w.truth.Touches = append(w.truth.Touches, k.touch(drum, true, nil, "drum on "+b.equipment.String()))
			for _, before := range b.filled {
				w.truth.Touches = append(w.truth.Touches, k.touch(before, false, nil, "filled from the drum before"))
			}
		}
		w.touch(c, k.touch(c.ref.Thing, true, nil, "filled at "+b.equipment.String()))
		c.endanger(200)
	} else if k != nil && k.lots[drum] {
		w.touch(c, k.touch(c.ref.Thing, false, nil, "filled from the drum later"))
	}
	b.filled = append(b.filled, c.ref.Thing)
}
