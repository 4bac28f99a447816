package line

import (
	"math"
	"strconv"

	"github.com/takt-mes/takt/internal/mes"
)

// bin is what cells of one module have in common: capacity in steps of 0.5 Ah,
// voltage in steps of 1.5 mV.
type bin struct{ capacity, voltage int }

// sorting grades cells, gives each its code, and puts those that belong together
// into a box.
type sorting struct {
	run   *run
	boxes map[bin]*box // asked by bin alone, never ranged over
	next  *infeed
}

// box holds the cells of one module.
type box struct {
	ref   mes.Ref
	cells []*item
}

func (g *sorting) craft() craft {
	return craft{
		record: func(b *bench, _ moment, _ int, w *work) {
			w.work.Place = gradeOf(b.item)
		},
		after: func(b *bench, _ moment, _ int) {
			r := g.run
			r.state(b.station, &mes.AliasBinding{
				Item: b.item.ref, AliasKind: "gbt-34014", Value: r.naming.code(codeCell, &r.calendar), Reader: string(b.equipment) + ".LBL",
			}, Truth{})
		},
	}
}

func gradeOf(c *item) string {
	return "grade-" + strconv.Itoa(int(math.Floor(c.capacity)))
}

func (g *sorting) take(now moment, c *item) {
	r := g.run
	k := bin{int(math.Floor(c.capacity * 2)), int(math.Floor(c.second / 0.0015))}
	x := g.boxes[k]
	if x == nil {
		r.calendar.see(now)
		x = &box{ref: mes.Ref{
			Thing:              mes.Thing{Kind: mes.RefCarrier, ID: r.naming.next(boxKind, r.calendar.day)},
			MaterialDefinition: "box-16",
		}}
		g.boxes[k] = x
	}
	x.cells = append(x.cells, c)
	if len(x.cells) < moduleCells {
		return
	}
	delete(g.boxes, k)
	r.state(r.processes["SRT"].stations[0], &mes.Placement{Action: mes.PlacementAdd, Parent: x.ref, Children: childrenOf(x.cells)}, Truth{})
	g.next.takeBox(now, x)
}

// childrenOf gives items their places, in their order.
func childrenOf(items []*item) []mes.Child {
	list := make([]mes.Child, len(items))
	for i, c := range items {
		list[i] = mes.Child{Ref: c.ref, Place: placeNames[i+1]}
	}
	return list
}
