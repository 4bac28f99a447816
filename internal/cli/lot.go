package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

func newLot(c *connection) *cobra.Command {
	cmd := group(&cobra.Command{
		Use:     "lot",
		Short:   "Supplier lots, slurry batches, coils",
		Long:    "A lot is an amount of material that is told apart as a whole: a supplier's lot, a slurry batch, a coil.",
		Example: "  takt lot show NMC811-2611-04\n  takt lot list --definition NMP",
	})
	cmd.AddCommand(newLotShow(c), newLotList(c))
	return cmd
}

func newLotShow(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:     "show NAME",
		Short:   "What is known of a lot",
		Long:    "Shows a lot by its id: what it is, where it stands, who it came from, and how much was received, produced and consumed. `takt trace` tells where it went.",
		Example: "  takt lot show NMC811-2611-04\n  takt trace forward lots/NMC811-2611-04",
		Args:    arguments("NAME"),
	}, func(ctx context.Context, q *query) error {
		name, err := resource("lots", q.args[0])
		if err != nil {
			return err
		}
		var resp *taktv1.GetLotResponse
		err = q.call(ctx, func(ctx context.Context) (err error) {
			resp, err = taktv1.NewMaterialServiceClient(q.Conn()).GetLot(ctx, &taktv1.GetLotRequest{Name: name, MinPosition: q.minPosition})
			return err
		})
		switch {
		case err != nil:
			return err
		case q.json():
			return q.out.message(resp)
		case q.csv():
			q.out.header(lotColumns...)
			q.lotRow(resp.GetLot())
			return nil
		}
		lot := resp.GetLot()
		lines := [][2]string{
			{"lot", id(lot.GetId())},
			{"definition", lot.GetMaterialDefinition()},
			{"status", word(lot.GetStatus())},
			{"supplier", strings.TrimSpace(lot.GetSupplier() + " " + id(lot.GetSupplierLot()))},
			{"quantity", quantities(lot.GetQuantities())},
			{"consumed", quantities(lot.GetConsumed())},
		}
		for _, f := range lot.GetFlags() {
			lines = append(lines, [2]string{"flag", fmt.Sprintf("%s: %s (positions %s)", word(f.GetKind()), f.GetDetail(), positions(f.GetPositions()))})
		}
		for _, line := range lines {
			if line[1] == "" {
				continue
			}
			if err := q.out.text("%-11s %s", line[0], mes.Printable(line[1])); err != nil {
				return err
			}
		}
		q.note("at position %d", resp.GetPosition())
		return nil
	})
}

var lotColumns = []string{"lot", "definition", "status", "supplier", "supplier lot", "quantity", "consumed", "flags"}

func (q *query) lotRow(lot *taktv1.Lot) {
	var flags []string
	for _, f := range lot.GetFlags() {
		flags = append(flags, word(f.GetKind()))
	}
	q.out.row(
		id(lot.GetId()), lot.GetMaterialDefinition(), word(lot.GetStatus()), lot.GetSupplier(), id(lot.GetSupplierLot()),
		quantities(lot.GetQuantities()), quantities(lot.GetConsumed()), strings.Join(flags, ", "),
	)
}

func newLotList(c *connection) *cobra.Command {
	var definition string
	cmd := question(c, &cobra.Command{
		Use:     "list",
		Short:   "All lots, in the order in which they were first named",
		Long:    "Lists lots in the order in which they were first named, all of them or those of one material definition.",
		Example: "  takt lot list --definition NMP\n  takt lot list -o csv > lots.csv",
	}, func(ctx context.Context, q *query) error {
		q.out.header(lotColumns...)
		return q.pages(ctx, func(ctx context.Context, token string) (string, error) {
			resp, err := taktv1.NewMaterialServiceClient(q.Conn()).ListLots(ctx, &taktv1.ListLotsRequest{
				PageSize: listPage, PageToken: token, MaterialDefinition: definition, MinPosition: q.minPosition,
			})
			if err != nil {
				return "", err
			}
			if q.json() {
				return resp.GetNextPageToken(), q.out.message(resp)
			}
			for _, lot := range resp.GetLots() {
				q.lotRow(lot)
			}
			q.end(resp.GetNextPageToken(), resp.GetPosition())
			return resp.GetNextPageToken(), nil
		})
	})
	cmd.Flags().StringVar(&definition, "definition", "", "only lots of this material `definition`, as NMP")
	return cmd
}
