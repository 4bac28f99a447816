package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// The limits of a batch.
const (
	// MaxBatchRecords is how many records a batch may have.
	MaxBatchRecords = 1000
	// MaxBatchBytes is how long the events of a batch may be together.
	MaxBatchBytes = 1 << 20
)

// Batch is what a gateway sends: records that run on from an offset of its
// spool.
type Batch struct {
	// Gateway and Spool are the transport's key.
	Gateway mes.Gateway
	Spool   string
	// First is the offset of the first record.
	First mes.Offset
	// Records are what came; at most MaxBatchRecords and MaxBatchBytes.
	Records []mes.Record
	// Schemas are kept before the records.
	Schemas []mes.Schema
}

// Appended is what became of a batch.
type Appended struct {
	// Durable is the offset up to which everything of the spool is in the log.
	Durable mes.Offset
	// Position is the last of the log.
	Position mes.Position
	// Stored and Duplicates count the batch's events.
	Stored, Duplicates int
	// Quarantined names the records that were kept, but are no events.
	Quarantined []Quarantined
}

// Quarantined is one record of a batch that is no event.
type Quarantined struct {
	// Offset is the record's.
	Offset mes.Offset
	// Position is where it is kept.
	Position mes.Position
	// Reason and Detail say why.
	Reason Reason
	Detail string
}

// Err returns the quarantine as the error that its sender is told.
func (q Quarantined) Err() error { return quarantineError(q.Reason, q.Detail) }

func quarantineError(reason Reason, detail string) error {
	code, other := map[Reason]mes.Code{ReasonConflict: mes.CodeConflict, ReasonTooLarge: mes.CodeTooLarge}[reason]
	if !other {
		code = mes.CodeInvalid
	}
	return mes.Errorf(code, "in quarantine (%s): %s", reason, detail)
}

// candidate is a record that was looked at as far as it can be looked at alone.
type candidate struct {
	record mes.Record
	event  *mes.Event // nil where reason is set
	reason Reason
	detail string
}

// Appending is a batch on its way into the log.
type Appending struct {
	store   *Store
	request *request
}

// Begin queues a batch behind all that was begun before it, and does not wait
// for the disk: several of one spool may be on their way at once.
//
// Errors: CodeTooLarge where the batch is beyond a limit, CodeBusy where too much
// waits already or the disk has no room, CodeUnavailable where the store is
// closed. What is sent back is counted as refused.
func (s *Store) Begin(ctx context.Context, b Batch) (Appending, error) {
	if err := checkBatch(b); err != nil {
		return Appending{}, s.refuse(ctx, b.Records, err)
	}
	if err := s.room.check(); err != nil {
		return Appending{}, s.refuse(ctx, b.Records, err)
	}
	candidates := make([]candidate, len(b.Records))
	for i := range b.Records {
		candidates[i] = examine(b.Records[i])
	}
	a, err := s.submit(&request{batch: b, bytes: b.bytes(), candidates: candidates})
	if err != nil && mes.CodeOf(err) == mes.CodeBusy {
		s.metrics.busy.Inc()
		return Appending{}, s.refuse(ctx, b.Records, err)
	}
	return a, err
}

// Wait returns what became of the batch. When it returns without an error, every
// record of it is fsynced and readable, stored or in quarantine: it must survive
// a power cut, and whoever sent it may forget it. A record that the log has
// already is counted and not stored again. When Wait returns an error the batch
// may be in the log, in part or whole; send it again.
//
// Errors: CodeOffsetGap where the batch begins beyond the next offset (value
// `expected`), CodeBusy where the disk became full, CodeUnavailable where the
// store is closed, and the store's own failure, after which nothing is taken any
// more.
func (a Appending) Wait(ctx context.Context) (Appended, error) {
	select {
	case got := <-a.request.answer:
		return got.appended, got.err
	case <-ctx.Done():
		return Appended{}, ctx.Err()
	case <-a.store.ended:
	}
	select {
	case got := <-a.request.answer: // It was the last to be answered.
		return got.appended, got.err
	default:
		return Appended{}, a.store.unavailable()
	}
}

// Append stores a batch: it is Begin and Wait, with the errors of both.
func (s *Store) Append(ctx context.Context, b Batch) (Appended, error) {
	a, err := s.Begin(ctx, b)
	if err != nil {
		return Appended{}, err
	}
	return a.Wait(ctx)
}

// Refuse enters records into the ledger that somebody else sent back; later,
// where the disk has no room for it now.
func (s *Store) Refuse(ctx context.Context, records []mes.Record) error {
	if s.room.lacking() {
		s.room.owe(refusals(records))
		return nil
	}
	a, err := s.submit(&request{tallies: refusals(records)})
	if err == nil {
		_, err = a.Wait(ctx)
	}
	return err
}

// refuse counts records that are sent back for a reason, and returns it.
func (s *Store) refuse(ctx context.Context, records []mes.Record, reason error) error {
	if err := s.Refuse(ctx, records); err != nil {
		return err
	}
	return reason
}

// bytes returns how long the events are together.
func (b *Batch) bytes() (n int) {
	for i := range b.Records {
		n += len(b.Records[i].Event)
	}
	return n
}

// checkBatch refuses what is wrong with the batch as a whole.
func checkBatch(b Batch) error {
	if b.Gateway == "" || len(b.Gateway) > mes.MaxIDBytes || b.Spool == "" || len(b.Spool) > mes.MaxIDBytes {
		return mes.Invalid("open", fmt.Sprintf("must name a gateway and a spool of 1 to %d bytes", mes.MaxIDBytes))
	}
	if b.First == 0 {
		return mes.Invalid("batch.first_offset", "is 0; offsets count from 1")
	}
	for i := range b.Schemas {
		if err := b.Schemas[i].Validate(); err != nil {
			return err
		}
	}
	size := b.bytes()
	var limit, got int
	switch {
	case len(b.Records) > MaxBatchRecords:
		limit, got = MaxBatchRecords, len(b.Records)
	case size > MaxBatchBytes:
		limit, got = MaxBatchBytes, size
	default:
		return nil
	}
	return mes.Errorf(mes.CodeTooLarge, "the batch has %d records with %d bytes of events; send at most %d and %d bytes in one",
		len(b.Records), size, MaxBatchRecords, MaxBatchBytes).With("limit", strconv.Itoa(limit)).With("got", strconv.Itoa(got))
}

func refusals(records []mes.Record) []tally {
	var list []tally
	for _, r := range records {
		list = addTally(list, tally{source: r.Identity.Source, refused: 1})
	}
	return list
}

func addTally(list []tally, t tally) []tally {
	for i := range list {
		if list[i].source == t.source {
			list[i].duplicates += t.duplicates
			list[i].refused += t.refused
			return list
		}
	}
	return append(list, t)
}

// examine looks at a record alone: what it finds depends on nothing else.
func examine(r mes.Record) candidate {
	c := candidate{record: r}
	fail := func(reason Reason, err error) candidate {
		c.reason, c.detail = reason, err.Error()
		return c
	}
	if len(r.Event) > mes.MaxEventBytes {
		return fail(ReasonTooLarge, fmt.Errorf("the event has %d bytes; at most %d are taken", len(r.Event), mes.MaxEventBytes))
	}
	if err := r.Identity.Validate(); err != nil {
		return fail(ReasonInvalid, err)
	}
	event, canonical, err := mes.CanonicalEvent(r.Event)
	if err != nil {
		return fail(ReasonMalformed, err)
	}
	if err := event.Validate(); err != nil {
		return fail(ReasonInvalid, err)
	}
	if err := checkNames(event); err != nil {
		return fail(ReasonInvalid, err)
	}
	c.event, c.record.Event = event, canonical
	return c
}

// checkNames refuses names that no key of an index can hold: bbolt takes none
// beyond 32 KiB, and one such event would stop everybody's commit.
func checkNames(e *mes.Event) error {
	check := func(field, name string) error {
		if len(name) > mes.MaxIDBytes {
			return mes.Invalid(field, fmt.Sprintf("has %d bytes; at most %d are taken", len(name), mes.MaxIDBytes))
		}
		return nil
	}
	if err := check("process_segment", e.ProcessSegment); err != nil {
		return err
	}
	switch f := e.Fact.(type) {
	case *mes.SlotChange:
		return check("slot.slot", f.Slot)
	case *mes.Work:
		for i, a := range f.Consumed {
			if err := check(fmt.Sprintf("work.consumed[%d].slot", i), a.Slot); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) submit(r *request) (Appending, error) {
	select {
	case <-s.ended:
		return Appending{}, s.unavailable()
	default:
	}
	r.answer = make(chan answer, 1)
	return Appending{s, r}, s.queue.put(r)
}

func (s *Store) unavailable() error {
	if err := s.Err(); err != nil {
		return err
	}
	return mes.Errorf(mes.CodeUnavailable, "the store is closed")
}

// write is the only goroutine that appends. A group is whatever queued while
// the one before was being committed: a timer would only make it late.
func (s *Store) write(w *writer) {
	defer close(s.ended)
	l := sealer{store: s}
	defer func() {
		if err := l.wait(w); err != nil {
			_ = s.fail(err) // The log has what was not sealed.
		}
	}()
	for {
		select {
		case <-s.queue.filled:
		case <-s.stop:
			return
		}
		group := s.queue.take()
		if err := s.takeGroup(w, &l, group); err != nil {
			err := s.fail(err)
			for _, r := range group {
				select {
				case r.answer <- answer{err: err}:
				default: // It has its answer.
				}
			}
			return
		}
	}
}

// takeGroup commits a group of requests, or sends it back where what is in memory
// waits for room on the disk.
func (s *Store) takeGroup(w *writer, l *sealer, group []*request) error {
	if l.stuck {
		if err := l.turn(w); err != nil {
			return err
		}
	}
	if l.stuck {
		s.sendBack(group)
		return nil
	}
	if err := s.commit(w, group); err != nil {
		return err
	}
	return l.turn(w)
}

// fail ends the store for good, and returns what is told everybody.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = mes.Errorf(mes.CodeUnavailable, "the store has stopped, because a commit failed: %w", err)
		s.cfg.Log.Error("store stopped", slog.Any("err", s.failure))
	}
	return s.failure
}

// commit puts a group of requests into the log and the indexes, and answers.
func (s *Store) commit(w *writer, requests []*request) error {
	start := time.Now()
	answers := make([]answer, len(requests))
	switch err := s.wal.Extend(payloadBound(requests)); {
	case full(err):
		s.sendBack(requests)
		return nil
	case err != nil:
		return err
	}
	err := guard(func() (err error) {
		if err := w.reopen(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		w.begin(s.cfg.Now())
		w.group.tallies = s.room.pay()
		for i, r := range requests {
			if answers[i], err = w.take(r); err != nil {
				return err
			}
		}
		// The disk writes while the indexes are derived.
		parts, hash := w.payload()
		written := make(chan error, 1)
		go func() {
			s.pace.begin()
			err := s.wal.Append(w.group.number, parts...)
			if took := s.pace.end(); took > 0 {
				s.cfg.Log.Warn("disk slow: a group of the log took long to write and sync", slog.Duration("took", took))
			}
			written <- err
		}()
		err = w.derived()
		if err := errors.Join(err, <-written); err != nil {
			return err
		}
		w.end(hash)
		return nil
	})
	if err != nil {
		return err
	}
	s.publish(w)
	s.metrics.commit.Observe(time.Since(start).Seconds())
	s.metrics.appended.Add(float64(len(w.entries)))
	s.queue.done(requests)
	for i, r := range requests {
		answers[i].appended.Position = w.last.position
		r.answer <- answers[i]
	}
	return nil
}

// payloadBound returns how long the group of some requests is at most in the
// write-ahead log, but for refusals that are owed to the ledger.
func payloadBound(requests []*request) (n int) {
	const (
		overhead = 1 << 12 // of the group, and of a request
		each     = 1 << 10 // of a record, with its names and what is said of it
	)
	n = overhead
	for _, r := range requests {
		n += overhead + r.bytes + each*len(r.tombstones) + len(r.detail)*len(r.tombstones)
		for i := range r.batch.Records {
			n += each + 2*len(r.batch.Records[i].Identity.Source) // which may be of any length in quarantine
		}
		for i := range r.batch.Schemas {
			n += len(mes.AppendSchema(nil, &r.batch.Schemas[i]))
		}
	}
	return n
}

// sendBack answers requests that a full disk has no room for.
func (s *Store) sendBack(requests []*request) {
	s.queue.done(requests)
	for _, r := range requests {
		s.room.owe(r.tallies)
		s.room.owe(refusals(r.batch.Records))
		r.answer <- answer{err: noRoom(s.cfg.Dir, "is full")}
	}
}

// publish shows readers where the writer is.
func (s *Store) publish(w *writer) {
	layers := append([]*layer{w.active.snapshot()}, w.below...)
	s.mu.Lock()
	defer s.mu.Unlock()
	moved := s.state.position != w.last.position
	s.state = state{w.last.position, w.last.hash, layers, w.periods}
	if moved {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// take adds one request to the group. The error is the whole group's; what is
// wrong with the request alone is in its answer.
func (w *writer) take(r *request) (answer, error) {
	for _, t := range r.tallies {
		w.group.tallies = addTally(w.group.tallies, t)
	}
	for i := range r.tombstones {
		e := entry{position: w.next, record: mes.Record{Event: r.tombstones[i].encode()}, reason: reasonTombstone, detail: r.detail}
		if err := w.enter(e, w.encode(&e)); err != nil {
			return answer{}, err
		}
	}
	if r.candidates == nil && r.batch.First == 0 {
		return answer{}, nil
	}
	b := r.batch
	before, err := w.durable(b.Gateway, b.Spool)
	if err != nil {
		return answer{}, err
	}
	if b.First > before+1 {
		for _, t := range refusals(b.Records) {
			w.group.tallies = addTally(w.group.tallies, t)
		}
		return answer{err: mes.Errorf(mes.CodeOffsetGap, "the batch begins at offset %d, but %d comes next; send from there on", b.First, before+1).
			With("expected", fmt.Sprint(before+1)).With("got", fmt.Sprint(b.First))}, nil
	}
	for i := range b.Schemas {
		if err := w.addSchema(b.Schemas[i]); err != nil {
			return answer{}, err
		}
	}
	a := Appended{Durable: max(before, b.First+mes.Offset(len(b.Records))-1)}
	for i := range r.candidates {
		c := &r.candidates[i]
		known, position, err := w.add(c)
		switch {
		case err != nil:
			return answer{}, err
		case known:
			a.Duplicates++
			w.group.tallies = addTally(w.group.tallies, tally{source: c.record.Identity.Source, duplicates: 1})
		case c.reason != 0:
			a.Quarantined = append(a.Quarantined, Quarantined{b.First + mes.Offset(i), position, c.reason, c.detail})
		default:
			a.Stored++
		}
	}
	w.setDurable(durable{b.Gateway, b.Spool, a.Durable})
	return answer{appended: a}, nil
}

// add puts a candidate into the log, unless the log has it. A candidate whose
// identity is taken by other content becomes a conflict.
func (w *writer) add(c *candidate) (known bool, position mes.Position, err error) {
	if c.reason == 0 {
		taken, err := w.positionOf(c.record.Identity)
		if err != nil {
			return false, 0, err
		}
		if taken != 0 {
			stored, err := w.read(taken, false)
			if err != nil || stored.reason.expired() || bytes.Equal(stored.record.Event, c.record.Event) {
				return true, taken, err
			}
			c.event, c.reason = nil, ReasonConflict
			c.detail = fmt.Sprintf("the identity %s is taken by the event at position %d, which says something else", c.record.Identity, taken)
		}
	}
	if c.reason != 0 {
		if taken, err := w.quarantined(&c.record); err != nil || taken != 0 {
			return true, taken, err
		}
	}
	e := entry{position: w.next, record: c.record, event: c.event, reason: c.reason, detail: c.detail}
	return false, e.position, w.enter(e, w.encode(&e))
}
