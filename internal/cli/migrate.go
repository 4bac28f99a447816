package cli

import (
	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/store"
)

func newMigrate() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Make a store of an older program one of this program",
		Long: help(`
Makes a store that an older program wrote one of this program: the log stays as it
is, and all indexes are derived anew from it, which takes as long as takt rebuild.
Nobody may have the folder open. Stopped at any moment, it can be begun again. A
store that is up to date stays as it is.

There is no way back: the older program refuses the folder afterwards. Take a backup
before, of which the older program makes a store again. Progress goes to stderr.`),
		Example: "  takt migrate --data takt-data/store",
		Args:    arguments(),
	}
	cmd.Flags().StringVar(&data, "data", "", "the store's `folder`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if data == "" {
			return usage(cmd, "--data is missing")
		}
		report := checkReport{notes: cmd.ErrOrStderr()}
		from, err := store.Migrate(cmd.Context(), data, report.work)
		if err != nil {
			return err
		}
		if from == store.FormatVersion {
			tell(cmd.ErrOrStderr(), "has format %d already", from)
			return nil
		}
		tell(cmd.ErrOrStderr(), "migrated from format %d to %d, up to position %d", from, store.FormatVersion, report.last)
		return nil
	}
	return cmd
}
