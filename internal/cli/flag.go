package cli

import (
	"context"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

func newFlags(c *connection) *cobra.Command {
	var kind string
	var fail bool
	cmd := question(c, &cobra.Command{
		Use:   "flags",
		Short: "What contradicts itself",
		Long: help(`
Lists the contradictions that were derived from the events: an item in two
parents or two carriers, an item born twice, a name that two things claim. The
events are all kept; a correction puts right what was wrong. That retention removed
events of a thing stands with its own record alone.`),
		Example: "  takt flags\n  takt flags --kind two-parents --fail && echo none",
	}, func(ctx context.Context, q *query) error {
		n, err := q.oneOf("--kind", taktv1.FlagKind(0), kind)
		if err != nil {
			return err
		}
		found := uint64(0)
		q.out.header("thing", "flag", "detail", "positions")
		err = q.pages(ctx, func(ctx context.Context, token string) (string, error) {
			resp, err := taktv1.NewMaterialServiceClient(q.Conn()).ListFlags(ctx, &taktv1.ListFlagsRequest{
				PageSize: listPage, PageToken: token, Kind: taktv1.FlagKind(n), MinPosition: q.minPosition,
			})
			if err != nil {
				return "", err
			}
			found += uint64(len(resp.GetFlags()))
			if q.json() {
				return resp.GetNextPageToken(), q.out.message(resp)
			}
			for _, f := range resp.GetFlags() {
				q.out.row(f.GetThing(), word(f.GetKind()), f.GetDetail(), positions(f.GetPositions()))
			}
			q.end(resp.GetNextPageToken(), resp.GetPosition())
			return resp.GetNextPageToken(), nil
		})
		if err == nil && fail && found > 0 {
			return problem("found " + plural(found, "flag"))
		}
		return err
	})
	cmd.Flags().StringVar(&kind, "kind", "", "only flags of this `kind`, as two-parents")
	cmd.Flags().BoolVar(&fail, "fail", false, "end with 4 where there is a flag")
	return cmd
}
