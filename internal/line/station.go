package line

import (
	"fmt"
	"math/rand/v2"

	"github.com/takt-mes/takt/internal/mes"
)

// station is one machine, with the record block that it hangs on.
type station struct {
	*process
	run       *run
	block     *counter
	equipment mes.EquipmentID
	clock     *clock
	// recipe is what it runs now.
	recipe    mes.Recipe
	operators [3]mes.ID
	// mounted is the tool that is in, tools how many were.
	mounted mes.Tool
	tools   int
	// worn, outdated and drift are what faults have done to its tool, its recipe
	// and its device; nil for nothing.
	worn, outdated *fault
	drift          *drift
}

// counter numbers the records of a block, which is its place among the blocks.
type counter struct {
	block    int
	sequence mes.Sequence
}

func newStation(r *run, p *process, block *counter, equipment mes.EquipmentID) *station {
	s := &station{process: p, run: r, block: block, equipment: equipment, clock: r.clocks[p.plc], recipe: p.recipe}
	if p.attended {
		for shift := range s.operators {
			s.operators[shift] = operator(p.code, shift)
		}
	}
	if p.tool.life > 0 {
		s.newTool()
		// The machines did not all begin with a new one.
		s.mounted.Count = p.chance.Uint64N(p.tool.life)
	}
	return s
}

func (s *station) newTool() {
	s.tools++
	s.worn = nil
	s.mounted = mes.Tool{ID: mes.ID(fmt.Sprintf("%s-%s-%03d", s.equipment, s.tool.kind, s.tools))}
}

// use counts the tool on before the work that uses it; a worn one is changed
// first, which is a record.
func (s *station) use(count uint64) {
	s.spare(count)
	s.mounted.Count += count
}

// spare changes a tool that is not good for that much more, and reports whether
// it did.
func (s *station) spare(count uint64) bool {
	if s.mounted.Count+count <= s.tool.life {
		return false
	}
	s.newTool()
	s.run.state(s, &mes.EquipmentReport{Topic: mes.EquipmentTool, Code: s.tool.place, Tool: s.mounted}, Truth{})
	return true
}

// report says in which state the machine is.
func (s *station) report(state string) {
	s.run.state(s, &mes.EquipmentReport{Topic: mes.EquipmentState, Code: state}, Truth{})
}

// Conditions of a machine.
const (
	stateRunning = "running"
	stateSetup   = "setup"
	stateWaiting = "waiting"
	stateStopped = "stopped"
)

// watch reports what is not work: at first each machine's recipe and state, then
// calibrations, and warnings that come and go.
type watch struct {
	run    *run
	chance *rand.Rand
	// warned is the station whose warning is on, until it goes.
	warned *station
}

// The stages of a watch; from 0 on it is the station to set up.
const (
	watchWarn  = -2
	watchClear = -1
)

func newWatch(r *run, begin moment) {
	w := &watch{run: r, chance: newChance(r.config.Seed, "watch")}
	for i := range r.stations {
		r.plan(begin+moment(i)*second, w, i)
	}
	r.plan(begin+30*minute, w, watchWarn)
	n := 0
	for _, s := range r.stations {
		if s.calibrated != "" {
			r.plan(r.start-20*minute+moment(n)*20*second, &calibration{s}, 0)
			n++
		}
	}
}

func (w *watch) act(now moment, stage int) {
	r, chance := w.run, w.chance
	switch {
	case stage >= 0:
		s := r.stations[stage]
		if s.recipe != (mes.Recipe{}) {
			s.activate()
		}
		s.report(stateRunning)
	case stage == watchWarn:
		for w.warned = nil; w.warned == nil; {
			if s := r.stations[chance.IntN(len(r.stations))]; s.alarm != (alarm{}) {
				w.warned = s
			}
		}
		w.report(true)
		r.plan(now+10*second+moment(chance.IntN(110_000)), w, watchClear)
	case stage == watchClear:
		w.report(false)
		r.plan(now+minute+moment(chance.ExpFloat64()*float64(4*minute)), w, watchWarn)
	}
}

func (w *watch) report(active bool) {
	a := w.warned.alarm
	w.run.state(w.warned, &mes.EquipmentReport{Topic: mes.EquipmentAlarm, Code: a.code, Active: active, Message: a.message}, Truth{})
}

// calibration is done once a day, and is good for a little longer.
type calibration struct{ station *station }

func (c *calibration) act(now moment, _ int) {
	c.station.run.state(c.station, &mes.EquipmentReport{
		Topic: mes.EquipmentCalibration, Code: c.station.calibrated, Active: true, ValidUntil: (now + 26*hour).time(),
	}, Truth{})
	c.station.run.plan(now+24*hour, c, 0)
}
