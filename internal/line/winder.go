package line

import (
	"math"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

const (
	// threading is what is torn off a coil that is put on.
	threading = 2 * mes.Metre
	// windMost is the least that a coil must have, more than a jelly roll takes of
	// it and the winder may be off by; what is less stays on the core.
	windMost = 9 * mes.Metre
)

// spindle is a winder's place for an electrode.
type spindle struct {
	e    *electrode
	slot string
	// length is the characteristic of how much a jelly roll takes.
	length *characteristic
	coil   *coil
	count  metreCount
	// until is what is left when the coil is taken off, used up or not.
	until mes.Micrometres
	// torn is a fault whose torn tab is left in the next jelly roll.
	torn   *fault
	tornAt mes.Interval
}

// metreCount is a winder's count of what is left on a coil. It is off by some
// from the beginning, and by more with each metre, until the coil shows where it
// is: at a splice or a tag that was expected.
type metreCount struct {
	// at is where the winder would be if it counted well, since where it was at
	// the last point of which the metre is known.
	at, since mes.Micrometres
	// zero is its error there, scale what comes to it, in millionths.
	zero  mes.Micrometres
	scale int64
}

// The bounds of a count's error: at once, and in millionths of the metres since.
const (
	zeroMost  = mes.Metre / 2
	scaleMost = 500
)

// sync begins to count anew.
func (n *metreCount) sync(at mes.Micrometres, w *winder) {
	// A millimetre is left for rounding.
	most := int64(zeroMost-mes.Metre/1000) / 1000
	n.at, n.since = at, at
	n.zero = mes.Micrometres(w.chance.Int64N(2*most+1)-most) * 1000
	n.scale = w.chance.Int64N(2*scaleMost+1) - scaleMost
}

// shows is what the winder says of a stretch that it would count so if it counted
// well. It knows how far it may be off, and that is twice what the scale is.
func (n *metreCount) shows(lane uint32, from, to mes.Micrometres) mes.Interval {
	off := func(at mes.Micrometres) mes.Micrometres {
		return (at + n.zero + (n.since-at)*mes.Micrometres(n.scale)/million) / 1000 * 1000
	}
	return mes.Interval{Lane: lane, From: max(0, off(from)), To: max(0, off(to)), Delta: (zeroMost + (n.since-from)/1000 + 999) / 1000 * 1000}
}

// take counts a length down, and returns what the winder says that it was.
func (p *spindle) take(length mes.Micrometres) (really, shown mes.Interval) {
	really = p.coil.take(length)
	p.count.at -= length
	return really, p.count.shows(p.coil.lane, p.count.at, p.count.at+length)
}

// worn reports whether the coil is to be taken off.
func (p *spindle) worn() bool { return p.coil != nil && p.coil.remaining() < max(windMost, p.until) }

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
	// side is how far an electrode lies beside the middle, its deviation.
	side float64
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
			w.electrodes[k] = &spindle{e: e, slot: e.name, length: &s.characteristics[s.column(e.name+"_length")]}
		}
		for k, name := range []string{"separator-1", "separator-2"} {
			w.separators[k] = newSlot(s, name, separator, 6*one)
		}
		// The rest of what an overhang varies comes from the widths of the two.
		widths := 0.0
		for _, e := range r.electrodes {
			c := &e.coaters[0].characteristics[e.coaters[0].column("coat_width_1")]
			widths += float64(c.sigma * c.sigma)
		}
		overhang := s.characteristics[s.column("overhang_AC_left")].sigma
		w.side = math.Sqrt(float64(overhang*overhang) - widths/4)
		list = append(list, w)
	}
	return list
}

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
		w.clear(now)
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
	touches := p.e.turn(c, w)
	p.coil, p.until = c, 0
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
	p.count.sync(c.left, w)
	torn, _ := p.take(threading)
	w.run.state(w.station, &mes.SlotChange{
		Action: mes.SlotLoad, Slot: p.slot, Material: c.ref, Remaining: &left, Interval: &shown,
	}, Truth{Losses: []Loss{c.lose(torn)}, Touches: touches})
	return true
}

// takeOff takes the coil off: half used it goes back, used up away.
func (w *winder) takeOff(p *spindle) {
	c := p.coil
	c.shown = p.count.shows(c.lane, p.count.at, p.count.at)
	c.shown.From = 0
	left := metres(c.shown.To)
	var truth Truth
	if c.remaining() < windMost+threading || c.wrongWay != nil {
		truth.Losses = []Loss{c.lose(c.stretch(c.core, c.left))}
		c.left = c.core
	} else {
		c.off = w
		p.e.halves = append(p.e.halves, c)
	}
	shown := c.shown
	w.run.state(w.station, &mes.SlotChange{
		Action: mes.SlotUnload, Slot: p.slot, Material: c.ref, Remaining: &left, Interval: &shown,
	}, truth)
	p.coil = nil
}

// clear throws away what the next jelly roll must not have in it: the web up to
// the end of each section that it would reach. A coil that is worn by that is
// taken off.
func (w *winder) clear(now moment) {
	for _, p := range w.electrodes {
		most := mes.Micrometres(p.length.usl * float64(mes.Metre))
		least := mes.Micrometres(p.length.lsl * float64(mes.Metre))
		for {
			s, near, far := p.coil.ahead()
			if s == nil || near >= most {
				break
			}
			p.coil.passed()
			if next, begins, _ := p.coil.ahead(); (next == nil || begins >= most) && p.overlook(s, near, far, least) {
				continue
			}
			if far = min(far, p.coil.remaining()); far > 0 {
				w.eject(p, s, far, now)
			}
		}
	}
	if w.electrodes[0].worn() || w.electrodes[1].worn() || w.separators[0].short() || w.separators[1].short() {
		w.complete, w.setup = false, true
		w.run.plan(now+second/2, w, windUnload)
	}
}

// eject throws away the web up to the end of a section. What the winder sees
// there tells it where it is, unless the coil lies the wrong way round: then
// nothing is known to be there.
func (w *winder) eject(p *spindle, s *section, length mes.Micrometres, now moment) {
	really, shown := p.take(length)
	rec := w.run.newWork(w.station, p.coil.ref, now, w.defect(s.code), 1, nil)
	rec.work.Subjects = nil
	quantity := metres(length)
	rec.work.Consumed = []mes.Actual{{Ref: p.coil.ref, Slot: p.slot, Quantity: &quantity, Interval: &shown}}
	w.run.emit(w.station, &rec.event, Truth{Losses: []Loss{p.coil.lose(really)}})
	if p.coil.wrongWay == nil {
		p.count.sync(p.coil.left, w)
	}
	w.free = max(w.free, now+moment(3*float64(second)*w.run.pace))
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
	found, torn := w.judge(-1, nil), w.electrodes[0].torn != nil
	if torn {
		found = w.defect(separatorFold)
	}
	values := w.measure(found)
	w.use(1)
	roll := r.newItem(jellyRoll, "jelly-roll")
	rec := new(wound)
	rec.begin(r, w.station, roll.ref, max(w.free, now-cycle), found, 1, values)
	if torn {
		rec.work.work.Disposition = mes.DispositionConcession
	}
	var widths [2]float64
	var touches []Touch
	for k, p := range w.electrodes {
		c := p.coil
		long := mes.Micrometres(math.Round(values[k] * float64(mes.Metre)))
		rec.really[k], rec.shown[k] = p.take(long)
		rec.quantities[k] = metres(long)
		rec.consumed[k] = mes.Actual{Ref: c.ref, Slot: p.slot, Quantity: &rec.quantities[k], Interval: &rec.shown[k]}
		rec.links[k] = Link{From: c.ref.Thing, Into: roll.ref.Thing, Quantity: rec.quantities[k], Interval: &rec.really[k], Slot: p.slot}
		mother, at := c.origin(rec.really[k])
		widths[k] = mother.web.width(at.Lane, at.From)
		if k == 0 {
			roll.areal = float32(mother.web.coating(at.From, at.To) / p.e.coating().nominal)
		}
		c.mar(roll, rec.really[k], rec.shown[k])
		c.mirrored(roll, rec.really[k])
		touches = append(touches, p.fold(roll)...)
	}
	w.overhang(values, found, widths[1]-widths[0])
	for k, s := range w.separators {
		a := one*5620/1000 + amount(math.Round(w.chance.NormFloat64()*3))*one/1000
		rec.quantities[2+k] = s.lot.use(min(a, s.most))
		rec.consumed[2+k] = mes.Actual{Slot: s.name, Quantity: &rec.quantities[2+k]}
		rec.links[2+k] = Link{From: s.lot.ref.Thing, Into: roll.ref.Thing, Quantity: rec.quantities[2+k], Slot: s.name}
	}
	rec.work.work.Consumed = rec.consumed[:]
	r.emit(w.station, &rec.event, Truth{Links: rec.links[:], Touches: append(touches, roll.touches...)})
	w.free = now
	w.clear(now)
	if found < 0 || torn {
		r.rolls.take(now, roll)
	}
}

// overhang says how far the anode reaches beyond the cathode: what it does on one
// side is missing on the other.
func (w *winder) overhang(values []float64, found int, both float64) {
	left, right := w.column("overhang_AC_left"), w.column("overhang_AC_right")
	limits := &w.characteristics[left]
	if found >= 0 && w.shows[found] == left {
		values[right] = limits.round(both - values[left])
		return
	}
	for range 32 {
		aside := float64(w.side * w.chance.NormFloat64())
		values[left], values[right] = limits.round(both/2+aside), limits.round(both/2-aside)
		if limits.within(values[left]) && limits.within(values[right]) {
			return
		}
	}
	values[left], values[right] = limits.round(both/2), limits.round(both/2)
}

// pacer gives the line its takt: it has a jelly roll ended whenever one is due,
// by whichever winder's turn it is.
type pacer struct {
	run *run
	// due is when the next one is, since the start, and exactly.
	due  time.Duration
	turn int
}

func (p *pacer) act(now moment, _ int) {
	r := p.run
	takt := r.config.taktAt(p.due)
	// Samples are taken by the hour, however slow the line is.
	cells := 1/takt.Seconds() + r.sampleRate
	interval := time.Duration(r.rollShare / cells / 2 * float64(time.Second))
	cycle := r.cycle(r.processes["WND"].seconds, len(r.winders), 0.5)
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
