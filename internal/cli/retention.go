package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/store"
)

func newRetention() *cobra.Command {
	var r store.Retention
	var before, form string
	cmd := &cobra.Command{
		Use:   "retention --data FOLDER --before MONTH --detail TEXT",
		Short: "Remove what was recorded long ago",
		Long: help(`
Removes what was recorded before a month from the log of a store that nobody has
open, a file of the log at a time: of a month that has not ended, nothing goes. Of an
item or a lot that something later speaks of, all is kept; so are the plant model,
what was loaded on slots, and corrections. The detail, which should say who decided
and why, stands in the log for good.

What was removed leaves its identity behind: it is not taken a second time, the
ledger stays as it is, and the chain of hashes can be followed. Records of which
something was removed have the flag expired, a trace that leads through one ends with
1 and says so, and a yield or statistics that begin before the month are refused.
Indexes are derived anew, which takes as long as takt rebuild. Backups keep what they
have.

With --dry-run it counts, and changes nothing. Stopped at any moment, it can be begun
again; a store that does not open then says that takt rebuild finishes the work.
Progress goes to stderr.`),
		Example: `  takt retention --data takt-data/store --before 2027-01 --dry-run
  takt retention --data takt-data/store --before 2027-01 --detail 'QM-114, twenty years, A. Meyer'`,
		Args: arguments(),
	}
	flags := cmd.Flags()
	flags.StringVar(&r.Dir, "data", "", "the store's `folder`")
	flags.StringVar(&before, "before", "", "the `month` (UTC) before which everything goes, as 2027-01")
	flags.StringVar(&r.Detail, "detail", "", "who decided, and why, as a `text`")
	flags.BoolVar(&r.DryRun, "dry-run", false, "count what would be removed, and change nothing")
	flags.StringVarP(&form, "output", "o", formTable, "what was removed as `table`, json or csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		switch {
		case r.Dir == "":
			return usage(cmd, "--data is missing")
		case before == "":
			return usage(cmd, "--before is missing")
		case r.Detail == "" && !r.DryRun:
			return usage(cmd, "--detail is missing: it says in the log who decided, and why")
		case len(r.Detail) > store.MaxDetailBytes:
			return usage(cmd, "--detail has %d bytes; at most %d are taken", len(r.Detail), store.MaxDetailBytes)
		}
		if err := checkForm(cmd, form); err != nil {
			return err
		}
		if r.Before, err = time.Parse("2006-01", before); err != nil {
			return usage(cmd, "--before %s is no month; write it as 2027-01", before)
		}
		if now := time.Now(); r.Before.After(now) {
			return usage(cmd, "--before %s has not come yet", before)
		}
		report := checkReport{notes: cmd.ErrOrStderr()}
		r.Progress = report.work
		files, err := store.Expire(cmd.Context(), r)
		if err != nil {
			return err
		}
		return writeExpired(&output{form: form, w: cmd.OutOrStdout()}, files)
	}
	return cmd
}

func writeExpired(out *output, files []store.Expired) error {
	if out.form == formJSON {
		return out.value(files)
	}
	out.header("month", "first position>", "last position>", "removed>", "kept>", "bytes>", "bytes left>")
	for _, f := range files {
		left := ""
		if f.BytesLeft > 0 {
			left = ucount(uint64(f.BytesLeft))
		}
		out.row(f.Month, ucount(uint64(f.First)), ucount(uint64(f.Last)), ucount(uint64(f.Removed)), ucount(uint64(f.Kept)), //nolint:gosec // counts are never negative
			ucount(uint64(f.Bytes)), left) //nolint:gosec // a size is never negative
	}
	return out.flush()
}
