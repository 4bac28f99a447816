package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"
)

// streamsTried are the numbers of streams that row 2 tries out.
var streamsTried = []int{1, 4, 16}

const (
	// pipelinedEvents is how many events a turn of row 2 has, at most.
	pipelinedEvents = 20_000
	// singleEvents is how many a turn of row 3 has.
	singleEvents = 300
)

// part returns how many events a turn may have at most that has so many at full
// size: a small load is not to be drowned in what is measured after it.
func (b *bench) part(most int) int {
	return min(most, max(100, int(b.report.Events)/20)) //nolint:gosec // a count
}

// pipelined measures row 2. How many streams Takt's side uses is tried out first,
// one turn each; PostgreSQL has 64 connections.
func (b *bench) pipelined(ctx context.Context) error {
	n := b.part(pipelinedEvents)
	streams, best := streamsTried[0], 0.0
	var statements []statement
	mine := func(ctx context.Context, streams int) (turn, error) {
		events := b.workload.NextEvents(n)
		l := b.takt.prepare(events, streams)
		if b.postgres != nil {
			statements = b.postgres.statements(events)
		}
		runtime.GC()
		took, err := b.takt.append(ctx, l, 1)
		return turn{figure: perSecond(len(events), took)}, errors.Join(err, b.takt.settle(ctx))
	}
	theirs := func(ctx context.Context, _ int) (turn, error) {
		took, err := b.postgres.insert(ctx, statements, mostConnections)
		return turn{figure: perSecond(len(statements), took)}, errors.Join(err, b.postgres.settle(ctx))
	}
	if b.postgres == nil {
		theirs = nil
	}
	for _, tried := range streamsTried {
		t, err := mine(ctx, tried)
		if err == nil && theirs != nil {
			_, err = theirs(ctx, warmUp)
		}
		if err != nil {
			return err
		}
		if t.figure > best {
			best, streams = t.figure, tried
		}
	}
	m, err := b.pairs(ctx, func(ctx context.Context, _ int) (turn, error) { return mine(ctx, streams) }, theirs)
	if err != nil {
		return err
	}
	if err := b.compareCounts(ctx); err != nil {
		return err
	}
	b.add("2", m, fmt.Sprintf("%d events a turn; Takt through %d of %v streams", n, streams, streamsTried))
	return nil
}

// single measures row 3: one event after the other, each waited for, on one stream
// or connection; on Takt's side, on PostgreSQL's and on the floor.
func (b *bench) single(ctx context.Context) (err error) {
	floor, err := openFloor(ctx, b.cfg.Program, filepath.Join(b.dir, "floor"))
	if err != nil {
		return fmt.Errorf("start the floor: %w", err)
	}
	defer func() {
		if closeErr := floor.close(); err == nil {
			err = closeErr
		}
	}()
	n := b.part(singleEvents)
	var beside, above measured
	for pair := warmUp; pair < b.cfg.Pairs; pair++ {
		events := b.workload.NextEvents(n)
		runtime.GC()
		mine, err := b.takt.single(ctx, events, nil)
		if err != nil {
			return err
		}
		if err := b.takt.settle(ctx); err != nil {
			return err
		}
		least, err := floor.single(ctx, events, nil)
		if err != nil {
			return err
		}
		var theirs []time.Duration
		if b.postgres != nil {
			if theirs, err = b.postgres.single(ctx, events, nil); err != nil {
				return err
			}
			if err := b.postgres.settle(ctx); err != nil {
				return err
			}
		}
		if pair == warmUp {
			continue
		}
		p50 := milliseconds(percentile(mine, 0.5))
		above.takt, above.other = append(above.takt, p50), append(above.other, milliseconds(percentile(least, 0.5)))
		beside.takt = append(beside.takt, p50)
		if b.postgres != nil {
			beside.other = append(beside.other, milliseconds(percentile(theirs, 0.5)))
		}
	}
	if err := b.compareCounts(ctx); err != nil {
		return err
	}
	note := fmt.Sprintf("%d events a turn", n)
	b.add("3a", beside, note)
	b.add("3b", above, note+"; the floor is a gRPC server that writes and fdatasyncs 512 B")
	return nil
}

// openFloor starts a floor; it is a takt that keeps nothing.
func openFloor(ctx context.Context, program, dir string) (*takt, error) {
	t := newTakt()
	t.process = newFloor(program, dir)
	if err := t.process.start(ctx); err != nil {
		return nil, err
	}
	return t, t.dial(t.process.address)
}
