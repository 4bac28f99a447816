package cli

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

func newQuarantine(c *connection) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "quarantine",
		Short:   "Records that were kept, but are no events",
		Long:    "What could not be understood, or claimed the identity of another event, is kept in quarantine with its reason.",
		Example: "  takt quarantine list\n  takt quarantine show 1024",
	})
	cmd.AddCommand(newQuarantineList(c), newQuarantineShow(c))
	return cmd
}

func newQuarantineList(c *connection) *cobra.Command {
	var source string
	cmd := question(c, &cobra.Command{
		Use:     "list",
		Short:   "What is in quarantine, and why",
		Long:    "Lists the records in quarantine in the order of the log, each with the reason for which it is there.",
		Example: "  takt quarantine list --source L1%2FP2%2FWND01",
	}, func(ctx context.Context, q *query) error {
		raw, err := rawID(source)
		if err != nil {
			return q.misused("--source: %w", err)
		}
		zone, err := q.shown(ctx)
		if err != nil {
			return err
		}
		q.out.header("position>", "record time", "source", "epoch>", "sequence>", "reason")
		return q.pages(ctx, func(ctx context.Context, token string) (string, error) {
			resp, err := taktv1.NewLedgerServiceClient(q.Conn()).ListQuarantinedRecords(ctx, &taktv1.ListQuarantinedRecordsRequest{
				PageSize: listPage, PageToken: token, Source: raw, MinPosition: q.minPosition,
			})
			if err != nil {
				return "", err
			}
			if q.json() {
				return resp.GetNextPageToken(), q.out.message(resp)
			}
			for _, r := range resp.GetRecords() {
				identity := r.GetRecord().GetIdentity()
				q.out.row(
					ucount(r.GetPosition()), q.showTime(r.GetRecordTime(), zone), id(identity.GetSource()),
					ucount(identity.GetEpoch()), ucount(identity.GetSequence()), r.GetStatus().GetMessage(),
				)
			}
			q.end(resp.GetNextPageToken(), resp.GetPosition())
			return resp.GetNextPageToken(), nil
		})
	})
	cmd.Flags().StringVar(&source, "source", "", "only from this `source`, as L1%2FP2%2FWND01")
	return cmd
}

func newQuarantineShow(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:     "show POSITION",
		Short:   "One record of the quarantine, with its bytes",
		Long:    "Shows a record of the quarantine by its position: its identity, how it got here, why it is there, and its bytes as they came.",
		Example: "  takt quarantine show 1024",
		Args:    arguments("POSITION"),
	}, func(ctx context.Context, q *query) error {
		name, err := resource("quarantinedRecords", q.args[0])
		if err != nil {
			return err
		}
		var r *taktv1.QuarantinedRecord
		err = q.call(ctx, func(ctx context.Context) (err error) {
			r, err = taktv1.NewLedgerServiceClient(q.Conn()).GetQuarantinedRecord(ctx, &taktv1.GetQuarantinedRecordRequest{Name: name})
			return err
		})
		switch {
		case err != nil:
			return err
		case q.json():
			return q.out.message(r)
		}
		zone, err := q.shown(ctx)
		if err != nil {
			return err
		}
		identity, p := r.GetRecord().GetIdentity(), r.GetRecord().GetProvenance()
		lines := [][2]string{
			{"position", ucount(r.GetPosition())},
			{"identity", fmt.Sprintf("%s:%d:%d", id(identity.GetSource()), identity.GetEpoch(), identity.GetSequence())},
			{"record time", q.showTime(r.GetRecordTime(), zone)},
			{"gateway", fmt.Sprintf("%s spool %s offset %d", id(p.GetGateway()), p.GetSpool(), p.GetOffset())},
			{"reason", r.GetStatus().GetMessage()},
			{"bytes", count(len(r.GetRecord().GetEvent()))},
		}
		if q.csv() {
			q.out.header("field", "value")
			for _, line := range lines {
				q.out.row(line[0], line[1])
			}
			q.out.row("hex", hex.EncodeToString(r.GetRecord().GetEvent()))
			return nil
		}
		for _, line := range lines {
			if err := q.out.text("%-11s %s", line[0], mes.Printable(line[1])); err != nil {
				return err
			}
		}
		return q.out.text("\n%s", strings.TrimSuffix(hex.Dump(r.GetRecord().GetEvent()), "\n"))
	})
}
