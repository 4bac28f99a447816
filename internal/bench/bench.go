package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// bench is one run.
type bench struct {
	cfg      Config
	dir      string
	out      io.Writer
	began    time.Time
	workload *Workload
	takt     *takt
	// postgres is nil where Takt is measured alone.
	postgres *postgres
	// finished is how many cells all stations had seen when the load was done;
	// only these are asked about.
	finished int
	// cells are those, in the line's shape; in the bench's the workload names them.
	cells []string
	// streams and connections are what carried the load best on either side.
	streams, connections int
	// counted is what both sides had stored when they were last compared.
	counted counts
	report  Report
}

// Run measures what the config says. What cannot be measured is a row that says
// why; an error is what ends all of it. Progress is written to out.
func Run(ctx context.Context, cfg Config, out io.Writer) (Report, error) {
	if err := cfg.Validate(); err != nil {
		return Report{}, err
	}
	b := &bench{cfg: cfg, out: out, began: time.Now(), streams: 1, connections: 1}
	b.report = Report{
		Cells: cfg.Cells, Seed: cfg.Seed, Shape: cfg.Shape, Values: cfg.Values, Against: cfg.Against, Began: b.began.UTC(), Cores: runtime.NumCPU(),
	}
	limited, cancel := context.WithTimeout(ctx, cfg.Limit)
	defer cancel()
	err := b.run(limited)
	b.report.Seconds = time.Since(b.began).Seconds()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return b.report, err
}

// run opens both sides, measures, and closes and removes all that it made.
func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp(b.cfg.Dir, "takt-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	b.workload = NewWorkload(b.cfg.Seed, b.cfg.Values, b.cfg.Cells)
	if b.takt, err = openTakt(ctx, b.cfg.Program, filepath.Join(b.dir, "takt"), b.cfg.Server); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.takt.close()) }()
	if b.cfg.Against == AgainstPostgres {
		if b.postgres, err = openPostgres(ctx, b.cfg.Postgres, b.cfg.PostgresControl, "takt_bench"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.postgres.drop(context.WithoutCancel(ctx))) }()
	}
	return b.measure(ctx)
}

// measure loads, and measures every row that is wanted.
func (b *bench) measure(ctx context.Context) error {
	load := b.load
	alone := b.cfg.Shape == ShapeLine
	if alone && b.cfg.Rate == 0 {
		load = b.loadLines
	}
	if b.cfg.Loaded {
		b.finished = b.cfg.Cells
	} else {
		in, err := load(ctx)
		if err != nil {
			return fmt.Errorf("load: %w", err)
		}
		if alone && b.cfg.Rate > 0 {
			return b.paced(ctx)
		}
		b.addLoad(in)
	}
	for _, s := range b.steps() {
		if !b.wanted(s.row) || b.cfg.Loaded && !s.asks {
			continue
		}
		if alone && !s.anyShape {
			b.missed(ctx, s.row, errShape)
			continue
		}
		b.tell("row %d", s.row)
		limited, cancel := context.WithTimeout(ctx, b.cfg.Limit/rowShare)
		err := s.measure(limited)
		if err != nil {
			b.missed(limited, s.row, err)
			err = b.restore(ctx)
		}
		cancel()
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	b.sort()
	return nil
}

// restore brings both sides to where another row can be measured after one that
// broke off: what one side has of it and the other has not is no news any more.
func (b *bench) restore(ctx context.Context) (err error) {
	if b.postgres != nil {
		if err := b.postgres.revive(ctx); err != nil {
			return err
		}
	}
	b.counted, err = b.count(ctx)
	return err
}

// errShape is why a row is not measured in the line's shape.
var errShape = errors.New("it is measured in the bench's shape")

// step measures one number of the table.
type step struct {
	row     int
	measure func(context.Context) error
	// anyShape says that it can be measured in the line's shape, too.
	anyShape bool
	// asks says that it loads nothing more.
	asks bool
}

// steps returns what is measured after the load, in that order.
func (b *bench) steps() []step {
	return []step{
		// What is read, while the store is as the load left it.
		{10, b.sizes, true, false},
		{5, b.itemRecord, true, true},
		{6, b.backward, true, true},
		{7, b.forward, false, true},
		{8, b.yield, false, true},
		{9, b.statistics, false, true},
		// What is written beyond the load.
		{3, b.single, false, false},
		{2, b.pipelined, false, false},
		{4, b.underLoad, false, false},
		{13, b.restart, false, false},
	}
}

// rowShare is the part of all the time that one row may take, so that one that
// does not end leaves time for the others.
const rowShare = 5

// wanted says whether a row of the table is measured.
func (b *bench) wanted(row int) bool { return len(b.cfg.Rows) == 0 || slices.Contains(b.cfg.Rows, row) }

// metric returns the metric of a row, as `3b`.
func metricOf(row string) metric {
	for _, list := range metrics {
		for _, m := range list {
			if m.row == row {
				return m
			}
		}
	}
	panic("bench: there is no row " + row)
}

// add adds a row to the report.
func (b *bench) add(row string, of measured, note string) {
	r := rowOf(metricOf(row), of, note)
	b.report.Rows = append(b.report.Rows, r)
	b.tell("  %s: %s", r.Metric, r.summary())
}

// missed adds those rows of a number that an error left out.
func (b *bench) missed(ctx context.Context, number int, err error) {
	why := err.Error()
	if ctx.Err() != nil {
		why = fmt.Sprintf("the time was up (a row has a %dth of --minutes %g)", rowShare, b.cfg.Limit.Minutes())
	}
	for _, m := range metrics[number] {
		if !slices.ContainsFunc(b.report.Rows, func(r Row) bool { return r.Row == m.row }) {
			b.report.Rows = append(b.report.Rows, notMeasured(m, why))
			b.tell("  %s: not measured: %s", m.name, why)
		}
	}
}

// sort puts the rows in the table's order.
func (b *bench) sort() {
	var order []string
	for number := 1; number <= lastRow; number++ {
		for _, m := range metrics[number] {
			order = append(order, m.row)
		}
	}
	slices.SortFunc(b.report.Rows, func(x, y Row) int {
		return slices.Index(order, x.Row) - slices.Index(order, y.Row)
	})
}

// tell tells how it goes.
func (b *bench) tell(format string, args ...any) {
	elapsed := time.Since(b.began).Round(time.Second)
	_, _ = fmt.Fprintf(b.out, "%6s  %s\n", elapsed, fmt.Sprintf(format, args...))
}

// summary returns the row's figure in a line.
func (r Row) summary() string {
	text := ""
	if r.Takt != nil {
		text = fmt.Sprintf("%.4g %s", r.Takt.Median, r.Unit)
	}
	if r.Other != nil {
		text += fmt.Sprintf(", %s %.4g %s, ratio %.3g [%.3g..%.3g]", r.Against, r.Other.Median, r.Unit, r.Figure.Median, r.Figure.Min, r.Figure.Max)
	}
	return text + ", goal met: " + r.Met
}
