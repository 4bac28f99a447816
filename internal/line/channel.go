package line

import (
	"strconv"

	"github.com/takt-mes/takt/internal/mes"
)

// cabinetSlots is how many trays a cabinet has room for, which it fills in turn.
const cabinetSlots = 90

// channels are cabinets that charge and discharge cells in their trays, each
// cell by a channel of its own: formation and grading.
type channels struct {
	run      *run
	cabinets []*cabinet
	turn     int
	// dwell is what a charge takes, again what a second one does.
	dwell, again moment
	// pause is from one cell's result to the next of a tray.
	pause moment
	// shifts says that fault F7 strikes here.
	shifts bool
	// complete fills in the values that are not drawn.
	complete func(s *station, c *item, found int, values []float64)
	next     trayTaker
}

// cabinet is a group of channels that reports as one.
type cabinet struct {
	*station
	channels *channels
	slots    int
}

// charge is a tray in a cabinet.
type charge struct {
	cabinet *cabinet
	slot    int
	tray    *tray
	began   moment
	// next is the cell that reports next; before are the defects of those that
	// failed, −1 for the others.
	next   int
	before [trayPlaces]int8
	// shifted is what a fault has made of some of them; nil for nothing.
	shifted *shifted
}

// The stages of a charge.
const (
	chargeResult = iota
	chargeAgain
)

func newChannels(r *run, code string, dwell, again moment, next trayTaker) *channels {
	g := &channels{run: r, dwell: dwell, again: max(1, again), next: next}
	for _, s := range r.processes[code].stations {
		g.cabinets = append(g.cabinets, &cabinet{station: s, channels: g})
	}
	g.pause = r.cycle(2, len(g.cabinets), 1)
	return g
}

func (g *channels) takeTray(now moment, t *tray) {
	m := g.cabinets[g.turn]
	g.turn = (g.turn + 1) % len(g.cabinets)
	m.slots++
	c := &charge{cabinet: m, slot: m.slots % cabinetSlots, tray: t, began: now + second}
	g.run.plan(c.began+g.dwell, c, chargeResult)
}

func (c *charge) act(now moment, stage int) {
	g := c.cabinet.channels
	if stage == chargeAgain {
		c.report(2)
		c.retry(now, g.pause)
		return
	}
	if c.next == 0 && g.shifts {
		c.shifted = g.run.shift(c.cabinet.station)
	}
	if c.tray.cells[c.next] != nil {
		c.report(1)
	} else {
		c.before[c.next] = -1
	}
	if c.next++; c.next < len(c.tray.cells) {
		g.run.plan(now+g.pause, c, chargeResult)
		return
	}
	c.next, c.began = -1, now
	c.retry(now, g.again)
}

// retry goes on with the next cell that is to be charged again, or hands the
// tray on.
func (c *charge) retry(now, after moment) {
	for c.next++; c.next < len(c.tray.cells); c.next++ {
		if found := c.before[c.next]; found >= 0 && c.cabinet.defects[found].first == retest {
			c.cabinet.channels.run.plan(now+after, c, chargeAgain)
			return
		}
	}
	c.cabinet.channels.next.takeTray(now, c.tray)
}

// report puts out the result of the tray's next cell.
func (c *charge) report(attempt uint32) {
	s, cell := c.cabinet.station, c.tray.cells[c.next]
	before, slot := -1, c.slot
	if attempt > 1 {
		before = int(c.before[c.next])
		slot = (slot + cabinetSlots/2) % cabinetSlots // another channel
	}
	o, shifted := c.shifted.outcome(c.next, attempt)
	if !shifted {
		o.found = s.judge(before, cell)
		o.values = s.measure(o.found)
	}
	found, values := o.found, o.values
	if complete := c.cabinet.channels.complete; complete != nil {
		complete(s, cell, found, values)
	}
	w := s.run.newWork(s, cell.ref, c.began, found, attempt, values)
	if shifted {
		w.touch(cell, c.shifted.fault.touch(cell.ref.Thing, true, nil, "has its neighbour's curve"))
	}
	w.work.Carrier, w.work.Place = c.tray.ref.ID, placeNames[c.next+1]
	w.tool[0] = mes.Tool{ID: s.channel(slot, c.next+1)}
	w.work.Tools = w.tool[:]
	cell.scrapped = w.lost()
	c.before[c.next] = int8(found) //nolint:gosec // a place in a short list
	s.run.emit(s, &w.event, w.truth)
}

// channel is the name of a channel, as `L1.FRM.03-CH07-12`.
func (s *station) channel(slot, place int) mes.ID {
	b := make([]byte, 0, 32)
	b = append(b, s.equipment...)
	b = append(b, "-CH"...)
	b = appendPadded(b, slot+1, 2)
	b = append(b, '-')
	return mes.ID(strconv.AppendInt(b, int64(place), 10))
}

// grade measures a cell's capacity: what its coating gives, less what a poor
// lot of active material takes away.
func grade(s *station, c *item, found int, values []float64) {
	const capacity = 0
	// Of the deviation in the table, the coating's share comes with the coating.
	const own, share = 0.54, 0.3
	k := &s.characteristics[capacity]
	if found < 0 || s.shows[found] != capacity {
		areal := 1.0
		if c.areal > 0 {
			areal = float64(c.areal)
		}
		factor := (1 + float64(share*(areal-1))) * (1 - float64(0.012*float64(c.taint)))
		for values[capacity] = 0; !k.within(values[capacity]); {
			values[capacity] = k.round(float64(k.nominal*factor) + float64(own*s.chance.NormFloat64()))
		}
	}
	c.capacity = values[capacity]
}
