package line

import (
	"math"

	"github.com/takt-mes/takt/internal/mes"
)

// moduleCells is how many cells a module has, in series.
const moduleCells = 16

// infeed takes boxes apart and measures the cells once more.
type infeed struct {
	run     *run
	pickers []*picker
	queue   queue[*box]
	cycle   moment
	// spares are for modules whose cells do not match after all.
	spares queue[*item]
	next   taker
}

// picker is a machine with a box.
type picker struct {
	*station
	infeed *infeed
	box    *box
	at     int
}

// sparesKept is how many cells are wanted for swaps before a box is opened for
// them.
const sparesKept = 2

func newInfeed(r *run, next taker) *infeed {
	p := r.processes["PICK"]
	g := &infeed{run: r, next: next}
	for _, s := range p.stations {
		g.pickers = append(g.pickers, &picker{station: s, infeed: g})
	}
	g.cycle = r.cycle(p.seconds, len(g.pickers), 1)
	return g
}

func (g *infeed) takeBox(now moment, x *box) {
	g.queue.push(x)
	g.serve(now)
}

func (g *infeed) serve(now moment) {
	for _, p := range g.pickers {
		if p.box == nil && g.queue.len() > 0 {
			p.box, p.at = g.queue.pop(), 0
			g.run.state(p.station, &mes.Placement{Action: mes.PlacementDelete, Parent: p.box.ref}, Truth{})
			g.run.plan(now+g.cycle, p, 0)
		}
	}
}

func (p *picker) act(now moment, _ int) {
	g, c := p.infeed, p.box.cells[p.at]
	values := p.measure(-1)
	k := &p.characteristics[0] // ocv3: colder than at the second measurement
	c.third = k.nearest(c.second - 0.0007 + float64(0.0005*p.chance.NormFloat64()))
	values[0] = c.third
	p.use(1)
	w := g.run.newWork(p.station, c.ref, now-g.cycle, -1, 1, values)
	g.run.emit(p.station, &w.event, Truth{})
	if p.at++; p.at < len(p.box.cells) {
		g.run.plan(now+g.cycle, p, 0)
		return
	}
	cells := p.box.cells
	p.box = nil
	if g.spares.len() < sparesKept {
		for _, c := range cells {
			g.spares.push(c)
		}
	} else {
		g.next.take(now, &item{built: cells})
	}
	g.serve(now)
}

// stacking makes a module of the cells of a box.
func stacking(r *run) craft {
	return craft{
		complete: func(b *bench, _ moment, _ int, values []float64) {
			const ocv, capacity = 1, 2
			m := b.item
			m.ref = r.newItem(moduleKind, "module-1P16S").ref
			values[ocv] = b.characteristics[ocv].round(1000 * spread(m.built, func(c *item) float64 { return c.third }))
			values[capacity] = b.characteristics[capacity].round(spread(m.built, func(c *item) float64 { return c.capacity }))
		},
		record: func(b *bench, _ moment, _ int, _ *work) {
			r.join(b.station, b.item, childrenOf(b.item.built))
		},
	}
}

// spread is the difference of the largest and the smallest.
func spread(items []*item, of func(*item) float64) float64 {
	least, most := of(items[0]), of(items[0])
	for _, c := range items[1:] {
		least, most = math.Min(least, of(c)), math.Max(most, of(c))
	}
	return most - least
}

// join says that parts are built into a whole.
func (r *run) join(s *station, whole *item, parts []mes.Child) {
	links := make([]Link, len(parts))
	for i, p := range parts {
		links[i] = Link{From: p.Ref.Thing, Into: whole.ref.Thing, Quantity: piece}
	}
	r.state(s, &mes.Placement{Action: mes.PlacementAdd, Parent: whole.ref, Children: parts}, Truth{Links: links})
}

// part says that a part is taken out again.
func (r *run) part(s *station, whole *item, child mes.Child) {
	r.state(s, &mes.Placement{Action: mes.PlacementDelete, Parent: whole.ref, Children: []mes.Child{child}}, Truth{})
}

// finishing tests a module at the end. Where a cell does not match the others,
// it is swapped; one that was welded is not used again.
func finishing(r *run, spares *queue[*item]) craft {
	const voltage, delta = 1, 2
	return craft{
		complete: func(b *bench, _ moment, _ int, values []float64) {
			sum := 0.0
			for _, c := range b.item.built {
				sum += c.third
			}
			b.item.third = b.characteristics[voltage].round(sum)
			values[voltage] = b.item.third
		},
		after: func(b *bench, _ moment, found int) {
			if found < 0 || b.shows[found] != delta || spares.len() == 0 {
				return
			}
			m := b.item
			at := b.chance.IntN(len(m.built))
			old := m.built[at]
			r.part(b.station, m, mes.Child{Ref: old.ref, Place: placeNames[at+1]})
			old.scrapped = true
			m.built[at] = spares.pop()
			r.join(b.station, m, []mes.Child{{Ref: m.built[at].ref, Place: placeNames[at+1]}})
		},
	}
}
