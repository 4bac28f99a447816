package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/app"
)

const historyHelp = `
Appends the records of simulated lines straight to the service, without PLCs and
gateway, as fast as it takes them: all up to the lines' present (--warm), or until
so many cells are finished, or so many records were appended, whichever comes first.
Both count from the lines' start, so that the same command, run again after whatever
went wrong, goes on where the service has them, and then does nothing more.

Afterwards ` + "`takt sim`" + ` with the same folder plays what follows. Progress goes to
stderr.`

func newSimHistory(c *connection) *cobra.Command {
	var cfg app.HistoryConfig
	var emitted, touches, form string
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Append what simulated lines made before",
		Long:  help(historyHelp + lineHelp()),
		Example: `  takt sim history --warm 240h
  takt sim history --cells 100000 --dwell-divisor 100 -o json`,
		Args: arguments(),
	}
	lineFlags(cmd, &cfg.Data, &cfg.Line)
	flags := cmd.Flags()
	flags.Uint64Var(&cfg.Cells, "cells", 0, "end when so many `cells` are finished")
	flags.Uint64Var(&cfg.Records, "records", 0, "end after so many `records`; those that are due at one time stay together")
	flags.StringVar(&emitted, "emitted", "", "add a line for each record to this `file`: source, epoch, sequence, content hash")
	flags.StringVar(&touches, "faults-out", "", "write what faults did into this `file`")
	flags.StringVarP(&form, "output", "o", formTable, "what was appended as `table`, json or csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := checkForm(cmd, form); err != nil {
			return err
		}
		if err := checkLine(cmd, cfg.Line); err != nil {
			return err
		}
		s, err := c.dial()
		if err != nil {
			return err
		}
		defer s.close()
		files, err := openJournals(emitted)
		if err != nil {
			return err
		}
		defer func() { err = files.close(err) }()
		anew, err := createJournals(touches)
		if err != nil {
			return err
		}
		defer func() { err = anew.close(err) }()
		cfg.Emitted, cfg.Touches, cfg.Out = files.writer(0), anew.writer(0), cmd.ErrOrStderr()
		appended, err := app.History(cmd.Context(), s.Client, cfg)
		if err != nil {
			return s.explain(err)
		}
		return writeAppended(&output{form: form, w: cmd.OutOrStdout()}, appended)
	}
	return cmd
}

func writeAppended(out *output, a app.Appended) error {
	if out.form == formJSON {
		return out.value(a)
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	position := ""
	if a.Position > 0 {
		position = ucount(a.Position)
	}
	out.header("field", "value")
	for _, row := range [][]string{
		{"events", ucount(a.Events)},
		{"resumed", ucount(a.Resumed)},
		{"stored", ucount(a.Stored)},
		{"duplicates", ucount(a.Duplicates)},
		{"quarantined", ucount(a.Quarantined)},
		{"cells", ucount(a.Cells)},
		{"seconds", fmt.Sprintf("%.1f", a.Seconds)},
		{"events per second", fmt.Sprintf("%.0f", a.EventsPerSecond)},
		{"from", at(a.From)},
		{"to", at(a.To)},
		{"position", position},
	} {
		out.row(row...)
	}
	return out.flush()
}
