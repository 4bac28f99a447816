package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

const (
	// restartEvents is how many events were loaded just before the end, where the
	// load had fullEvents; of a smaller load as large a share.
	restartEvents = 900_000
	fullEvents    = 12_000_000
	// restartLeast is how many they are at least.
	restartLeast = 1000
)

// restart measures row 13: both servers are ended as lost processes would be, just
// after the last acknowledgement, and the time is taken from the start of the
// server to the first answer.
func (b *bench) restart(ctx context.Context) error {
	if b.takt.process == nil {
		return errForeign
	}
	n := min(restartEvents, max(restartLeast, int(b.report.Events)*restartEvents/fullEvents)) //nolint:gosec // a count
	var events []Event
	mine := func(ctx context.Context, _ int) (turn, error) {
		events = b.workload.NextEvents(n)
		l := b.takt.prepare(events, b.streams)
		runtime.GC()
		if _, err := b.takt.append(ctx, l, messageEvents); err != nil {
			return turn{}, err
		}
		t, err := b.takt.restart(ctx, events[n-1].Thing)
		return t, errors.Join(err, b.takt.settle(ctx))
	}
	if b.postgres == nil {
		m, err := b.pairs(ctx, mine, nil)
		if err == nil {
			b.add("13", m, fmt.Sprintf("%d events just before", n))
		}
		return err
	}
	if b.postgres.control == "" {
		return errors.New("PostgreSQL cannot be ended from here (--postgres-control)")
	}
	m, err := b.pairs(ctx, mine, func(ctx context.Context, _ int) (turn, error) {
		parts := b.postgres.prepare(events, b.connections, copyEvents)
		runtime.GC()
		if _, err := b.postgres.copy(ctx, parts, nil); err != nil {
			return turn{}, err
		}
		t, err := b.postgres.restart(ctx, events[n-1].Thing)
		return t, errors.Join(err, b.postgres.settle(ctx))
	})
	if err != nil {
		return err
	}
	if err := b.compareCounts(ctx); err != nil {
		return err
	}
	b.add("13", m, fmt.Sprintf("%d events just before, those since PostgreSQL's last checkpoint", n))
	return nil
}

// restart kills the server and starts it again; it measures how long it took until
// a thing's record was there.
func (t *takt) restart(ctx context.Context, thing string) (turn, error) {
	_ = t.client.Close() // Its other end is going to be gone.
	t.client = nil
	if err := t.process.kill(); err != nil {
		return turn{}, err
	}
	began := time.Now()
	if err := t.process.start(ctx); err != nil {
		return turn{}, err
	}
	if err := t.dial(t.process.address); err != nil {
		return turn{}, err
	}
	record, err := t.record(ctx, thing)
	return turn{milliseconds(time.Since(began)), recordLines(record)}, err
}

// restart does the same to PostgreSQL.
func (p *postgres) restart(ctx context.Context, thing string) (turn, error) {
	if err := p.crash(ctx); err != nil {
		return turn{}, err
	}
	began := time.Now()
	if err := p.start(ctx); err != nil {
		return turn{}, err
	}
	if err := p.reconnect(ctx); err != nil {
		return turn{}, err
	}
	record, err := p.record(ctx, thing)
	return turn{milliseconds(time.Since(began)), p.recordLines(record)}, err
}
