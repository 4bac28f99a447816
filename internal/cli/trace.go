package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

func newTrace(c *connection) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "trace",
		Short:   "What a thing was made of, and what was made of it",
		Long:    "Traces through the genealogy, backward to what a thing was made of or forward to what was made of it.",
		Example: "  takt trace backward CEL-26327-000142\n  takt trace forward lots/NMC811-2611-04",
	})
	cmd.AddCommand(
		newTraceWay(c, taktv1.Direction_DIRECTION_BACKWARD, &cobra.Command{
			Use:   "backward NAME",
			Short: "What a thing was made of",
			Long: help(`
Lists what an item or a lot was made of, nearest first, down to what suppliers
delivered: each edge once, to any depth. An edge is certain, one of several that
it may have been, or unknown where nobody reported what was used.`),
			Example: "  takt trace backward CEL-26327-000142\n  takt trace backward items/PCK-26327-0003 --depth 2 -o csv",
		}),
		newTraceWay(c, taktv1.Direction_DIRECTION_FORWARD, &cobra.Command{
			Use:   "forward NAME",
			Short: "What was made of a thing",
			Long: help(`
Lists what was made of an item or a lot, nearest first, up to what left the
site: each edge once, to any depth. An edge is certain, or one of several that
it may have been.`),
			Example: "  takt trace forward NMC811-2611-04\n  takt trace forward lots/CAT-26327-07 --things -o csv",
		}),
	)
	return cmd
}

func newTraceWay(c *connection, direction taktv1.Direction, cmd *cobra.Command) *cobra.Command {
	var depth int32
	var things bool
	cmd.Args = arguments("NAME")
	cmd = question(c, cmd, func(ctx context.Context, q *query) error {
		if depth < 0 {
			return q.misused("--depth %d is negative; 0 goes all the way", depth)
		}
		thing, err := q.material(ctx, q.args[0])
		if err != nil {
			return err
		}
		return q.trace(ctx, &taktv1.StreamGenealogyRequest{
			Thing: thing, Direction: direction, MaxDepth: depth, MinPosition: q.minPosition, ThingsOnly: things,
		})
	})
	cmd.Flags().Int32Var(&depth, "depth", 0, "how many `steps`; 0 goes all the way")
	cmd.Flags().BoolVar(&things, "things", false, "list what is reached, each thing once, without the edges; many times as quick")
	return cmd
}

// material returns the item or lot that a person typed: its resource name, or a
// name that one thing alone bears.
func (q *query) material(ctx context.Context, typed string) (string, error) {
	for _, collection := range []string{"items", "lots"} {
		if strings.HasPrefix(typed, collection+"/") {
			return resource(collection, typed)
		}
	}
	resp, err := q.search(ctx, typed)
	if err != nil {
		return "", err
	}
	things := make(map[string]bool)
	for _, m := range resp.GetMatches() {
		if strings.HasPrefix(m.GetThing(), "items/") || strings.HasPrefix(m.GetThing(), "lots/") {
			things[m.GetThing()] = true
		}
	}
	found := slices.Sorted(maps.Keys(things))
	switch len(found) {
	case 0:
		return "", mes.Errorf(mes.CodeNotFound, "no item and no lot bears the name %s; names are compared to the byte", typed)
	case 1:
		return found[0], nil
	}
	return "", mes.Errorf(mes.CodeInvalid, "%s is the name of %s; name one of them in full", typed, strings.Join(found, " and "))
}

func (q *query) trace(ctx context.Context, req *taktv1.StreamGenealogyRequest) error {
	zone, err := q.shown(ctx)
	if err != nil {
		return err
	}
	csv := q.csv()
	switch {
	case req.GetThingsOnly() && csv:
		q.out.header("thing", "definition", "certainty", "removed")
	case req.GetThingsOnly():
		q.out.header("thing", "definition", "certainty")
	case csv:
		q.out.header("depth", "input", "input_definition", "output", "output_definition", "quantity", "unit",
			"lane", "from_m", "to_m", "delta_m", "slot", "place", "equipment", "process_segment", "event_time",
			"certainty", "alternatives", "removed", "position")
	default:
		q.out.header("depth>", "input", "definition", "output", "quantity>", "metres", "slot", "place", "equipment", "time", "certainty")
	}
	summary := newTraceSummary(req)
	var position uint64
	// Each answer has to come in time, however many there are.
	inTime, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(q.timeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	for resp, err := range q.Trace(inTime, req) {
		if cause := context.Cause(inTime); err != nil && errors.Is(cause, context.DeadlineExceeded) {
			err = cause
		}
		if err != nil {
			return q.explain(err)
		}
		late.Stop()
		position = resp.GetPosition()
		if q.json() {
			err = q.out.message(resp)
		} else {
			for _, e := range resp.GetEdges() {
				summary.add(e)
				if csv {
					q.edgeCSV(e, zone)
				} else {
					q.edgeRow(e, zone)
				}
			}
			for _, alike := range resp.GetThings() {
				summary.addThings(alike)
				q.thingRows(alike)
			}
			err = q.out.flush()
		}
		if err != nil {
			return err
		}
		late.Reset(q.timeout)
	}
	q.note("%s at position %d", summary, position)
	return nil
}

func (q *query) edgeRow(e *taktv1.GenealogyEdge, zone *time.Location) {
	input := e.GetInput()
	if input == "" {
		input = "?"
	}
	q.out.row(
		count(e.GetDepth()), input, e.GetInputDefinition(), e.GetOutput(), quantity(e.GetQuantity()), interval(e.GetInterval()),
		e.GetSlot(), e.GetPlace(), id(e.GetEquipment()), q.showTime(e.GetEventTime(), zone), certainty(e),
	)
}

func (q *query) edgeCSV(e *taktv1.GenealogyEdge, zone *time.Location) {
	var lane, from, to, delta, amount, removed string
	if i := e.GetInterval(); i != nil {
		lane = ucount(i.GetLane())
		from, to = mes.Micrometres(i.GetFromMicrometres()).String(), mes.Micrometres(i.GetToMicrometres()).String()
		delta = mes.Micrometres(i.GetDeltaMicrometres()).String()
	}
	if e.GetQuantity() != nil {
		amount = decimal(e.GetQuantity().GetValue())
	}
	if e.GetRemoved() {
		removed = "removed"
	}
	q.out.row(
		count(e.GetDepth()), e.GetInput(), e.GetInputDefinition(), e.GetOutput(), e.GetOutputDefinition(),
		amount, e.GetQuantity().GetUnit(), lane, from, to, delta, e.GetSlot(), e.GetPlace(), id(e.GetEquipment()),
		e.GetProcessSegment(), q.showTime(e.GetEventTime(), zone), word(e.GetCertainty()), count(e.GetAlternatives()), removed,
		ucount(e.GetPosition()),
	)
}

// thingRows writes a row for each of some things.
func (q *query) thingRows(alike *taktv1.ReachedThings) {
	sure, removed := word(alike.GetCertainty()), ""
	if alike.GetRemoved() {
		removed = "removed"
	}
	for _, thing := range alike.GetIds() {
		name := alike.GetCollection() + "/" + mes.ID(thing).String()
		switch {
		case q.csv():
			q.out.row(name, alike.GetMaterialDefinition(), sure, removed)
		case alike.GetRemoved():
			q.out.row(name, alike.GetMaterialDefinition(), sure+", "+removed)
		default:
			q.out.row(name, alike.GetMaterialDefinition(), sure)
		}
	}
}

// certainty says how sure an edge is: `certain`, `1 of 2`, `unknown`.
func certainty(e *taktv1.GenealogyEdge) string {
	s := word(e.GetCertainty())
	if e.GetCertainty() == taktv1.Certainty_CERTAINTY_POSSIBLE && e.GetAlternatives() > 0 {
		s = fmt.Sprintf("1 of %d", e.GetAlternatives())
	}
	if e.GetRemoved() {
		s += ", removed"
	}
	return s
}

// traceSummary counts what a trace came to: edges, and things by what they are
// made to be. It remembers each thing's name; the server remembers as much.
type traceSummary struct {
	request *taktv1.StreamGenealogyRequest
	// edges or reached is how many there are of what was asked for.
	edges, reached uint64
	things         map[string]bool
	kinds          map[string]int
}

func newTraceSummary(r *taktv1.StreamGenealogyRequest) *traceSummary {
	return &traceSummary{request: r, things: make(map[string]bool), kinds: make(map[string]int)}
}

func (s *traceSummary) add(e *taktv1.GenealogyEdge) {
	s.edges++
	thing, definition := e.GetInput(), e.GetInputDefinition()
	if s.request.GetDirection() == taktv1.Direction_DIRECTION_FORWARD {
		thing, definition = e.GetOutput(), e.GetOutputDefinition()
	}
	if thing == "" || s.things[thing] {
		return
	}
	s.things[thing] = true
	s.count(definition, 1)
}

// addThings adds things that come without edges, and so each once.
func (s *traceSummary) addThings(alike *taktv1.ReachedThings) {
	s.reached += uint64(len(alike.GetIds()))
	s.count(alike.GetMaterialDefinition(), len(alike.GetIds()))
}

func (s *traceSummary) count(definition string, n int) {
	if definition == "" {
		definition = "of no definition"
	}
	s.kinds[definition] += n
}

// String returns the summary as `12 edges: 1 anode-coil, 2 NMP`, or with
// `3 things` where there are no edges.
func (s *traceSummary) String() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", s.kinds[kind], kind))
	}
	text := plural(s.edges, "edge")
	if s.request.GetThingsOnly() {
		text = plural(s.reached, "thing")
	}
	if len(kinds) > 0 {
		text += ": " + strings.Join(kinds, ", ")
	}
	return mes.Printable(text) + ","
}
