package line

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Fault is something that goes wrong on the line, with known consequences.
type Fault struct {
	// ID is which, `F1` to `F14`.
	ID string
	// After is when, since the Config's Start.
	After time.Duration
}

// ParseFault reads a fault as `F3@2h`.
func ParseFault(s string) (Fault, error) {
	id, after, ok := strings.Cut(s, "@")
	if !ok {
		return Fault{}, mes.Invalid("fault", fmt.Sprintf("is %q; write which and when, as F3@2h", s))
	}
	d, err := time.ParseDuration(after)
	if err != nil {
		return Fault{}, mes.Invalid("fault", fmt.Sprintf("is %q; %q is no time since the line's start, as 2h or 90m", s, after))
	}
	f := Fault{ID: id, After: d}
	if err := f.validate(); err != nil {
		return Fault{}, mes.Invalid("fault", err.Error())
	}
	return f, nil
}

// String returns the fault as ParseFault reads it.
func (f Fault) String() string { return f.ID + "@" + f.After.String() }

func (f Fault) validate() error {
	if !slices.ContainsFunc(faults[:], func(k faultKind) bool { return k.id == f.ID }) {
		var ids []string
		for _, k := range faults {
			ids = append(ids, k.id)
		}
		return fmt.Errorf("is %q; there are %s", f.ID, strings.Join(ids, ", "))
	}
	if f.After < 0 {
		return fmt.Errorf("%s is before the line's start", f)
	}
	return nil
}

// faultKind is a row of the table of faults.
type faultKind struct {
	id string
	// what happens, and what a recall of it should find.
	what, finds string
	// strike makes it so.
	strike func(f *fault, now moment)
	// mar does to a jelly roll what a blemish on a coil does; over is what both
	// have of the metres really in it, empty where only what the winder shows has
	// some. nil for faults that leave no blemish.
	mar func(b *blemish, roll *item, c *coil, over, really mes.Interval)
}

// fault is a fault that was asked for, on its way or at work.
type fault struct {
	Fault
	kind *faultKind
	run  *run
}

func (f *fault) act(now moment, _ int) { f.kind.strike(f, now) }

// touch says that the fault concerns a thing.
func (f *fault) touch(thing mes.Thing, certain bool, interval *mes.Interval, why string) Touch {
	return Touch{Fault: f.String(), Thing: thing, Certain: certain, Interval: interval, Why: why}
}

// faults is the table of what can go wrong.
var faults = [...]faultKind{
	contaminationFault, burrFault, particleFault, hornFault, leakFault, driftFault, shiftFault, recipeFault, offlineFault,
	capacityFault, clockFault, doubleFault, tornTabFault, wrongWayFault,
}

// plan makes the faults that were asked for happen in time.
func (r *run) planFaults() {
	for _, asked := range r.config.Faults {
		for i := range faults {
			if faults[i].id == asked.ID {
				r.plan(r.start+span(asked.After), &fault{Fault: asked, kind: &faults[i], run: r}, 0)
			}
		}
	}
}
