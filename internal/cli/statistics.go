package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

func newStatistics(c *connection) *cobra.Command {
	var from, to, equipment, segment, unit string
	var quantiles []float64
	var bins int32
	var allModes bool
	cmd := question(c, &cobra.Command{
		Use:     "statistics CHARACTERISTIC",
		Aliases: []string{"stats"},
		Args:    arguments("CHARACTERISTIC"),
		Short:   "Mean, deviation, quantiles and histogram of what was measured",
		Long: help(`
Describes the values of one characteristic by the event time at which they were
measured: count, mean, standard deviation (n-1), quantiles (type 7 of Hyndman and
Fan) and a histogram. Only production counts, unless --all-modes; what a
correction withdrew, what is no number and what the source calls bad is counted
beside. Without --from it looks at the last 24 hours. CSV has the histogram, JSON
all of it.`),
		Example: "  takt statistics ocv1\n  takt statistics energy_per_mm --equipment L1.SWD.02 --from 2026-11-23T06:00 --to 2026-11-23T14:00 --quantile 0.001,0.999",
	}, func(ctx context.Context, q *query) error {
		if to == "" {
			to = "0s"
		}
		ends, err := q.times(ctx, from, to)
		if err != nil {
			return err
		}
		if !ends[0].AsTime().Before(ends[1].AsTime()) {
			return q.misused("--from %s is not before --to %s", from, to)
		}
		req := &taktv1.ComputeStatisticsRequest{
			Characteristic: q.args[0], StartTime: ends[0], EndTime: ends[1], ProcessSegment: segment, Quantiles: quantiles, Bins: bins,
			AllModes: allModes, MinPosition: q.minPosition,
		}
		if q.cmd.Flags().Changed("unit") {
			req.Unit = &unit
		}
		if equipment != "" {
			if req.Equipment, err = resource("equipment", equipment); err != nil {
				return err
			}
		}
		var resp *taktv1.ComputeStatisticsResponse
		err = q.call(ctx, func(ctx context.Context) (err error) {
			resp, err = taktv1.NewStatisticsServiceClient(q.Conn()).ComputeStatistics(ctx, req)
			return err
		})
		switch {
		case err != nil:
			return err
		case q.json():
			return q.out.message(resp)
		case q.csv():
			q.out.header("lower", "upper", "count")
			for _, b := range resp.GetBins() {
				q.out.row(number(b.GetLower()), number(b.GetUpper()), ucount(b.GetCount()))
			}
			return nil
		}
		return q.statistics(resp)
	})
	cmd.Flags().StringVar(&from, "from", "24h", "from this `time` on: 2026-11-23, RFC 3339, or 24h for that long ago")
	cmd.Flags().StringVar(&to, "to", "", "to before this `time`; now where not given")
	cmd.Flags().StringVar(&equipment, "equipment", "", "only this `equipment` or what is below it, as L1.OCV")
	cmd.Flags().StringVar(&segment, "segment", "", "only this process `segment`, as ocv")
	cmd.Flags().StringVar(&unit, "unit", "", "only values in this `unit`, as V")
	cmd.Flags().Float64SliceVar(&quantiles, "quantile", nil, "these `probabilities` from 0 to 1 rather than the usual ones")
	cmd.Flags().Int32Var(&bins, "bins", 0, "this `number` of bins rather than round ones that suit the values")
	cmd.Flags().BoolVar(&allModes, "all-modes", false, "commissioning, reference parts and dry runs too")
	return cmd
}

// statistics puts the figures out, and the histogram under them.
func (q *query) statistics(resp *taktv1.ComputeStatisticsResponse) error {
	q.out.header("figure", "value>", "unit")
	q.out.row("count", ucount(resp.GetCount()))
	figure := func(name string, v float64) { q.out.row(name, brief(v), resp.GetUnit()) }
	if resp.GetCount() > 0 {
		figure("mean", resp.GetMean())
		if resp.StandardDeviation != nil {
			figure("deviation", resp.GetStandardDeviation())
		}
		figure("minimum", resp.GetMinimum())
		for _, p := range resp.GetQuantiles() {
			figure(brief(100*p.GetProbability())+" %", p.GetValue())
		}
		figure("maximum", resp.GetMaximum())
	}
	if len(resp.GetBins()) > 0 {
		if err := q.out.flush(); err != nil {
			return err
		}
		if err := q.out.text(""); err != nil {
			return err
		}
		q.out.header("from>", "to>", "count>", "")
		most := uint64(0)
		for _, b := range resp.GetBins() {
			most = max(most, b.GetCount())
		}
		for _, b := range resp.GetBins() {
			q.out.row(brief(b.GetLower()), brief(b.GetUpper()), ucount(b.GetCount()), bar(b.GetCount(), most))
		}
	}
	if err := q.out.flush(); err != nil {
		return err
	}
	x := resp.GetExcluded()
	var beside []string
	for _, n := range []struct {
		of   uint64
		what string
	}{
		{resp.GetUncertainCount(), "of them uncertain"},
		{x.GetWithdrawn(), "more withdrawn"},
		{x.GetOtherModes(), "more not production"},
		{x.GetMissing(), "more missing"},
		{x.GetNotFinite(), "more no number"},
		{x.GetBad(), "more bad"},
	} {
		if n.of > 0 {
			beside = append(beside, ucount(n.of)+" "+n.what)
		}
	}
	if s := resp.GetProcessSegments(); len(s) > 0 {
		beside = append(beside, "from "+strings.Join(s, ", "))
	}
	beside = append(beside, fmt.Sprintf("at position %d", resp.GetPosition()))
	q.note("%s", strings.Join(beside, ", "))
	return nil
}

// brief writes a figure with as many digits as a person looks at.
func brief(v float64) string {
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 7, 64), 64)
	if err != nil {
		return number(v)
	}
	return number(short)
}

// bar draws a count as a bar of up to forty columns; what is there at all shows.
func bar(count, most uint64) string {
	const widest = 40
	if count == 0 {
		return ""
	}
	return strings.Repeat("#", max(1, int(float64(count)/float64(most)*widest+0.5)))
}
