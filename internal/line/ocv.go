package line

import "math"

// testers measure the voltage and the resistance of cells in their trays.
type testers struct {
	run     *run
	testers []*tester
	queue   queue[*tray]
	cycle   moment
	// meet prepares a tray; nil for nothing. complete fills in the values that
	// are not drawn.
	meet     func(x *tester)
	complete func(x *tester, now moment, found int, values []float64)
	next     func(now moment, t *tray)
}

// tester is a machine that goes through one tray at a time.
type tester struct {
	*station
	testers *testers
	tray    *tray
	at      int
	attempt uint32
	found   [trayPlaces]int8
	// falls is how much of its voltage each cell loses, in mV a day.
	falls [trayPlaces]float64
}

func newTesters(r *run, code string, next func(moment, *tray)) *testers {
	p := r.processes[code]
	g := &testers{run: r, next: next}
	for _, s := range p.stations {
		g.testers = append(g.testers, &tester{station: s, testers: g})
	}
	g.cycle = r.cycle(p.seconds, len(g.testers), 1)
	return g
}

func (g *testers) takeTray(now moment, t *tray) {
	g.queue.push(t)
	g.serve(now)
}

func (g *testers) serve(now moment) {
	for _, x := range g.testers {
		if x.tray == nil && g.queue.len() > 0 {
			x.tray, x.at, x.attempt = g.queue.pop(), -1, 1
			for i, c := range x.tray.cells {
				x.found[i] = -1
				if x.measures(i) {
					x.found[i] = int8(x.judge(-1, c)) //nolint:gosec // a place in a short list
				}
			}
			if g.meet != nil {
				g.meet(x)
			}
			x.advance(now)
		}
	}
}

// measures reports whether there is a good cell at a place.
func (x *tester) measures(i int) bool {
	return x.tray.cells[i] != nil && !x.tray.cells[i].scrapped
}

// advance goes on with the next cell: first through all of them, then through
// those that are measured again.
func (x *tester) advance(now moment) {
	for x.at++; ; x.at++ {
		if x.at == len(x.tray.cells) {
			if x.attempt == 2 {
				break
			}
			x.at, x.attempt = 0, 2
		}
		first := x.attempt == 1
		again := x.found[x.at] >= 0 && x.defects[x.found[x.at]].first == retest
		if x.measures(x.at) && (first || again) {
			x.testers.run.plan(now+x.testers.cycle, x, 0)
			return
		}
	}
	t := x.tray
	x.tray = nil
	x.testers.next(now, t)
	x.testers.serve(now)
}

func (x *tester) act(now moment, _ int) {
	g, c, found := x.testers, x.tray.cells[x.at], int(x.found[x.at])
	if x.attempt == 2 {
		found = x.judge(found, c)
	}
	values := x.measure(found)
	x.use(1)
	g.complete(x, now, found, values)
	w := g.run.newWork(x.station, c.ref, now-g.cycle, found, x.attempt, values)
	w.work.Carrier, w.work.Place = x.tray.ref.ID, placeNames[x.at+1]
	c.scrapped = w.lost()
	g.run.emit(x.station, &w.event, w.truth)
	x.advance(now)
}

// firstVoltage remembers what K is measured from.
func firstVoltage(x *tester, now moment, _ int, values []float64) {
	const ocv1 = 0
	c := x.tray.cells[x.at]
	c.voltage, c.measured = values[ocv1], now
}

// The columns of the second measurement.
const (
	ocv2 = iota
	kValue
)

// groupRule draws how fast each cell of a tray loses its voltage, and finds
// those that are out of step with their neighbours: beyond the mean of the
// others by 4.5 of their deviations.
func groupRule(x *tester) {
	k := &x.characteristics[kValue]
	outlier := x.defect("OC2-04")
	n, sum, squares := 0.0, 0.0, 0.0
	for i := range x.tray.cells {
		if x.measures(i) && x.found[i] < 0 {
			x.falls[i] = k.nominal + float64(k.sigma*x.chance.NormFloat64())
			n++
			sum += x.falls[i]
			squares += float64(x.falls[i] * x.falls[i])
		}
	}
	for i := range x.tray.cells {
		if n < 8 || !x.measures(i) || x.found[i] >= 0 {
			continue
		}
		v := x.falls[i]
		mean := (sum - v) / (n - 1)
		variance := (squares - float64(v*v) - float64((n-1)*mean*mean)) / (n - 2)
		if v > mean+float64(4.5*math.Sqrt(max(0, variance))) {
			x.found[i] = int8(outlier) //nolint:gosec // a place in a short list
		}
	}
}

// secondVoltage follows from the first, from K, from the time that really
// passed, and from 0.1 mV of noise.
func secondVoltage(x *tester, now moment, found int, values []float64) {
	c := x.tray.cells[x.at]
	days := float64(now-c.measured) / float64(24*hour)
	voltage, drop := &x.characteristics[ocv2], &x.characteristics[kValue]
	// after returns the voltage and K after a fall in mV, as the meter shows them.
	after := func(by float64) (float64, float64) {
		v := voltage.round(c.voltage - by/1000)
		return v, drop.round((c.voltage - v) * 1000 / days)
	}
	switch {
	case found >= 0 && x.shows[found] == ocv2:
		values[kValue] = drop.round((c.voltage - values[ocv2]) * 1000 / days)
	case found >= 0 && x.defects[found].share > 0 && x.shows[found] == kValue:
		by := drop.usl * days * (1.1 + float64(0.4*math.Abs(x.chance.NormFloat64())))
		for values[kValue] = 0; values[kValue] <= drop.usl; by += 0.1 {
			values[ocv2], values[kValue] = after(by)
		}
	default:
		values[ocv2], values[kValue] = c.voltage, 0
		for range 16 {
			v, shown := after(float64(x.falls[x.at]*days) + float64(0.1*x.chance.NormFloat64()))
			if voltage.within(v) && shown <= drop.usl {
				values[ocv2], values[kValue] = v, shown
				break
			}
		}
	}
	c.second = values[ocv2]
}
