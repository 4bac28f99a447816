package genealogy

import (
	"slices"

	"github.com/takt-mes/takt/internal/mes"
)

// Move is a thing's going into a parent or coming out of it.
type Move struct {
	Moment
	// Action is which of the two.
	Action mes.PlacementAction
	// Parent is where it went.
	Parent mes.Thing
	// Place is where in the parent.
	Place string
	// Position is the event's.
	Position mes.Position
}

// Stay is the time that a thing was in a parent.
type Stay struct {
	// Since is the move that began it.
	Since Move
	// Until is the move that ended it, nil while it lasts.
	Until *Move
}

// Stays returns where a thing was, from its moves in any order. A thing that is
// put into a second parent stays in the first one until it is taken out, so
// that a contradiction shows as two stays at once. A taking-out of something
// that was not in changes nothing.
func Stays(moves []Move) []Stay {
	var stays []Stay
	for _, m := range InOrder(moves, func(m Move) Moment { return m.Moment }) {
		open := slices.IndexFunc(stays, func(s Stay) bool { return s.Until == nil && s.Since.Parent == m.Parent })
		switch {
		case m.Action == mes.PlacementDelete && open >= 0:
			stays[open].Until = &m
		case m.Action == mes.PlacementAdd && open < 0:
			stays = append(stays, Stay{Since: m})
		}
	}
	return stays
}

// AtOnce returns the first two stays of a thing, in parents of the given kind,
// that overlap: which no thing can do.
func AtOnce(stays []Stay, kind mes.RefKind) (first, second Stay, found bool) {
	ordered := InOrder(slices.DeleteFunc(slices.Clone(stays), func(s Stay) bool { return s.Since.Parent.Kind != kind }),
		func(s Stay) Moment { return s.Since.Moment })
	for i, a := range ordered {
		for _, b := range ordered[i+1:] {
			if a.Until == nil || Before(b.Since.Moment, a.Until.Moment) {
				return a, b, true
			}
		}
	}
	return Stay{}, Stay{}, false
}
