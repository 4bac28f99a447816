package cli

import (
	"context"
	"encoding/hex"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

func newInfo(c *connection) *cobra.Command {
	return question(c, &cobra.Command{
		Use:   "info",
		Short: "What the server is",
		Long: help(`
Shows what the server is: its version, its store and the format of it, the last
position, and the hash of the last group, which with the position names the whole
log.`),
		Example: "  takt info\n  takt info --server takt.plant.example:7600 -o json",
	}, func(ctx context.Context, q *query) error {
		var info *taktv1.ServerInfo
		err := q.call(ctx, func(ctx context.Context) (err error) {
			info, err = taktv1.NewAdminServiceClient(q.Conn()).GetServerInfo(ctx, &taktv1.GetServerInfoRequest{})
			return err
		})
		switch {
		case err != nil:
			return err
		case q.json():
			return q.out.message(info)
		}
		zone, err := q.shown(ctx)
		if err != nil {
			return err
		}
		q.out.header("field", "value")
		for _, row := range [][]string{
			{"server", q.address},
			{"version", info.GetVersion()},
			{"store", info.GetStore()},
			{"format", ucount(info.GetFormatVersion())},
			{"position", ucount(info.GetPosition())},
			{"chain hash", hex.EncodeToString(info.GetChainHash())},
			{"up since", q.showTime(info.GetStartTime(), zone)},
			{"zone", info.GetZone()},
			{"bytes", ucount(info.GetSizeBytes())},
		} {
			q.out.row(row...)
		}
		return nil
	})
}
