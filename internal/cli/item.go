package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

func newItem(c *connection) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "item",
		Short:   "Cells, modules, packs: everything with a name of its own",
		Long:    "An item is one thing with a name of its own: a jelly roll, a cell, a module, a pack.",
		Example: "  takt item show CEL-26327-000142\n  takt item list --definition cell",
	})
	cmd.AddCommand(newItemShow(c), newItemList(c))
	return cmd
}

func newItemShow(c *connection) *cobra.Command {
	var values bool
	cmd := question(c, &cobra.Command{
		Use:   "show NAME",
		Short: "An item's whole record",
		Long: help(`
Shows an item by its id or any of its other names: where it is, what contradicts
itself, and every event that concerns it, directly or by the carrier that it was
in, by event time. A mark of "history" stands at what the demo made up for the
time before it was started. As CSV there is a row for each measured value.`),
		Example: "  takt item show CEL-26327-000142\n  takt item show --values CEL-26327-000142\n  takt item show -o csv 03TPB2041ACD1QA7B0000142",
		Args:    arguments("NAME"),
	}, func(ctx context.Context, q *query) error { return showItem(ctx, q, values) })
	cmd.Flags().BoolVar(&values, "values", false, "a line for each measured value")
	return cmd
}

func showItem(ctx context.Context, q *query, values bool) error {
	name, err := resource("items", q.args[0])
	if err != nil {
		return err
	}
	var resp *taktv1.GetItemRecordResponse
	err = q.call(ctx, func(ctx context.Context) (err error) {
		resp, err = taktv1.NewMaterialServiceClient(q.Conn()).GetItemRecord(ctx,
			&taktv1.GetItemRecordRequest{Name: name, MinPosition: q.minPosition})
		return err
	})
	switch {
	case err != nil:
		return err
	case q.json():
		return q.out.message(resp)
	case q.csv():
		return itemCSV(ctx, q, resp)
	}
	if err := itemHead(ctx, q, resp.GetItem()); err != nil {
		return err
	}
	return itemRecord(ctx, q, resp, values)
}

// itemHead writes what an item is, line by line.
func itemHead(ctx context.Context, q *query, item *taktv1.Item) error {
	zone, err := q.shown(ctx)
	if err != nil {
		return err
	}
	line := func(name, format string, args ...any) error {
		return q.out.text("%-11s %s", name, mes.Printable(fmt.Sprintf(format, args...)))
	}
	if err := line("item", "%s", id(item.GetId())); err != nil {
		return err
	}
	if d := item.GetMaterialDefinition(); d != "" {
		if err := line("definition", "%s", d); err != nil {
			return err
		}
	}
	if item.GetEventTime() != nil {
		last := []string{item.GetProcessSegment(), word(item.GetDisposition()), q.showTime(item.GetEventTime(), zone)}
		if err := line("last work", "%s", strings.Join(slices.DeleteFunc(last, isEmpty), " ")); err != nil {
			return err
		}
	}
	for _, a := range item.GetAliases() {
		if err := line("alias", "%s %s", a.GetAliasKind(), id(a.GetValue())); err != nil {
			return err
		}
	}
	for _, in := range item.GetContainments() {
		if err := line("in", "%s since %s", strings.TrimSpace(in.GetParent()+" "+in.GetPlace()), q.showTime(in.GetSince(), zone)); err != nil {
			return err
		}
	}
	for _, f := range item.GetFlags() {
		if err := line("flag", "%s: %s (positions %s)", word(f.GetKind()), f.GetDetail(), positions(f.GetPositions())); err != nil {
			return err
		}
	}
	return q.out.text("")
}

// valuesShown is how many measured values a row of the record has room for.
const valuesShown = 4

func itemRecord(ctx context.Context, q *query, resp *taktv1.GetItemRecordResponse, values bool) error {
	site, err := q.shown(ctx)
	if err != nil {
		return err
	}
	schemas := schemasByID(resp.GetSchemas())
	q.out.header("time", "segment", "equipment", "fact", "try>", "values", "slots", "via", "mark", "position>")
	for _, entry := range resp.GetEntries() {
		e := entry.GetEvent().GetEvent()
		list := measured(e, schemas)
		var shown []string
		for i, v := range list {
			if i == valuesShown && len(list) > valuesShown+1 && !values {
				shown = append(shown, fmt.Sprintf("+%d", len(list)-i))
				break
			}
			shown = append(shown, v.String())
		}
		first := strings.Join(shown, ", ")
		if values {
			first = ""
		}
		q.out.row(
			q.showTime(e.GetEventTime(), eventZone(e, site)), e.GetProcessSegment(), id(e.GetEquipment()),
			entryFact(entry, e), unzero(e.GetWork().GetAttempt()), first,
			resolvedSlots(entry.GetSlots()), via(entry), marks(entry.GetEvent()), ucount(entry.GetEvent().GetPosition()),
		)
		if values {
			for _, v := range list {
				q.out.row("", "", "", "", "", v.String(), "", "", "", "")
			}
		}
	}
	if err := q.out.flush(); err != nil {
		return err
	}
	q.note("%s, at position %d", plural(uint64(len(resp.GetEntries())), "event"), resp.GetPosition())
	return nil
}

// itemCSV writes a row for each measured value, and one for an event without
// any, so that the rows can be filtered and pivoted.
func itemCSV(ctx context.Context, q *query, resp *taktv1.GetItemRecordResponse) error {
	site, err := q.shown(ctx)
	if err != nil {
		return err
	}
	schemas := schemasByID(resp.GetSchemas())
	q.out.header("item", "position", "event_time", "process_segment", "equipment", "role", "fact", "attempt",
		"characteristic", "value", "unit", "quality", "slots", "via", "mark")
	for _, entry := range resp.GetEntries() {
		e := entry.GetEvent().GetEvent()
		list := measured(e, schemas)
		if len(list) == 0 {
			list = []value{{}}
		}
		for _, v := range list {
			q.out.row(
				id(resp.GetItem().GetId()), ucount(entry.GetEvent().GetPosition()), q.showTime(e.GetEventTime(), eventZone(e, site)),
				e.GetProcessSegment(), id(e.GetEquipment()), word(entry.GetRole()), describe(e), unzero(e.GetWork().GetAttempt()),
				v.characteristic, v.text, v.unit, v.quality,
				resolvedSlots(entry.GetSlots()), via(entry), marks(entry.GetEvent()),
			)
		}
	}
	return nil
}

// entryFact says what happened to the item: the event, seen from its side.
func entryFact(entry *taktv1.GetItemRecordResponse_Entry, e *taktv1.Event) string {
	switch role := entry.GetRole(); role {
	case taktv1.GetItemRecordResponse_ROLE_SUBJECT, taktv1.GetItemRecordResponse_ROLE_UNSPECIFIED,
		taktv1.GetItemRecordResponse_ROLE_NAMED, taktv1.GetItemRecordResponse_ROLE_MENTIONED:
		return describe(e)
	default:
		return word(role) + ": " + describe(e)
	}
}

// resolvedSlots says what was on the slots: `electrolyte=EL-0012`, and `a|b`
// where it may be either.
func resolvedSlots(list []*taktv1.ResolvedSlot) string {
	var shown []string
	for _, s := range list {
		var lots []string
		for _, lot := range s.GetLots() {
			lots = append(lots, strings.TrimPrefix(lot, "lots/"))
		}
		if len(lots) == 0 {
			lots = []string{"unknown"}
		}
		shown = append(shown, s.GetSlot()+"="+strings.Join(lots, "|"))
	}
	return strings.Join(shown, ", ")
}

func via(entry *taktv1.GetItemRecordResponse_Entry) string {
	return strings.TrimPrefix(entry.GetCarrier(), "carriers/")
}

// historyGateway is the gateway that the demo's made-up days come from.
const historyGateway = "history"

// marks says what is to be known of an event before it is relied on.
func marks(e *taktv1.LoggedEvent) string {
	var list []string
	if string(e.GetProvenance().GetGateway()) == historyGateway {
		list = append(list, "history")
	}
	if mode := word(e.GetEvent().GetMode()); mode != "" {
		list = append(list, mode)
	}
	if p := e.GetWithdrawnBy(); p != 0 {
		list = append(list, "withdrawn by "+ucount(p))
	}
	return strings.Join(list, ", ")
}

func newItemList(c *connection) *cobra.Command {
	var definition string
	cmd := question(c, &cobra.Command{
		Use:     "list",
		Short:   "All items, in the order in which they were first named",
		Long:    "Lists items in the order in which they were first named, all of them or those of one material definition.",
		Example: "  takt item list --definition cell\n  takt item list -o csv > items.csv",
	}, func(ctx context.Context, q *query) error {
		zone, err := q.shown(ctx)
		if err != nil {
			return err
		}
		q.out.header("item", "definition", "segment", "disposition", "time", "in", "flags")
		return q.pages(ctx, func(ctx context.Context, token string) (string, error) {
			resp, err := taktv1.NewMaterialServiceClient(q.Conn()).ListItems(ctx, &taktv1.ListItemsRequest{
				PageSize: listPage, PageToken: token, MaterialDefinition: definition, MinPosition: q.minPosition,
			})
			if err != nil {
				return "", err
			}
			if q.json() {
				return resp.GetNextPageToken(), q.out.message(resp)
			}
			for _, item := range resp.GetItems() {
				var in, flags []string
				for _, parent := range item.GetContainments() {
					in = append(in, strings.TrimSpace(parent.GetParent()+" "+parent.GetPlace()))
				}
				for _, f := range item.GetFlags() {
					flags = append(flags, word(f.GetKind()))
				}
				q.out.row(
					id(item.GetId()), item.GetMaterialDefinition(), item.GetProcessSegment(), word(item.GetDisposition()),
					q.showTime(item.GetEventTime(), zone), strings.Join(in, ", "), strings.Join(flags, ", "),
				)
			}
			q.end(resp.GetNextPageToken(), resp.GetPosition())
			return resp.GetNextPageToken(), nil
		})
	})
	cmd.Flags().StringVar(&definition, "definition", "", "only items of this material `definition`, as cell")
	return cmd
}
