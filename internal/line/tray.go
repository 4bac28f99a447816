package line

import (
	"fmt"

	"github.com/takt-mes/takt/internal/mes"
)

// trayPlaces is how many cells a tray holds.
const trayPlaces = 32

// placeNames are the names of places, from 1.
var placeNames = func() (names [maxOvenTrays + 1]string) {
	for i := range names {
		names[i] = fmt.Sprintf("%02d", i)
	}
	return names
}()

// tray carries cells where they need time more than work, and is then used
// again.
type tray struct {
	ref mes.Ref
	// cells are in it, the first at place 1; nil where one was taken out.
	cells []*item
}

// trayTaker is what trays are handed on to.
type trayTaker interface {
	takeTray(now moment, t *tray)
}

func (r *run) emptyTray() *tray {
	if r.freeTrays.len() > 0 {
		return r.freeTrays.pop()
	}
	return &tray{ref: mes.Ref{
		Thing:              mes.Thing{Kind: mes.RefCarrier, ID: r.naming.reused(trayKind)},
		MaterialDefinition: "tray-32",
	}}
}

// children are what is in the tray, place by place.
func (t *tray) children() []mes.Child {
	list := make([]mes.Child, 0, len(t.cells))
	for i, c := range t.cells {
		if c != nil {
			list = append(list, mes.Child{Ref: c.ref, Place: placeNames[i+1]})
		}
	}
	return list
}

// loader fills one tray after the other.
type loader struct {
	*station
	tray *tray
	next trayTaker
}

func newLoader(r *run, code string, next trayTaker) *loader {
	return &loader{station: r.processes[code].stations[0], next: next}
}

func (l *loader) take(now moment, c *item) {
	if l.tray == nil {
		l.tray = l.run.emptyTray()
	}
	t := l.tray
	t.cells = append(t.cells, c)
	if len(t.cells) < trayPlaces {
		return
	}
	l.tray = nil
	l.run.state(l.station, &mes.Placement{Action: mes.PlacementAdd, Parent: t.ref, Children: t.children()}, Truth{})
	l.next.takeTray(now, t)
}

// unloader empties trays; the good cells go on.
type unloader struct {
	*station
	next taker
}

func newUnloader(r *run, code string, next taker) *unloader {
	return &unloader{station: r.processes[code].stations[0], next: next}
}

func (u *unloader) takeTray(now moment, t *tray) {
	out := &mes.Placement{Action: mes.PlacementDelete, Parent: t.ref, Children: t.children()}
	all := u.chance.IntN(4) == 0 // now and then it just says all
	if len(out.Children) > 0 {
		if all {
			out.Children = nil
		}
		u.run.state(u.station, out, Truth{})
	}
	for _, c := range t.cells {
		if c != nil && !c.scrapped {
			u.next.take(now, c)
		}
	}
	clear(t.cells)
	t.cells = t.cells[:0]
	u.run.freeTrays.push(t)
}
