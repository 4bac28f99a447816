package bench

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// tried are the numbers of streams and connections that are tried out first, each
// with one chunk of the load.
var tried = []int{1, 2, 4}

// chunkCells is how many cells a chunk of the load has at most: what both sides'
// forms of it take must fit into the bench's memory.
const chunkCells = 40_000

// load loads all cells into both sides, in turns of a chunk each. What either side
// puts off beyond its last acknowledgement (Takt's sealing, PostgreSQL's
// checkpoint) is waited for behind its turn, in neither's time, but does count as
// Takt's CPU time in row 12.
func (b *bench) load(ctx context.Context) (*ingest, error) {
	ticks := b.workload.TicksFor(b.cfg.Cells)
	chunks := max(len(tried)+b.cfg.Pairs, (ticks+chunkCells-1)/chunkCells)
	in := &ingest{memory: watchMemory(ctx, b.takt.process)}
	defer in.memory.stop()
	for chunk := range chunks {
		n := ticks / (chunks - chunk)
		ticks -= n
		rate, otherRate, err := b.chunk(ctx, in, chunk, n)
		if err != nil {
			return nil, err
		}
		b.tell("chunk %d of %d: %.0f events/s%s", chunk+1, chunks, rate, beside(otherRate))
	}
	b.finished = b.workload.Finished()
	b.report.Events = b.takt.stored
	b.report.Choices = append(b.report.Choices,
		choice("Takt's load through %d of %v streams, %d events a message", b.streams, tried, messageEvents))
	if b.postgres != nil {
		b.report.Choices = append(b.report.Choices,
			choice("PostgreSQL's load through %d of %v connections, %d events a COPY", b.connections, tried, copyEvents))
	}
	return in, b.tidy(ctx)
}

// ingest is what the chunks of the load came to.
type ingest struct {
	memory *memoryWatch
	// rates are those of the chunks that count; the best ones are of those that try
	// out.
	rates               measured
	bestTakt, bestOther float64
	// sizes and costs are the events before a chunk's middle, and Takt's CPU
	// seconds an event in it.
	sizes, costs []float64
}

// chunk loads one chunk into both sides and returns their rates.
func (b *bench) chunk(ctx context.Context, in *ingest, chunk, ticks int) (rate, otherRate float64, err error) {
	streams, connections := b.streams, b.connections
	if chunk < len(tried) {
		streams, connections = tried[chunk], tried[chunk]
	}
	events := b.workload.Next(ticks)
	mine := b.takt.prepare(events, streams)
	var theirs [][]transaction
	if b.postgres != nil {
		theirs = b.postgres.prepare(events, connections, copyEvents)
	}
	runtime.GC() // Not in anybody's turn.
	if rate, err = b.turnOfTakt(ctx, in, mine); err != nil {
		return rate, 0, err
	}
	if b.postgres != nil {
		took, err := b.postgres.copy(ctx, theirs, nil)
		if err != nil {
			return rate, 0, err
		}
		otherRate = perSecond(len(events), took)
		if err := b.postgres.settle(ctx); err != nil {
			return rate, 0, err
		}
	}
	b.choose(in, chunk, streams, rate, connections, otherRate)
	return rate, otherRate, nil
}

// turnOfTakt loads one chunk into Takt, waits until it is at rest, and notes what
// it cost.
func (b *bench) turnOfTakt(ctx context.Context, in *ingest, l load) (rate float64, err error) {
	before, err := b.usage()
	if err != nil {
		return 0, err
	}
	n := l.events()
	size := float64(b.takt.stored) + float64(n)/2
	took, err := b.takt.append(ctx, l, messageEvents)
	if err != nil {
		return 0, err
	}
	if err := b.takt.settle(ctx); err != nil {
		return 0, err
	}
	after, err := b.usage()
	in.sizes = append(in.sizes, size)
	in.costs = append(in.costs, (after.cpu-before.cpu).Seconds()/float64(n))
	return perSecond(n, took), err
}

// choose counts a chunk's rates: the first chunks try out how many streams and
// connections carry most, with which the others are loaded.
func (b *bench) choose(in *ingest, chunk, streams int, rate float64, connections int, otherRate float64) {
	if chunk >= len(tried) {
		in.rates.takt = append(in.rates.takt, rate)
		if b.postgres != nil {
			in.rates.other = append(in.rates.other, otherRate)
		}
		return
	}
	if rate > in.bestTakt {
		in.bestTakt, b.streams = rate, streams
	}
	if otherRate > in.bestOther {
		in.bestOther, b.connections = otherRate, connections
	}
}

func beside(rate float64) string {
	if rate == 0 {
		return ""
	}
	return fmt.Sprintf(", PostgreSQL %.0f", rate)
}

// usage returns what Takt's process has used, zero where it is another's.
func (b *bench) usage() (usage, error) {
	if b.takt.process == nil {
		return usage{}, nil
	}
	return usageOf(b.takt.process.pid())
}

// tidy brings both sides to rest, and compares what they have.
func (b *bench) tidy(ctx context.Context) error {
	if err := b.takt.settle(ctx); err != nil {
		return err
	}
	if b.postgres == nil {
		return nil
	}
	b.tell("vacuum, analyze and checkpoint")
	if err := b.postgres.tidy(ctx); err != nil {
		return err
	}
	return b.compareCounts(ctx)
}

// counts are how many events either side had stored at one time.
type counts struct{ takt, other uint64 }

// count counts what both sides have stored; other is 0 where there is none.
func (b *bench) count(ctx context.Context) (counts, error) {
	c := counts{takt: b.takt.stored}
	if b.postgres == nil {
		return c, nil
	}
	n, err := b.postgres.count(ctx)
	c.other = uint64(n) //nolint:gosec // a count
	return c, err
}

// compareCounts returns a disagreement where both sides have not stored the same
// number of events since they were last counted.
func (b *bench) compareCounts(ctx context.Context) error {
	now, err := b.count(ctx)
	if err != nil || b.postgres == nil {
		return err
	}
	mine, theirs := now.takt-b.counted.takt, now.other-b.counted.other
	b.counted = now
	if mine != theirs {
		return &disagreement{fmt.Sprintf("Takt has stored %d events, PostgreSQL %d", mine, theirs)}
	}
	return nil
}

// addLoad adds the rows 1, 11 and 12, which are about the load.
func (b *bench) addLoad(in *ingest) {
	if b.wanted(1) {
		switch n := len(in.rates.takt); n {
		case 0:
			b.report.Rows = append(b.report.Rows, notMeasured(metricOf("1"), "the load was over before it was tried out; take more --cells"))
		default:
			b.add("1", in.rates, fmt.Sprintf("%d chunks of about %d events", n, b.takt.stored/uint64(n+len(tried))))
		}
	}
	if b.wanted(11) {
		switch most, err := in.memory.most(); err {
		case nil:
			b.add("11", measured{takt: []float64{float64(most) / (1 << 20)}}, "RssAnon, looked at every "+memoryTime.String())
		default:
			b.report.Rows = append(b.report.Rows, notMeasured(metricOf("11"), err.Error()))
		}
	}
	if b.wanted(12) {
		b.growth(in)
	}
}

// growth adds row 12: the power of the size that CPU an event grows with, from a
// twelfth of the load on.
func (b *bench) growth(in *ingest) {
	m := metricOf("12")
	if b.takt.process == nil {
		b.report.Rows = append(b.report.Rows, notMeasured(m, "the server's process is another's"))
		return
	}
	var sizes, costs []float64
	for i := range in.sizes {
		if i >= len(tried) && in.sizes[i] >= float64(b.takt.stored)/12 {
			sizes, costs = append(sizes, in.sizes[i]), append(costs, in.costs[i])
		}
	}
	if len(sizes) < 2 {
		b.report.Rows = append(b.report.Rows, notMeasured(m, "there are too few chunks; load more --pairs"))
		return
	}
	b.add("12", measured{takt: []float64{growthOf(sizes, costs)}},
		fmt.Sprintf("%.2f µs an event at %.3g M events, %.2f at %.3g M", costs[0]*1e6, sizes[0]/1e6, costs[len(costs)-1]*1e6, sizes[len(sizes)-1]/1e6))
}

// memoryTime is how often memory is looked at.
const memoryTime = 50 * time.Millisecond

// memoryWatch looks how much anonymous memory a process has.
type memoryWatch struct {
	cancel context.CancelFunc
	done   chan struct{}
	peak   int64
	err    error
}

// watchMemory looks at a server's memory until it is stopped.
func watchMemory(ctx context.Context, of *server) *memoryWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &memoryWatch{cancel: cancel, done: make(chan struct{})}
	if of == nil {
		w.err = errForeign
		close(w.done)
		return w
	}
	go func() {
		defer close(w.done)
		for {
			now, err := anonymousOf(of.pid())
			if err != nil {
				w.err = err
				return
			}
			w.peak = max(w.peak, now)
			if sleepUntil(ctx, time.Now().Add(memoryTime)) != nil {
				return
			}
		}
	}()
	return w
}

// stop ends the watch.
func (w *memoryWatch) stop() {
	w.cancel()
	<-w.done
}

// most stops the watch and returns the most that was seen.
func (w *memoryWatch) most() (int64, error) {
	w.stop()
	return w.peak, w.err
}
