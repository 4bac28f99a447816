package line

import (
	"math"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

const (
	// windDelta is how far a winder's count of metres may be off.
	windDelta = mes.Metre / 2
	// threading is what is torn off a coil that is put on, more than windDelta.
	threading = 2 * mes.Metre
	// windMost is the most that a jelly roll takes of an electrode, and what
	// stays on the core.
	windMost = 7 * mes.Metre
)

// spindle is a winder's place for an electrode.
type spindle struct {
	e    *electrode
	slot string
	coil *coil
	// off is how far the winder's count is off for this coil.
	off mes.Micrometres
	// until is what is left when the coil is taken off, used up or not.
	until mes.Micrometres
}

// winder makes a jelly roll of two electrodes and two separators.
type winder struct {
	*station
	number     int
	electrodes [2]*spindle
	separators [2]*slot
	// free is since when it can begin the next one.
	free moment
	// complete says that all four are on and nobody is at it.
	complete, setup bool
	// waits says that it told of what is missing.
	waits bool
	// loaded counts what was put on, to take the first ones off in turn.
	loaded int
}

// The stages of a winder.
const (
	windUnload = iota
	windLoad
)

func newWinders(r *run) []*winder {
	var list []*winder
	for i, s := range r.processes["WND"].stations {
		w := &winder{station: s, number: i, setup: true}
		for k, e := range r.electrodes {
			w.electrodes[k] = &spindle{e: e, slot: e.name}
		}
		for k, name := range []string{"separator-1", "separator-2"} {
			w.separators[k] = newSlot(s, name, separator, 6*one)
		}
		list = append(list, w)
	}
	return list
}

// worn reports whether the coil is to be taken off.
func (p *spindle) worn() bool { return p.coil != nil && p.coil.left < max(windMost, p.until) }

// act changes what is on the winder.
func (w *winder) act(now moment, stage int) {
	if stage == windUnload {
		w.report(stateSetup)
		for _, p := range w.electrodes {
			if p.worn() {
				w.takeOff(p)
			}
		}
		for _, s := range w.separators {
			if s.lot != nil && s.short() {
				s.unload()
			}
		}
		w.run.plan(now+moment(20*float64(second)*w.run.pace), w, windLoad)
		return
	}
	w.load(now)
}

// load puts on what is missing, as far as there is some.
func (w *winder) load(now moment) {
	w.complete = true
	for _, p := range w.electrodes {
		if p.coil == nil && !w.putOn(p, now) {
			w.complete = false
		}
	}
	for _, s := range w.separators {
		if !s.ready(now) {
			w.complete = false
		}
	}
	switch {
	case w.complete:
		w.setup, w.waits, w.free = false, false, now
		w.report(stateRunning)
	case !w.waits:
		w.waits = true
		w.report(stateWaiting)
	}
}

// putOn takes the next coil.
func (w *winder) putOn(p *spindle, now moment) bool {
	c := p.e.daughter(now, w)
	if c == nil {
		return false
	}
	p.coil, p.until = c, 0
	p.off = mes.Micrometres(w.chance.Int64N(int64(2*windDelta)/1000+1))*1000 - windDelta
	all := len(w.run.winders)
	switch {
	case w.loaded < len(w.electrodes):
		// The first coils come off in turn, so that later ones do too.
		turn := (w.number + all/2*w.loaded) % all
		p.until = c.left / mes.Micrometres(all) * mes.Micrometres(all-1-turn)
	case c.off == nil && w.chance.Float64() < 0.15:
		p.until = c.left / 100 * mes.Micrometres(15+w.chance.IntN(70))
	}
	w.loaded++
	shown := c.shown
	left := metres(shown.To)
	torn := mes.Interval{Lane: 1, From: c.left - threading, To: c.left}
	w.run.state(w.station, &mes.SlotChange{
		Action: mes.SlotLoad, Slot: p.slot, Material: c.ref, Remaining: &left,
		Interval: &shown,
	}, Truth{Losses: []Loss{{Thing: c.ref.Thing, Quantity: metres(threading), Interval: &torn}}})
	c.left -= threading
	return true
}

// takeOff takes the coil off: half used it goes back, used up away.
func (w *winder) takeOff(p *spindle) {
	c := p.coil
	shown := mes.Interval{Lane: 1, To: c.left + p.off, Delta: windDelta}
	c.shown = shown
	left := metres(shown.To)
	var truth Truth
	if c.left < windMost+threading {
		truth.Losses = []Loss{{Thing: c.ref.Thing, Quantity: metres(c.left), Interval: &mes.Interval{Lane: 1, To: c.left}}}
		c.left = 0
	} else {
		c.off = w
		p.e.halves = append(p.e.halves, c)
	}
	w.run.state(w.station, &mes.SlotChange{
		Action: mes.SlotUnload, Slot: p.slot, Material: c.ref, Remaining: &left,
		Interval: &shown,
	}, truth)
	p.coil = nil
}

// wound is a jelly roll's record in one piece of memory.
type wound struct {
	work
	consumed   [4]mes.Actual
	quantities [4]mes.Quantity
	shown      [2]mes.Interval
	really     [2]mes.Interval
	links      [4]Link
}

// wind ends a jelly roll that was begun a cycle ago.
func (w *winder) wind(now, cycle moment) {
	r := w.run
	found := w.judge(-1)
	values := w.measure(found)
	// What overhangs on one side is missing on the other.
	values[3] = w.characteristics[3].round(4 - values[2])
	w.use(1)
	roll := r.newItem(jellyRoll, "jelly-roll")
	rec := new(wound)
	rec.begin(r, w.station, roll.ref, max(w.free, now-cycle), found, 1, values)
	for k, p := range w.electrodes {
		c := p.coil
		long := mes.Micrometres(math.Round(values[k] * float64(mes.Metre)))
		rec.really[k] = mes.Interval{Lane: 1, From: c.left - long, To: c.left}
		rec.shown[k] = mes.Interval{Lane: 1, From: c.left - long + p.off, To: c.left + p.off, Delta: windDelta}
		rec.quantities[k] = metres(long)
		rec.consumed[k] = mes.Actual{Ref: c.ref, Slot: p.slot, Quantity: &rec.quantities[k], Interval: &rec.shown[k]}
		rec.links[k] = Link{From: c.ref.Thing, Into: roll.ref.Thing, Quantity: rec.quantities[k], Interval: &rec.really[k], Slot: p.slot}
		c.left -= long
	}
	for k, s := range w.separators {
		a := one*5620/1000 + amount(math.Round(w.chance.NormFloat64()*3))*one/1000
		rec.quantities[2+k] = s.lot.use(min(a, s.most))
		rec.consumed[2+k] = mes.Actual{Slot: s.name, Quantity: &rec.quantities[2+k]}
		rec.links[2+k] = Link{From: s.lot.ref.Thing, Into: roll.ref.Thing, Quantity: rec.quantities[2+k], Slot: s.name}
	}
	rec.work.work.Consumed = rec.consumed[:]
	r.emit(w.station, &rec.event, Truth{Links: rec.links[:]})
	w.free = now

	if w.electrodes[0].worn() || w.electrodes[1].worn() || w.separators[0].short() || w.separators[1].short() {
		w.complete, w.setup = false, true
		r.plan(now+second/2, w, windUnload)
	}
	if found < 0 {
		r.pair(now, roll)
	}
}

// pacer gives the line its takt: it has a jelly roll ended whenever one is due,
// by whichever winder's turn it is.
type pacer struct {
	run *run
	// due is when the next one is, since the start, and exactly.
	due  time.Duration
	turn int
}

// rollShare is what of the jelly rolls wound ends in a tested cell: so much
// faster than half a takt is wound, for a takt from one finished cell to the next.
const rollShare = 0.9955 * 0.99975 * 0.9997 * 0.9992 * 0.99595

func (p *pacer) act(now moment, _ int) {
	r := p.run
	takt := r.config.taktAt(p.due)
	interval := time.Duration(float64(takt) / 2 * rollShare)
	cycle := r.cycle(11, len(r.winders), 0.5)
	for range r.winders {
		w := r.winders[p.turn]
		p.turn = (p.turn + 1) % len(r.winders)
		if !w.complete && w.waits {
			w.load(now)
		}
		if w.complete && w.free+cycle <= now {
			w.wind(now, cycle)
			// What was missed is caught up with, but not all day.
			p.due = max(p.due+interval, time.Duration(now-r.start-minute)*time.Millisecond)
			r.plan(max(now, r.start+span(p.due)), p, 0)
			return
		}
	}
	r.plan(now+max(1, min(50, span(interval))), p, 0) // all are busy, or wait
}
