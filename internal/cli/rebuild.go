package cli

import (
	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/store"
)

func newRebuild() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Derive everything but the log anew",
		Long: help(`
Derives all indexes of a store anew from its log, into a new file that takes the
place of the old one at the end: stopped at any moment, one of the two is there.
Nobody may have the folder open. Progress goes to stderr.`),
		Example: "  takt rebuild --data takt-data/store",
		Args:    arguments(),
	}
	cmd.Flags().StringVar(&data, "data", "", "the store's `folder`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if data == "" {
			return usage(cmd, "--data is missing")
		}
		report := checkReport{notes: cmd.ErrOrStderr()}
		if err := store.Rebuild(cmd.Context(), data, report.work); err != nil {
			return err
		}
		tell(cmd.ErrOrStderr(), "rebuilt up to position %d", report.last)
		return nil
	}
	return cmd
}
