package line

import (
	"math"
	"math/rand/v2"

	"github.com/takt-mes/takt/internal/mes"
)

// calender is what a rewinder knows that presses the web.
type calender struct {
	*process
	thickness *wander
	foil      float64
	// offset and noise bring the density, which follows from the coating and the
	// thickness, to the centre and the deviation of the table.
	offset, noise float64
	elongation    float64
}

func newCalender(p *process, of *polarity) *calender {
	k := &calender{process: p, thickness: newWander(p, "thickness"), foil: of.foilThickness}
	density := &p.characteristics[p.column("density")]
	areal := of.coating()
	follows := k.density(areal.nominal, k.thickness.nominal)
	k.offset = density.nominal - follows
	// Small deviations of a quotient add up as those of a sum.
	spread := follows * math.Hypot(areal.sigma/areal.nominal, k.thickness.sigma/(k.thickness.nominal-k.foil))
	k.noise = math.Sqrt(max(0, float64(density.sigma*density.sigma)-float64(spread*spread)))
	return k
}

// density is in g/cm³, of mg/cm² on foil of so many µm.
func (k *calender) density(areal, thickness float64) float64 {
	return areal * 10 / (thickness - k.foil)
}

// press draws how much longer the next coil becomes, in millionths.
func (k *calender) press(g *rand.Rand) int64 {
	k.elongation = k.characteristics[k.column("elongation")].conforming(g)
	return int64(math.Round(k.elongation * 10_000))
}

// gauge measures the web where the scan ends.
func (k *calender) gauge(rec *scanned, c *coil) {
	var thickness float64
	for range max(1, (rec.interval.To-rec.interval.From)/mes.Metre) {
		thickness = k.thickness.next()
	}
	if column := k.column("thickness"); !rec.set(column, thickness) {
		thickness = rec.measured.Values[column]
	}
	rec.set(k.column("elongation"), k.elongation)
	mother, at := c.origin(c.stretch(max(0, rec.interval.To-mes.Metre), rec.interval.To))
	follows := k.density(mother.web.coating(at.From, at.To), thickness) + k.offset
	column := k.column("density")
	limits := &k.characteristics[column]
	for range 32 {
		if v := follows + float64(k.noise*k.chance.NormFloat64()); limits.within(limits.round(v)) {
			rec.set(column, v)
			return
		}
	}
	rec.set(column, min(max(follows, limits.lsl), limits.usl))
}
