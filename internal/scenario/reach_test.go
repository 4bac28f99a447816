package scenario_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// TestReach compares the things that are reached from each thing of each file,
// in both directions and to several depths, with those of the edges: as of each
// position (each seventh, unless TAKT_LONG is set), while they are in memory and
// after they were sealed, and whatever order the events came in.
func TestReach(t *testing.T) {
	for name, f := range files(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			worlds := map[string]func(*testing.T, *file) world{"store": inStore, "sealed": inBlocksOf}
			if !f.ordered {
				worlds["reversed"] = reversed
			}
			for name, world := range worlds {
				t.Run(name, func(t *testing.T) {
					d, ok := world(t, f).(*direct)
					if !ok {
						t.Fatal("no world of its own")
					}
					if err := d.view(func(v *store.View) error { return sameReach(t, v, f) }); err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
}

func sameReach(t *testing.T, newest *store.View, f *file) error {
	t.Helper()
	starts := make(map[mes.Thing]bool)
	for _, r := range f.records {
		e, err := mes.DecodeEvent(r.Event)
		if err != nil {
			continue // in quarantine
		}
		for _, thing := range named(e) {
			starts[thing] = true
		}
	}
	step := mes.Position(7)
	if os.Getenv("TAKT_LONG") != "" {
		step = 1
	}
	for position := newest.Position(); position > 0; position -= min(step, position) {
		v := newest.AsOf(position)
		for start := range starts {
			for _, way := range []genealogy.Direction{genealogy.Backward, genealogy.Forward} {
				for depth := range 4 {
					if err := sameThings(t, v, start, way, depth); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// named returns the things that went into something, or came of it.
func named(e *mes.Event) (things []mes.Thing) {
	switch fact := e.Fact.(type) {
	case *mes.Work:
		for _, s := range fact.Subjects {
			things = append(things, s.Thing)
		}
		for _, a := range append(slices.Clone(fact.Consumed), fact.Produced...) {
			if !a.Ref.IsZero() {
				things = append(things, a.Ref.Thing)
			}
		}
	case *mes.Placement:
		things = append(things, fact.Parent.Thing)
		for _, c := range fact.Children {
			things = append(things, c.Ref.Thing)
		}
	case *mes.SlotChange:
		if !fact.Material.IsZero() {
			things = append(things, fact.Material.Thing)
		}
	}
	return things
}

func sameThings(t *testing.T, v *store.View, start mes.Thing, way genealogy.Direction, depth int) error {
	t.Helper()
	edges, err := edgesOf(v, start, way, depth)
	if mes.CodeOf(err) == mes.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	var got []string
	for r, err := range v.Reach(start, way, depth) {
		if err != nil {
			return fmt.Errorf("reach: %w", err)
		}
		got = append(got, thingLine(r.Thing.String(), r.Definition, taktv1.Certainty(r.Certainty), r.Removed))
	}
	slices.Sort(got)
	if diff := cmp.Diff(thingLines(edges, taktv1.Direction(way)), got); diff != "" {
		t.Errorf("Reach(%s, %d, %d) as of %d mismatch (-edges +things):\n%s", start, way, depth, v.Position(), diff)
	}
	return nil
}

// thingLines returns what edges say of the things that they lead to, in order.
func thingLines(edges []*taktv1.GenealogyEdge, way taktv1.Direction) []string {
	type state struct {
		definition string
		certainty  taktv1.Certainty
		removed    bool
	}
	things := make(map[string]state)
	for _, e := range edges {
		name, s := e.GetOutput(), state{e.GetOutputDefinition(), e.GetCertainty(), e.GetRemoved()}
		if way == taktv1.Direction_DIRECTION_BACKWARD {
			name, s.definition = e.GetInput(), e.GetInputDefinition()
		}
		if have, known := things[name]; known {
			s.certainty, s.removed = min(s.certainty, have.certainty), s.removed && have.removed
		}
		if name != "" {
			things[name] = s
		}
	}
	var lines []string
	for name, s := range things {
		lines = append(lines, thingLine(name, s.definition, s.certainty, s.removed))
	}
	slices.Sort(lines)
	return lines
}

func thingLine(name, definition string, certainty taktv1.Certainty, removed bool) string {
	return words(name, definition, enumWord(certainty.String(), "CERTAINTY_"), map[bool]string{true: "removed"}[removed])
}
