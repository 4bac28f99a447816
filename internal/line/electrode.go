package line

import (
	"math"

	"github.com/takt-mes/takt/internal/mes"
)

// lanes is how many daughters a mother coil is slit into, counted from the
// operator's side.
const lanes = 6

// polarity is what differs between the two electrodes.
type polarity struct {
	name, letter string
	batch, coil  kind
	// mass is how much a batch of slurry is, components what is in it.
	mass       amount
	components []component
	// solids is its share of solids in per cent, mixing how long it takes.
	solids float64
	foil   *material
	// width is the coated width of all lanes in centimetres, perCell the metres
	// of one lane in a cell, elongation the percentage between coating and
	// slitting (which is calendering's, that has no row in the table yet).
	width, perCell float64
	elongation     characteristic
	// defects are what a camera marks at the coater, to be cut out.
	defects []string
}

// component is a part of a slurry, in millionths of its mass.
type component struct {
	material *material
	share    int64
}

var cathode = &polarity{
	name: "cathode", letter: "C", batch: cathodeBatch, coil: cathodeCoil, mass: 2850 * one,
	components: []component{
		{activeMaterial, 601_400}, {carbonBlack, 6_200}, {binder, 12_400}, {solvent, 380_000},
	},
	solids: 62, foil: aluminiumFoil, width: lanes * 17.8, perCell: 10.4,
	elongation: characteristic{"elongation", "%", 0.3, 0.1, 0.6, 0.04, normal, 4},
	defects:    []string{"COT-03", "COT-04", "COT-05", "COT-06", "COT-01"},
}

var anode = &polarity{
	name: "anode", letter: "A", batch: anodeBatch, coil: anodeCoil, mass: 2050 * one,
	components: []component{
		{graphite, 498_000}, {carbonBlack, 4_000}, {thickener, 6_500}, {rubberBinder, 11_500}, {water, 480_000},
	},
	solids: 52, foil: copperFoil, width: lanes * 18.2, perCell: 10.7,
	elongation: characteristic{"elongation", "%", 0.15, 0.05, 0.4, 0.03, normal, 4},
	defects:    []string{"COT-03", "COT-06", "COT-05", "COT-02"},
}

// metreMass is how much slurry a metre of web of all lanes takes, at a coating
// in mg/cm² of solids.
func (p *polarity) metreMass(areal float64) amount {
	return amount(math.Round(areal * 100 * p.width / (p.solids / 100)))
}

// motherLength is how long a mother coil becomes.
const motherLength = 3000 * mes.Metre

// coil is a roll of electrode: a mother, or a daughter of one lane.
type coil struct {
	ref    mes.Ref
	length mes.Micrometres
	// left is the metre down to which it is unwound: [0, left) is on it yet.
	left mes.Micrometres
	// shown is the same as the machine said that it was on last, and how far
	// that may be off.
	shown mes.Interval
	// marks are a mother's defects, in the order of its metres.
	marks []mes.Mark
	// off is the machine that it was taken off half used.
	off *winder
}

// electrode is the way from materials to the daughter coils of one polarity.
// What comes later in it pulls: a mother is coated when daughters run low, a
// batch is mixed when slurry does.
type electrode struct {
	*polarity
	run      *run
	mixers   []*mixer
	coaters  []*coater
	slitters []*slitter

	slurry queue[*lot]
	// rests are what was left over of batches and may go into the next.
	rests queue[*lot]
	// stored is how much slurry there is, mixing how much of it is in the mixers.
	stored, mixing amount
	mothers        queue[*coil]
	daughters      queue[*coil]
	halves         []*coil
	// coming is how many daughters will come of mothers that are begun.
	coming int
	// coilTarget and slurryTarget are what is to be there and on its way.
	coilTarget             int
	slurryTarget, slurryIn amount
}

func newElectrode(r *run, p *polarity) *electrode {
	e := &electrode{polarity: p, run: r}
	for _, s := range r.processes["MIX-"+p.letter].stations {
		e.mixers = append(e.mixers, &mixer{station: s, e: e})
	}
	for _, s := range r.processes["COT-"+p.letter].stations {
		e.coaters = append(e.coaters, &coater{station: s, e: e, foil: newSlot(s, "foil", p.foil, 60*one)})
	}
	for _, s := range r.processes["SLT-"+p.letter].stations {
		e.slitters = append(e.slitters, &slitter{station: s, e: e})
	}
	// A daughter's way takes an hour and a half, a batch's five hours; while the
	// machines are filled for the first time, all they hold comes on top.
	areal := e.coaters[0].characteristics[1].nominal
	mother := float64(p.metreMass(areal)) * float64(motherLength/mes.Metre)
	perDaughter := metresOf(motherLength) / p.perCell
	e.coilTarget = int(1.5*3600*r.pace/r.shortest/perDaughter) + 8
	first := float64((r.config.Machines.Winders+e.coilTarget)/lanes + 2)
	perCell := mother / lanes / perDaughter
	e.slurryTarget = max(2*p.mass, amount(5*3600*r.pace/r.shortest*perCell))
	e.slurryIn = max(e.slurryTarget, amount(first*mother))
	for _, c := range p.components {
		s := r.stockOf(c.material)
		s.first += e.slurryIn/one*amount(c.share) + 2*e.share(c)
	}
	return e
}

// share is how much of a component is in a batch.
func (p *polarity) share(c component) amount { return p.mass / one * amount(c.share) }

// metresOf returns a length as a number of metres.
func metresOf(m mes.Micrometres) float64 { return float64(m) / float64(mes.Metre) }

// wants reports whether one more mother is to be coated.
func (e *electrode) wants() bool {
	target := e.coilTarget
	if e.run.now < e.run.start-3*minute {
		target += e.run.config.Machines.Winders
	}
	return e.daughters.len()+len(e.halves)+e.coming < target
}

// replenish begins what can be begun.
func (e *electrode) replenish(now moment) {
	for _, s := range e.slitters {
		if !s.busy && e.mothers.len() > 0 {
			s.begin(now)
		}
	}
	for _, c := range e.coaters {
		if !c.busy {
			c.advance(now)
		}
	}
	target := e.slurryTarget
	if now < e.run.start-3*minute {
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
// machines must make so many cells at once.
func (e *electrode) seconds(natural float64, machines int, cells float64) moment {
	return max(1, moment(1000*min(natural*e.run.pace, 0.95*float64(machines)*cells*e.run.shortest)))
}
