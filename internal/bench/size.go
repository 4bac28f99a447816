package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// errForeign is why nothing is said of a process that the bench did not start.
var errForeign = errors.New("the server's process is another's (--server)")

// otherShare is how many times smaller the store of the other kind of values is.
const otherShare = 10

// sizes measures row 10: what an event takes on the disk, with its genealogy and
// every index, once both sides are at rest. The other kind of values is loaded
// into a smaller store beside.
func (b *bench) sizes(ctx context.Context) error {
	rows := map[Values]string{ValuesInstrument: "10a", ValuesRandom: "10b"}
	m, err := bytesAnEvent(ctx, b.takt, b.postgres)
	if err != nil {
		return err
	}
	b.add(rows[b.cfg.Values], m, fmt.Sprintf("%d events", b.takt.stored))
	if b.cfg.Shape == ShapeLine {
		return nil
	}

	other := ValuesRandom
	if b.cfg.Values == ValuesRandom {
		other = ValuesInstrument
	}
	if b.takt.process == nil {
		b.report.Rows = append(b.report.Rows, notMeasured(metricOf(rows[other]), errForeign.Error()))
		return nil
	}
	return b.otherSize(ctx, other, rows[other])
}

func (b *bench) otherSize(ctx context.Context, values Values, row string) (err error) {
	cells := max(minCells, b.cfg.Cells/otherShare)
	mine, err := openTakt(ctx, b.cfg.Program, filepath.Join(b.dir, "other"), "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mine.close()) }()
	var theirs *postgres
	if b.postgres != nil {
		if theirs, err = openPostgres(ctx, b.cfg.Postgres, "", "takt_bench_other"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, theirs.drop(context.WithoutCancel(ctx))) }()
	}
	w := NewWorkload(b.cfg.Seed, values, cells)
	for ticks := w.TicksFor(cells); ticks > 0; ticks = w.TicksFor(cells) {
		events := w.Next(min(ticks, chunkCells))
		if _, err := mine.append(ctx, mine.prepare(events, b.streams), messageEvents); err != nil {
			return err
		}
		if theirs == nil {
			continue
		}
		if _, err := theirs.copy(ctx, theirs.prepare(events, b.connections, copyEvents), nil); err != nil {
			return err
		}
	}
	if err := mine.settle(ctx); err != nil {
		return err
	}
	if theirs != nil {
		if err := theirs.tidy(ctx); err != nil {
			return err
		}
	}
	m, err := bytesAnEvent(ctx, mine, theirs)
	if err != nil {
		return err
	}
	b.add(row, m, fmt.Sprintf("%d events in a store of their own", mine.stored))
	return nil
}

// bytesAnEvent measures both sides' bytes; theirs may be nil.
func bytesAnEvent(ctx context.Context, mine *takt, theirs *postgres) (measured, error) {
	var m measured
	size, err := mine.size(ctx)
	if err != nil {
		return m, err
	}
	m.takt = []float64{float64(size) / float64(mine.stored)}
	if theirs == nil {
		return m, nil
	}
	if size, err = theirs.size(ctx); err != nil {
		return m, err
	}
	m.other = []float64{float64(size) / float64(theirs.stored)}
	return m, nil
}
