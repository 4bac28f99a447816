package line

import "github.com/takt-mes/takt/internal/mes"

// laboratory makes destructive tests. What it is given does not come back: it is
// a sample, and no scrap.
type laboratory struct {
	*station
	run *run
	// takes is how long a result takes.
	takes moment
}

func newLaboratory(r *run, code string, takes moment) *laboratory {
	return &laboratory{station: r.processes[code].stations[0], run: r, takes: takes}
}

// specimen is a sample in the laboratory.
type specimen struct {
	laboratory *laboratory
	item       *item
	began      moment
	// carrier and place are where it was.
	carrier mes.ID
	place   string
	// values are what is measured; drawn where nil.
	values []float64
	found  int
	// result is told the outcome; may be nil.
	result func(now moment, passed bool)
}

// test takes an item for good.
func (l *laboratory) test(now moment, t specimen) {
	t.item.scrapped = true
	t.laboratory, t.began = l, now
	l.run.plan(now+l.takes, &t, 0)
}

func (t *specimen) act(now moment, _ int) {
	l := t.laboratory
	if t.values == nil {
		t.found = l.judge(-1, t.item)
		t.values = l.measure(t.found)
	}
	w := l.run.newItemWork(l.station, t.item, t.began, t.found, 1, t.values)
	w.work.Disposition = mes.DispositionSample
	w.work.Carrier, w.work.Place = t.carrier, t.place
	l.run.emit(l.station, &w.event, w.truth)
	if t.result != nil {
		t.result(now, t.found < 0)
	}
}

// samplePeriod is from one sample of a welder to its next.
const samplePeriod = 2 * hour

// sampling returns a craft's after that gives what passes to a laboratory, one
// item every two hours from each machine.
func (l *laboratory) sampling(weak func(*bench) bool) func(b *bench, now moment, found int) {
	return func(b *bench, now moment, found int) {
		if b.sampled == 0 {
			b.sampled = now - moment(b.chance.Int64N(int64(samplePeriod)))
		}
		if found >= 0 || now < b.sampled+samplePeriod {
			return
		}
		b.sampled = now
		t := specimen{item: b.item}
		if weak != nil && weak(b) {
			t.found, t.values = 0, l.measure(0)
		}
		l.test(now, t)
	}
}
