package genealogy

import (
	"slices"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// ClockSlack is how far the clocks of two sources may be apart before a lot on
// a slot is no longer told by time alone; it is the limit beyond which a
// gateway calls a clock bad.
const ClockSlack = 2 * time.Second

// Change is one load, unload or cleaning of a slot.
type Change struct {
	Moment
	// Action is what was done.
	Action mes.SlotAction
	// Material is what was loaded or unloaded; may be zero in the latter two.
	Material mes.Thing
	// Position is the event's.
	Position mes.Position
}

// OnSlot returns what may have been on a slot at a moment: one thing where it
// is certain, several where it may be any of them, none where nothing was on.
//
// The changes are those of one slot, in any order. Changes that come from the
// moment's own source are placed by sequence; those of other sources by time,
// and what they say within ClockSlack of the moment is not certain.
func OnSlot(changes []Change, at Moment) []mes.Thing {
	var own, others []Change
	for _, c := range changes {
		if c.Identity.Source == at.Identity.Source {
			own = append(own, c)
		} else {
			others = append(others, c)
		}
	}
	var last *Change
	for _, c := range own {
		if c.Identity.Compare(at.Identity) < 0 && (last == nil || c.Identity.Compare(last.Identity) > 0) {
			last = &c
		}
	}
	// What others did counts from the last own change on.
	var candidates []mes.Thing
	if last != nil && last.Action == mes.SlotLoad {
		candidates = []mes.Thing{last.Material}
	}
	for _, c := range InOrder(others, func(c Change) Moment { return c.Moment }) {
		if last != nil && !c.Time.After(last.Time) || c.Time.After(at.Time.Add(ClockSlack)) {
			continue
		}
		certain := c.Time.Before(at.Time.Add(-ClockSlack))
		switch {
		case c.Action == mes.SlotLoad && certain:
			candidates = []mes.Thing{c.Material}
		case c.Action == mes.SlotLoad:
			candidates = appendNew(candidates, c.Material)
		case certain:
			candidates = nil
		}
	}
	return candidates
}

func appendNew(things []mes.Thing, t mes.Thing) []mes.Thing {
	if slices.Contains(things, t) {
		return things
	}
	return append(things, t)
}
