package line

// pressCavities is how many jelly rolls a press takes at once.
const pressCavities = 8

// pressing is the hot presses: each takes eight jelly rolls at a time.
type pressing struct {
	run     *run
	presses []*press
	queue   queue[*item]
	cycle   moment
	next    taker
}

// press is a machine with its cavities full, or empty.
type press struct {
	*station
	pressing *pressing
	rolls    []*item
	began    moment
}

func newPressing(r *run, next taker) *pressing {
	p := r.processes["HPR"]
	g := &pressing{run: r, next: next}
	for _, s := range p.stations {
		g.presses = append(g.presses, &press{station: s, pressing: g})
	}
	g.cycle = max(1, moment(1000*min(p.seconds, 0.97*float64(len(g.presses))*pressCavities*r.shortest/2)))
	return g
}

func (g *pressing) take(now moment, roll *item) {
	g.queue.push(roll)
	g.serve(now)
}

func (g *pressing) serve(now moment) {
	for _, m := range g.presses {
		if g.queue.len() < pressCavities {
			return
		}
		if len(m.rolls) > 0 {
			continue
		}
		for range pressCavities {
			m.rolls = append(m.rolls, g.queue.pop())
		}
		m.began = now
		g.run.plan(now+g.cycle, m, 0)
	}
}

func (m *press) act(now moment, _ int) {
	for i, roll := range m.rolls {
		found := m.judge(-1, roll)
		values := m.measure(found)
		roll.thickness = float32(values[m.column("jr_thickness")])
		w := m.run.newWork(m.station, roll.ref, m.began, found, 1, values)
		w.work.Place = cavityNames[i]
		m.run.emit(m.station, &w.event, Truth{})
		if found < 0 {
			m.pressing.next.take(now, roll)
		}
	}
	clear(m.rolls)
	m.rolls = m.rolls[:0]
	m.pressing.serve(now)
}

var cavityNames = [pressCavities]string{
	"cavity-1", "cavity-2", "cavity-3", "cavity-4", "cavity-5", "cavity-6", "cavity-7", "cavity-8",
}
