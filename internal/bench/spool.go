package bench

import (
	"context"
	"io"
	"time"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
)

// spool is one sender's count of what it has sent.
type spool struct {
	sender client.Sender
	sent   mes.Offset
}

// take gives records the spool's next offsets.
func (s *spool) take(records []mes.Record) {
	for i := range records {
		s.sent++
		p := &records[i].Provenance
		p.Gateway, p.Spool, p.Offset = s.sender.Gateway, s.sender.Spool, s.sent
	}
}

// queue is a client.Source of records that are all there.
type queue struct {
	records []mes.Record
	schemas []mes.Schema
	// batch is how many go into one message.
	batch int
	// paced says when each batch is due; nil for at once.
	paced func(batch int) time.Time
	read  int
}

// Read is client.Source's.
func (q *queue) Read(_ mes.Offset, maxRecords, maxBytes int) ([]mes.Record, error) {
	if q.paced != nil && time.Now().Before(q.paced(q.read/q.batch)) {
		return nil, nil
	}
	end, size := q.read, 0
	for end < min(q.read+min(q.batch, maxRecords), len(q.records)) {
		if size += len(q.records[end].Event); size > maxBytes && end > q.read {
			break
		}
		end++
	}
	batch := q.records[q.read:end]
	q.read = end
	return batch, nil
}

// Wait is client.Source's: it waits until the next batch is due.
func (q *queue) Wait(ctx context.Context, _ mes.Offset) error {
	if q.read == len(q.records) {
		return io.EOF
	}
	return sleepUntil(ctx, q.paced(q.read/q.batch))
}

// Schemas is client.Source's.
func (q *queue) Schemas() ([]mes.Schema, error) { return q.schemas, nil }

// sleepUntil waits until an instant, or until ctx ends.
func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// every returns a pace: one batch each interval from a start on.
func every(interval time.Duration, start time.Time) func(int) time.Time {
	return func(batch int) time.Time { return start.Add(time.Duration(batch) * interval) }
}

// alone is a client.Source that sends one record at a time: the next one when the
// one before is acknowledged and, with a pace, when it is due.
type alone struct {
	records []mes.Record
	schemas []mes.Schema
	paced   func(n int) time.Time
	read    int
	began   []time.Time
	acked   chan struct{}
	waiting bool
	took    []time.Duration
}

func newAlone(records []mes.Record, paced func(int) time.Time) *alone {
	return &alone{records: records, schemas: allSchemas(), paced: paced, acked: make(chan struct{}, 1)}
}

// Read is client.Source's.
func (a *alone) Read(mes.Offset, int, int) ([]mes.Record, error) {
	if a.waiting || a.read == len(a.records) || a.paced != nil && time.Now().Before(a.paced(a.read)) {
		return nil, nil
	}
	began := time.Now()
	if a.paced != nil {
		began = a.paced(a.read) // What was late to be sent has waited, too.
	}
	if a.read == len(a.began) { // It is not sent again.
		a.began = append(a.began, began)
	}
	a.waiting = true
	a.read++
	return a.records[a.read-1 : a.read], nil
}

// Wait is client.Source's.
func (a *alone) Wait(ctx context.Context, _ mes.Offset) error {
	if a.waiting {
		select {
		case <-a.acked:
			a.waiting = false
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch {
	case a.read == len(a.records):
		return io.EOF
	case a.paced != nil:
		return sleepUntil(ctx, a.paced(a.read))
	}
	return nil
}

// acknowledge notes how long the record took that is waited for.
func (a *alone) acknowledge() {
	a.took = append(a.took, time.Since(a.began[len(a.took)]))
	select {
	case a.acked <- struct{}{}:
	default:
	}
}

// resume begins behind the last record that was acknowledged, on a new stream.
func (a *alone) resume() {
	a.read, a.waiting = len(a.took), false
	select {
	case <-a.acked:
	default:
	}
}

// Schemas is client.Source's.
func (a *alone) Schemas() ([]mes.Schema, error) { return a.schemas, nil }
