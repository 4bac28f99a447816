package line

import (
	"math"

	"github.com/takt-mes/takt/internal/mes"
)

// mixer makes a batch of slurry from what it weighs in. One that is out is
// adjusted and tried once more.
type mixer struct {
	*station
	e     *electrode
	busy  bool
	began moment
	batch *lot
	// used is what was weighed in.
	used []mes.Actual
	from []Link
	// attempt counts the tries; found is the defect that this one ends with, or −1.
	attempt uint32
	found   int
	values  []float64
}

// scale is the smallest amount that is weighed in: 10 g.
const scale = one / 100

// adjusting is how long a batch is mixed once more.
const adjusting = 45 * 60. // seconds

// begin weighs a batch in and mixes it, unless something is missing.
func (m *mixer) begin(now moment) {
	e, r := m.e, m.run
	for _, c := range e.components {
		if s := r.stockOf(c.material); s.onHand < e.share(c)*102/100 {
			s.order(now)
			return
		}
	}
	r.calendar.see(now)
	m.busy = true
	m.batch = &lot{
		ref:  mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: r.naming.next(e.batch, r.calendar.day)}, MaterialDefinition: e.name + "-slurry"},
		unit: "kg",
	}
	m.used, m.from = nil, nil
	add := func(l *lot, a amount) {
		quantity := a.of(l.unit)
		m.used = append(m.used, mes.Actual{Ref: l.ref, Quantity: &quantity})
		m.from = append(m.from, Link{From: l.ref.Thing, Into: m.batch.ref.Thing, Quantity: quantity})
		m.batch.got += a
	}
	fresh := e.mass
	var active mixture
	if e.rests.len() > 0 {
		rest := e.rests.pop()
		fresh -= rest.left
		add(rest, rest.left)
		active.add(rest, rest.left*amount(e.components[0].share)/1e6)
		rest.left = 0
	}
	for i, c := range e.components {
		// What the recipe wants, and what the scale made of it.
		want := float64(fresh) * float64(c.share) / 1e6 * (1 + float64(0.0005*m.chance.NormFloat64()))
		a := max(scale, amount(math.Round(want/float64(scale)))*scale)
		for _, p := range r.stockOf(c.material).weigh(now, a) {
			add(p.lot, p.amount)
			if i == 0 {
				active.add(p.lot, p.amount)
			}
		}
	}
	active.soak(m.batch)
	m.batch.left = m.batch.got
	e.mixing += m.batch.got
	m.try(now, 1, -1)
}

// try mixes the batch, or what failed at the first attempt once more.
func (m *mixer) try(now moment, attempt uint32, before int) {
	m.began, m.attempt, m.found = now, attempt, m.judge(before, nil)
	m.values = m.measure(m.found)
	seconds := adjusting
	if attempt == 1 {
		seconds = 60 * m.values[m.column("mix_time")]
	}
	m.run.plan(now+m.e.seconds(seconds, len(m.e.mixers), m.e.batchCells()), m, 0)
}

func (m *mixer) act(now moment, _ int) {
	e, r := m.e, m.run
	w := r.newWork(m.station, m.batch.ref, m.began, m.found, m.attempt, m.values)
	var truth Truth
	if m.attempt == 1 {
		w.work.Consumed = m.used
		quantity := m.batch.got.of("kg")
		w.work.Produced = []mes.Actual{{Ref: m.batch.ref, Quantity: &quantity}}
		truth.Links = m.from
		truth.Touches = m.batch.touches("mixed of ")
	}
	switch w.work.Disposition {
	case mes.DispositionRework:
		r.emit(m.station, &w.event, truth)
		m.try(now, 2, m.found)
		return
	case mes.DispositionConformant:
		e.stored += m.batch.got
		e.slurry.push(m.batch)
	default:
		truth.Losses = m.batch.discard()
	}
	r.emit(m.station, &w.event, truth)
	e.mixing -= m.batch.got
	m.busy = false
	e.replenish(now)
}
