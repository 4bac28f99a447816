package line

import "github.com/takt-mes/takt/internal/mes"

// F3: a metal particle falls on the web while a mother is coated.
var particleFault = faultKind{
	id:     "F3",
	what:   "a metal particle on the coating",
	finds:  "the cells with metres 1,210 to 1,238 of one mother coil; those next to them by the error of metres",
	strike: func(f *fault, _ moment) { c := f.run.electrodes[0].coaters[0]; c.particles.push(f) },
	mar:    endangering(20),
}

const particleFrom, particleTo = 1210 * mes.Metre, 1238 * mes.Metre

// contaminate puts what waits for it on a mother that will be so long.
func (c *coater) contaminate() {
	if c.goal <= particleFrom {
		return
	}
	for c.particles.len() > 0 {
		c.mother.blemishes = append(c.mother.blemishes, blemish{
			c.particles.pop(), c.mother.stretch(particleFrom, min(particleTo, c.goal)), 1,
		})
	}
}
