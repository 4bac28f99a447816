package line

import (
	"math"
	"math/rand/v2"

	"github.com/takt-mes/takt/internal/mes"
)

// shape is the form of a distribution.
type shape uint8

const (
	// normal has a nominal and a deviation.
	normal shape = iota
	// lognormal has the nominal as its median, and a deviation of the values.
	lognormal
	// lognormal10 is the same with the deviation of the decimal logarithm; its
	// decimals are the digits that the instrument shows.
	lognormal10
	// folded is the distance from zero of what is normal.
	folded
	// cut is normal, with what is beyond the upper limit at the limit.
	cut
	// sparse is zero for most, and for the others the distance from zero of what
	// is normal.
	sparse
	// web is normal at each metre and follows from the metre before: see wander.
	web
	// dwell is a time that passes: what is drawn is how long it takes.
	dwell
	// given comes from elsewhere: a counter, a sum, a difference.
	given
)

// The limits of a characteristic that is bounded on one side only.
var (
	none  = math.Inf(-1)
	above = math.Inf(1)
)

// characteristic is what a step measures. Its distribution is that of what
// conforms: values are drawn between the specification limits.
type characteristic struct {
	name     string
	unit     string // UCUM
	nominal  float64
	lsl, usl float64
	sigma    float64
	shape    shape
	// decimals is the instrument's resolution as places after the point.
	decimals int
}

// schemaOf is what the values of these characteristics stand under.
func schemaOf(list []characteristic) *mes.Schema {
	if len(list) == 0 {
		return nil
	}
	s := &mes.Schema{Columns: make([]mes.Column, len(list))}
	for i, c := range list {
		s.Columns[i] = mes.Column{Characteristic: c.name, Unit: c.unit, LSL: specLimit(c.lsl), USL: specLimit(c.usl)}
	}
	return s
}

// specLimit is a limit as a schema has it.
func specLimit(v float64) mes.SpecLimit {
	if math.IsInf(v, 0) {
		return mes.SpecLimit{}
	}
	const places = 1e9 // Some are shares of others.
	v = math.Round(v*places) / places
	return mes.SpecLimitOf(&v)
}

var powersOfTen = [...]float64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16}

// round returns what the instrument shows, never −0.
func (c *characteristic) round(v float64) float64 {
	decimals := c.decimals
	if c.shape == lognormal10 {
		decimals -= 1 + int(math.Floor(math.Log10(v)))
	}
	if decimals < 0 {
		p := powersOfTen[-decimals]
		return math.Round(v/p)*p + 0
	}
	p := powersOfTen[decimals]
	return math.Round(v*p)/p + 0
}

// nearest returns what the instrument shows, or the limit where that is beyond
// it.
func (c *characteristic) nearest(v float64) float64 { return min(max(c.round(v), c.lsl), c.usl) }

// within reports whether a value conforms.
func (c *characteristic) within(v float64) bool { return v >= c.lsl && v <= c.usl }

// conforming draws a value within the limits.
func (c *characteristic) conforming(g *rand.Rand) float64 {
	if c.shape == given || c.shape == web {
		return 0
	}
	for range 32 {
		if v := c.round(c.draw(g)); c.within(v) {
			return v
		}
	}
	return c.round(c.nominal)
}

func (c *characteristic) draw(g *rand.Rand) float64 {
	z := g.NormFloat64()
	switch c.shape {
	case lognormal:
		// x = exp(variance of the logarithm) solves x² − x = (σ/median)².
		ratio := c.sigma / c.nominal
		x := (1 + math.Sqrt(1+float64(4*ratio*ratio))) / 2
		return c.nominal * math.Exp(float64(z*math.Sqrt(math.Log(x))))
	case lognormal10:
		return c.nominal * math.Exp(float64(z*c.sigma)*math.Ln10)
	case folded:
		return math.Abs(c.nominal + float64(z*c.sigma))
	case cut:
		return min(c.nominal+float64(z*c.sigma), c.usl)
	case sparse:
		if g.Float64() < 0.9 {
			return 0
		}
		return math.Abs(float64(z * c.sigma))
	default:
		return c.nominal + float64(z*c.sigma)
	}
}

// failing draws a value beyond the upper limit, or below the lower one.
func (c *characteristic) failing(g *rand.Rand, high bool) float64 {
	if c.shape == lognormal10 {
		beyond := math.Exp((0.05 + float64(c.sigma*math.Abs(g.NormFloat64()))) * math.Ln10)
		if high {
			return c.round(c.usl * beyond)
		}
		return c.round(c.lsl / beyond)
	}
	step := 1 / powersOfTen[max(c.decimals, 0)]
	by := step + float64(c.sigma*(0.5+math.Abs(g.NormFloat64())))
	if high {
		return c.round(c.usl + by)
	}
	return c.round(c.lsl - by)
}

// The web's memory: what of a deviation is left a metre on, of the fast part and
// of the drift, and the drift's share of the variance.
const (
	fastMemory = 0.98
	slowMemory = 0.9995
	slowShare  = 0.3
)

// wander is a value of the web from metre to metre: two autoregressive parts, of
// which one forgets within fifty metres and the other within two thousand.
type wander struct {
	*characteristic
	chance     *rand.Rand
	fast, slow float64
}

func newWander(p *process, name string) *wander {
	w := &wander{characteristic: &p.characteristics[p.column(name)], chance: p.chance}
	w.fast = w.sigma * math.Sqrt(1-slowShare) * w.chance.NormFloat64()
	w.slow = w.sigma * math.Sqrt(slowShare) * w.chance.NormFloat64()
	return w
}

var (
	fastStep = math.Sqrt((1 - slowShare) * (1 - fastMemory*fastMemory))
	slowStep = math.Sqrt(slowShare * (1 - slowMemory*slowMemory))
)

// next returns the value a metre on. As all that conforms it lies within the
// limits.
func (w *wander) next() float64 {
	fast, slow := float64(fastMemory*w.fast), float64(slowMemory*w.slow)
	for range 32 {
		w.fast = fast + float64(w.sigma*fastStep*w.chance.NormFloat64())
		w.slow = slow + float64(w.sigma*slowStep*w.chance.NormFloat64())
		if v := w.nominal + w.fast + w.slow; w.within(v) {
			return v
		}
	}
	w.fast, w.slow = fast/2, slow/2
	return w.nominal + w.fast + w.slow
}
