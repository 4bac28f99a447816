package line

import (
	"fmt"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// What a Config means where it says nothing.
const (
	defaultTakt          = time.Second
	defaultFormationTime = 6 * time.Hour
	defaultRestTime      = 12 * time.Hour
)

// Config is a line. Equal configurations give equal records.
type Config struct {
	// Name is the line's, as `L1`: letters, digits and hyphens. It is part of
	// every id, so two lines never make the same thing.
	Name string
	// Seed is where all chance comes from. It is part of every id too: two
	// seeds never make the same thing.
	Seed uint64
	// Start is when the first jelly roll is wound. What is before it (lots,
	// slurry, coils for the first hours) was made before: its records are due
	// up to some ten hours earlier.
	Start time.Time
	// Zone is the site's; UTC where nil.
	Zone *time.Location
	// Takt is the time from one finished cell to the next, 1 s where zero.
	Takt time.Duration
	// Phases change the takt as time goes by, in the order of From.
	Phases []Phase
	// Machines are how many machines there are of each kind.
	Machines Machines
	// FormationTime is how long a tray is in formation, 6 h where zero.
	FormationTime time.Duration
	// RestTime is how long a tray then rests before its cells' voltage is
	// measured again, 12 h where zero. K is the difference over this time: the
	// shorter it is, the coarser is K.
	RestTime time.Duration
}

// Phase is a change of the rate.
type Phase struct {
	// From is when it begins, since the Config's Start.
	From time.Duration
	// Takt is the takt from then on.
	Takt time.Duration
}

// Machines counts parallel machines; each is a record block of its own. A zero
// stands for what a takt of 1 s needs. With fewer of them, or with a shorter
// takt, each works faster, so that the line keeps its takt.
type Machines struct {
	// Mixers, Coaters and Slitters are for each of the two electrodes.
	Mixers, Coaters, Slitters int
	// Winders wind two jelly rolls a cell.
	Winders int
	// Inserters put two jelly rolls into a can.
	Inserters int
	// Fillers put electrolyte in.
	Fillers int
	// Loaders fill trays.
	Loaders int
	// Cabinets are the groups of formation channels that report as one.
	Cabinets int
	// Testers measure open-circuit voltage and resistance.
	Testers int
	// Stackers make modules, Packers packs.
	Stackers, Packers int
}

var defaultMachines = Machines{
	Mixers: 7, Coaters: 2, Slitters: 2, Winders: 24, Inserters: 3, Fillers: 12,
	Loaders: 2, Cabinets: 8, Testers: 2, Stackers: 2, Packers: 1,
}

// fields are the counts, for what is done to each of them.
func (m *Machines) fields() []*int {
	return []*int{
		&m.Mixers, &m.Coaters, &m.Slitters, &m.Winders, &m.Inserters, &m.Fillers,
		&m.Loaders, &m.Cabinets, &m.Testers, &m.Stackers, &m.Packers,
	}
}

// Validate returns a mes.Error with CodeInvalid that names the first field that
// cannot be.
func (c Config) Validate() error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
	if c.Name == "" || len(c.Name) > 16 || strings.Trim(c.Name, letters) != "" {
		return mes.Invalid("line.name", fmt.Sprintf("is %q; write 1 to 16 letters, digits and hyphens, as L1", c.Name))
	}
	if c.Start.IsZero() {
		return mes.Invalid("line.start", "is missing; it is when the first jelly roll is wound")
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"line.takt", c.Takt}, {"line.formation_time", c.FormationTime}, {"line.rest_time", c.RestTime}} {
		if d.value < 0 || d.value != 0 && d.value < time.Millisecond {
			return mes.Invalid(d.field, fmt.Sprintf("is %s; at least 1ms is taken", d.value))
		}
	}
	for i, p := range c.Phases {
		if p.Takt < time.Millisecond {
			return mes.Invalid(fmt.Sprintf("line.phases[%d].takt", i), fmt.Sprintf("is %s; at least 1ms is taken", p.Takt))
		}
		if i > 0 && p.From <= c.Phases[i-1].From {
			return mes.Invalid(fmt.Sprintf("line.phases[%d].from", i), "is not after the phase before it")
		}
	}
	for _, n := range c.Machines.fields() {
		if *n < 0 || *n > 99 {
			return mes.Invalid("line.machines", fmt.Sprintf("has a count of %d; 0 to 99 are taken", *n))
		}
	}
	return nil
}

// withDefaults fills in what the Config does not say.
func (c Config) withDefaults() Config {
	fill := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	fill(&c.Takt, defaultTakt)
	fill(&c.FormationTime, defaultFormationTime)
	fill(&c.RestTime, defaultRestTime)
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	defaults := defaultMachines
	for i, n := range c.Machines.fields() {
		if *n == 0 {
			*n = *defaults.fields()[i]
		}
	}
	return c
}

// taktAt returns the takt at a time since the start.
func (c *Config) taktAt(since time.Duration) time.Duration {
	takt := c.Takt
	for _, p := range c.Phases {
		if since < p.From {
			break
		}
		takt = p.Takt
	}
	return takt
}

// shortestTakt is what the line must be able to keep.
func (c *Config) shortestTakt() time.Duration {
	takt := c.Takt
	for _, p := range c.Phases {
		takt = min(takt, p.Takt)
	}
	return takt
}
