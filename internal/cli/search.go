package cli

import (
	"context"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

func newSearch(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:     "search VALUE",
		Short:   "Everything that bears a name",
		Long:    "Lists every item, lot and carrier that bears a name, as its id or as an alias. Names are compared to the byte; nothing is guessed.",
		Example: "  takt search 03TPB2041ACD1QA7B0000142",
		Args:    arguments("VALUE"),
	}, func(ctx context.Context, q *query) error {
		resp, err := q.search(ctx, q.args[0])
		switch {
		case err != nil:
			return err
		case len(resp.GetMatches()) == 0:
			return mes.Errorf(mes.CodeNotFound, "nothing bears the name %s; names are compared to the byte", q.args[0])
		case q.json():
			return q.out.message(resp)
		}
		q.out.header("thing", "definition", "alias")
		for _, m := range resp.GetMatches() {
			q.out.row(m.GetThing(), m.GetMaterialDefinition(), m.GetAliasKind())
		}
		if err := q.out.flush(); err != nil {
			return err
		}
		q.note("at position %d", resp.GetPosition())
		return nil
	})
}

func (q *query) search(ctx context.Context, typed string) (resp *taktv1.SearchMaterialResponse, err error) {
	name, err := rawID(typed)
	if err != nil {
		return nil, err
	}
	err = q.call(ctx, func(ctx context.Context) (err error) {
		resp, err = taktv1.NewMaterialServiceClient(q.Conn()).SearchMaterial(ctx,
			&taktv1.SearchMaterialRequest{Value: name, MinPosition: q.minPosition})
		return err
	})
	return resp, err
}
