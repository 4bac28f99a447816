package line

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// What a Config means where it says nothing.
const (
	defaultTakt      = time.Second
	defaultOvenTrays = 15
)

var defaultDwell = Dwell{
	Bake: 7 * time.Hour, Soak: 24 * time.Hour, Formation: 6 * time.Hour, HotAgeing: 24 * time.Hour,
	Grading: 6 * time.Hour, Settling: 24 * time.Hour, Ageing: 120 * time.Hour,
}

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
	// from half a day earlier on.
	Start time.Time
	// Zone is the site's; UTC where nil.
	Zone *time.Location
	// Takt is the time from one finished cell to the next, 1 s where zero.
	Takt time.Duration
	// Phases change the takt as time goes by, in the order of From.
	Phases []Phase
	// Machines are how many parallel machines a step has, by its code, as
	// `WND`; a step that is not named has as many as a takt of 1 s needs. With
	// fewer of them, or with a shorter takt, each works faster, so that the line
	// keeps its takt.
	Machines map[string]int
	// Dwell is how long cells are where they need time more than work.
	Dwell Dwell
	// OvenTrays is how many trays of 32 cells an oven load has, 15 where zero.
	OvenTrays int
	// Faults are what goes wrong, and when.
	Faults []Fault
}

// Dwell is how long cells are where they need time more than work; each is what
// the reference line takes where it is zero. What follows from time follows from
// these: a cell's K is a difference over Ageing, and the shorter that is, the
// coarser is K.
type Dwell struct {
	// Bake is the vacuum bake (7 h), Soak the wetting (24 h).
	Bake, Soak time.Duration
	// Formation is the first charge (6 h), HotAgeing what follows it (24 h).
	Formation, HotAgeing time.Duration
	// Grading is the capacity test (6 h), Settling from there to the first
	// voltage (24 h), Ageing from there to the second (120 h).
	Grading, Settling, Ageing time.Duration
}

func (d *Dwell) fields() []dwellField {
	return []dwellField{
		{"bake", &d.Bake},
		{"soak", &d.Soak},
		{"formation", &d.Formation},
		{"hot_ageing", &d.HotAgeing},
		{"grading", &d.Grading},
		{"settling", &d.Settling},
		{"ageing", &d.Ageing},
	}
}

type dwellField struct {
	name  string
	value *time.Duration
}

// Short returns a Dwell that is so many times shorter than the reference line's.
func Short(times int) Dwell {
	d := defaultDwell
	for _, f := range d.fields() {
		*f.value /= time.Duration(times)
	}
	return d
}

// Phase is a change of the rate.
type Phase struct {
	// From is when it begins, since the Config's Start.
	From time.Duration
	// Takt is the takt from then on.
	Takt time.Duration
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
	for _, d := range append(c.Dwell.fields(), dwellField{"takt", &c.Takt}) {
		if *d.value < 0 || *d.value != 0 && *d.value < time.Millisecond {
			return mes.Invalid("line."+d.name, fmt.Sprintf("is %s; at least 1ms is taken", *d.value))
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
	for _, code := range slices.Sorted(maps.Keys(c.Machines)) {
		if stepOf(code) == nil {
			return mes.Invalid("line.machines", fmt.Sprintf("names %q, which is no step; the steps are %s", code, strings.Join(codes(), ", ")))
		}
		if n := c.Machines[code]; n < 1 || n > maxMachines {
			return mes.Invalid("line.machines", fmt.Sprintf("has %d of %s; 1 to %d are taken", n, code, maxMachines))
		}
	}
	if c.OvenTrays < 0 || c.OvenTrays > maxOvenTrays {
		return mes.Invalid("line.oven_trays", fmt.Sprintf("is %d; 1 to %d are taken", c.OvenTrays, maxOvenTrays))
	}
	for i, f := range c.Faults {
		if err := f.validate(); err != nil {
			return mes.Invalid(fmt.Sprintf("line.faults[%d]", i), err.Error())
		}
	}
	return nil
}

const (
	maxMachines  = 99
	maxOvenTrays = 50
)

// withDefaults fills in what the Config does not say.
func (c Config) withDefaults() Config {
	fill := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	fill(&c.Takt, defaultTakt)
	defaults := defaultDwell
	for i, f := range c.Dwell.fields() {
		fill(f.value, *defaults.fields()[i].value)
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.OvenTrays == 0 {
		c.OvenTrays = defaultOvenTrays
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
