package line

import (
	"fmt"

	"github.com/takt-mes/takt/internal/mes"
)

// F10: a lot of active material has less capacity. What is made of it is thinned
// at each step: a jelly roll is concerned by the share of its cathode's active
// material that is of the lot, and below 1 % not at all.
var capacityFault = faultKind{
	id:     "F10",
	what:   "active material of a lot with 1.2 % less capacity",
	finds:  "the cells with some of the lot, through batches and blends, each with its share; the capacity is 1.2 % lower by the share",
	strike: func(f *fault, _ moment) { f.run.stockOf(activeMaterial).weak.push(f) },
	mar: func(b *blemish, roll *item, _ *coil, over, really mes.Interval) {
		if over.From >= over.To {
			return
		}
		roll.taint += float32(b.share * float64(over.To-over.From) / float64(really.To-really.From))
		if roll.taint < dilute {
			return
		}
		t := b.fault.touch(roll.ref.Thing, true, nil, fmt.Sprintf("%.1f %% of the cathode is %s", 100*roll.taint, b.fault.kind.what))
		for i, have := range roll.touches {
			if have.Fault == t.Fault {
				roll.touches[i] = t
				return
			}
		}
		roll.touches = append(roll.touches, t)
	},
}

// mixture adds up how much of active material is of a lot that a fault concerns.
type mixture struct {
	fault       *fault
	weak, total float64
}

func (x *mixture) add(l *lot, a amount) {
	x.total += float64(a)
	if l.taint > 0 {
		x.weak += float64(float64(a) * l.taint)
		x.fault = l.fault
	}
}

// soak makes a lot one that was made of the mixture. What is next to nothing is
// nothing: leftovers would carry it on for ever.
func (x *mixture) soak(l *lot) {
	if share := x.weak / x.total; share > 1e-4 {
		l.taint, l.fault = share, x.fault
	}
}

// spoil makes a lot that was delivered the one that a fault waits for.
func (s *stock) spoil(l *lot) []Touch {
	if s.weak.len() == 0 {
		return nil
	}
	l.taint, l.fault = 1, s.weak.pop()
	return l.touches("")
}

// touches says that the fault of a lot of enough taint concerns it.
func (l *lot) touches(made string) []Touch {
	if l.taint < dilute {
		return nil
	}
	return []Touch{l.fault.touch(l.ref.Thing, true, nil, made+l.fault.kind.what+portionText(l.taint))}
}
