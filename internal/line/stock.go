package line

import (
	"fmt"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// lot is an amount that is told apart: a supplier's lot, a slurry batch, or a
// blend of them in a tank.
type lot struct {
	ref  mes.Ref
	unit string
	// got is what was received or produced, left what is there yet.
	got, left amount
	// parts are the batches of a blend that it was made of, as got has them.
	parts []portion
	// taint is the share of its active material that fault is about.
	taint float64
	fault *fault
}

// use takes some of it, and returns what it is as a quantity.
func (l *lot) use(a amount) mes.Quantity {
	if a > l.left {
		panic("line: more is used of " + string(l.ref.ID) + " than there is")
	}
	l.left -= a
	return a.of(l.unit)
}

// discard throws away what is left.
func (l *lot) discard() []Loss {
	if l.left == 0 {
		return nil
	}
	return []Loss{{Thing: l.ref.Thing, Quantity: l.use(l.left)}}
}

// stock is what is there of a material, released, and what is on its way.
type stock struct {
	*material
	run      *run
	receiver *station
	lots     queue[*lot]
	onHand   amount
	onOrder  amount
	// reserve is what is kept, a lot for each slot included; first is what the
	// first batches take besides.
	reserve, first amount
	count          int
	supplierLot    mes.ID
	dock           moment
	// weak are the faults that wait for the next lot.
	weak queue[*fault]
}

func newStock(r *run, m *material) *stock {
	const lead = 3600 // seconds; a delivery takes a little more than half
	s := &stock{material: m, run: r, receiver: r.processes[m.inspected].stations[0]}
	cells := amount(lead/r.shortest) + 1
	s.reserve = max(m.perCell*cells, 2*m.lot)
	return s
}

// stockOf returns the stock of a material.
func (r *run) stockOf(m *material) *stock {
	for _, s := range r.stocks {
		if s.material == m {
			return s
		}
	}
	panic("line: no stock of " + m.definition)
}

// order has delivered what is missing.
func (s *stock) order(now moment) {
	want := s.reserve
	if now < s.run.start {
		want += s.first
	}
	for s.onHand+s.onOrder < want {
		s.onOrder += s.lot
		s.dock = max(s.dock+5*second, now+5*minute)
		s.run.plan(s.dock, &delivery{stock: s}, 0)
	}
}

// whole takes a lot off the shelf to put it on a slot, nil where there is none.
func (s *stock) whole(now moment) *lot {
	if s.lots.len() == 0 {
		s.order(now)
		return nil
	}
	l := s.lots.pop()
	s.onHand -= l.left
	s.order(now)
	return l
}

// portion is a part of a lot.
type portion struct {
	lot    *lot
	amount amount
}

// weigh takes an amount from one lot after the other; there must be so much.
func (s *stock) weigh(now moment, a amount) []portion {
	var list []portion
	for s.onHand -= a; a > 0; {
		l := s.lots.items[s.lots.head]
		part := min(a, l.left)
		l.use(part)
		list = append(list, portion{l, part})
		if a -= part; l.left == 0 {
			s.lots.pop()
		}
	}
	s.order(now)
	return list
}

// delivery is a lot on its way to the shelf.
type delivery struct {
	stock *stock
	lot   *lot
}

func (d *delivery) act(now moment, stage int) {
	s := d.stock
	r := s.run
	chance := s.receiver.chance
	report := &mes.LotReport{Supplier: s.supplier}
	var truth Truth
	if stage == 0 {
		r.calendar.see(now)
		s.count++
		if s.together == 1 || s.count%s.together == 1 {
			s.supplierLot = mes.ID(fmt.Sprintf("%s%s-%04d", s.prefix[:1], r.calendar.day, 1000+chance.IntN(9000)))
		}
		d.lot = &lot{
			ref:  mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: r.naming.lot(s.prefix, r.calendar.day, s.count)}, MaterialDefinition: s.definition},
			unit: s.unit, got: s.lot, left: s.lot,
		}
		quantity := d.lot.got.of(s.unit)
		report.Quantity, report.SupplierLot, report.Status = &quantity, s.supplierLot, mes.LotReceived
		if s.days > 0 {
			report.ExpiryTime = now.time().Add(time.Duration(s.days) * 24 * time.Hour)
		}
		r.plan(now+10*minute+moment(chance.IntN(int(5*minute))), d, 1)
	} else {
		report.Status = mes.LotReleased
		rejected := chance.Float64() < 0.01
		if rejected {
			report.Status = mes.LotRejected
		}
		if len(s.certificate) > 0 {
			values := make([]float64, len(s.certificate))
			for i := range s.certificate {
				values[i] = s.certificate[i].conforming(chance)
			}
			if rejected {
				values[len(values)-1] = s.certificate[len(values)-1].failing(chance, true)
			}
			report.Certificate = &mes.Measurements{Schema: s.receiver.schemaID, Values: values}
		}
		s.onOrder -= s.lot
		if rejected {
			s.order(now)
		} else {
			s.onHand += d.lot.left
			s.lots.push(d.lot)
			truth.Touches = s.spoil(d.lot)
		}
	}
	report.Lot = d.lot.ref
	r.state(s.receiver, report, truth)
	if stage > 0 {
		r.arrived(now)
	}
}

// arrived lets those go on that waited for material.
func (r *run) arrived(now moment) {
	for _, e := range r.electrodes {
		e.replenish(now)
	}
	for _, s := range r.waiting {
		s.serve(now)
	}
}

// slot is a place of a machine for a supplier's lot.
type slot struct {
	name    string
	station *station
	stock   *stock
	lot     *lot
	// most is the most that one piece of work takes; a lot with less left is
	// taken off, and the rest thrown away.
	most amount
}

func newSlot(s *station, name string, m *material, most amount) *slot {
	stock := s.run.stockOf(m)
	// Machines that began together run out together, again and again.
	stock.reserve += m.lot
	return &slot{name: name, station: s, stock: stock, most: most}
}

// short reports whether the lot does not do for one more piece.
func (t *slot) short() bool { return t.lot == nil || t.lot.left < t.most }

// unload takes the lot off.
func (t *slot) unload() {
	left := t.lot.left.of(t.lot.unit)
	t.station.run.state(t.station, &mes.SlotChange{
		Action: mes.SlotUnload, Slot: t.name, Material: t.lot.ref, Remaining: &left,
	}, Truth{Losses: t.lot.discard()})
	t.lot = nil
}

// load puts the next lot on, and reports whether there was one.
func (t *slot) load(now moment) bool {
	if t.lot = t.stock.whole(now); t.lot == nil {
		return false
	}
	left := t.lot.left.of(t.lot.unit)
	t.station.run.state(t.station, &mes.SlotChange{
		Action: mes.SlotLoad, Slot: t.name, Material: t.lot.ref, Remaining: &left,
	}, Truth{})
	return true
}

// ready changes the lot where that is due, and reports whether there is one.
func (t *slot) ready(now moment) bool {
	if t.lot != nil && t.short() {
		t.unload()
	}
	return t.lot != nil || t.load(now)
}

// consume takes some for what a link begins to say: what the station reports,
// which is the slot alone, and what is true.
func (t *slot) consume(a amount, into Link) (mes.Actual, Link) {
	quantity := t.lot.use(a)
	into.From, into.Quantity, into.Slot = t.lot.ref.Thing, quantity, t.name
	return mes.Actual{Slot: t.name, Quantity: &quantity}, into
}
