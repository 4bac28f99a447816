package bench

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/sim"
)

const (
	// lineChunk is how many records of lines are sent in a turn.
	lineChunk = 50_000
	// lineDwell is how many times shorter than on a real line cells soak and age, so
	// that some are finished early; what the stations report is as much.
	lineDwell = 1000
)

// lines returns simulated lines, from the seed on.
func lines(n int, seed uint64) ([]*line.Line, error) {
	list := make([]*line.Line, n)
	for i := range list {
		l, err := line.New(line.Config{
			Name: fmt.Sprintf("L%d", i+1), Seed: seed + uint64(i), Start: workStart, Dwell: line.Short(lineDwell),
		})
		if err != nil {
			return nil, err
		}
		list[i] = l
	}
	return list, nil
}

// schemasOf returns the schemas of a line's blocks.
func schemasOf(l *line.Line) []mes.Schema {
	var list []mes.Schema
	for _, block := range l.Blocks() {
		if block.Schema != nil {
			list = append(list, *block.Schema)
		}
	}
	return list
}

// loadLines loads what lines report until so many cells are finished, in turns as
// load does, of Takt alone.
func (b *bench) loadLines(ctx context.Context) (*ingest, error) {
	list, err := lines(b.cfg.Lines, b.cfg.Seed)
	if err != nil {
		return nil, err
	}
	joined := sim.Join(list...)
	b.takt.schemas = schemasOf(joined)
	next, stop := iter.Pull(sim.Ahead(joined.Records()))
	defer stop()
	in := &ingest{memory: watchMemory(ctx, b.takt.process)}
	defer in.memory.stop()
	for chunk := 0; len(b.cells) < b.cfg.Cells; chunk++ {
		streams := b.streams
		if chunk < len(tried) {
			streams = tried[chunk]
		}
		l := load{spools: make([]*spool, streams), parts: make([][]mes.Record, streams)}
		for range lineChunk {
			r, ok := next()
			if !ok {
				break
			}
			part := r.Block % streams
			l.parts[part] = append(l.parts[part], sim.Record(r))
			if cell := finishedCell(r); cell != "" {
				b.cells = append(b.cells, cell)
			}
		}
		for i := range streams {
			l.spools[i] = b.takt.spool(fmt.Sprintf("%d-of-%d", i+1, streams))
			l.spools[i].take(l.parts[i])
		}
		runtime.GC()
		rate, err := b.turnOfTakt(ctx, in, l)
		if err != nil {
			return nil, err
		}
		b.tell("chunk %d: %d events, %.0f a second, %d of %d cells", chunk+1, l.events(), rate, len(b.cells), b.cfg.Cells)
		b.choose(in, chunk, streams, rate, 0, 0)
	}
	b.finished = len(b.cells)
	b.report.Events = b.takt.stored
	b.report.Choices = append(b.report.Choices, choice("Takt's load through %d of %v streams, %d events a message", b.streams, tried, messageEvents))
	return in, nil
}

// finishedCell returns the cell that a record says is finished; "" for most.
func finishedCell(r line.Record) string {
	work, ok := r.Event.Fact.(*mes.Work)
	if !ok || r.Event.ProcessSegment != "sorting" || work.Disposition != mes.DispositionConformant || len(work.Subjects) == 0 {
		return ""
	}
	return string(work.Subjects[0].ID)
}

// phases is how many parts a paced run has: without a companion and with it in
// turns.
const phases = 10

// paced measures what the stations of lines wait for their acknowledgement, while
// nothing else happens and while a companion runs.
func (b *bench) paced(ctx context.Context) error {
	list, err := lines(b.cfg.Lines, b.cfg.Seed)
	if err != nil {
		return err
	}
	b.takt.schemas = nil
	for _, l := range list {
		b.takt.schemas = append(b.takt.schemas, schemasOf(l)...)
	}
	beside := b.traces()
	if b.cfg.Beside == BesideBackups {
		beside = b.backups()
	}
	p := &pacedRun{
		bench: b, beside: beside, start: time.Now(), phase: b.cfg.For / phases,
		interval: time.Duration(float64(b.cfg.Lines) / b.cfg.Rate * float64(time.Second)),
		memory:   watchMemory(ctx, b.takt.process),
	}
	defer p.memory.stop()
	if err := p.run(ctx, list); err != nil {
		return err
	}
	return p.report(ctx)
}
