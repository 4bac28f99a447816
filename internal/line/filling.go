package line

import "math"

// filling puts electrolyte in, by weight. A cell with too little is topped up.
func filling(r *run) craft {
	const weightBefore, weightAfter, mass, shots = 1, 2, 3, 5
	return craft{
		complete: func(b *bench, _ moment, _ int, values []float64) {
			c := b.item
			if b.attempt == 1 {
				c.dry = values[weightBefore]
			}
			values[shots] = float64(b.mounted.Count)
			values[weightBefore] = c.dry
			values[weightAfter] = b.characteristics[weightAfter].round(c.dry + values[mass])
			c.first = values[mass]
		},
		record: func(b *bench, now moment, _ int, w *work) {
			w.work.Place = "nozzle-1"
			w.fill(b, b.item.first)
			r.contaminate(b, now, w)
		},
	}
}

// fill takes what of the electrolyte is not in yet; the feed itself takes none.
func (w *work) fill(b *bench, mass float64) {
	total := amount(math.Round(mass*10)) * one / 10
	if b.attempt == 1 {
		b.item.filled = 0
	}
	w.consume(b.slots[0], total-b.item.filled)
	b.item.filled = total
}

// refilling makes up for what formation took: some of it went off as gas.
func refilling() craft {
	const mass, retained = 0, 1
	return craft{
		complete: func(b *bench, _ moment, found int, values []float64) {
			c, k := b.item, &b.characteristics[retained]
			if b.attempt == 1 {
				c.gas = min(max(0, 1.5+float64(0.4*b.chance.NormFloat64())), 3)
			}
			values[retained] = k.round(c.first + values[mass] - c.gas)
			// What is dosed makes up for what was missing before.
			for found < 0 && !k.within(values[retained]) {
				values[mass] = b.characteristics[mass].conforming(b.chance)
				values[retained] = k.round(c.first + values[mass] - c.gas)
			}
			c.wet = c.dry + values[retained]
		},
		record: func(b *bench, _ moment, _ int, w *work) {
			w.work.Place = "nozzle-1"
			w.fill(b, w.measured.Values[mass])
		},
	}
}

// weighing finds what was weighed before, with film, pin and label.
var weighing = craft{
	complete: func(b *bench, _ moment, found int, values []float64) {
		const weight = 2
		k := &b.characteristics[weight]
		if found < 0 || b.shows[found] != weight {
			values[weight] = k.nearest(b.item.wet + 11.5 + float64(2*b.chance.NormFloat64()))
		}
	},
}
