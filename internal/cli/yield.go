package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

func newYield(c *connection) *cobra.Command {
	var from, to, by, equipment, segment string
	var byEquipment bool
	cmd := question(c, &cobra.Command{
		Use:   "yield",
		Short: "First-pass yield by process segment",
		Long: help(`
Computes first-pass yield: the items that were conformant at their first attempt
at a process segment, over those with a first attempt there, by the event time of
that attempt. Only production counts. Without --from it looks at the last 24
hours; hours, shifts and days are the site's.`),
		Example: "  takt yield\n  takt yield --from 2026-11-16 --to 2026-11-23 --by day --segment winding --by-equipment",
	}, func(ctx context.Context, q *query) error {
		period, err := q.oneOf("--by", taktv1.Period(0), by)
		if err != nil {
			return err
		}
		if to == "" {
			to = "0s"
		}
		ends, err := q.times(ctx, from, to)
		if err != nil {
			return err
		}
		req := &taktv1.ComputeYieldRequest{
			StartTime: ends[0], EndTime: ends[1], Period: taktv1.Period(period), ProcessSegment: segment,
			ByEquipment: byEquipment, MinPosition: q.minPosition,
		}
		if !ends[0].AsTime().Before(ends[1].AsTime()) {
			return q.misused("--from %s is not before --to %s", from, to)
		}
		if equipment != "" {
			if req.Equipment, err = resource("equipment", equipment); err != nil {
				return err
			}
		}
		var resp *taktv1.ComputeYieldResponse
		err = q.call(ctx, func(ctx context.Context) (err error) {
			resp, err = taktv1.NewYieldServiceClient(q.Conn()).ComputeYield(ctx, req)
			return err
		})
		switch {
		case err != nil:
			return err
		case q.json():
			return q.out.message(resp)
		}
		return q.yield(ctx, resp, period != 0, byEquipment)
	})
	cmd.Flags().StringVar(&from, "from", "24h", "from this `time` on: 2026-11-23, RFC 3339, or 24h for that long ago")
	cmd.Flags().StringVar(&to, "to", "", "to before this `time`; now where not given")
	cmd.Flags().StringVar(&by, "by", "", "a row for each `period`: hour, shift or day")
	cmd.Flags().StringVar(&equipment, "equipment", "", "only this `equipment` or what is below it, as L1.WND")
	cmd.Flags().StringVar(&segment, "segment", "", "only this process `segment`, as winding")
	cmd.Flags().BoolVar(&byEquipment, "by-equipment", false, "a row for each piece of equipment")
	return cmd
}

func (q *query) yield(ctx context.Context, resp *taktv1.ComputeYieldResponse, byPeriod, byEquipment bool) error {
	zone, err := q.shown(ctx)
	if err != nil {
		return err
	}
	if q.csv() {
		q.out.header("period", "start_time", "end_time", "process_segment", "equipment", "tested", "passed", "first_pass_yield")
		for _, r := range resp.GetRows() {
			q.out.row(
				r.GetPeriod(), q.showTime(r.GetStartTime(), zone), q.showTime(r.GetEndTime(), zone), r.GetProcessSegment(),
				id(r.GetEquipment()), ucount(r.GetTested()), ucount(r.GetPassed()), number(r.GetFirstPassYield()),
			)
		}
		return nil
	}
	// A column that the question left no use for is left out.
	used := func(period, segment, equipment string, rest ...string) []string {
		cells := []string{segment}
		if byPeriod {
			cells = []string{period, segment}
		}
		if byEquipment {
			cells = append(cells, equipment)
		}
		return append(cells, rest...)
	}
	q.out.header(used("period", "segment", "equipment", "tested>", "passed>", "FPY %>")...)
	for _, r := range resp.GetRows() {
		q.out.row(used(r.GetPeriod(), r.GetProcessSegment(), id(r.GetEquipment()),
			ucount(r.GetTested()), ucount(r.GetPassed()), percent(r.GetFirstPassYield()))...)
	}
	if err := q.out.flush(); err != nil {
		return err
	}
	if resp.RolledThroughputYield != nil {
		if err := q.out.text("rolled throughput yield %s %%", percent(resp.GetRolledThroughputYield())); err != nil {
			return err
		}
	}
	q.note("days and shifts of %s, at position %d", resp.GetZone(), resp.GetPosition())
	return nil
}

func percent(share float64) string { return fmt.Sprintf("%.2f", 100*share) }
