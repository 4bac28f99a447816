package line

import (
	"math/bits"

	"github.com/takt-mes/takt/internal/mes"
)

// tank is the day tank that a coater draws from. What is pumped into it is
// stirred into what was left, which makes a new blend: each blend has a lot of
// its own, made of a batch and of the blend before. Nothing is drawn while it is
// being filled, so a blend is the same from its first kilogram to its last, and
// what goes into a metre of web of each batch follows from the quantities in the
// truth's links: a blend holds what went into it in the proportions in which it
// did.
//
// In each shift the tank is run down once, at the end of a mother coil, and
// cleaned: that ends the chain of blends.
type tank struct {
	*station
	e *electrode
	// blend is what is in it, nil where it is clean.
	blend *lot
	// level is down to what it is run before the next batch goes in.
	level amount
	// shift is the last one in which it was cleaned, due that it has to be, down
	// that no batch goes in before.
	shift     int
	due, down bool
}

// least is what a scan's stretch of web takes, and what is thrown away before it.
func (t *tank) least() amount { return t.e.metreMass(t.e.coating().nominal) * 40 }

// ready sees to it that there is slurry for the next stretch of web, and reports
// whether there is.
func (t *tank) ready(now moment) bool {
	enough := t.blend != nil && t.blend.left >= t.least()
	if enough && (t.down || t.blend.left >= t.level) {
		return true
	}
	if t.e.slurry.len() > 0 {
		t.transfer(now)
		return true
	}
	return enough
}

// transfer pumps a batch in.
func (t *tank) transfer(now moment) {
	e, r := t.e, t.run
	batch := e.slurry.pop()
	e.stored -= batch.left
	r.calendar.see(now)
	blend := &lot{
		ref:  mes.Ref{Thing: mes.Thing{Kind: mes.RefLot, ID: r.naming.next(e.blend, r.calendar.day)}, MaterialDefinition: e.name + "-blend"},
		unit: "kg", parts: make([]portion, 0, 8),
	}
	w := r.newWork(t.station, blend.ref, now, -1, 1, nil)
	var active mixture
	links := make([]Link, 0, 2)
	add := func(l *lot) {
		active.add(l, l.left)
		blend.got += l.left
		quantity := l.use(l.left)
		w.work.Consumed = append(w.work.Consumed, mes.Actual{Ref: l.ref, Quantity: &quantity})
		links = append(links, Link{From: l.ref.Thing, Into: blend.ref.Thing, Quantity: quantity})
	}
	if t.blend != nil && t.blend.left > 0 {
		blend.parts = t.blend.composition(blend.parts, t.blend.left)
		add(t.blend)
	}
	blend.parts = append(blend.parts, portion{batch, batch.left})
	add(batch)
	active.soak(blend)
	blend.left = blend.got
	produced := blend.got.of("kg")
	w.work.Produced = []mes.Actual{{Ref: blend.ref, Quantity: &produced}}
	r.emit(t.station, &w.event, Truth{Links: links, Touches: blend.touches("blended of ")})
	t.blend, t.down = blend, false
	t.level = batch.got / 1000 * amount(100+t.chance.IntN(51))
}

// composition appends what an amount of a blend holds of each batch; what is
// lost in rounding is the last one's.
func (l *lot) composition(list []portion, a amount) []portion {
	rest := a
	for i, p := range l.parts {
		part := rest
		if i < len(l.parts)-1 {
			//nolint:gosec // amounts are not negative, and a part is no more than the whole
			high, low := bits.Mul64(uint64(p.amount), uint64(a))
			quotient, _ := bits.Div64(high, low, uint64(l.got)) //nolint:gosec // as above
			part = amount(quotient)                             //nolint:gosec // as above
		}
		if rest -= part; part > 0 {
			list = append(list, portion{p.lot, part})
		}
	}
	return list
}

// change is told when a mother coil is done. In the first change of a shift
// cleaning falls due; it is done when little is left.
func (t *tank) change(now moment) {
	if shift := t.run.calendar.shifts(now); shift != t.shift {
		t.shift, t.due = shift, true
	}
	if t.due && t.blend != nil && t.blend.left <= t.e.mass/20 {
		t.clean()
	}
}

// clean ends what the tank held. What is left goes into the next batch, now and
// then, or away.
func (t *tank) clean() {
	left := t.blend.left.of("kg")
	var truth Truth
	if t.e.rests.len() == 0 && t.chance.Float64() < 0.6 {
		t.e.rests.push(t.blend)
	} else {
		truth.Losses = t.blend.discard()
	}
	t.run.state(t.station, &mes.SlotChange{
		Action: mes.SlotClean, Slot: "tank", Material: t.blend.ref, Remaining: &left,
	}, truth)
	t.blend, t.due, t.down = nil, false, false
}

// goal returns how long the next mother coil becomes, which is as long as is
// wanted where the tank need not be run down for it.
func (t *tank) goal(want mes.Micrometres) mes.Micrometres {
	if !t.due || t.blend == nil {
		return want
	}
	heel := t.e.mass / 1000 * amount(30+t.chance.IntN(11))
	there := mes.Micrometres((t.blend.left-heel)/t.e.metreMass(t.e.coating().nominal)) * mes.Metre
	if there < want*3/10 {
		return want
	}
	t.down = true
	return min(want, there)
}
