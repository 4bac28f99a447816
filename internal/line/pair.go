package line

// pairing makes a pair of every two jelly rolls that come.
type pairing struct {
	half *item
	next taker
}

func (p *pairing) take(now moment, roll *item) {
	if p.half == nil {
		p.half = roll
		return
	}
	c := &item{parts: &[2]*item{p.half, roll}}
	p.half = nil
	for _, part := range c.parts {
		c.areal += part.areal / 2
		c.taint += part.taint / 2
		c.hazard = max(c.hazard, part.hazard)
	}
	p.next.take(now, c)
}

// preWeld joins the two: the pair is as thick as both.
var preWeld = craft{
	complete: func(b *bench, _ moment, found int, values []float64) {
		if found < 0 {
			c := &b.characteristics[0]
			values[0] = c.nearest(float64(b.item.parts[0].thickness) + float64(b.item.parts[1].thickness))
		}
	},
}
