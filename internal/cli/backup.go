package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/backup"
	"github.com/takt-mes/takt/internal/mes"
)

func newBackup(c *connection) *cobra.Command {
	var verify bool
	var rate int64
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Args:  arguments("FOLDER"),
		Short: "Back up the store of a server that runs",
		Long: help(`
Copies the log of a server's store into a folder, up to the moment at which it was
asked; ingest goes on meanwhile, and so that it does, only so many bytes a second are
copied (--rate). Into the folder of an older backup of the same
store only what is new is copied: files that nothing was added to stay as they are.
Each file is read again once it is written. Ended at any moment, it leaves the older
backup or the new one.

With --verify it asks no server, and reads a backup that is there: a file in which a
single bit is not what was backed up is named, and the command ends with 4.`),
		Example: "  takt backup /mnt/backup/takt\n  takt backup --verify /mnt/backup/takt",
	}
	cmd.Flags().BoolVar(&verify, "verify", false, "read the backup that is in the folder, and change nothing")
	cmd.Flags().Int64Var(&rate, "rate", backup.Rate>>20, "copy so many `MiB` a second; 0 for as many as come")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, notes := cmd.Context(), cmd.ErrOrStderr()
		if rate < 0 {
			return usage(cmd, "--rate %d is negative; 0 is as fast as it goes", rate)
		}
		if verify {
			return verifyBackup(ctx, args[0], func(f backup.File) {
				tell(notes, "positions %d to %d: %d bytes", f.First, f.Last, f.Size)
			}, func(m *backup.Manifest) {
				tell(notes, "found nothing wrong up to position %d, backed up %s", m.Position(), m.Time.Format(time.RFC3339))
			})
		}
		s, err := c.dial()
		if err != nil {
			return err
		}
		defer s.close()
		told := time.Now()
		dir, err := backup.Take(ctx, taktv1.NewAdminServiceClient(s.Conn()), args[0], time.Now(), rate<<20, func(bytes int64) {
			if time.Since(told) > time.Second {
				tell(notes, "%d bytes", bytes)
				told = time.Now()
			}
		})
		if err != nil {
			return s.explain(err)
		}
		m := dir.Manifest()
		tell(notes, "backed up up to position %d: %s, %d bytes", m.Position(), plural(uint64(len(m.Files)), "file"), m.Size())
		return nil
	}
	return cmd
}

func verifyBackup(ctx context.Context, path string, each func(backup.File), end func(*backup.Manifest)) error {
	dir, err := backup.Open(path)
	if err == nil {
		err = dir.Verify(ctx, each)
	}
	if mes.CodeOf(err) == mes.CodeDamaged {
		return problem(err.Error())
	}
	if err != nil {
		return err
	}
	end(dir.Manifest())
	return nil
}

func newRestore() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "restore FOLDER --data FOLDER",
		Args:  arguments("FOLDER"),
		Short: "Make a store of a backup",
		Long: help(`
Makes a store of a backup, in a folder that is not there yet. Everything is read and
verified on the way, and a backup that is damaged is refused. The indexes are derived
anew. What came after the backup was begun is not in the store: gateways send it
again as far as they retain it, and takt sources shows what is missing. The store has
an id of its own.

Ended at any moment, there is no store in the folder, and it can be begun again.
Progress goes to stderr.`),
		Example: "  takt restore /mnt/backup/takt --data takt-data/store",
	}
	cmd.Flags().StringVar(&data, "data", "", "the `folder` of the store that is made")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if data == "" {
			return usage(cmd, "--data is missing")
		}
		dir, err := backup.Open(args[0])
		if err != nil {
			return err
		}
		notes := cmd.ErrOrStderr()
		report := checkReport{notes: notes}
		if err := dir.Restore(cmd.Context(), data, report.work); err != nil {
			return err
		}
		m := dir.Manifest()
		tell(notes, "restored up to position %d, as backed up %s; what came later is to be sent again", m.Position(), m.Time.Format(time.RFC3339))
		return nil
	}
	return cmd
}
