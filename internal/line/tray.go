package line

import (
	"fmt"

	"github.com/takt-mes/takt/internal/mes"
)

// trayPlaces is how many cells a tray holds.
const trayPlaces = 32

// placeNames are the names of places, from 1.
var placeNames = func() (names [trayPlaces + 1]string) {
	for i := range names {
		names[i] = fmt.Sprintf("%02d", i)
	}
	return names
}()

// tray carries cells through formation and rest, and is then used again.
type tray struct {
	run *run
	ref mes.Ref
	// cells are in it, the first at place 1.
	cells []*item
	// cabinet is where it is in formation, since began.
	cabinet *station
	began   moment
	// next is the cell that reports next; before are the defects of those that
	// failed, −1 for the others.
	next   int
	before [trayPlaces]int
	second bool
}

// The stages of a tray.
const (
	trayResult = iota
	trayRetest
	trayUnload
)

// loading puts cells into trays.
type loading struct {
	run     *run
	queue   queue[*item]
	loaders []*loader
	cycle   moment
}

// loader is a machine that fills one tray after the other, place by place.
type loader struct {
	*station
	loading *loading
	tray    *tray
	item    *item
}

func newLoading(r *run) *loading {
	l := &loading{run: r}
	for _, s := range r.processes["TRL"].stations {
		l.loaders = append(l.loaders, &loader{station: s, loading: l})
	}
	l.cycle = r.cycle(1.6, len(l.loaders), 1)
	return l
}

func (l *loading) serve(now moment) {
	for _, m := range l.loaders {
		if m.item == nil && l.queue.len() > 0 {
			m.item = l.queue.pop()
			l.run.plan(now+l.cycle, m, 0)
		}
	}
}

func (m *loader) act(now moment, _ int) {
	r := m.run
	if m.tray == nil {
		m.tray = r.emptyTray()
	}
	t := m.tray
	t.cells = append(t.cells, m.item)
	r.state(m.station, &mes.Placement{
		Action: mes.PlacementAdd, Parent: t.ref,
		Children: []mes.Child{{Ref: m.item.ref, Place: placeNames[len(t.cells)]}},
	}, Truth{})
	if len(t.cells) == trayPlaces {
		t.form(now)
		m.tray = nil
	}
	m.item = nil
	m.loading.serve(now)
}

func (r *run) emptyTray() *tray {
	if r.freeTrays.len() > 0 {
		return r.freeTrays.pop()
	}
	return &tray{run: r, ref: mes.Ref{
		Thing:              mes.Thing{Kind: mes.RefCarrier, ID: r.naming.tray()},
		MaterialDefinition: "tray-32",
	}}
}

// form sends the tray through a cabinet, which reports its cells one by one when
// they are done.
func (t *tray) form(now moment) {
	cabinets := t.run.processes["FRM"].stations
	t.cabinet = cabinets[t.run.cabinet]
	t.run.cabinet = (t.run.cabinet + 1) % len(cabinets)
	t.began, t.next, t.second = now+minute, 0, false
	t.run.plan(t.began+span(t.run.config.FormationTime), t, trayResult)
}

func (t *tray) act(now moment, stage int) {
	r, s := t.run, t.cabinet
	switch stage {
	case trayResult:
		t.before[t.next] = t.report(now, -1, 1)
		t.next++
		if t.next < len(t.cells) {
			r.plan(now+r.cycle(2, len(s.stations), 0.5), t, trayResult)
			return
		}
		t.next = -1
		t.again(now, max(1, span(r.config.FormationTime)/12))
	case trayRetest:
		// Its contact was bad: it was put in anew, and charged to the end.
		t.report(now, t.before[t.next], 2)
		t.again(now, r.cycle(2, len(s.stations), 0.5))
	case trayUnload:
		t.unload(now)
	}
}

// again goes on with the next cell that is to be tested again, or to rest.
func (t *tray) again(now, after moment) {
	if t.next < 0 {
		t.began = now
	}
	for t.next++; t.next < len(t.cells); t.next++ {
		if found := t.before[t.next]; found >= 0 && t.cabinet.defects[found].first == retest {
			t.run.plan(now+after, t, trayRetest)
			return
		}
	}
	t.run.plan(now+span(t.run.config.RestTime), t, trayUnload)
}

// report puts out the result of the tray's next cell, and returns its defect.
func (t *tray) report(now moment, before int, attempt uint32) int {
	s, c := t.cabinet, t.cells[t.next]
	found := s.judge(before)
	values := s.measure(found)
	w := t.run.newWork(s, c.ref, t.began, found, attempt, values)
	w.work.Carrier, w.work.Place = t.ref.ID, placeNames[t.next+1]
	c.voltage, c.measured = values[len(values)-1], now // ocv1
	c.scrapped = w.work.Disposition == scrap
	t.run.emit(s, &w.event, Truth{})
	return found
}

// unload takes all cells out; the good ones go on.
func (t *tray) unload(now moment) {
	r := t.run
	s := r.processes["TRU"].stations[0]
	out := &mes.Placement{Action: mes.PlacementDelete, Parent: t.ref}
	if r.processes["TRL"].chance.IntN(4) > 0 { // now and then it just says all
		out.Children = make([]mes.Child, len(t.cells))
		for i, c := range t.cells {
			out.Children[i] = mes.Child{Ref: c.ref, Place: placeNames[i+1]}
		}
	}
	r.state(s, out, Truth{})
	for _, c := range t.cells {
		if !c.scrapped {
			r.testing.queue.push(c)
		}
	}
	clear(t.cells)
	t.cells = t.cells[:0]
	r.freeTrays.push(t)
	r.testing.serve(now)
}
