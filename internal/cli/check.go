package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

func newCheck(c *connection) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look for damage in the store",
		Long: help(`
Checks a store: every record against its checksum, the chain of groups, and every
index against the log. It checks the store of a server that runs, which does not
stop ingest, or with --data a folder that nobody has open. It repairs nothing.
What is wrong goes to stdout, a line each, and the command ends with 4; progress
goes to stderr.`),
		Example: "  takt check\n  takt check --data takt-data/store",
		Args:    arguments(),
	}
	cmd.Flags().StringVar(&data, "data", "", "check the store in this `folder`, without a server")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if data != "" {
			return checkFolder(cmd.Context(), data, cmd.OutOrStdout(), cmd.ErrOrStderr())
		}
		return checkServer(cmd.Context(), c, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	return cmd
}

func checkFolder(ctx context.Context, dir string, out, notes io.Writer) error {
	report := checkReport{out: out, notes: notes}
	var writeErr error
	_, err := store.CheckDir(ctx, dir, func(p store.Progress) {
		writeErr = errors.Join(writeErr, report.add(p.Stage, uint64(p.Position), uint64(p.Last), p.Problems))
	})
	if err := errors.Join(err, writeErr); err != nil {
		return err
	}
	return report.end()
}

func checkServer(ctx context.Context, c *connection, out, notes io.Writer) error {
	s, err := c.dial()
	if err != nil {
		return err
	}
	defer s.close()
	stream, err := taktv1.NewAdminServiceClient(s.Conn()).CheckStore(ctx, &taktv1.CheckStoreRequest{})
	if err != nil {
		return s.explain(err)
	}
	report := checkReport{out: out, notes: notes}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return report.end()
		}
		if err != nil {
			return s.explain(err)
		}
		if err := report.add(resp.GetStage(), resp.GetPosition(), resp.GetLastPosition(), resp.GetProblems()); err != nil {
			return err
		}
	}
}

// checkReport writes what a check finds, as it finds it.
type checkReport struct {
	out, notes io.Writer
	problems   uint64
	stage      string
	tenth      uint64
	last       uint64
}

// add reports progress at each tenth of a stage, and every problem.
func (r *checkReport) add(stage string, position, last uint64, problems []string) error {
	tenth := uint64(10)
	if last > 0 {
		tenth = position * 10 / last
	}
	if stage != r.stage || tenth != r.tenth {
		r.stage, r.tenth = stage, tenth
		tell(r.notes, "%s: %d of %d", mes.Printable(stage), position, last)
	}
	r.last = last
	for _, p := range problems {
		r.problems++
		if _, err := fmt.Fprintln(r.out, oneLine(p)); err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
	}
	return nil
}

// work reports progress alone, of what ends with an error where something is wrong.
func (r *checkReport) work(p store.Progress) {
	_ = r.add(p.Stage, uint64(p.Position), uint64(p.Last), nil) // which writes nothing that could fail
}

func (r *checkReport) end() error {
	if r.problems > 0 {
		return problem(fmt.Sprintf("found %s in the store up to position %d; restore a backup, or `takt rebuild` where only indexes are wrong", plural(r.problems, "problem"), r.last))
	}
	tell(r.notes, "found nothing wrong up to position %d", r.last)
	return nil
}
