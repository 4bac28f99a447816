package line

import "github.com/takt-mes/takt/internal/mes"

// craft is what is particular to a step that works on one item at a time; what
// all of them have in common is shop's.
type craft interface {
	// ready makes the bench ready for one more item, and reports whether it is.
	ready(b *bench, now moment) bool
	// work ends an attempt at the bench's item and puts its record out.
	work(b *bench, now moment, found int, values []float64)
	// pass hands the item on.
	pass(now moment, c *item)
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
}

// bench is a machine of a shop.
type bench struct {
	*station
	shop  *shop
	slots []*slot
	// item is what it works on, nil when it is idle.
	item    *item
	began   moment
	attempt uint32
	// before is the defect of the first attempt, or −1.
	before int
}

// newShop sets up a step with the time that a machine takes by nature.
func newShop(r *run, code string, seconds, takts float64, c craft) *shop {
	s := &shop{run: r, craft: c}
	for _, m := range r.processes[code].stations {
		s.benches = append(s.benches, &bench{station: m, shop: s})
	}
	s.cycle = r.cycle(seconds, len(s.benches), takts)
	return s
}

// slot gives every machine a slot.
func (s *shop) slot(name string, m *material, most amount) *shop {
	for _, b := range s.benches {
		b.slots = append(b.slots, newSlot(b.station, name, m, most))
	}
	return s
}

// serve begins what can be begun.
func (s *shop) serve(now moment) {
	for range s.benches {
		if s.queue.len() == 0 {
			return
		}
		b := s.benches[s.turn]
		s.turn = (s.turn + 1) % len(s.benches)
		if b.item == nil && s.craft.ready(b, now) {
			b.item, b.began, b.attempt, b.before = s.queue.pop(), now, 1, -1
			s.run.plan(now+s.cycle, b, 0)
		}
	}
}

func (b *bench) act(now moment, _ int) {
	found := b.judge(b.before)
	b.shop.craft.work(b, now, found, b.measure(found))
	switch b.disposition(found, b.attempt) {
	case mes.DispositionConformant:
		b.shop.craft.pass(now, b.item)
	case rework, retest:
		b.began, b.attempt, b.before = now, b.attempt+1, found
		b.shop.run.plan(now+b.shop.cycle, b, 0)
		return
	default:
		b.item.scrapped = true
	}
	b.item = nil
	b.shop.serve(now)
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

// cellWork is the record of work on a cell in one piece of memory.
type cellWork struct {
	work
	consumed [4]mes.Actual
	links    [4]Link
}
