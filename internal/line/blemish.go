package line

import (
	"fmt"

	"github.com/takt-mes/takt/internal/mes"
)

// blemish is what a fault has left on a stretch of a coil. It goes the way of the
// metres: what a rewind keeps is on the child, and what a winder winds up is in
// the jelly roll.
type blemish struct {
	fault *fault
	// interval is in the metres of the coil that it is on.
	interval mes.Interval
	// share is how much of what is there is concerned: 1 of most faults.
	share float64
}

// dilute is the share below which nobody counts a thing as concerned.
const dilute = 0.01

// inherit takes over what is on the parent.
func (c *coil) inherit() {
	for _, b := range c.from.parent.blemishes {
		for _, i := range c.from.pieces(b.interval) {
			c.blemishes = append(c.blemishes, blemish{b.fault, c.stretch(i.From, i.To), b.share})
		}
	}
}

// touches says which metres of the coil faults concern.
func (c *coil) touches() []Touch {
	var list []Touch
	for _, b := range c.blemishes {
		if b.share >= dilute {
			list = append(list, b.fault.touch(c.ref.Thing, true, &b.interval, b.fault.kind.what+portionText(b.share)))
		}
	}
	return list
}

// portionText says how much of a thing it is, where that is not all.
func portionText(share float64) string {
	if share == 1 {
		return ""
	}
	return fmt.Sprintf(", %.1f %% of it", 100*share)
}

// mar does to a jelly roll what is on the metres in it, or may be by what the
// winder shows.
func (c *coil) mar(roll *item, really, shown mes.Interval) {
	for i := range c.blemishes {
		b := &c.blemishes[i]
		over := mes.Interval{Lane: really.Lane, From: max(b.interval.From, really.From), To: min(b.interval.To, really.To)}
		if over.From < over.To || shown.Overlaps(b.interval) {
			b.fault.kind.mar(b, roll, c, over, really)
		}
	}
}

// endangering returns what marks a jelly roll with a blemish that makes it so
// many times more likely to fail, and one that cannot be told from such a one by
// the metres that the winder shows.
func endangering(times float32) func(*blemish, *item, *coil, mes.Interval, mes.Interval) {
	return func(b *blemish, roll *item, c *coil, over, _ mes.Interval) {
		if over.From >= over.To {
			roll.concern(b.fault.touch(roll.ref.Thing, false, &b.interval, "within the error of metres of "+b.fault.kind.what))
			return
		}
		why := fmt.Sprintf("%s m of %s with %s", over.To-over.From, c.ref.ID, b.fault.kind.what)
		if roll.concern(b.fault.touch(roll.ref.Thing, true, &over, why)) {
			roll.endanger(times)
		}
	}
}

// concern says what a fault has done to the item, and reports whether that is
// news: what is certain stands above what is possible, and each stands once.
func (c *item) concern(t Touch) bool {
	for i, have := range c.touches {
		if have.Fault == t.Fault {
			news := t.Certain && !have.Certain
			if news {
				c.touches[i] = t
			}
			return news
		}
	}
	c.touches = append(c.touches, t)
	return true
}
