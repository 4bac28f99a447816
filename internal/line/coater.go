package line

import (
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// coater makes mother coils. Where the batch or the foil changes within one, it
// reports the stretch before and the stretch after each on its own.
type coater struct {
	*station
	e    *electrode
	busy bool
	// waits says that the machine told of it.
	waits bool

	batch *lot
	// heel is what stays in the pipes when the batch is through.
	heel amount
	foil *slot

	mother *coil
	goal   mes.Micrometres
	// scrapped is the foil before the first metre.
	scrapped mes.Micrometres
	splices  []mes.Splice

	// The stretch that is being coated.
	began   moment
	stretch mes.Micrometres
	mass    amount
	values  []float64
}

// advance goes on with the mother, or begins one, unless none is wanted or
// something is missing.
func (c *coater) advance(now moment) {
	e, r := c.e, c.run
	if c.mother == nil {
		if !e.wants() {
			return
		}
		r.calendar.see(now)
		c.mother = &coil{ref: mes.Ref{
			Thing:              mes.Thing{Kind: mes.RefLot, ID: r.naming.next(e.coil, r.calendar.day)},
			MaterialDefinition: e.name + "-coil",
		}}
		c.goal = motherLength - mes.Micrometres(c.chance.IntN(61))*mes.Metre
		c.scrapped = mes.Micrometres(8000+c.chance.IntN(7001)) * mes.Metre / 1000
		c.splices = nil
		e.coming += lanes
	}
	for {
		if !c.ready(now) {
			if !c.waits {
				c.waits = true
				c.report(stateWaiting)
			}
			return
		}
		c.values = c.measure(-1)
		perMetre := e.metreMass(c.values[1])
		byBatch := mes.Micrometres((c.batch.left-c.heel)/perMetre) * mes.Metre
		byFoil := mes.Micrometres(c.foil.lot.left-20*one) / mes.Metre * mes.Metre
		if c.mother.length == 0 {
			byFoil = (mes.Micrometres(c.foil.lot.left-20*one) - c.scrapped) / mes.Metre * mes.Metre
		}
		rest := c.goal - c.mother.length
		c.stretch = min(rest, byBatch, byFoil)
		if c.stretch >= min(rest, 10*mes.Metre) {
			c.mass = perMetre * amount(c.stretch/mes.Metre)
			break
		}
		if byBatch < byFoil {
			c.unload()
		} else {
			c.foil.unload()
		}
	}
	if c.waits {
		c.waits = false
		c.report(stateRunning)
	}
	c.busy, c.began = true, now
	speed := c.values[c.column("web_speed")]
	cells := metresOf(c.stretch) * lanes / e.perCell
	r.plan(now+e.seconds(60*metresOf(c.stretch)/speed, len(e.coaters), cells), c, 0)
}

// ready puts on what is missing, and reports whether both are on.
func (c *coater) ready(now moment) bool {
	e, r := c.e, c.run
	if c.batch == nil && e.slurry.len() > 0 {
		c.batch = e.slurry.pop()
		e.stored -= c.batch.left
		c.heel = c.batch.got / 1000 * amount(5+c.chance.IntN(35))
		left := c.batch.left.of("kg")
		r.state(c.station, &mes.SlotChange{
			Action: mes.SlotLoad, Slot: "slurry", Material: c.batch.ref, Remaining: &left,
		}, Truth{})
	}
	before := c.foil.lot
	foil := c.foil.ready(now)
	if foil && c.foil.lot != before && c.mother.length > 0 {
		c.splices = append(c.splices, mes.Splice{At: c.mother.length, Next: c.foil.lot.ref.ID})
	}
	return c.batch != nil && foil
}

// unload takes the batch off. What is left of it goes into the next batch, now
// and then, or away.
func (c *coater) unload() {
	left := c.batch.left.of("kg")
	var truth Truth
	if c.chance.Float64() < 0.4 && c.e.rests.len() == 0 {
		c.e.rests.push(c.batch)
	} else {
		truth.Losses = c.batch.discard()
	}
	c.run.state(c.station, &mes.SlotChange{
		Action: mes.SlotUnload, Slot: "slurry", Material: c.batch.ref, Remaining: &left,
	}, truth)
	c.batch = nil
}

func (c *coater) act(now moment, _ int) {
	e, r, m := c.e, c.run, c.mother
	thing := m.ref.Thing
	from, to := m.length, m.length+c.stretch
	w := r.newWork(c.station, m.ref, c.began, -1, 1, c.values)
	place := &mes.Interval{From: from, To: to}
	slurry := c.batch.use(c.mass)
	w.work.Consumed = []mes.Actual{{Slot: "slurry", Quantity: &slurry}}
	links := []Link{{From: c.batch.ref.Thing, Into: thing, Quantity: slurry, Slot: "slurry"}}
	var losses []Loss
	if from == 0 {
		losses = []Loss{{Thing: c.foil.lot.ref.Thing, Quantity: c.foil.lot.use(amount(c.scrapped))}}
	}
	w.work.Consumed, links = c.foil.consume(amount(c.stretch), thing, w.work.Consumed, links)
	for i := range links {
		links[i].Place = place
	}
	produced := metres(c.stretch)
	w.work.Produced = []mes.Actual{{Ref: m.ref, Quantity: &produced, Interval: place}}
	m.length = to
	r.emit(c.station, &w.event, Truth{Links: links, Losses: losses})
	if m.length == c.goal {
		m.left = m.length
		m.marks = c.mark(m.length)
		r.state(c.station, &mes.CoilGeometry{
			Coil: m.ref.ID, Length: m.length, Lanes: lanes, Splices: c.splices, Marks: m.marks,
		}, Truth{})
		c.mother = nil
		e.mothers.push(m)
	}
	c.busy = false
	e.replenish(now)
}

// mark is what the camera found on the whole coil: some stretches that will be
// cut out, in the order of its metres.
func (c *coater) mark(length mes.Micrometres) []mes.Mark {
	var marks []mes.Mark
	at := 40 * mes.Metre
	for {
		at += mes.Micrometres(c.chance.ExpFloat64()*1200) * mes.Metre
		long := mes.Micrometres(2+c.chance.IntN(26)) * mes.Metre
		if at+long > length-40*mes.Metre {
			return slices.Clip(marks)
		}
		marks = append(marks, mes.Mark{
			Interval: mes.Interval{From: at, To: at + long},
			Code:     c.e.defects[c.chance.IntN(len(c.e.defects))],
		})
		at += long + mes.Metre
	}
}
