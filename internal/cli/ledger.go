package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

func newLedger(c *connection) *cobra.Command {
	var source, from, to string
	cmd := question(c, &cobra.Command{
		Use:   "ledger",
		Short: "What came, and what became of it",
		Long: help(`
Accounts for every record by source and hour of record time: what was received is
what was stored, what was there already, what is in quarantine, and what was
refused. The sum closes exactly; the command ends with 4 where it does not.`),
		Example: "  takt ledger --from 24h\n  takt ledger --source L1%2FP2%2FWND01 -o csv",
	}, func(ctx context.Context, q *query) error {
		raw, err := rawID(source)
		if err != nil {
			return q.misused("--source: %w", err)
		}
		ends, err := q.times(ctx, from, to)
		if err != nil {
			return err
		}
		zone, err := q.shown(ctx)
		if err != nil {
			return err
		}
		var sum *taktv1.LedgerEntry
		q.out.header("source", "hour", "received>", "stored>", "duplicates>", "quarantined>", "refused>")
		err = q.pages(ctx, func(ctx context.Context, token string) (string, error) {
			resp, err := taktv1.NewLedgerServiceClient(q.Conn()).ListLedgerEntries(ctx, &taktv1.ListLedgerEntriesRequest{
				PageSize: listPage, PageToken: token, Source: raw, StartTime: ends[0], EndTime: ends[1], MinPosition: q.minPosition,
			})
			if err != nil {
				return "", err
			}
			sum = resp.GetSum()
			if q.json() {
				return resp.GetNextPageToken(), q.out.message(resp)
			}
			for _, e := range resp.GetEntries() {
				q.out.row(
					id(e.GetSource()), q.showTime(e.GetHour(), zone), ucount(e.GetReceived()), ucount(e.GetStored()),
					ucount(e.GetDuplicates()), ucount(e.GetQuarantined()), ucount(e.GetRefused()),
				)
			}
			q.end(resp.GetNextPageToken(), resp.GetPosition())
			return resp.GetNextPageToken(), nil
		})
		if err != nil {
			return err
		}
		received, parts := sum.GetReceived(), sum.GetStored()+sum.GetDuplicates()+sum.GetQuarantined()+sum.GetRefused()
		line := account(received, sum.GetStored(), sum.GetDuplicates(), sum.GetQuarantined(), sum.GetRefused())
		if q.out.form == formTable {
			if err := q.out.text("%s", line); err != nil {
				return err
			}
		}
		if received != parts {
			return problem(fmt.Sprintf("the ledger does not close: %s is not so; run `takt check`", line))
		}
		return nil
	})
	cmd.Flags().StringVar(&source, "source", "", "only this `source`, as L1%2FP2%2FWND01")
	cmd.Flags().StringVar(&from, "from", "", "only hours from this record `time` on: 2026-11-23, RFC 3339, or 24h ago")
	cmd.Flags().StringVar(&to, "to", "", "only hours before this record `time`")
	return cmd
}

// account returns the line that a ledger closes with.
func account(received, stored, duplicates, quarantined, refused uint64) string {
	return fmt.Sprintf("%d received = %d stored + %d duplicates + %d quarantined + %d refused",
		received, stored, duplicates, quarantined, refused)
}

func newSources(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:   "sources",
		Short: "Who numbers events, and which numbers are missing",
		Long: help(`
Lists the sources by name with their epochs, the first and the last number that
came in each, and the numbers between them that did not. A missing number is a
fact: a record that the source lost, or that is still on its way.`),
		Example: "  takt sources\n  takt sources -o csv | grep -v ',0,$'",
	}, func(ctx context.Context, q *query) error {
		var resp *taktv1.ListSourcesResponse
		err := q.call(ctx, func(ctx context.Context) (err error) {
			resp, err = taktv1.NewLedgerServiceClient(q.Conn()).ListSources(ctx, &taktv1.ListSourcesRequest{MinPosition: q.minPosition})
			return err
		})
		switch {
		case err != nil:
			return err
		case q.json():
			return q.out.message(resp)
		}
		q.out.header("source", "epoch>", "first>", "last>", "missing>", "which")
		for _, s := range resp.GetSources() {
			for _, e := range s.GetEpochs() {
				q.out.row(
					mes.Escape(string(s.GetSource())), ucount(e.GetEpoch()), ucount(e.GetFirst()), ucount(e.GetLast()),
					ucount(e.GetMissing()), gaps(e, q.csv()),
				)
			}
		}
		if err := q.out.flush(); err != nil {
			return err
		}
		q.note("at position %d", resp.GetPosition())
		return nil
	})
}

// gapsShown is how many stretches of missing numbers a row has room for.
const gapsShown = 5

// gaps returns the missing numbers as `17 20-25`.
func gaps(e *taktv1.Source_Epoch, all bool) string {
	var shown []string
	for i, g := range e.GetGaps() {
		if i == gapsShown && !all {
			shown = append(shown, fmt.Sprintf("and %d more stretches", len(e.GetGaps())-i))
			break
		}
		if g.GetFirst() == g.GetLast() {
			shown = append(shown, ucount(g.GetFirst()))
		} else {
			shown = append(shown, ucount(g.GetFirst())+"-"+ucount(g.GetLast()))
		}
	}
	return strings.Join(shown, " ")
}
