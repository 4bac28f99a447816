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
	stations  []*station          // in the order of blocks
	stocks    []*stock            // in the order of materials

	start moment
	// shortest is the shortest takt in seconds, pace how much faster than
	// nature machines are so that the line keeps it: 1 or less.
	shortest float64
	pace     float64
	// rollShare is what of the jelly rolls wound ends in a finished cell: so much
	// faster than half a takt is wound, for a takt from one finished cell to the
	// next.
	rollShare float64
	// sampleRate is how many cells a second welders give to the laboratory.
	sampleRate float64

	electrodes [2]*electrode
	winders    []*winder
	pacer      *pacer
	// rolls take the jelly rolls that are wound.
	rolls taker
	// waiting are the shops, some of which may wait for material.
	waiting   []*shop
	baking    *baking
	freeTrays queue[*tray]
	// systems counts the management systems that were built in.
	systems int

	// clocks are the PLCs', by number.
	clocks [plcs + 1]*clock
	// What faults are at work, nil where none is.
	contamination    *contamination
	offline          *offline
	shifted, doubled *fault
	// lastCan is the code that was read last.
	lastCan canRead
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
	for i := range r.clocks {
		r.clocks[i] = new(clock)
	}
	r.pace = min(1, r.shortest)
	r.rollShare = 1
	for i := range steps {
		if s := &steps[i]; s.level == levelRoll || s.level == levelCell || s.level == levelTray {
			r.rollShare *= s.survival()
		}
	}
	r.rollShare *= 1 - 1/float64(l.config.OvenTrays*trayPlaces) // a sample of each load
	welders := stepOf("UMW").count(r.config) + stepOf("SLW").count(r.config)
	r.sampleRate = float64(welders) / samplePeriod.span().Seconds()
	for i := range steps {
		p := newProcess(&steps[i], l.config.Seed)
		r.processes[p.code] = p
	}
	for i, b := range r.blocks {
		block := &counter{block: i}
		for _, machine := range b.Machines {
			p := r.processes[codeOf(machine)]
			s := newStation(r, p, block, machine)
			p.stations = append(p.stations, s)
			r.stations = append(r.stations, s)
		}
	}
	for _, m := range materials {
		r.stocks = append(r.stocks, newStock(r, m))
	}
	r.electrodes = [2]*electrode{newElectrode(r, cathode), newElectrode(r, anode)}
	r.rolls = newRoute(r)
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
	r.planFaults()
	return r
}

// leadTime is from the first lot's arrival to the first jelly roll.
func (r *run) leadTime() moment {
	return hour + max(r.electrodes[0].filling(), r.electrodes[1].filling())
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
	s.block.sequence++
	if s.clock.fault != nil {
		if w, ok := e.Fact.(*mes.Work); ok {
			for _, ref := range w.Subjects {
				truth.Touches = append(truth.Touches, s.clock.fault.touch(ref.Thing, true, nil, clockWhy))
			}
		}
	}
	r.out = append(r.out, Record{
		Due:      r.now.time(),
		Block:    s.block.block,
		Identity: mes.Identity{Source: r.blocks[s.block.block].Source, Epoch: 1, Sequence: s.block.sequence},
		Event:    e,
		Truth:    truth,
	})
}

// dress says of an event when and where it was.
func (r *run) dress(s *station, e *mes.Event, began moment) {
	r.calendar.see(r.now)
	e.EventTime = (r.now + s.clock.off).time()
	if began != 0 {
		e.StartTime = (began + s.clock.off).time()
	}
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
