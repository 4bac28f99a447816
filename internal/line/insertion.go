package line

import "github.com/takt-mes/takt/internal/mes"

// insert puts two jelly rolls into a can and a lid on: a cell is born, and gets
// its serial. The code on the can becomes another name of it.
type insert struct{ run *run }

func (insert) ready(b *bench, now moment) bool { return b.stocked(now) }

func (i insert) work(b *bench, _ moment, found int, values []float64) {
	r, c := i.run, b.item
	b.use(1)
	rec := new(cellWork)
	var truth Truth
	if b.attempt == 1 {
		c.ref = r.newItem(cellKind, "cell").ref
		used, links := rec.consumed[:0], rec.links[:0]
		for _, roll := range c.parts {
			used = append(used, mes.Actual{Ref: roll.ref, Quantity: &piece})
			links = append(links, Link{From: roll.ref.Thing, Into: c.ref.Thing, Quantity: piece})
		}
		for _, t := range b.slots {
			used, links = t.consume(one, c.ref.Thing, used, links)
		}
		rec.work.work.Consumed, truth.Links = used, links
		c.parts = [2]*item{}
		c.can = canCode(b.slots[0].lot.ref.ID, int((b.slots[0].lot.got-b.slots[0].lot.left)/one))
	}
	rec.begin(r, b.station, c.ref, b.began, found, b.attempt, values)
	r.emit(b.station, &rec.event, truth)
	if found < 0 {
		r.state(b.station, &mes.AliasBinding{
			Item: c.ref, AliasKind: "can-code", Value: c.can, Reader: string(b.equipment) + ".CAM",
		}, Truth{})
		c.can = ""
	}
}

func (i insert) pass(now moment, c *item) {
	i.run.filling.queue.push(c)
	i.run.filling.serve(now)
}
