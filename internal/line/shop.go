package line

import "github.com/takt-mes/takt/internal/mes"

// craft is what is particular to a step that works on one item at a time; what
// all of them have in common is shop's. What is nil is nothing.
type craft struct {
	// see is what the machine makes of what it found.
	see func(b *bench, now moment, found int, values []float64) int
	// complete fills in the values that are not drawn.
	complete func(b *bench, now moment, found int, values []float64)
	// record adds to the record of an attempt.
	record func(b *bench, now moment, found int, w *work)
	// after is called when the record is out.
	after func(b *bench, now moment, found int)
}

// shop is the parallel machines of a step that take from one queue. An item that
// fails is tried once more on the same machine where its defect allows it.
type shop struct {
	run     *run
	craft   craft
	benches []*bench
	queue   queue[*item]
	cycle   moment
	turn    int
	// next takes what passes.
	next taker
}

// bench is a machine of a shop.
type bench struct {
	*station
	shop *shop
	// number is its place among the machines of the step.
	number int
	slots  []*slot
	// item is what it works on, nil when it is idle.
	item    *item
	began   moment
	attempt uint32
	// before is the defect of the first attempt, or −1.
	before int
	// sampled is when the last sample was taken.
	sampled moment
	// filled are the cells that were filled from the drum that is on.
	drum   mes.Thing
	filled []mes.Thing
}

// newShop sets up a step that has to do one item in so many takts.
func newShop(r *run, code string, takts float64, c craft, next taker) *shop {
	p := r.processes[code]
	s := &shop{run: r, craft: c, next: next}
	for i, m := range p.stations {
		b := &bench{station: m, shop: s, number: i}
		for _, f := range p.feeds {
			most := f.each
			if f.again { // on the same machine, with no change of the lot between
				most *= 2
			}
			b.slots = append(b.slots, newSlot(m, f.slot, f.material, most))
		}
		s.benches = append(s.benches, b)
	}
	s.cycle = r.cycle(p.seconds, len(s.benches), takts)
	r.waiting = append(r.waiting, s)
	return s
}

func (s *shop) take(now moment, c *item) {
	s.queue.push(c)
	s.serve(now)
}

// serve begins what can be begun.
func (s *shop) serve(now moment) {
	for range s.benches {
		if s.queue.len() == 0 {
			return
		}
		b := s.benches[s.turn]
		s.turn = (s.turn + 1) % len(s.benches)
		if b.item == nil && b.stocked(now) {
			b.item, b.began, b.attempt, b.before = s.queue.pop(), now, 1, -1
			s.run.plan(now+s.cycle, b, 0)
		}
	}
}

func (b *bench) act(now moment, _ int) {
	s, c := b.shop, b.item
	found := b.judge(b.before, c)
	values := b.measure(found)
	if s.craft.see != nil {
		found = s.craft.see(b, now, found, values)
	}
	if b.tool.life > 0 {
		b.use(1)
	}
	if s.craft.complete != nil {
		s.craft.complete(b, now, found, values)
	}
	w := s.run.newItemWork(b.station, c, b.began, found, b.attempt, values)
	for i, f := range b.feeds {
		if !f.metered && (b.attempt == 1 || f.again) {
			w.consume(b.slots[i], f.each)
		}
	}
	if s.craft.record != nil {
		s.craft.record(b, now, found, w)
	}
	s.run.emit(b.station, &w.event, w.truth)
	if s.craft.after != nil {
		s.craft.after(b, now, found)
	}
	switch w.work.Disposition {
	case rework, retest, repair:
		b.began, b.attempt, b.before = now, b.attempt+1, found
		s.run.plan(now+s.cycle, b, 0)
		return
	default:
	}
	if w.lost() {
		c.scrapped = true
	}
	if !c.scrapped { // a sample may have taken it
		s.next.take(now, c)
	}
	b.item = nil
	s.serve(now)
}

// stocked readies the bench's slots.
func (b *bench) stocked(now moment) bool {
	for _, t := range b.slots {
		if !t.ready(now) {
			return false
		}
	}
	return true
}
