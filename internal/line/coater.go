package line

import (
	"math"

	"github.com/takt-mes/takt/internal/mes"
)

// coatSpeed is in metres a second, by nature.
const coatSpeed = 80. / 60

// coater makes mother coils. It reports what it measures scan by scan, and what
// it used for each stretch of one blend and one roll of foil.
type coater struct {
	*station
	e    *electrode
	tank *tank
	foil *slot
	busy bool
	// waits says that the machine told of it.
	waits bool
	// areal is the coating of both sides, single that of one as far as it does not
	// follow from the other.
	areal, single *wander

	mother *coil
	goal   mes.Micrometres

	// piece is how much is being coated until the next scan.
	piece mes.Micrometres
	began moment
	// lost is what was thrown away before the first metre.
	lost []Loss

	// What was coated since the lots last changed: from where and when on, and
	// how much it took.
	from     mes.Micrometres
	since    moment
	blend    *lot
	slurry   amount
	foilUsed amount

	// particles are the faults that wait for the next mother.
	particles queue[*fault]
}

func newCoater(s *station, e *electrode, t *tank) *coater {
	c := &coater{station: s, e: e, tank: t, foil: newSlot(s, "foil", e.foil, 60*one)}
	c.areal = newWander(s.process, "areal_density_total")
	// One side has half of what both vary, and the rest of its own deviation.
	c.single = newWander(s.process, "areal_density_single")
	own := *c.single.characteristic
	half := c.areal.sigma / 2
	own.sigma = math.Sqrt(float64(own.sigma*own.sigma) - float64(half*half))
	c.single.characteristic = &own
	return c
}

// advance goes on with the mother, or begins one, unless none is wanted or
// something is missing.
func (c *coater) advance(now moment) {
	if c.mother == nil {
		if !c.e.wants() {
			return
		}
		c.begin(now)
	}
	if !c.ready(now) {
		if !c.waits {
			c.waits = true
			c.report(stateWaiting)
		}
		return
	}
	if c.waits {
		c.waits = false
		c.report(stateRunning)
	}
	c.coat(now)
}

// begin begins a mother.
func (c *coater) begin(now moment) {
	e, r := c.e, c.run
	r.calendar.see(now)
	c.goal = c.tank.goal(motherLength - mes.Micrometres(c.chance.IntN(61))*mes.Metre)
	scan := mes.Micrometres(c.scan) * mes.Metre
	c.mother = &coil{
		ref: mes.Ref{
			Thing:              mes.Thing{Kind: mes.RefLot, ID: r.naming.next(e.coil, r.calendar.day)},
			MaterialDefinition: e.name + "-coil",
		},
		marks: c.find(c.goal, 0),
		web: &profile{
			areal:  make([]float32, 0, c.goal/mes.Metre),
			widths: make([][lanes]float32, 0, (c.goal+scan-1)/scan),
			scan:   c.scan,
		},
	}
	c.from, c.since, c.blend = 0, now, nil
	e.coming += lanes
	c.contaminate()
}

// ready puts on what is missing, and reports whether all is there. What was used
// of a lot is reported before the next one comes.
func (c *coater) ready(now moment) bool {
	if c.foil.short() && c.foil.lot != nil {
		c.settle(now)
	}
	before := c.foil.lot
	if !c.foil.ready(now) {
		return false
	}
	if m := c.mother; c.foil.lot != before && m.length > 0 {
		m.splices = append(m.splices, mes.Splice{At: m.length, Next: c.foil.lot.ref.ID})
	}
	if !c.tank.ready(now) {
		return false
	}
	if c.blend != c.tank.blend {
		c.settle(now)
		c.blend = c.tank.blend
	}
	return true
}

// coat coats up to the next scan.
func (c *coater) coat(now moment) {
	e, m := c.e, c.mother
	length := min(mes.Micrometres(c.scan)*mes.Metre, c.goal-m.length)
	if m.length == 0 {
		scrapped := c.scrap.draw(c.chance)
		c.lost = []Loss{
			{Thing: c.foil.lot.ref.Thing, Quantity: c.foil.lot.use(amount(scrapped))},
			{Thing: c.blend.ref.Thing, Quantity: c.blend.use(e.metreMass(e.coating().nominal) / 1000 * amount(scrapped/(mes.Metre/1000)))},
		}
	}
	var mass amount
	for range length / mes.Metre {
		areal := c.areal.next()
		m.web.areal = append(m.web.areal, float32(areal))
		mass += e.metreMass(areal)
	}
	c.blend.use(mass)
	c.foil.lot.use(amount(length))
	c.slurry += mass
	c.foilUsed += amount(length)
	c.piece, c.busy, c.began = length, true, now

	c.run.plan(now+e.seconds(metresOf(length)/coatSpeed, len(e.coaters), e.cells(length, lanes)), c, 0)
}

func (c *coater) act(now moment, _ int) {
	m := c.mother
	m.length += c.piece
	rec := newScan(c.station, m, m.length-c.piece, m.length, c.began)
	c.gauge(rec)
	c.run.emit(c.station, &rec.event, Truth{Losses: c.lost})
	c.lost, c.busy = nil, false
	if m.length < c.goal {
		c.advance(now)
		return
	}
	c.settle(now)
	c.finish(now)
}

// gauge measures the web where the scan ends, and its lanes.
func (c *coater) gauge(rec *scanned) {
	w := c.mother.web
	areal := float64(w.areal[len(w.areal)-1])
	var own float64
	for range c.piece / mes.Metre {
		own = c.single.next()
	}
	single := c.column("areal_density_single")
	limits := &c.characteristics[single]
	rec.set(single, min(max(own+(areal-c.areal.nominal)/2, limits.lsl), limits.usl))
	rec.set(c.column("areal_density_total"), areal)
	var widths [lanes]float32
	for i := range widths {
		widths[i] = float32(rec.measured.Values[c.column("coat_width_1")+i])
	}
	w.widths = append(w.widths, widths)
}

// settle reports what was used since the lots last changed.
func (c *coater) settle(now moment) {
	m := c.mother
	if m.length == c.from {
		c.since = now
		return
	}
	place := m.stretch(c.from, m.length)
	slurry, foil := c.slurry.of("kg"), c.foilUsed.of("m")
	w := c.run.newWork(c.station, m.ref, c.since, -1, 1, nil)
	w.work.Consumed = []mes.Actual{{Ref: c.blend.ref, Slot: "slurry", Quantity: &slurry}, {Slot: c.foil.name, Quantity: &foil}}
	w.work.Produced = []mes.Actual{{Ref: m.ref, Interval: &place}}
	c.run.emit(c.station, &w.event, Truth{Links: []Link{
		{From: c.blend.ref.Thing, Into: m.ref.Thing, Quantity: slurry, Place: &place, Slot: "slurry"},
		{From: c.foil.lot.ref.Thing, Into: m.ref.Thing, Quantity: foil, Place: &place, Slot: c.foil.name},
	}})
	if c.blend.taint > 0 {
		m.blemishes = append(m.blemishes, blemish{fault: c.blend.fault, interval: place, share: c.blend.taint})
	}
	c.from, c.since, c.slurry, c.foilUsed = m.length, now, 0, 0
}

// finish takes the mother off.
func (c *coater) finish(now moment) {
	m := c.mother
	m.left = m.length
	c.run.state(c.station, &mes.CoilGeometry{
		Coil: m.ref.ID, Length: m.length, Lanes: lanes, Splices: m.splices, Marks: m.marks,
	}, Truth{Touches: m.touches()})
	c.mother = nil
	c.tank.change(now)
	c.e.mothers.push(m)
	c.e.replenish(now)
}
