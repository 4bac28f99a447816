package line

import (
	"math"
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// polarity is what differs between the two electrodes.
type polarity struct {
	name, letter       string
	batch, blend, coil kind
	// mass is how much a batch of slurry is, components what is in it.
	mass       amount
	components []component
	// solids is its share of solids in per cent, mixing how long it takes.
	solids        float64
	foil          *material
	foilThickness float64 // µm
	// width is the coated width of all lanes in centimetres, perCell the metres
	// of one lane in a cell.
	width, perCell float64
}

// component is a part of a slurry, in millionths of its mass.
type component struct {
	material *material
	share    int64
}

var cathode = &polarity{
	name: "cathode", letter: "C", batch: cathodeBatch, blend: cathodeBlend, coil: cathodeCoil, mass: 2850 * one,
	components: []component{
		{activeMaterial, 601_400}, {carbonBlack, 6_200}, {binder, 12_400}, {solvent, 380_000},
	},
	solids: 62, foil: aluminiumFoil, foilThickness: 13, width: lanes * 17.8, perCell: 10.4,
}

var anode = &polarity{
	name: "anode", letter: "A", batch: anodeBatch, blend: anodeBlend, coil: anodeCoil, mass: 2050 * one,
	components: []component{
		{graphite, 498_000}, {carbonBlack, 4_000}, {thickener, 6_500}, {rubberBinder, 11_500}, {water, 480_000},
	},
	solids: 52, foil: copperFoil, foilThickness: 6, width: lanes * 18.2, perCell: 10.7,
}

// coating is the coating of both sides, in the table.
func (p *polarity) coating() *characteristic {
	s := stepOf("COT-" + p.letter)
	return &s.characteristics[s.column("areal_density_total")]
}

// metreMass is how much slurry a metre of web of all lanes takes, at a coating
// in mg/cm² of solids.
func (p *polarity) metreMass(areal float64) amount {
	return amount(math.Round(areal * 100 * p.width / (p.solids / 100)))
}

// share is how much of a component is in a batch.
func (p *polarity) share(c component) amount { return p.mass / one * amount(c.share) }

// metresOf returns a length as a number of metres.
func metresOf(m mes.Micrometres) float64 { return float64(m) / float64(mes.Metre) }

// cells is how many cells the electrode of a length of web is for.
func (p *polarity) cells(length mes.Micrometres, lanes uint32) float64 {
	return metresOf(length) * float64(lanes) / p.perCell
}

// electrode is the way from materials to the coils that winders take, of one
// polarity. What comes later in it pulls: a mother is coated when there are few
// coils for winders and on their way, a batch is mixed when slurry runs low; what
// is coated is rewound as soon as a machine is free.
type electrode struct {
	*polarity
	run       *run
	mixers    []*mixer
	tanks     []*tank
	coaters   []*coater
	rewinders [len(passes)][]*rewinder

	slurry queue[*lot]
	// rests are what was left over in tanks and may go into the next batch.
	rests queue[*lot]
	// stored is how much slurry there is, mixing how much of it is in the mixers.
	stored, mixing amount
	// mothers wait for the first pass, and so on.
	mothers, calendered, strips queue[*coil]
	// daughters are whole coils for winders, halves what came back from one.
	daughters queue[*coil]
	halves    []*coil
	// coming is how many daughters will come of mothers that are begun.
	coming int
	// coilTarget and slurryTarget are what is to be there and on its way;
	// slurryIn is that while the machines are filled for the first time.
	coilTarget             int
	slurryTarget, slurryIn amount

	// torn and turned are the faults that wait for a winder.
	torn, turned queue[*fault]
}

func newElectrode(r *run, p *polarity) *electrode {
	e := &electrode{polarity: p, run: r}
	for _, s := range r.processes["MIX-"+p.letter].stations {
		e.mixers = append(e.mixers, &mixer{station: s, e: e})
	}
	for _, s := range r.processes["TNK-"+p.letter].stations {
		e.tanks = append(e.tanks, &tank{station: s, e: e})
	}
	for i, s := range r.processes["COT-"+p.letter].stations {
		// A line that was given fewer tanks shares them.
		e.coaters = append(e.coaters, newCoater(s, e, e.tanks[i%len(e.tanks)]))
	}
	from := [len(passes)]*queue[*coil]{&e.mothers, &e.calendered, &e.strips}
	into := [len(passes)]func(*coil){e.calendered.push, e.strips.push, e.deliver}
	for i := range passes {
		for _, s := range r.processes[passes[i].code+"-"+p.letter].stations {
			e.rewinders[i] = append(e.rewinders[i], newRewinder(s, &passes[i], e, from[i], into[i]))
		}
	}
	// A batch's way takes five hours and a half; while the machines are filled for
	// the first time, all they hold comes on top. Daughters come a mother at a
	// time.
	mother := float64(p.metreMass(p.coating().nominal)) * metresOf(motherLength)
	perDaughter := p.cells(motherLength, 1)
	e.coilTarget = int(float64(e.road()/second)/r.shortest/perDaughter) + 2*lanes
	first := float64((r.processes["WND"].count(r.config)+e.coilTarget)/lanes + 2)
	e.slurryTarget = max(2*p.mass, amount(5.5*3600*r.pace/r.shortest*mother/lanes/perDaughter))
	e.slurryIn = max(e.slurryTarget, amount(first*mother))
	for _, c := range p.components {
		s := r.stockOf(c.material)
		s.first += e.slurryIn/one*amount(c.share) + 2*e.share(c)
	}
	return e
}

// deliver takes a coil that winders may have.
func (e *electrode) deliver(c *coil) {
	c.divide()
	c.shown = c.stretch(0, c.length)
	e.coming--
	e.daughters.push(c)
}

// coatTime is how long a mother is coated, passTime how long a coil is on a
// machine of a pass, batchTime how long a batch is mixed.
func (e *electrode) coatTime() moment {
	return e.seconds(metresOf(motherLength)/coatSpeed, len(e.coaters), e.cells(motherLength, lanes))
}

func (e *electrode) passTime(i int) moment {
	side := uint32(lanes)
	if passes[i].code == "NOT" {
		side = 1
	}
	return e.seconds(metresOf(motherLength)/passes[i].speed, len(e.rewinders[i]), e.cells(motherLength, side))
}

func (e *electrode) batchTime() moment {
	mixTime := e.mixers[0].column("mix_time")
	return e.seconds(60*e.mixers[0].characteristics[mixTime].nominal, len(e.mixers), e.batchCells())
}

// road is how long the daughters of the mothers that are begun at once are on
// their way.
func (e *electrode) road() moment {
	notchers := len(e.rewinders[2])
	rounds := (len(e.coaters)*lanes + notchers - 1) / notchers
	return e.coatTime() + e.passTime(0) + e.passTime(1) + moment(rounds)*e.passTime(2)
}

// filling is how long it takes from the first batch until there are daughters for
// all winders.
func (e *electrode) filling() moment {
	daughters := e.run.processes["WND"].count(e.run.config) + lanes
	each := func(time moment, machines, number int) moment {
		return time * moment((number+machines-1)/machines)
	}
	mothers := (daughters + lanes - 1) / lanes
	mass := float64(mothers) * float64(e.metreMass(e.coating().nominal)) * metresOf(motherLength)
	batches := int(mass/float64(e.mass)) + 1
	return e.batchTime() + e.road() + max(
		each(e.batchTime(), len(e.mixers), batches), each(e.coatTime(), len(e.coaters), mothers), each(e.passTime(2), len(e.rewinders[2]), daughters),
	)
}

// batchCells is how many cells a batch is for.
func (e *electrode) batchCells() float64 {
	perMetre := e.metreMass(e.coating().nominal)
	return e.cells(mes.Micrometres(e.mass/perMetre)*mes.Metre, lanes)
}

// wants reports whether one more mother is to be coated.
func (e *electrode) wants() bool {
	target := e.coilTarget
	if e.starting() {
		target += e.run.processes["WND"].count(e.run.config)
	}
	return e.daughters.len()+len(e.halves)+e.coming < target
}

// starting reports whether the machines are being filled for the first time.
func (e *electrode) starting() bool { return e.run.now < e.run.start-3*minute }

// replenish begins what can be begun.
func (e *electrode) replenish(now moment) {
	for i := range slices.Backward(passes[:]) {
		for _, w := range e.rewinders[i] {
			if w.parent == nil && w.in.len() > 0 {
				w.begin(now)
			}
		}
	}
	for _, c := range e.coaters {
		if !c.busy {
			c.advance(now)
		}
	}
	target := e.slurryTarget
	if e.starting() {
		target = e.slurryIn
	}
	for _, m := range e.mixers {
		if e.stored+e.mixing >= target {
			break
		}
		if !m.busy {
			m.begin(now)
		}
	}
}

// daughter takes a coil for a winder: one that another winder had half used, or
// a whole one; nil where there is none.
func (e *electrode) daughter(now moment, w *winder) *coil {
	var c *coil
	for i, half := range e.halves {
		if half.off != w || e.daughters.len() == 0 {
			c = half
			e.halves = append(e.halves[:i], e.halves[i+1:]...)
			break
		}
	}
	if c == nil && e.daughters.len() > 0 {
		c = e.daughters.pop()
	}
	e.replenish(now)
	return c
}

// seconds stretches a time by the pace of the line, or further where few
// machines must make so many cells at once, some of which will not be finished.
func (e *electrode) seconds(natural float64, machines int, cells float64) moment {
	needed := 0.9 * e.run.rollShare * float64(machines) * cells * e.run.shortest
	return max(1, moment(1000*min(natural*e.run.pace, needed)))
}
