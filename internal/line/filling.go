package line

import "math"

// fill puts electrolyte in, by weight. A cell with too little is topped up.
type fill struct{ run *run }

func (fill) ready(b *bench, now moment) bool { return b.stocked(now) }

func (f fill) work(b *bench, _ moment, found int, values []float64) {
	r, c := f.run, b.item
	const weightBefore, weightAfter, mass, shots = 1, 2, 3, 5
	b.use(1)
	values[shots] = float64(b.mounted.Count)
	if b.attempt == 1 {
		c.before = values[weightBefore]
	}
	values[weightBefore] = c.before
	values[weightAfter] = b.characteristics[weightAfter].round(c.before + values[mass])
	total := amount(math.Round(values[mass]*10)) * one / 10

	rec := new(cellWork)
	rec.begin(r, b.station, c.ref, b.began, found, b.attempt, values)
	used, links := b.slots[0].consume(total-c.filled, c.ref.Thing, rec.consumed[:0], rec.links[:0])
	c.filled = total
	rec.work.work.Consumed = used
	rec.work.work.Place = "nozzle-1"
	r.emit(b.station, &rec.event, Truth{Links: links})
}

func (f fill) pass(now moment, c *item) {
	f.run.loading.queue.push(c)
	f.run.loading.serve(now)
}
