package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/wire"
)

func newEvents(c *connection) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "events",
		Aliases: []string{"event"},
		Short:   "The log itself: list it, watch it, show one event",
		Long:    "An event is one immutable fact from the line, at its position in the log.",
		Example: "  takt events list --thing items/CEL-26327-000142\n  takt events watch --equipment L1.WND\n  takt events show 1024",
	})
	cmd.AddCommand(newEventsList(c), newEventsWatch(c), newEventsShow(c))
	return cmd
}

// eventFilter is the flags that say which events.
type eventFilter struct{ thing, source, equipment, segment, from, to string }

func (f *eventFilter) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.thing, "thing", "", "only about this `thing`: items/ID, lots/ID or carriers/ID")
	cmd.Flags().StringVar(&f.source, "source", "", "only from this `source`, as L1%2FP2%2FWND01")
	cmd.Flags().StringVar(&f.equipment, "equipment", "", "only at this `equipment` or below it, as L1.WND")
	cmd.Flags().StringVar(&f.segment, "segment", "", "only in this process `segment`, as winding")
	cmd.Flags().StringVar(&f.from, "from", "", "only at or after this event `time`: 2026-11-23, RFC 3339, or 24h ago")
	cmd.Flags().StringVar(&f.to, "to", "", "only before this event `time`")
}

func (f *eventFilter) message(ctx context.Context, q *query) (*taktv1.EventFilter, error) {
	m := &taktv1.EventFilter{ProcessSegment: f.segment}
	if f.thing != "" {
		thing, err := mes.ParseThing(f.thing)
		if err != nil {
			return nil, q.misused("--thing: %w", err)
		}
		m.Thing = thing.String()
	}
	var err error
	if m.Source, err = rawID(f.source); err != nil {
		return nil, q.misused("--source: %w", err)
	}
	if f.equipment != "" {
		if m.Equipment, err = resource("equipment", f.equipment); err != nil {
			return nil, q.misused("--equipment: %w", err)
		}
	}
	ends, err := q.times(ctx, f.from, f.to)
	if err != nil {
		return nil, err
	}
	m.StartTime, m.EndTime = ends[0], ends[1]
	return m, nil
}

var eventColumns = []string{"position>", "time", "source", "epoch>", "sequence>", "equipment", "segment", "fact", "mark"}

func (q *query) eventRow(e *taktv1.LoggedEvent, site *time.Location) {
	id := e.GetIdentity()
	q.out.row(
		ucount(e.GetPosition()), q.showTime(e.GetEvent().GetEventTime(), eventZone(e.GetEvent(), site)),
		mes.Escape(string(id.GetSource())), ucount(id.GetEpoch()), ucount(id.GetSequence()),
		mes.Escape(string(e.GetEvent().GetEquipment())), e.GetEvent().GetProcessSegment(), describe(e.GetEvent()), marks(e),
	)
}

func newEventsList(c *connection) *cobra.Command {
	var filter eventFilter
	cmd := question(c, &cobra.Command{
		Use:     "list",
		Short:   "Events in the order of the log",
		Long:    "Lists events in the order of the log, all of them or those that match every flag given.",
		Example: "  takt events list --equipment L1.WND --from 1h\n  takt events list --thing lots/CAT-0007 -o json",
	}, func(ctx context.Context, q *query) error {
		match, err := filter.message(ctx, q)
		if err != nil {
			return err
		}
		site, err := q.shown(ctx)
		if err != nil {
			return err
		}
		q.out.header(eventColumns...)
		return q.pages(ctx, func(ctx context.Context, token string) (string, error) {
			resp, err := taktv1.NewEventServiceClient(q.Conn()).ListEvents(ctx, &taktv1.ListEventsRequest{
				PageSize: listPage, PageToken: token, Filter: match, MinPosition: q.minPosition,
			})
			if err != nil {
				return "", err
			}
			if q.json() {
				return resp.GetNextPageToken(), q.out.message(resp)
			}
			for _, e := range resp.GetEvents() {
				q.eventRow(e, site)
			}
			q.end(resp.GetNextPageToken(), resp.GetPosition())
			return resp.GetNextPageToken(), nil
		})
	})
	filter.flags(cmd)
	return cmd
}

func newEventsWatch(c *connection) *cobra.Command {
	var filter eventFilter
	var token string
	var limit uint64
	var checkpoint time.Duration
	cmd := question(c, &cobra.Command{
		Use:   "watch",
		Short: "Events as they are stored, until interrupted",
		Long: help(`
Watches the log from now on, or from a resume token on, until it is interrupted.
At its end it prints the token with which the next watch goes on, so that
nothing is lost or repeated; with -o json every line has its own.`),
		Example: "  takt events watch --equipment L1.OCV\n  takt events watch -o json --token CAESBAgBEAI",
	}, func(ctx context.Context, q *query) error {
		match, err := filter.message(ctx, q)
		if err != nil {
			return err
		}
		site, err := q.shown(ctx)
		if err != nil {
			return err
		}
		last, err := q.watch(ctx, &taktv1.WatchEventsRequest{
			ResumeToken: token, Filter: match, CheckpointInterval: durationpb.New(checkpoint),
		}, limit, site)
		if last != "" {
			q.note("go on with --token %s", last)
		}
		return err
	})
	filter.flags(cmd)
	cmd.Flags().StringVar(&token, "token", "", "go on from this resume `token`")
	cmd.Flags().DurationVar(&checkpoint, "checkpoint", 10*time.Second, "how long the server may be silent")
	cmd.Flags().Uint64Var(&limit, "limit", 0, "end after this many `events`; 0 does not end")
	return cmd
}

// watch puts out events until there is an end, and returns the token of the last
// response that was put out.
func (q *query) watch(ctx context.Context, req *taktv1.WatchEventsRequest, limit uint64, site *time.Location) (last string, err error) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := taktv1.NewEventServiceClient(q.Conn()).WatchEvents(watching, req)
	if err != nil {
		return "", q.explain(err)
	}
	q.out.header(eventColumns...)
	for seen := uint64(0); limit == 0 || seen < limit; {
		resp, err := stream.Recv()
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF):
			// Being interrupted is how a watch ends.
			return last, nil
		case err != nil:
			return last, q.explain(err)
		case q.json():
			err = q.out.message(resp)
		case resp.GetEvent() != nil:
			q.eventRow(resp.GetEvent(), site)
			err = q.out.flush()
		}
		if err != nil {
			return last, err
		}
		if resp.GetEvent() != nil {
			seen++
		}
		last = resp.GetResumeToken()
	}
	return last, nil
}

func newEventsShow(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:     "show POSITION",
		Short:   "One event, with all that it says",
		Long:    "Shows the event at a position of the log: its identity, how it got here, and all that it says, as JSON.",
		Example: "  takt events show 1024",
		Args:    arguments("POSITION"),
	}, showEvent)
}

func showEvent(ctx context.Context, q *query) error {
	name, err := resource("events", q.args[0])
	if err != nil {
		return err
	}
	client := taktv1.NewEventServiceClient(q.Conn())
	var e *taktv1.LoggedEvent
	err = q.call(ctx, func(ctx context.Context) (err error) {
		e, err = client.GetEvent(ctx, &taktv1.GetEventRequest{Name: name})
		return err
	})
	switch {
	case err != nil:
		return err
	case q.json():
		return q.out.message(e)
	}
	schemas, err := q.schemasOf(ctx, e.GetEvent())
	if err != nil {
		return err
	}
	zone, err := q.shown(ctx)
	if err != nil {
		return err
	}
	q.out.header("field", "value")
	row := func(field, value string) {
		if value != "" {
			q.out.row(field, value)
		}
	}
	event, identity, p := e.GetEvent(), e.GetIdentity(), e.GetProvenance()
	row("position", ucount(e.GetPosition()))
	row("identity", fmt.Sprintf("%s:%d:%d", id(identity.GetSource()), identity.GetEpoch(), identity.GetSequence()))
	row("event time", q.showTime(event.GetEventTime(), eventZone(event, zone)))
	row("record time", q.showTime(e.GetRecordTime(), zone))
	row("gateway", id(p.GetGateway()))
	row("gateway time", q.showTime(p.GetGatewayTime(), zone))
	row("equipment", id(event.GetEquipment()))
	row("segment", event.GetProcessSegment())
	row("fact", describe(event))
	for _, v := range measured(event, schemas) {
		row(v.characteristic, strings.TrimSpace(v.text+" "+v.unit+" "+v.quality)+v.limits())
	}
	row("mark", marks(e))
	row("content hash", hex.EncodeToString(e.GetContentHash()))
	text, err := jsonText(event)
	if err != nil {
		return err
	}
	row("event", text)
	return nil
}

// schemasOf asks for the names of an event's values; a schema that has not come
// yet leaves them without.
func (q *query) schemasOf(ctx context.Context, e *taktv1.Event) (map[string]*taktv1.Schema, error) {
	m := wire.Measurements(e)
	if m == nil {
		return nil, nil
	}
	var schema *taktv1.Schema
	err := q.call(ctx, func(ctx context.Context) (err error) {
		schema, err = taktv1.NewEventServiceClient(q.Conn()).GetSchema(ctx,
			&taktv1.GetSchemaRequest{Name: "schemas/" + hex.EncodeToString(m.GetSchema())})
		return err
	})
	if err != nil && mes.CodeOf(err) != mes.CodeNotFound {
		return nil, err
	}
	return map[string]*taktv1.Schema{string(m.GetSchema()): schema}, nil
}

// describe says in a few words what an event states.
func describe(e *taktv1.Event) string {
	join := func(words ...string) string { return strings.Join(strings.Fields(strings.Join(words, " ")), " ") }
	switch f := e.GetFact().(type) {
	case *taktv1.Event_Work:
		disposition := word(f.Work.GetDisposition())
		if disposition == "" {
			disposition = "work"
		}
		var defects []string
		for _, d := range f.Work.GetDefects() {
			defects = append(defects, join(d.GetCode(), d.GetPlace()))
		}
		return join(disposition, strings.Join(defects, ", "))
	case *taktv1.Event_CoilGeometry:
		return join("coil", id(f.CoilGeometry.GetCoil()), mes.Micrometres(f.CoilGeometry.GetLengthMicrometres()).String(), "m")
	case *taktv1.Event_SlotChange:
		return join(word(f.SlotChange.GetAction()), f.SlotChange.GetSlot(), id(f.SlotChange.GetMaterial().GetId()), quantity(f.SlotChange.GetRemaining()))
	case *taktv1.Event_Placement:
		direction := "into"
		if f.Placement.GetAction() == taktv1.Placement_ACTION_DELETE {
			direction = "out of"
		}
		what := count(len(f.Placement.GetChildren()))
		if children := f.Placement.GetChildren(); len(children) == 1 {
			what = ref(children[0].GetRef())
		}
		return join(what, direction, ref(f.Placement.GetParent()))
	case *taktv1.Event_AliasBinding:
		return join(ref(f.AliasBinding.GetItem()), "is", f.AliasBinding.GetAliasKind(), id(f.AliasBinding.GetValue()))
	case *taktv1.Event_LotReport:
		return join("lot", id(f.LotReport.GetLot().GetId()), word(f.LotReport.GetStatus()), quantity(f.LotReport.GetQuantity()))
	case *taktv1.Event_EquipmentReport:
		return join(word(f.EquipmentReport.GetTopic()), f.EquipmentReport.GetCode(), f.EquipmentReport.GetMessage())
	case *taktv1.Event_Verdict:
		return join(f.Verdict.GetQuestion(), word(f.Verdict.GetAnswer()), f.Verdict.GetReason())
	case *taktv1.Event_Decision:
		return join(word(f.Decision.GetKind()), f.Decision.GetWhy())
	case *taktv1.Event_Correction:
		w := f.Correction.GetWithdraws()
		return join("withdraws", fmt.Sprintf("%s:%d:%d", id(w.GetSource()), w.GetEpoch(), w.GetSequence()), f.Correction.GetReason())
	case *taktv1.Event_SourceFact:
		return join(word(f.SourceFact.GetTopic()), id(f.SourceFact.GetSource()), f.SourceFact.GetEvidence())
	case *taktv1.Event_MasterData:
		return join("revision", f.MasterData.GetRevision(), "of", f.MasterData.GetResource())
	}
	return "nothing that this version of takt knows"
}

// ref returns a thing as its resource name.
func ref(r *taktv1.Ref) string {
	if len(r.GetId()) == 0 {
		return ""
	}
	return word(r.GetKind()) + "s/" + id(r.GetId())
}

// value is one measured value as it is shown.
type value struct {
	characteristic, text, unit, quality string
	// lsl and usl are the limits by which it was judged; empty where there are none.
	lsl, usl string
}

// String returns the value as `ocv1=3.29 V` or `k=missing`.
func (v value) String() string {
	s := v.characteristic + "=" + v.text
	if v.text == "" {
		return s + v.quality
	}
	if v.unit != "" && v.unit != "1" {
		s += " " + v.unit
	}
	if v.quality != "" {
		s += " (" + v.quality + ")"
	}
	return s
}

// limits returns what the value was judged by, as ` (LSL 3.1, USL 3.3)`.
func (v value) limits() string {
	var list []string
	if v.lsl != "" {
		list = append(list, "LSL "+v.lsl)
	}
	if v.usl != "" {
		list = append(list, "USL "+v.usl)
	}
	if list == nil {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// measured names an event's values by their schema; a value without a name shows
// its place in brackets.
func measured(e *taktv1.Event, schemas map[string]*taktv1.Schema) []value {
	m := wire.Measurements(e)
	schema := schemas[string(m.GetSchema())].GetColumns()
	list := make([]value, len(m.GetValues()))
	for i, v := range m.GetValues() {
		list[i] = value{characteristic: fmt.Sprintf("[%d]", i), text: number(v)}
		if i < len(schema) {
			c := schema[i]
			list[i].characteristic, list[i].unit = c.GetCharacteristic(), c.GetUnit()
			list[i].lsl, list[i].usl = specLimit(c.LowerSpecLimit), specLimit(c.UpperSpecLimit)
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			list[i].quality = "bad"
		}
	}
	for _, n := range m.GetNotes() {
		if i := int(n.GetIndex()); i < len(list) && n.GetQuality() != 0 {
			list[i].quality = word(n.GetQuality())
			if n.GetQuality() == taktv1.Quality_QUALITY_MISSING {
				list[i].text = ""
			}
		}
	}
	return list
}

func specLimit(v *float64) string {
	if v == nil {
		return ""
	}
	return number(*v)
}

func schemasByID(list []*taktv1.Schema) map[string]*taktv1.Schema {
	schemas := make(map[string]*taktv1.Schema, len(list))
	for _, s := range list {
		schema := wire.SchemaFrom(s)
		schemas[string(schema.ID())] = s
	}
	return schemas
}
