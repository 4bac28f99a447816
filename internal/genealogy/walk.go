package genealogy

import (
	"cmp"
	"iter"
	"slices"
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
	// Of is how many stretches, each of something else, the Part may lie in; 0
	// where that is not known. It is no part of what the node is.
	Of int
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
	// Removed says that the input was taken out again later. A Walk raises it
	// where something on every way there was.
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
// once, to maxDepth steps (0 for all). A loop ends where it closes. The walk
// stops at the first error, which it yields.
//
// An edge is Certain where some way there is certain to the last step, and
// Removed where every way there leads over something that was taken out again:
// what is yielded depends on the set of edges, never on the order in which next
// returns them.
//
// It keeps the nodes and edges that it has seen in memory: some 200 bytes each.
// Where a way is doubtful, it walks the sure ones once more, whole, before it
// goes on.
func Walk(start Node, maxDepth int, next func(Node) ([]Edge, error)) iter.Seq2[Edge, error] {
	return func(yield func(Edge, error) bool) {
		w := walk{start: start, maxDepth: maxDepth, next: next}
		seen := make(map[edgeKey]bool)
		err := w.steps(func(at *step, e Edge) (bool, error) {
			again := seen[e.key()]
			seen[e.key()] = true
			if err := w.judge(at, &e); err != nil {
				return false, err
			}
			at.lead(&e)
			e.Depth = at.depth
			return again || yield(e, nil), nil
		})
		if err != nil {
			yield(Edge{}, err)
		}
	}
}

// walk is a way from a start along what next returns.
type walk struct {
	start    Node
	maxDepth int
	next     func(Node) ([]Edge, error)
	// certain and present are the edges that a way without a doubtful edge, and
	// one without a removed edge, lead to; nil until they are needed.
	certain, present map[edgeKey]bool
}

// step is a node on the way.
type step struct {
	node      Node
	depth     int
	certainty Certainty
	of        int // the fewest alternatives on a way there, where it is Possible
	removed   bool
	leads     []*step
}

// lead notes what an edge of the step leads to.
func (s *step) lead(e *Edge) {
	if e.Next.Thing != (mes.Thing{}) {
		s.leads = append(s.leads, &step{node: e.Next, depth: s.depth + 1, certainty: e.Certainty, of: e.Alternatives, removed: e.Removed})
	}
}

// steps visits every edge of every node that visit leads to, by depth, those of
// one depth in an order of their own, until visit returns false or an error.
func (w *walk) steps(visit func(at *step, e Edge) (bool, error)) error {
	level := []*step{{node: w.start, depth: 1, certainty: Certain}}
	reached := map[Node]*step{w.start.bare(): level[0]}
	for len(level) > 0 && (w.maxDepth == 0 || level[0].depth <= w.maxDepth) {
		var below []*step
		for _, at := range level {
			edges, err := w.next(at.node)
			if err != nil {
				return err
			}
			for _, e := range edges {
				if more, err := visit(at, e); err != nil || !more {
					return err
				}
			}
			for _, s := range at.leads {
				have := reached[s.node.bare()]
				if have == nil {
					reached[s.node.bare()] = s
					below = append(below, s)
				} else if have.depth == s.depth {
					have.join(s)
				}
			}
			at.leads = nil
		}
		slices.SortFunc(below, func(a, b *step) int { return a.node.compare(b.node) })
		level = below
	}
	return nil
}

// join makes of two ways to one node the better one of both.
func (s *step) join(other *step) {
	switch {
	case other.certainty < s.certainty:
		s.certainty, s.of = other.certainty, other.of
	case other.certainty == s.certainty:
		s.of = min(s.of, other.of)
	}
	s.removed = s.removed && other.removed
	s.node.Of = max(s.node.Of, other.node.Of)
}

// judge lowers an edge to what the best way there is worth.
func (w *walk) judge(at *step, e *Edge) error {
	if e.Certainty != Unknown && (e.Certainty == Possible || at.certainty == Possible) && at.depth > 1 {
		if w.certain == nil {
			var err error
			if w.certain, err = w.edges(func(e *Edge) bool { return e.Certainty == Certain }); err != nil {
				return err
			}
		}
		switch {
		case w.certain[e.key()]:
			e.Certainty, e.Alternatives = Certain, 0
		case e.Certainty == Certain:
			e.Certainty, e.Alternatives = Possible, at.of
		}
	}
	if at.removed && !e.Removed {
		if w.present == nil {
			var err error
			if w.present, err = w.edges(func(e *Edge) bool { return !e.Removed }); err != nil {
				return err
			}
		}
		e.Removed = !w.present[e.key()]
	}
	return nil
}

// edges returns what a walk reaches that follows only edges of one sort.
func (w *walk) edges(follow func(*Edge) bool) (map[edgeKey]bool, error) {
	found := make(map[edgeKey]bool)
	return found, w.steps(func(at *step, e Edge) (bool, error) {
		if follow(&e) {
			found[e.key()] = true
			at.lead(&e)
		}
		return true, nil
	})
}

// bare is what the node is, less what is only known of it.
func (n Node) bare() Node {
	n.Of = 0
	return n
}

// compare orders nodes: those that say more before those that say less.
func (n Node) compare(other Node) int {
	rank := func(n Node) int {
		switch {
		case n.Part:
			return 2
		case n.HasInterval:
			return 1
		}
		return 0
	}
	a, b := n.Interval, other.Interval
	return cmp.Or(
		cmp.Compare(rank(n), rank(other)), cmp.Compare(n.Thing.Kind, other.Thing.Kind), cmp.Compare(n.Thing.ID, other.Thing.ID),
		cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Delta, b.Delta),
	)
}
