package line

import "github.com/takt-mes/takt/internal/mes"

// packModules is how many modules a pack has, in series.
const packModules = 6

// packing makes packs of modules. A pack is what leaves the line, under a code.
type packing struct {
	run     *run
	queue   queue[*item]
	packers []*packer
	cycle   moment
}

// packer is a place where one pack at a time is made.
type packer struct {
	*station
	packing *packing
	pack    *item
	began   moment
}

func newPacking(r *run) *packing {
	g := &packing{run: r}
	for _, s := range r.processes["PCK"].stations {
		g.packers = append(g.packers, &packer{station: s, packing: g})
	}
	g.cycle = r.cycle(80, len(g.packers), packModules*moduleCells)
	return g
}

func (g *packing) serve(now moment) {
	for _, p := range g.packers {
		if p.pack == nil && g.queue.len() >= packModules {
			p.pack, p.began = g.run.newItem(packKind, "pack-96S"), now
			p.pack.voltage = g.run.join(p.station, p.pack, &g.queue, packModules)
			g.run.plan(now+g.cycle, p, 0)
		}
	}
}

func (p *packer) act(now moment, _ int) {
	r := p.run
	values := p.measure(-1)
	at := p.column("pack_voltage")
	values[at] = p.characteristics[at].round(p.pack.voltage)
	w := r.newWork(p.station, p.pack.ref, p.began, -1, 1, values)
	r.emit(p.station, &w.event, Truth{})
	r.state(p.station, &mes.AliasBinding{
		Item: p.pack.ref, AliasKind: "gbt-34014", Value: r.naming.packCode(&r.calendar), Reader: string(p.equipment) + ".SCN",
	}, Truth{})
	p.pack = nil
	p.packing.serve(now)
}
