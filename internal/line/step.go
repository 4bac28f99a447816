package line

import (
	"math/rand/v2"
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// step is one row of the table of what the line does.
type step struct {
	// number is its number in the description of the process; what is done beside
	// the route has the number of the step that it belongs to.
	number int
	// code names the machines and the defects, segment the step of the route,
	// title what is done, for people.
	code, segment, title string
	// level is what it is done to.
	level level
	// plc is the number of the PLC that the machines hang on.
	plc int
	// machines is how many there are at a takt of 1 s, 1 where zero; share is how
	// many of them hang on one record block, 1 where zero.
	machines, share int
	// seconds is what one machine takes for one piece by nature; 0 where it is
	// time and not work.
	seconds float64
	// scan is how many metres of web are between two records of its values; 0 is
	// one record a coil.
	scan int
	// recipe is what they run; the zero Recipe is none.
	recipe mes.Recipe
	// attended says that a person is named in the records.
	attended bool
	// schema is the name of the list of characteristics; empty where nothing is
	// measured.
	schema          string
	characteristics []characteristic
	// yield is the share that passes at the first attempt, of the web the share of
	// the metres; 1 where zero.
	yield float64
	// shorts says that it finds short circuits, and so fails more of those items
	// that a fault has endangered.
	shorts bool
	// scrap is what a step on the web throws away when a coil begins and ends, mark
	// how long a stretch is that it finds wrong.
	scrap, mark between
	// defects are what the others have, with shares that add up to 1.
	defects []defect
	// sample says that what it is done to is used up by it.
	sample bool
	// feeds are the supplier's lots that it takes from.
	feeds []feed
	// tool is what wears; zero where nothing does.
	tool tool
	// calibrated names the device that is calibrated daily; may be empty.
	calibrated string
	// alarm is a warning that comes and goes.
	alarm alarm
}

// defect is one way to fail, which is seen in a characteristic of all but the web.
type defect struct {
	code  string
	share float64
	// shows is the characteristic that is out, high beyond which limit; empty where
	// only a camera sees it.
	shows string
	high  bool
	// first is what becomes of the thing at the first attempt.
	first mes.Disposition
	// recovered is the share of them that passes at the second; final is what
	// becomes of the others.
	recovered float64
	final     mes.Disposition
}

// feed is a place of a machine for a supplier's lot.
type feed struct {
	slot     string
	material *material
	// each is what one piece takes, at most.
	each amount
	// again says that a second attempt takes some too.
	again bool
	// metered says that each piece takes what it is found to need.
	metered bool
}

// tool is what wears out, counted in life's unit.
type tool struct {
	place string
	kind  string
	life  uint64
}

// alarm is a warning of a machine's.
type alarm struct{ code, message string }

// plcs is how many PLCs the machines hang on.
const plcs = 18

// level is what a step works on.
type level uint8

const (
	levelLot level = iota
	levelBatch
	levelWeb
	levelRoll
	levelCell
	levelTray
	levelModule
	levelPack
)

const (
	scrap     = mes.DispositionScrap
	rework    = mes.DispositionRework
	retest    = mes.DispositionRetest
	repair    = mes.DispositionRepair
	downgrade = mes.DispositionDowngrade
)

// process is a step in a run: its row, compiled, with its own chance, so that a
// change of one step leaves the others' as they are.
type process struct {
	*step
	chance   *rand.Rand
	schemaID mes.SchemaID
	// shows is the place of each defect's characteristic, −1 for none.
	shows []int
	// dwells is the place of the characteristic that is a time, −1 where none is.
	dwells int
	// stations are its machines.
	stations []*station
}

// newChance returns what chance something of that name has.
func newChance(seed uint64, name string) *rand.Rand {
	return rand.New(rand.NewPCG(seed, fnv1a(name))) //nolint:gosec // a simulation that repeats
}

func newProcess(s *step, seed uint64) *process {
	p := &process{step: s, chance: newChance(seed, s.code)}
	if schema := schemaOf(s.characteristics); schema != nil {
		p.schemaID = schema.ID()
	}
	for _, d := range s.defects {
		shows := -1
		if d.shows != "" {
			shows = s.column(d.shows)
		}
		p.shows = append(p.shows, shows)
	}
	p.dwells = slices.IndexFunc(s.characteristics, func(c characteristic) bool { return c.shape == dwell })
	return p
}

// column returns the place of a characteristic.
func (s *step) column(name string) int {
	for i := range s.characteristics {
		if s.characteristics[i].name == name {
			return i
		}
	}
	panic("line: " + s.code + " has no characteristic " + name)
}

// judge says which defect a thing has, by its place, or −1. At a second attempt
// before is the first one's. An item that is nil has no say in it.
func (p *process) judge(before int, c *item) int {
	if before >= 0 {
		if p.chance.Float64() < p.defects[before].recovered {
			return -1
		}
		return before
	}
	if p.yield == 0 {
		return -1
	}
	fails := 1 - p.yield
	if c != nil && c.hazard > 0 && p.shorts {
		fails *= float64(c.hazard)
	}
	if p.chance.Float64() >= fails {
		return -1
	}
	return p.pick()
}

// pick draws one of the defects.
func (p *process) pick() int {
	u := p.chance.Float64()
	for i, d := range p.defects {
		if u -= d.share; u < 0 {
			return i
		}
	}
	return 0
}

// measure draws the values of a thing with that defect, or of one that conforms;
// nil where nothing is measured.
func (p *process) measure(found int) []float64 {
	if len(p.characteristics) == 0 {
		return nil
	}
	values := make([]float64, len(p.characteristics))
	for i := range p.characteristics {
		if found >= 0 && p.shows[found] == i {
			values[i] = p.characteristics[i].failing(p.chance, p.defects[found].high)
		} else {
			values[i] = p.characteristics[i].conforming(p.chance)
		}
	}
	return values
}

// disposition is what becomes of a thing with that defect at that attempt.
func (p *process) disposition(found int, attempt uint32) mes.Disposition {
	switch {
	case found < 0:
		return mes.DispositionConformant
	case attempt == 1:
		return p.defects[found].first
	default:
		return p.defects[found].final
	}
}

// stepOf returns the row of a code, nil where there is none.
func stepOf(code string) *step {
	for i := range steps {
		if steps[i].code == code {
			return &steps[i]
		}
	}
	return nil
}

// codes returns the codes of all steps, in the order of the route.
func codes() []string {
	list := make([]string, len(steps))
	for i := range steps {
		list[i] = steps[i].code
	}
	return list
}

// count is how many machines the step has on a line.
func (s *step) count(c *Config) int {
	if n := c.Machines[s.code]; n > 0 {
		return n
	}
	return max(1, s.machines)
}

// survival is the share that goes on in the end.
func (s *step) survival() float64 {
	if s.yield == 0 || s.sample {
		return 1
	}
	recovered := 0.0
	for _, d := range s.defects {
		recovered += d.share * d.recovered
	}
	return s.yield + (1-s.yield)*recovered
}
