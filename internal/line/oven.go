package line

import "github.com/takt-mes/takt/internal/mes"

// baking is the vacuum ovens. Trays are put on a rack, the load is baked, and
// then one cell of it is destroyed to measure its moisture; the load waits for
// the result.
type baking struct {
	run   *run
	trays []*tray
	loads queue[*load]
	free  queue[*load] // racks
	ovens []*oven
	turn  int
	dwell moment
	lab   *laboratory
	next  trayTaker
	leaks []*leak
}

// oven is empty, or has a load.
type oven struct {
	*station
	baking *baking
	load   *load
}

// load is a rack with its trays.
type load struct {
	baking  *baking
	ref     mes.Ref
	trays   []*tray
	oven    *oven
	began   moment
	attempt uint32
}

func newBaking(r *run, next trayTaker) *baking {
	g := &baking{run: r, next: next, dwell: span(r.config.Dwell.Bake)}
	p := r.processes["BAK"]
	for _, s := range p.stations {
		g.ovens = append(g.ovens, &oven{station: s, baking: g})
	}
	// A load must come out as often as one is filled.
	cells := float64(r.config.OvenTrays * trayPlaces)
	g.dwell = min(g.dwell, moment(900*float64(len(g.ovens))*cells*r.shortest))
	g.lab = newLaboratory(r, "KFT", g.dwell/14)
	return g
}

func (g *baking) takeTray(now moment, t *tray) {
	g.trays = append(g.trays, t)
	if len(g.trays) < g.run.config.OvenTrays {
		return
	}
	var l *load
	if g.free.len() > 0 {
		l = g.free.pop()
	} else {
		l = &load{baking: g, ref: mes.Ref{
			Thing:              mes.Thing{Kind: mes.RefCarrier, ID: g.run.naming.reused(rackKind)},
			MaterialDefinition: "oven-rack",
		}}
	}
	l.trays, l.attempt = append(l.trays[:0], g.trays...), 1
	g.trays = g.trays[:0]
	g.loads.push(l)
	g.serve(now)
}

func (g *baking) serve(now moment) {
	for range g.ovens {
		if g.loads.len() == 0 {
			return
		}
		o := g.ovens[g.turn]
		g.turn = (g.turn + 1) % len(g.ovens)
		if o.load != nil {
			continue
		}
		l := g.loads.pop()
		o.load, l.oven, l.began = l, o, now
		if l.attempt == 1 {
			in := &mes.Placement{Action: mes.PlacementAdd, Parent: l.ref, Children: make([]mes.Child, len(l.trays))}
			for i, t := range l.trays {
				in.Children[i] = mes.Child{Ref: t.ref, Place: placeNames[i+1]}
			}
			g.run.state(o.station, in, Truth{})
		}
		g.run.plan(now+o.passes(g.dwell), l, 0)
	}
}

// act ends a bake.
func (l *load) act(now moment, _ int) {
	o, g := l.oven, l.baking
	found := o.judge(-1, nil)
	values := o.measure(found)
	o.passed(values, now-l.began)
	w := g.run.newWork(o.station, l.ref, l.began, found, l.attempt, values)
	g.moisten(l, now, w)
	g.run.emit(o.station, &w.event, w.truth)
	o.load = nil
	if found >= 0 {
		for _, t := range l.trays {
			for _, c := range t.cells {
				c.scrap()
			}
		}
	}
	l.sample(o, now, found < 0)
	g.serve(now)
}

// sample takes a cell to the laboratory, and goes on when its moisture is known.
func (l *load) sample(o *oven, now moment, good bool) {
	g := l.baking
	t := l.trays[o.chance.IntN(len(l.trays))]
	at := o.chance.IntN(len(t.cells))
	c := t.cells[at]
	if !good || c == nil || c.scrapped {
		l.release(now)
		return
	}
	t.cells[at] = nil
	g.run.state(o.station, &mes.Placement{
		Action: mes.PlacementDelete, Parent: t.ref, Children: []mes.Child{{Ref: c.ref, Place: placeNames[at+1]}},
	}, Truth{})
	g.lab.test(now, specimen{
		item: c, carrier: t.ref.ID, place: placeNames[at+1],
		result: func(now moment, passed bool) {
			if passed {
				l.release(now)
				return
			}
			l.attempt++
			g.loads.push(l)
			g.serve(now)
		},
	})
}

// release takes the trays off the rack, and hands them on.
func (l *load) release(now moment) {
	g := l.baking
	g.run.state(l.oven.station, &mes.Placement{Action: mes.PlacementDelete, Parent: l.ref}, Truth{})
	for _, t := range l.trays {
		g.next.takeTray(now, t)
	}
	clear(l.trays)
	g.free.push(l)
}
