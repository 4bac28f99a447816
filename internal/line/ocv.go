package line

import "math"

// test measures a cell's voltage again after its rest, and its resistance. K is
// drawn for each cell; its second voltage follows from the first, from K, and
// from the time that really passed.
type test struct{ run *run }

func (test) ready(*bench, moment) bool { return true }

func (t test) work(b *bench, now moment, found int, values []float64) {
	r, c := t.run, b.item
	const ocv2, k = 0, 1
	days := float64(now-c.measured) / float64(24*hour)
	voltage, drop := &b.characteristics[ocv2], &b.characteristics[k]
	// falls returns the voltage and K after a fall in mV, as the meter shows them.
	falls := func(by float64) (float64, float64) {
		v := voltage.round(c.voltage - by/1000)
		return v, drop.round((c.voltage - v) * 1000 / days)
	}
	switch {
	case found >= 0 && b.shows[found] == ocv2:
		values[k] = drop.round((c.voltage - values[ocv2]) * 1000 / days)
	case found >= 0 && b.shows[found] == k:
		by := drop.usl * days * (1.1 + 0.4*math.Abs(b.chance.NormFloat64()))
		for values[k] = 0; values[k] <= drop.usl; by += 0.1 {
			values[ocv2], values[k] = falls(by)
		}
	default:
		values[ocv2], values[k] = c.voltage, 0
		for range 16 {
			own := drop.nominal + float64(drop.sigma*b.chance.NormFloat64())
			v, shown := falls(float64(own*days) + float64(0.1*b.chance.NormFloat64()))
			if voltage.within(v) && math.Abs(shown) <= drop.usl {
				values[ocv2], values[k] = v, shown
				break
			}
		}
	}
	if b.attempt == 1 {
		c.second = values[ocv2]
	}
	b.use(1)
	w := r.newWork(b.station, c.ref, b.began, found, b.attempt, values)
	r.emit(b.station, &w.event, Truth{})
}

func (t test) pass(now moment, c *item) {
	t.run.stacking.queue.push(c)
	t.run.stacking.serve(now)
}
