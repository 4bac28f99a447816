package line

import (
	"math"

	"github.com/takt-mes/takt/internal/mes"
)

// mixer makes a batch of slurry from what it weighs in.
type mixer struct {
	*station
	e      *electrode
	busy   bool
	began  moment
	batch  *lot
	values []float64
	// used is what was weighed in.
	used []mes.Actual
	from []Link
}

// scale is the smallest amount that is weighed in: 10 g.
const scale = one / 100

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
	m.busy, m.began = true, now
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
	if e.rests.len() > 0 {
		rest := e.rests.pop()
		fresh -= rest.left
		add(rest, rest.left)
		rest.left = 0
	}
	for _, c := range e.components {
		// What the recipe wants, and what the scale made of it.
		want := float64(fresh) * float64(c.share) / 1e6 * (1 + float64(0.0005*m.chance.NormFloat64()))
		a := max(scale, amount(math.Round(want/float64(scale)))*scale)
		for _, p := range r.stockOf(c.material).weigh(now, a) {
			add(p.lot, p.amount)
		}
	}
	m.values = m.measure(-1)
	last := len(m.values) - 1 // mix_time
	m.batch.left = m.batch.got
	e.mixing += m.batch.got
	cells := float64(e.mass) / (float64(e.metreMass(m.areal())) * e.perCell / lanes)
	r.plan(now+e.seconds(60*m.values[last], len(e.mixers), cells), m, 0)
}

// areal is the nominal coating of the electrode.
func (m *mixer) areal() float64 { return m.e.coaters[0].characteristics[1].nominal }

func (m *mixer) act(now moment, _ int) {
	e, r := m.e, m.run
	w := r.newWork(m.station, m.batch.ref, m.began, -1, 1, m.values)
	w.work.Consumed = m.used
	quantity := m.batch.got.of("kg")
	w.work.Produced = []mes.Actual{{Ref: m.batch.ref, Quantity: &quantity}}
	r.emit(m.station, &w.event, Truth{Links: m.from})
	e.mixing -= m.batch.got
	e.stored += m.batch.got
	e.slurry.push(m.batch)
	m.busy = false
	e.replenish(now)
}
