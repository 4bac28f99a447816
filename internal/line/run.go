package line

import (
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// run is a line at work: what is where, and what is to be done next.
type run struct {
	agenda
	config   *Config
	blocks   []Block
	calendar calendar
	naming   naming
	now      moment
	out      []Record

	processes map[string]*process // by code; asked by name alone, never ranged over
	stations  []*station          // by block
	stocks    []*stock            // in the order of materials

	start moment
	// shortest is the shortest takt in seconds, pace how much faster than
	// nature machines are so that the line keeps it: 1 or less.
	shortest float64
	pace     float64

	electrodes [2]*electrode
	winders    []*winder
	pacer      *pacer
	insertion  *shop
	filling    *shop
	loading    *loading
	testing    *shop
	stacking   *stacking
	packing    *packing
	half       *item // a jelly roll that waits for its second
	freeTrays  queue[*tray]
	cabinet    int
}

// newRun sets the line up: what is ordered, and when the first activities are.
// It puts nothing out yet.
func newRun(l *Line) *run {
	r := &run{
		config:    &l.config,
		blocks:    l.blocks,
		calendar:  newCalendar(l.config.Zone, l.config.Name),
		naming:    newNaming(l.config.Name, l.config.Seed),
		processes: make(map[string]*process),
		start:     momentOf(l.config.Start),
		shortest:  l.config.shortestTakt().Seconds(),
	}
	r.pace = min(1, r.shortest)
	for i := range steps {
		p := newProcess(&steps[i], l.config.Seed)
		r.processes[p.code] = p
		for range p.machines(&l.config.Machines) {
			s := newStation(r, p, len(r.stations))
			p.stations = append(p.stations, s)
			r.stations = append(r.stations, s)
		}
	}
	for _, m := range materials {
		r.stocks = append(r.stocks, newStock(r, m))
	}
	r.electrodes = [2]*electrode{newElectrode(r, cathode), newElectrode(r, anode)}
	r.insertion = newShop(r, "INS", 2.7, 1, insert{r}).slot("can", can, one).slot("lid", lid, one)
	r.filling = newShop(r, "FIL", 11, 1, fill{r}).slot("electrolyte", electrolyte, 330*one)
	r.loading = newLoading(r)
	r.testing = newShop(r, "OCV", 1.8, 1, test{r})
	r.stacking = newStacking(r)
	r.packing = newPacking(r)
	r.winders = newWinders(r)
	r.pacer = &pacer{run: r, due: time.Duration(0)}

	begin := r.start - r.leadTime()
	r.now = begin
	for _, s := range r.stocks {
		s.order(begin)
	}
	newWatch(r, begin)
	for i, w := range r.winders {
		// One by one: what feeds the line has the eyes of a person on it.
		r.plan(r.start-3*minute+moment(i)*second, w, windLoad)
	}
	r.plan(r.start, r.pacer, 0)
	return r
}

// leadTime is from the first lot's arrival to the first jelly roll.
func (r *run) leadTime() moment {
	mothers := 0
	for _, e := range r.electrodes {
		mothers = max(mothers, (e.coilTarget+lanes-1)/lanes/len(e.coaters)+1)
	}
	return hour + moment(r.pace*float64(6*hour+moment(mothers)*45*minute))
}

// step does the next activity and returns its records, which are good until the
// step after.
func (r *run) step() []Record {
	clear(r.out)
	r.out = r.out[:0]
	a := r.next()
	r.now = a.at
	a.actor.act(a.at, a.stage)
	return r.out
}

// cycle is how long a machine takes: what it takes by nature, or less where so
// many of them must do one in so many takts.
func (r *run) cycle(seconds float64, machines int, takts float64) moment {
	return max(1, moment(1000*min(seconds, 0.9*float64(machines)*takts*r.shortest)))
}

// emit puts out a record: it is due now.
func (r *run) emit(s *station, e *mes.Event, truth Truth) {
	s.sequence++
	r.out = append(r.out, Record{
		Due:      e.EventTime,
		Block:    s.block,
		Identity: mes.Identity{Source: r.blocks[s.block].Source, Epoch: 1, Sequence: s.sequence},
		Event:    e,
		Truth:    truth,
	})
}

// dress says of an event when and where it was.
func (r *run) dress(s *station, e *mes.Event, began moment) {
	r.calendar.see(r.now)
	e.EventTime = r.now.time()
	e.StartTime = began.time()
	e.UTCOffset = r.calendar.offset
	e.Equipment = s.equipment
	e.ProcessSegment = s.segment
	if s.attended {
		e.Operator = s.operators[r.calendar.shift(r.now)]
	}
}

// state puts out a fact other than work.
func (r *run) state(s *station, fact mes.Fact, truth Truth) {
	e := &mes.Event{Fact: fact}
	r.dress(s, e, 0)
	r.emit(s, e, truth)
}

// work is a record of work in the making, in one piece of memory.
type work struct {
	event    mes.Event
	work     mes.Work
	measured mes.Measurements
	subject  [1]mes.Ref
	defect   [1]mes.Defect
	tool     [1]mes.Tool
}

// newWork begins a record of work; see begin.
func (r *run) newWork(s *station, subject mes.Ref, began moment, found int, attempt uint32, values []float64) *work {
	w := new(work)
	w.begin(r, s, subject, began, found, attempt, values)
	return w
}

// begin fills in a record of work on a subject that ends now, with the outcome
// of a judgement at that attempt. Values may be nil.
func (w *work) begin(r *run, s *station, subject mes.Ref, began moment, found int, attempt uint32, values []float64) {
	w.subject[0] = subject
	w.event.Fact = &w.work
	w.event.Recipe = s.recipe
	r.dress(s, &w.event, began)
	w.event.JobOrder = r.calendar.jobOrder
	w.work.Subjects = w.subject[:]
	w.work.Attempt = attempt
	w.work.Disposition = s.disposition(found, attempt)
	if found >= 0 {
		w.defect[0].Code = s.defects[found].code
		w.work.Defects = w.defect[:]
	}
	if values != nil {
		w.measured = mes.Measurements{Schema: s.schemaID, Values: values}
		w.work.Measurements = &w.measured
	}
	if s.tool.life > 0 {
		w.tool[0] = s.mounted
		w.work.Tools = w.tool[:]
	}
}
