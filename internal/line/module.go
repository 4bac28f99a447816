package line

import "github.com/takt-mes/takt/internal/mes"

// moduleCells is how many cells a module has, in series.
const moduleCells = 16

// stacking makes modules of tested cells.
type stacking struct {
	run      *run
	queue    queue[*item]
	stackers []*stacker
	cycle    moment
	turn     int
}

// stacker is a machine that makes one module at a time.
type stacker struct {
	*station
	stacking *stacking
	busbar   *slot
	module   *item
	began    moment
}

func newStacking(r *run) *stacking {
	g := &stacking{run: r}
	for _, s := range r.processes["MOD"].stations {
		g.stackers = append(g.stackers, &stacker{station: s, stacking: g, busbar: newSlot(s, "busbar", busbar, (moduleCells+1)*one)})
	}
	g.cycle = r.cycle(24, len(g.stackers), moduleCells)
	return g
}

func (g *stacking) serve(now moment) {
	for range g.stackers {
		if g.queue.len() < moduleCells {
			return
		}
		m := g.stackers[g.turn]
		g.turn = (g.turn + 1) % len(g.stackers)
		if m.module == nil && m.busbar.ready(now) {
			m.begin(now)
		}
	}
}

// begin stacks the cells of a module.
func (m *stacker) begin(now moment) {
	r := m.run
	m.module = r.newItem(moduleKind, "module-1P16S")
	m.began = now
	m.module.voltage = r.join(m.station, m.module, &m.stacking.queue, moduleCells)
	r.plan(now+m.stacking.cycle, m, 0)
}

// newItem is a thing that is born now.
func (r *run) newItem(k kind, definition string) *item {
	r.calendar.see(r.now)
	return &item{ref: mes.Ref{
		Thing:              mes.Thing{Kind: mes.RefItem, ID: r.naming.next(k, r.calendar.day)},
		MaterialDefinition: definition,
	}}
}

// join builds the next parts of a queue into a whole, which is a record, and
// returns the sum of their voltages.
func (r *run) join(s *station, whole *item, parts *queue[*item], number int) float64 {
	in := &mes.Placement{Action: mes.PlacementAdd, Parent: whole.ref, Children: make([]mes.Child, number)}
	links := make([]Link, number)
	sum := 0.0
	for i := range number {
		part := parts.pop()
		in.Children[i] = mes.Child{Ref: part.ref, Place: placeNames[i+1]}
		links[i] = Link{From: part.ref.Thing, Into: whole.ref.Thing, Quantity: piece}
		sum += part.second
	}
	r.state(s, in, Truth{Links: links})
	return sum
}

func (m *stacker) act(now moment, _ int) {
	r, whole := m.run, m.module
	values := m.measure(-1)
	at := m.column("module_voltage")
	values[at] = m.characteristics[at].round(whole.voltage)
	whole.second = values[at]
	w := r.newWork(m.station, whole.ref, m.began, -1, 1, values)
	used, links := m.busbar.consume((moduleCells+1)*one, whole.ref.Thing, nil, nil)
	w.work.Consumed = used
	r.emit(m.station, &w.event, Truth{Links: links})
	m.module = nil
	r.packing.queue.push(whole)
	r.packing.serve(now)
	m.stacking.serve(now)
}
