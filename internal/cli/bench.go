package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/bench"
)

const benchHelp = `
Measures Takt over its gRPC API: how fast events are taken, what they take on the disk,
and how long questions take, at any size. It starts a server of its own in a temporary
folder, so that its memory and CPU time can be read, and removes it; --server names one
that runs already instead, and that one keeps the load.

The load is made from a seed. The bench's shape is 12 events a cell, one at each of 12
stations, with 20 measured values each, coils, lots and some rework; a cell is wound
each second. The line's shape is what the stations of ` + "`takt sim`" + ` report.

With --against postgres the same work is done in PostgreSQL, in turns of one load and
with turns of questions; answers are compared before a ratio counts. ` + "`scripts/bench`" + `
makes a private cluster for that. It prints a row for each goal, won or lost:

   1  durable ingest, 256 events a message, against the best COPY
   2  one event a message, pipelined, against 64 connections
   3  a single durable ack, against PostgreSQL and against write, fdatasync and echo
   4  a single ack and an item's record under load
   5  an item's record                     6  a backward trace
   7  a forward trace to 200,000 cells     8  yield of a day
   9  statistics of a characteristic      10  bytes an event
  11  memory while loading                12  growth of CPU an event
  13  restart after kill -9

The table goes to stdout, progress to stderr.`

func newBench(c *connection) *cobra.Command {
	cfg := bench.Config{Shape: bench.ShapeBench}
	var values, form string
	var minutes float64
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "How fast it is: alone, or beside PostgreSQL",
		Long:  help(benchHelp),
		Example: `  takt bench --cells 10000
  scripts/bench --cells 1000000 -o json
  takt bench --shape line --lines 20 --rate 620 --for 15m`,
		Args: arguments(),
	}
	flags := cmd.Flags()
	flags.IntVar(&cfg.Cells, "cells", 10_000, "how many `cells` are finished when questions are asked")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "where all chance comes `from`")
	flags.IntVar(&cfg.Pairs, "pairs", 7, "how many `pairs` of turns are compared")
	flags.IntSliceVar(&cfg.Rows, "rows", nil, "only these `rows` of the table, as 1,5,10")
	flags.StringVar(&cfg.Shape, "shape", bench.ShapeBench, "the `shape` of the events: bench or line")
	flags.StringVar(&values, "values", string(bench.ValuesInstrument), "measured `values` as instrument or random (mantissas) gives them")
	flags.Float64Var(&minutes, "minutes", 40, "what comes after so many `minutes` is not measured")
	flags.StringVar(&cfg.Against, "against", "", "compare with `postgres`")
	flags.StringVar(&cfg.Postgres, "postgres", "", "how to connect to PostgreSQL, a `URL` or keywords; schemas takt_bench… are made and removed there")
	flags.StringVar(&cfg.PostgresControl, "postgres-control", "", "a `program` that is called with crash and with start, for row 13")
	flags.BoolVar(&cfg.Loaded, "loaded", false, "the --server has the load of an earlier run with this seed, and as many cells: only ask")
	flags.StringVar(&cfg.Dir, "dir", "", "the `folder` that the temporary one is made in")
	flags.IntVar(&cfg.Lines, "lines", 20, "how many `lines` report, in the line's shape")
	flags.Float64Var(&cfg.Rate, "rate", 0, "so many `events` a second of all lines; 0 is as fast as can be")
	flags.DurationVar(&cfg.For, "for", time.Minute, "for how `long`, where there is a --rate")
	flags.StringVar(&cfg.Beside, "beside", bench.BesideTraces, "what is `done` in every other tenth of that: traces or backups")
	flags.StringVarP(&form, "output", "o", formTable, "the answer as `table`, json or csv")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := checkForm(cmd, form); err != nil {
			return err
		}
		cfg.Values, cfg.Limit = bench.Values(values), time.Duration(minutes*float64(time.Minute))
		// TAKT_SERVER is a plant's: no load goes there unless it is asked for.
		if cmd.Flags().Changed("server") {
			cfg.Server = c.server
		}
		var err error
		if cfg.Program, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
		if err := cfg.Validate(); err != nil {
			return usage(cmd, "--%w", err)
		}
		report, err := bench.Run(cmd.Context(), cfg, cmd.ErrOrStderr())
		// What was measured before an error is still an answer.
		if len(report.Rows) > 0 {
			err = errors.Join(err, writeBench(&output{form: form, w: cmd.OutOrStdout()}, report))
		}
		return err
	}
	cmd.AddCommand(newBenchFloor())
	return cmd
}

// newBenchFloor is what the bench compares a single acknowledgement with; nobody
// needs to start it by hand.
func newBenchFloor() *cobra.Command {
	var dir, addressFile string
	cmd := &cobra.Command{
		Use:   "floor",
		Short: "The least that an acknowledgement costs",
		Long: `Serves AppendEvents without a store: it writes and fdatasyncs 512 bytes a batch and
acknowledges. takt bench starts it beside the service and compares.`,
		Example: "  takt bench floor --data /tmp/floor --address-file /tmp/floor/address",
		Hidden:  true,
		Args:    arguments(),
	}
	cmd.Flags().StringVar(&dir, "data", ".", "the `folder` of the file that is written")
	cmd.Flags().StringVar(&addressFile, "address-file", "address", "write the address into this `file`")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return bench.ServeFloor(cmd.Context(), dir, addressFile)
	}
	return cmd
}

func writeBench(out *output, r bench.Report) error {
	if out.form == formJSON {
		return out.value(r)
	}
	if out.form == formTable {
		against := ""
		if r.Against != "" {
			against = " against " + r.Against
		}
		head := fmt.Sprintf("%d cells, %d events, %s shape, %s values, seed %d%s: %.0f s on %d cores",
			r.Cells, r.Events, r.Shape, r.Values, r.Seed, against, r.Seconds, r.Cores)
		if err := out.text("%s", strings.Join(append([]string{head}, r.Choices...), "\n")); err != nil {
			return err
		}
	}
	if out.form == formCSV {
		out.header("row", "metric", "goal", "figure", "min", "max", "pairs", "met", "takt", "other", "unit", "against", "note")
	} else {
		out.header("row>", "metric", "goal", "figure>", "min>", "max>", "pairs>", "met", "takt>", "other>", "unit")
	}
	var notes []string
	for _, row := range r.Rows {
		takt := spreadCells(row.Takt)
		of := spreadCells(row.Figure)
		if row.Figure == nil { // Then the spread is Takt's own.
			of = [4]string{"", takt[1], takt[2], takt[3]}
		}
		cells := []string{row.Row, row.Metric, row.Goal, of[0], of[1], of[2], of[3], row.Met, takt[0], spreadCells(row.Other)[0], row.Unit}
		note := strings.Join(slices.DeleteFunc([]string{row.Why, row.Note}, func(s string) bool { return s == "" }), "; ")
		if out.form == formCSV {
			cells = append(cells, row.Against, note)
		} else if note != "" {
			notes = append(notes, row.Row+": "+note)
		}
		out.row(cells...)
	}
	if err := out.flush(); err != nil || len(notes) == 0 {
		return err
	}
	return out.text("\n%s", strings.Join(notes, "\n"))
}

// spreadCells returns a spread's median, least, most and count, empty where there
// is none.
func spreadCells(s *bench.Spread) [4]string {
	if s == nil {
		return [4]string{}
	}
	return [4]string{figure(s.Median), figure(s.Min), figure(s.Max), strconv.Itoa(s.Count)}
}

// figure returns a number with three digits, or all of those before the point.
func figure(v float64) string {
	if v >= 1000 || v <= -1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
