package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/push"
)

func newPush(c *connection, p Process) *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push [FILE]",
		Short: "Append what a file says: JSON lines, or CSV with a mapping",
		Long: help(`
Appends events from a file, or from stdin where none or - is named, for sources
that are no PLC: testers, laboratories, people. Each record is kept in a local
spool on disk until the server has it, so that pushing the same file again, after
whatever went wrong, goes on where it stopped and stores nothing twice: an event
is the same event by its source, epoch and sequence, and a row that gives no
sequence has its row's number. So rows may be added at the end of a file that was
pushed, and never changed or taken out.

A file is read through before anything of it is sent; rows that cannot be events
are named with line and field, and then nothing is. From stdin, what comes before
and after such a row is sent. The command ends with 4 where the server put
something in quarantine.

A line of JSON is

  {"source": "lab/icp", "epoch": 1, "sequence": 17, "event": {...}}

with the event in protobuf's JSON. There ids are base64; {"text": "C0001"} is
taken for one too, "12.5" for a decimal, and for measurements, beside the packed
form, {"values": {"ocv1": 3.29}, "units": {"ocv1": "V"}}, null being a value that
is missing. Epoch and sequence may be left out.

CSV needs a mapping, a YAML file:

  source: {const: lab/ocv}          # or a column's name, as below
  sequence: n                       # the row's number where it is not given
  zone: Europe/Berlin               # of times without an offset
  time_format: 02.01.2006 15:04:05  # RFC 3339 where it is not given; or unix, unix_ms
  delimiter: ";"
  fields:                           # path in takt.v1.Event: column
    event_time: time
    equipment: {const: L1.OCV.01}
    process_segment: {const: ocv}
    work.subjects[0].kind: {const: item}
    work.subjects[0].id: cell
    work.disposition: {column: result, codes: {PASS: conformant, FAIL: scrap}}
    work.consumed[0].slot: {const: electrolyte}
    work.consumed[0].quantity.value: {column: grams, scale: -3}
    work.consumed[0].quantity.unit: {const: kg}
  measurements:                     # in order; a * takes all columns that fit
    - {column: OCV1, characteristic: ocv1, unit: V}
    - {column: "T*", unit: Cel}`),
		Example: `  takt push --source lab/icp results.jsonl
  takt push --mapping ocv.yaml ocv-2026-11-23.csv
  tail -f tester.jsonl | takt push --source eol/07 -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(cmd, "%q is one argument too many", args[1])
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.mapping, "mapping", "", "read CSV, as this YAML `file` says")
	flags.StringVar(&f.source, "source", "", "the `source` of lines that name none")
	flags.Uint64Var(&f.epoch, "epoch", 1, "the source's `epoch` in rows that name none")
	flags.StringVar(&f.spool, "spool", defaultSpool(p), "the `folder` that keeps records until the server has them")
	flags.StringVar(&f.gateway, "gateway", "", "the `name` under which the spool is sent; push- and this machine's name where not given")
	flags.BoolVar(&f.check, "check", false, "only read, and say what is wrong")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.file = "-"
		if len(args) == 1 {
			f.file = args[0]
		}
		return runPush(cmd, c, f)
	}
	return cmd
}

// pushFlags is what a push was asked to do.
type pushFlags struct {
	file, mapping, source, spool, gateway string

	epoch uint64
	check bool
}

// defaultSpool is in the user's folder for what programs keep, where there is
// one.
func defaultSpool(p Process) string {
	if state := p.env("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "takt", "push")
	}
	if home := p.env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "takt", "push")
	}
	return "takt-spool"
}

// problemsShown is how many rows that cannot be events a person is told of.
const problemsShown = 20

func runPush(cmd *cobra.Command, c *connection, f pushFlags) error {
	open, err := pushInput(cmd, f)
	if err != nil {
		return err
	}
	notes := cmd.ErrOrStderr()
	if f.file != "-" || f.check {
		rows, err := checkRows(cmd.Context(), open, notes)
		if err != nil || f.check {
			if err == nil {
				tell(notes, "%s, nothing wrong", plural(rows, "row"))
			}
			return err
		}
	}
	reader, closer, err := open()
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()
	if f.gateway == "" {
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("%w; name this machine with --gateway", err)
		}
		f.gateway = "push-" + host
	}
	gateway, err := rawID(f.gateway)
	if err != nil {
		return usage(cmd, "--gateway: %w", err)
	}
	s, err := c.dial()
	if err != nil {
		return err
	}
	defer s.close()
	d := &delivery{server: s, gateway: mes.Gateway(gateway), notes: notes}
	return d.run(cmd.Context(), f.spool, reader)
}

// pushInput returns what opens the input: once for a look, once for the work.
func pushInput(cmd *cobra.Command, f pushFlags) (func() (*push.Reader, io.Closer, error), error) {
	source, err := rawID(f.source)
	if err != nil {
		return nil, usage(cmd, "--source: %w", err)
	}
	if f.epoch == 0 {
		return nil, usage(cmd, "--epoch is 0; epochs count from 1")
	}
	config := push.Config{Name: f.file, Source: mes.Source(source), Epoch: mes.Epoch(f.epoch)}
	if f.file == "-" {
		config.Name = ""
	}
	var mapping *push.Mapping
	if f.mapping != "" {
		if f.source != "" {
			return nil, usage(cmd, "--source stands beside --mapping, which names the source")
		}
		data, err := os.ReadFile(f.mapping)
		if err != nil {
			return nil, fmt.Errorf("read the mapping: %w", err)
		}
		if mapping, err = push.ParseMapping(data); err != nil {
			return nil, fmt.Errorf("%s: %w", f.mapping, err)
		}
	}
	return func() (*push.Reader, io.Closer, error) {
		input := io.NopCloser(cmd.InOrStdin())
		if f.file != "-" {
			file, err := os.Open(f.file)
			if err != nil {
				return nil, nil, fmt.Errorf("read the rows: %w", err)
			}
			input = file
		}
		if mapping != nil {
			return push.CSV(input, mapping, config), input, nil
		}
		return push.JSON(input, config), input, nil
	}, nil
}

// checkRows reads everything once, and names what cannot be an event.
func checkRows(ctx context.Context, open func() (*push.Reader, io.Closer, error), notes io.Writer) (rows uint64, err error) {
	reader, closer, err := open()
	if err != nil {
		return 0, err
	}
	defer func() { _ = closer.Close() }()
	wrong := uint64(0)
	for _, err := range reader.Records() {
		if ctx.Err() != nil {
			return rows, ctx.Err()
		}
		rows++
		if err == nil {
			continue
		}
		if !isRow(err) {
			return rows, err
		}
		if wrong++; wrong <= problemsShown {
			tell(notes, "%s", oneLine(err.Error()))
		}
	}
	if wrong > 0 {
		return rows, refusedRows(wrong, rows, "nothing was sent")
	}
	return rows, nil
}

// isRow reports whether an error is one row's, rather than the input's.
func isRow(err error) bool {
	var e *mes.Error
	return errors.As(err, &e) && e.Values["line"] != ""
}

func refusedRows(wrong, rows uint64, what string) error {
	return mes.Errorf(mes.CodeInvalid, "%d of %s cannot be an event; %s", wrong, plural(rows, "row"), what)
}
