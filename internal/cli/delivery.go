package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/gateway/spool"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/push"
)

const (
	// keptFor is how long the spool keeps what the server has, in case that it
	// is put back from a backup.
	keptFor = 72 * time.Hour
	// groupRecords is how many records share an fsync at most.
	groupRecords = 500
	// retryPause is between two attempts to send while input still comes.
	retryPause = 2 * time.Second
)

// delivery is one push: what comes goes into the spool, and what is in the spool
// goes to the server, at the same time.
type delivery struct {
	*server
	gateway mes.Gateway
	notes   io.Writer
	spool   *spool.Spool
	// ended is closed when all of the input is in the spool.
	ended chan struct{}

	// mu is held while a group is appended and while it is found out where the
	// server stands, so that appended and the spool's end fit together.
	mu sync.Mutex
	// appended counts what this push put at the spool's end, behind what an
	// earlier one left there; known what the spool had already.
	appended, known, refused uint64
	// now is what became of this push's records, before of the others'.
	now, before outcome
	// unanswered are those that the server took before a connection broke, so
	// that nobody was told what became of them.
	unanswered uint64
	told       time.Time
}

// outcome is what became of records that were sent.
type outcome struct{ sent, stored, duplicates, quarantined uint64 }

func (o *outcome) add(n uint64, a client.Ack) {
	o.sent += n
	o.stored += uint64(a.Stored)
	o.duplicates += uint64(a.Duplicates)
	o.quarantined += uint64(len(a.Quarantined))
}

// run delivers everything that the reader has, and says what became of it.
func (d *delivery) run(ctx context.Context, dir string, reader *push.Reader) error {
	kept, err := spool.Open(spool.Config{Dir: dir, Retention: keptFor})
	if err != nil {
		return err
	}
	d.spool, d.ended = kept, make(chan struct{})
	if n := kept.Stats().Pending; n > 0 {
		tell(d.notes, "%s of an earlier push still in %s; sent first", plural(n, "record"), dir)
	}
	filling, stop := context.WithCancel(ctx)
	filled := make(chan error, 1)
	go func() {
		defer close(d.ended)
		filled <- d.fill(filling, reader)
	}()
	err = d.send(ctx)
	stop()
	fillErr := <-filled
	if errors.Is(fillErr, context.Canceled) && err != nil {
		fillErr = nil // Sending ended first, and tells why.
	}
	waiting := kept.Stats().Pending
	if closeErr := kept.Close(); err == nil {
		err = closeErr
	}
	d.report()
	if err == nil {
		err = fillErr
	}
	switch {
	case err != nil && waiting > 0:
		return fmt.Errorf("%w; %s kept in %s, to be sent first by the next push", err, plural(waiting, "record"), dir)
	case err != nil:
		return err
	case d.refused > 0:
		return refusedRows(d.refused, d.received(), "the others were sent")
	case d.now.quarantined+d.before.quarantined > 0:
		return problem(plural(d.now.quarantined+d.before.quarantined, "record") + " put in quarantine; `takt quarantine list` tells why")
	}
	return nil
}

func (d *delivery) received() uint64 { return d.appended + d.known + d.refused }

// report prints the account of this push.
func (d *delivery) report() {
	if b := d.before; b.sent > 0 {
		tell(d.notes, "of an earlier push: %s", account(b.sent, b.stored, b.duplicates, b.quarantined, 0))
	}
	n := d.now
	received := n.sent + d.known + d.refused
	tell(d.notes, "%s", account(received, n.stored, n.duplicates+d.known, n.quarantined, d.refused))
	if d.unanswered > 0 {
		tell(d.notes, "and %s that the server took before a connection broke; `takt ledger` counts them", plural(d.unanswered, "record"))
	}
}

// item is what the reader has for a row.
type item struct {
	record mes.Record
	// schemas are those that the rows so far use.
	schemas []mes.Schema
	err     error
}

// fill puts all that the reader has into the spool.
func (d *delivery) fill(ctx context.Context, reader *push.Reader) error {
	items := make(chan item, groupRecords)
	// A read of stdin cannot be interrupted. Where this is left behind in one,
	// the process is about to end.
	go func() {
		defer close(items)
		for record, err := range reader.Records() {
			select {
			case items <- item{record, reader.Schemas(), err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	put := 0
	for {
		group, err := next(ctx, items)
		if err != nil {
			return err
		}
		if len(group) == 0 {
			return nil
		}
		var records []mes.Record
		for _, it := range group {
			switch {
			case it.err == nil:
				records = append(records, it.record)
			case isRow(it.err):
				d.refuse(it.err)
			default:
				return errors.Join(d.append(ctx, records), it.err)
			}
		}
		// The schemas first: what is in the spool can be sent at any time.
		for used := group[len(group)-1].schemas; put < len(used); put++ {
			if _, err := d.spool.PutSchema(used[put]); err != nil {
				return err
			}
		}
		if err := d.append(ctx, records); err != nil {
			return err
		}
	}
}

// next waits for an item, and takes those that are there by then: one record is
// worth an fsync when no other comes. It returns none at the end.
func next(ctx context.Context, items <-chan item) (group []item, err error) {
	select {
	case it, ok := <-items:
		if !ok {
			return nil, ctx.Err()
		}
		group = append(group, it)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for len(group) < groupRecords {
		select {
		case it, ok := <-items:
			if !ok {
				return group, nil
			}
			group = append(group, it)
		default:
			return group, nil
		}
	}
	return group, nil
}

func (d *delivery) refuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refused++; d.refused <= problemsShown {
		tell(d.notes, "%s", oneLine(err.Error()))
	}
}

// append puts records into the spool. A spool that is full makes the input wait.
func (d *delivery) append(ctx context.Context, records []mes.Record) error {
	if len(records) == 0 {
		return nil
	}
	now := time.Now()
	for i := range records {
		records[i].Provenance = mes.Provenance{Gateway: d.gateway, GatewayTime: now}
	}
	for {
		err := d.tryAppend(ctx, records)
		if mes.CodeOf(err) != mes.CodeBusy {
			return err
		}
		tell(d.notes, "%s", oneLine(err.Error()))
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *delivery) tryAppend(ctx context.Context, records []mes.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	result, err := d.spool.Append(ctx, records...)
	if err != nil {
		return err
	}
	d.appended += uint64(result.New)     //nolint:gosec // a count
	d.known += uint64(result.Duplicates) //nolint:gosec // a count
	return nil
}

// send sends the spool until the input has ended and everything is acknowledged.
// While input still comes it does not give up.
func (d *delivery) send(ctx context.Context) error {
	for {
		last := isClosed(d.ended)
		err := d.sendOnce(ctx)
		code := mes.CodeOf(err)
		if err == nil || ctx.Err() != nil || last || code != mes.CodeUnavailable && code != mes.CodeBusy {
			return err
		}
		select {
		case <-d.ended:
			continue
		default:
		}
		tell(d.notes, "%s; trying again", oneLine(err.Error()))
		select {
		case <-time.After(retryPause):
		case <-d.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// sendOnce sends over one stream.
func (d *delivery) sendOnce(ctx context.Context) error {
	for {
		stream, err := d.open(ctx)
		if err != nil {
			return err
		}
		start, from, err := d.begin(ctx, stream.Opened())
		if err != nil || start.Renamed {
			stream.Close()
			if err != nil {
				return err
			}
			continue // Under the new name.
		}
		if start.Gone > 0 {
			tell(d.notes, "this server's store lacks %s that another one took; that one alone has them", plural(start.Gone, "record"))
		}
		acknowledged := start.After
		err = stream.Send(ctx, &source{d.spool, d.ended, from}, start.After, func(a client.Ack) error {
			n := uint64(a.Durable - acknowledged)
			acknowledged = a.Durable
			return d.acknowledge(n, a, a.Durable <= from)
		})
		return d.explain(err)
	}
}

// open opens a stream, which must be answered in time.
func (d *delivery) open(ctx context.Context) (*client.Stream, error) {
	opening, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(d.timeout, func() { cancel(context.DeadlineExceeded) })
	stream, err := d.OpenStream(opening, client.Sender{Gateway: d.gateway, Spool: d.spool.Name()})
	if err == nil && late.Stop() {
		// The stream goes on under this context, and ends with its parent.
		return stream, nil
	}
	if err == nil {
		stream.Close()
	}
	if cause := context.Cause(opening); cause != nil && ctx.Err() == nil {
		err = cause
	}
	cancel(nil)
	return nil, d.explain(err)
}

// begin finds out where to send from, and from which offset on the records are
// this push's and were not accounted for: up to it, they are of an earlier push,
// or are sent again to another store.
func (d *delivery) begin(ctx context.Context, opened client.Opened) (start spool.Start, from mes.Offset, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if start, err = d.spool.Rewind(ctx, opened.Store, opened.Durable); err != nil || start.Renamed {
		return start, 0, err
	}
	end := d.spool.Stats().Last
	mine := end - min(end, mes.Offset(d.appended))
	if taken := uint64(start.After - min(start.After, mine)); taken > d.now.sent+d.unanswered {
		d.unanswered = taken - d.now.sent
	}
	return start, mine + mes.Offset(d.now.sent+d.unanswered), nil
}

func (d *delivery) acknowledge(n uint64, a client.Ack, earlier bool) error {
	if err := d.spool.Acknowledge(a.Durable); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if earlier {
		d.before.add(n, a)
	} else {
		d.now.add(n, a)
	}
	for i, q := range a.Quarantined {
		if i < problemsShown {
			tell(d.notes, "offset %d, position %d: %s", q.Offset, q.Position, oneLine(q.Reason.Error()))
		}
	}
	if time.Since(d.told) > time.Second {
		d.told = time.Now()
		tell(d.notes, "sent %d of %d", d.before.sent+d.now.sent, d.before.sent+d.now.sent+d.spool.Stats().Pending)
	}
	return nil
}

// source is the spool as a stream reads it.
type source struct {
	spool *spool.Spool
	// ended is closed when there will be no more records.
	ended <-chan struct{}
	// from splits the records: no batch has some up to it and some beyond.
	from mes.Offset
}

// Read is client.Source's.
func (s *source) Read(after mes.Offset, maxRecords, maxBytes int) ([]mes.Record, error) {
	if after < s.from {
		maxRecords = int(min(uint64(maxRecords), uint64(s.from-after))) //nolint:gosec // not above maxRecords
	}
	entries, err := s.spool.Read(after, maxRecords, maxBytes)
	if err != nil {
		return nil, err
	}
	records := make([]mes.Record, len(entries))
	for i := range entries {
		records[i] = entries[i].Record
	}
	return records, nil
}

// Wait is client.Source's.
func (s *source) Wait(ctx context.Context, after mes.Offset) error {
	waiting, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-s.ended:
			stop()
		case <-waiting.Done():
		}
	})
	err := s.spool.Wait(waiting, after)
	stop()
	watch.Wait()
	switch {
	case err == nil || ctx.Err() != nil || !isClosed(s.ended):
		return err
	case s.spool.Stats().Last > after:
		return nil
	}
	return io.EOF
}

// Schemas is client.Source's.
func (s *source) Schemas() ([]mes.Schema, error) { return s.spool.Schemas() }
