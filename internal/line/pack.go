package line

import (
	"github.com/takt-mes/takt/internal/mes"
)

// packModules is how many modules a pack has, in series.
const packModules = 6

// shipmentPacks is how many packs leave together.
const shipmentPacks = 4

// collecting gathers the modules of a pack.
type collecting struct {
	modules []*item
	next    taker
}

func (g *collecting) take(now moment, m *item) {
	g.modules = append(g.modules, m)
	if len(g.modules) < packModules {
		return
	}
	p := &item{built: g.modules}
	g.modules = nil
	g.next.take(now, p)
}

// packing makes a pack of modules, a management system, a housing and a harness.
func packing(r *run) craft {
	return craft{
		complete: func(b *bench, _ moment, _ int, _ []float64) {
			if b.attempt == 1 {
				b.item.ref = r.newItem(packKind, "pack-96S").ref
			}
		},
		record: func(b *bench, _ moment, _ int, _ *work) {
			if b.attempt == 1 {
				r.join(b.station, b.item, append(childrenOf(b.item.built), r.newSystem(b.item)))
			}
		},
	}
}

// newSystem builds a battery management system in, which comes with a serial and
// is the last of a pack's parts.
func (r *run) newSystem(pack *item) mes.Child {
	r.calendar.see(r.now)
	r.systems++
	system := &item{ref: mes.Ref{
		Thing:              mes.Thing{Kind: mes.RefItem, ID: r.naming.lot("BMS", r.calendar.day, r.systems)},
		MaterialDefinition: "BMS",
	}}
	pack.built = append(pack.built[:packModules], system)
	return pack.systemPlace()
}

func (c *item) systemPlace() mes.Child {
	return mes.Child{Ref: c.built[packModules].ref, Place: "BMS"}
}

// labelling tests a pack at the end, gives it its code and ships it. Where the
// management system cannot be flashed, it is replaced.
func labelling(r *run) craft {
	const voltage = 1
	return craft{
		complete: func(b *bench, _ moment, _ int, values []float64) {
			sum := 0.0
			for _, m := range b.item.built[:packModules] {
				sum += m.third
			}
			values[voltage] = b.characteristics[voltage].round(sum)
		},
		after: func(b *bench, _ moment, found int) {
			p := b.item
			if found >= 0 {
				r.part(b.station, p, p.systemPlace())
				r.join(b.station, p, []mes.Child{r.newSystem(p)})
				return
			}
			r.state(b.station, &mes.AliasBinding{
				Item: p.ref, AliasKind: "gbt-34014", Value: r.naming.code(codePack, &r.calendar), Reader: string(b.equipment) + ".SCN",
			}, Truth{})
		},
	}
}

// shipping sends packs away.
type shipping struct {
	run   *run
	packs []*item
	count int
}

func (g *shipping) take(_ moment, p *item) {
	g.packs = append(g.packs, p)
	if len(g.packs) < shipmentPacks {
		return
	}
	r := g.run
	r.calendar.see(r.now)
	g.count++
	r.state(r.processes["PEOL"].stations[0], &mes.Placement{
		Action: mes.PlacementAdd, Children: childrenOf(g.packs),
		Parent: mes.Ref{
			Thing:              mes.Thing{Kind: mes.RefShipment, ID: r.naming.lot("SHP", r.calendar.day, g.count)},
			MaterialDefinition: "customer-A",
		},
	}, Truth{})
	g.packs = g.packs[:0]
}
