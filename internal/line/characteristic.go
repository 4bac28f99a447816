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
	// lognormal10 is the same with the deviation of the decimal logarithm.
	lognormal10
	// folded is the distance from zero of what is normal.
	folded
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
		s.Columns[i] = mes.Column{Characteristic: c.name, Unit: c.unit}
	}
	return s
}

var powersOfTen = [...]float64{1, 10, 100, 1000, 10000, 100000, 1000000}

// round returns what the instrument shows, never −0.
func (c *characteristic) round(v float64) float64 {
	if c.decimals < 0 {
		p := powersOfTen[-c.decimals]
		return math.Round(v/p)*p + 0
	}
	p := powersOfTen[c.decimals]
	return math.Round(v*p)/p + 0
}

// within reports whether a value conforms.
func (c *characteristic) within(v float64) bool { return v >= c.lsl && v <= c.usl }

// conforming draws a value within the limits.
func (c *characteristic) conforming(g *rand.Rand) float64 {
	if c.shape == given {
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
	default:
		return c.nominal + float64(z*c.sigma)
	}
}

// failing draws a value beyond the upper limit, or below the lower one.
func (c *characteristic) failing(g *rand.Rand, high bool) float64 {
	step := 1 / powersOfTen[max(c.decimals, 0)]
	by := step + float64(c.sigma*(0.5+math.Abs(g.NormFloat64())))
	if high {
		return c.round(c.usl + by)
	}
	return c.round(c.lsl - by)
}
