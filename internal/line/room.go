package line

import (
	"strconv"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// rooms are where trays stand for a time at a temperature: soak and ageing.
type rooms struct {
	run   *run
	rooms []*room
	turn  int
	dwell moment
	next  trayTaker
}

// room is one of them.
type room struct {
	*station
	rooms *rooms
	racks int
}

// stay is a tray in a room.
type stay struct {
	room  *room
	tray  *tray
	rack  mes.Ref
	began moment
}

// roomRacks is how many racks a room has names for, which it gives in turn.
const roomRacks = 900

func newRooms(r *run, code string, dwell time.Duration, next trayTaker) *rooms {
	p := r.processes[code]
	g := &rooms{run: r, dwell: span(dwell), next: next}
	for _, s := range p.stations {
		g.rooms = append(g.rooms, &room{station: s, rooms: g})
	}
	return g
}

func (g *rooms) takeTray(now moment, t *tray) {
	m := g.rooms[g.turn]
	g.turn = (g.turn + 1) % len(g.rooms)
	m.racks++
	s := &stay{room: m, tray: t, began: now, rack: mes.Ref{
		Thing:              mes.Thing{Kind: mes.RefLocation, ID: mes.ID(string(m.equipment) + "-R" + strconv.Itoa(1+m.racks%roomRacks))},
		MaterialDefinition: "rack",
	}}
	s.place(mes.PlacementAdd)
	g.run.plan(now+m.passes(g.dwell), s, 0)
}

// place says that the tray comes to its rack or leaves it.
func (s *stay) place(action mes.PlacementAction) {
	s.room.run.state(s.room.station, &mes.Placement{Action: action, Parent: s.rack, Children: []mes.Child{{Ref: s.tray.ref}}}, Truth{})
}

func (s *stay) act(now moment, _ int) {
	m := s.room
	found := m.judge(-1, nil)
	values := m.measure(found)
	m.passed(values, now-s.began)
	w := m.run.newWork(m.station, s.tray.ref, s.began, found, 1, values)
	m.run.emit(m.station, &w.event, Truth{})
	s.place(mes.PlacementDelete)
	if found >= 0 {
		for _, c := range s.tray.cells {
			c.scrap()
		}
	}
	m.rooms.next.takeTray(now, s.tray)
}

// passes draws how long a thing stays, where the reference takes the nominal
// time and this line dwell.
func (p *process) passes(dwell moment) moment {
	c := &p.characteristics[p.dwells]
	return max(1, moment(float64(dwell)*c.conforming(p.chance)/c.nominal))
}

// passed sets the value of the time that passed, in hours.
func (p *process) passed(values []float64, t moment) {
	values[p.dwells] = p.characteristics[p.dwells].round(float64(t) / float64(hour))
}
