package genealogy

import (
	"iter"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// Direction is the way a trace goes.
type Direction uint8

// The directions.
const (
	// Backward goes to what a thing was made of.
	Backward Direction = 1 + iota
	// Forward goes to what was made of it.
	Forward
)

// Certainty is how sure an edge is.
type Certainty uint8

// The certainties.
const (
	// Certain is so, by what was reported.
	Certain Certainty = 1 + iota
	// Possible is this one or one of the others.
	Possible
	// Unknown was used, and nobody reported what.
	Unknown
)

// Node is a thing on the way of a trace, or a stretch of one.
type Node struct {
	// Thing is which.
	Thing mes.Thing
	// Interval is the stretch of a coil that is meant; nil for all of it.
	Interval mes.Interval
	// HasInterval says whether there is an Interval.
	HasInterval bool
	// Part says that only some stretch of the coil is meant, and which one is
	// not known.
	Part bool
}

// Edge says that an input went into an output.
type Edge struct {
	// Input is what was used; zero where Certainty is Unknown.
	Input mes.Thing
	// Output is what was made.
	Output mes.Thing
	// Quantity is how much of the input was used, nil where it was not said.
	Quantity *mes.Quantity
	// Interval is which metres of the input were used, nil where it has none.
	Interval *mes.Interval
	// Slot is what it was taken from; may be empty.
	Slot string
	// Place is where in the output it was put; may be empty.
	Place string
	// Equipment and ProcessSegment say where it happened.
	Equipment      mes.EquipmentID
	ProcessSegment string
	// Time is the event time.
	Time time.Time
	// Position is the event's.
	Position mes.Position
	// Removed says that the input was taken out again later.
	Removed bool
	// Certainty is how sure it is. A Walk lowers it to that of the way there.
	Certainty Certainty
	// Alternatives is how many candidates there are where it is Possible.
	Alternatives int
	// Depth is the number of steps from the start; a Walk sets it.
	Depth int
	// Next is what a trace goes on with; the zero Node ends it.
	Next Node
}

// edgeKey tells edges apart.
type edgeKey struct {
	position      mes.Position
	input, output mes.Thing
	slot, place   string
	interval      mes.Interval
}

func (e *Edge) key() edgeKey {
	k := edgeKey{position: e.Position, input: e.Input, output: e.Output, slot: e.Slot, place: e.Place}
	if e.Interval != nil {
		k.interval = *e.Interval
	}
	return k
}

// Walk yields every edge that can be reached from start, nearest first, each
// once, to maxDepth steps (0 for all). The edges of a node come from next, in
// an order that must be the same each time. A loop ends where it closes. The
// walk stops at the first error, which it yields.
//
// It keeps the nodes and edges that it has seen in memory: some 200 bytes each.
func Walk(start Node, maxDepth int, next func(Node) ([]Edge, error)) iter.Seq2[Edge, error] {
	type step struct {
		node      Node
		depth     int
		certainty Certainty
		of        int
	}
	return func(yield func(Edge, error) bool) {
		queue := []step{{start, 1, Certain, 0}}
		reached := map[Node]Certainty{start: Certain}
		seen := make(map[edgeKey]bool)
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			if maxDepth > 0 && at.depth > maxDepth {
				return
			}
			edges, err := next(at.node)
			if err != nil {
				yield(Edge{}, err)
				return
			}
			for _, e := range edges {
				if at.certainty == Possible && e.Certainty == Certain {
					e.Certainty, e.Alternatives = Possible, at.of
				}
				if k := e.key(); seen[k] {
					continue
				} else { //nolint:revive // the key belongs to the condition
					seen[k] = true
				}
				e.Depth = at.depth
				if !yield(e, nil) {
					return
				}
				if e.Next.Thing == (mes.Thing{}) {
					continue
				}
				if _, been := reached[e.Next]; !been {
					reached[e.Next] = e.Certainty
					queue = append(queue, step{e.Next, at.depth + 1, e.Certainty, e.Alternatives})
				}
			}
		}
	}
}
