package line

// seamWeld has the energy that follows from power and speed, as a pyrometer
// sees it.
var seamWeld = craft{
	complete: func(b *bench, _ moment, found int, values []float64) {
		const power, speed, energy = 0, 1, 2
		k := &b.characteristics[energy]
		if found >= 0 && b.shows[found] == energy {
			return
		}
		seen := values[power] / values[speed] * (1 + float64(0.006*b.chance.NormFloat64()))
		values[energy] = k.nearest(seen)
	},
	record: func(b *bench, _ moment, _ int, w *work) {
		if f := b.outdated; f != nil {
			w.touch(b.item, f.touch(b.item.ref.Thing, true, nil, "welded by recipe version "+b.recipe.Version))
		}
	},
}
