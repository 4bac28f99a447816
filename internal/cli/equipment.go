package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

func newEquipment(c *connection) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "equipment",
		Short:   "The machines, and what is on their slots",
		Long:    "Equipment is a place of the plant: a line, a machine, a station. It is known by the site's plant model, or by having reported something.",
		Example: "  takt equipment list\n  takt equipment show L1.WND.07",
	})
	cmd.AddCommand(newEquipmentList(c), newEquipmentShow(c))
	return cmd
}

func newEquipmentList(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:     "list",
		Short:   "All equipment by id",
		Long:    "Lists all equipment by id, with how much it reported and what is on its slots now.",
		Example: "  takt equipment list",
	}, func(ctx context.Context, q *query) error {
		zone, err := q.shown(ctx)
		if err != nil {
			return err
		}
		q.out.header(equipmentColumns...)
		return q.pages(ctx, func(ctx context.Context, token string) (string, error) {
			resp, err := taktv1.NewEquipmentServiceClient(q.Conn()).ListEquipment(ctx, &taktv1.ListEquipmentRequest{
				PageSize: listPage, PageToken: token,
			})
			if err != nil {
				return "", err
			}
			if q.json() {
				return resp.GetNextPageToken(), q.out.message(resp)
			}
			for _, e := range resp.GetEquipment() {
				q.equipmentRow(e, zone)
			}
			q.end(resp.GetNextPageToken(), resp.GetPosition())
			return resp.GetNextPageToken(), nil
		})
	})
}

var equipmentColumns = []string{"equipment", "name", "known", "events>", "last event", "slots"}

func (q *query) equipmentRow(e *taktv1.Equipment, zone *time.Location) {
	var slots []string
	for _, s := range e.GetSlots() {
		if s.GetLot() != "" {
			slots = append(slots, s.GetSlot()+"="+strings.TrimPrefix(s.GetLot(), "lots/"))
		}
	}
	known := "no"
	if e.GetKnown() {
		known = "yes"
	}
	q.out.row(
		id(e.GetId()), e.GetDisplayName(), known, ucount(e.GetEvents()), q.showTime(e.GetLastEventTime(), zone),
		strings.Join(slots, ", "),
	)
}

func newEquipmentShow(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:     "show NAME",
		Short:   "One piece of equipment, and its slots",
		Long:    "Shows a piece of equipment by its id: how much it reported, and what is on each of its slots since when.",
		Example: "  takt equipment show L1.WND.07",
		Args:    arguments("NAME"),
	}, func(ctx context.Context, q *query) error {
		name, err := resource("equipment", q.args[0])
		if err != nil {
			return err
		}
		var e *taktv1.Equipment
		err = q.call(ctx, func(ctx context.Context) (err error) {
			e, err = taktv1.NewEquipmentServiceClient(q.Conn()).GetEquipment(ctx, &taktv1.GetEquipmentRequest{Name: name})
			return err
		})
		switch {
		case err != nil:
			return err
		case q.json():
			return q.out.message(e)
		}
		zone, err := q.shown(ctx)
		if err != nil {
			return err
		}
		q.out.header(equipmentColumns...)
		q.equipmentRow(e, zone)
		if q.csv() || len(e.GetSlots()) == 0 {
			return nil
		}
		if err := q.out.flush(); err != nil {
			return err
		}
		if err := q.out.text(""); err != nil {
			return err
		}
		q.out.header("slot", "lot", "since")
		for _, s := range e.GetSlots() {
			q.out.row(s.GetSlot(), s.GetLot(), q.showTime(s.GetSince(), zone))
		}
		return nil
	})
}
