package spool

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// Bounds of one commit: what waits beyond them goes into the next.
const (
	groupRequests = 1024
	groupBytes    = 4 << 20
	// pruneRecords is how many records a commit may delete, so that an append
	// never waits for long.
	pruneRecords = 512
	// pressure is the fill share from which acknowledged records go before
	// their time.
	pressure = 0.95
)

// request is one caller's part of a commit.
type request struct {
	// apply changes the transaction. Its error is the caller's alone; it must
	// leave the transaction consistent.
	apply func(*change) error
	bytes int
	err   error
	done  chan struct{}
}

// change is a transaction with what follows from it once it is committed.
type change struct {
	tx        *bbolt.Tx
	now       time.Time
	marks     marks
	firstTime time.Time
	last      map[mes.Source]mes.Identity
	// used and free are the file's bytes before the transaction; added is what
	// it puts in.
	used, free, added int64
	// dirty says that there is something to commit.
	dirty bool
	// rewound says that the acknowledgement is to be taken back.
	rewound bool
}

// do hands a request to the writer and waits until it is durable. Where ctx
// ends first, it may still become so.
func (s *Spool) do(ctx context.Context, bytes int, apply func(*change) error) error {
	if err := s.failure(); err != nil {
		return err
	}
	r := &request{apply: apply, bytes: bytes, done: make(chan struct{})}
	select {
	case s.queue <- r:
	case <-s.stopped:
		return s.fail(errClosed)
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped:
	}
	// The writer answers all that it took from the queue before it ends.
	select {
	case <-r.done:
		return r.err
	default:
		return s.fail(errClosed)
	}
}

// run is the writer: it commits whatever has queued up, at once. There is no
// timer; what arrives during a commit is the next group.
func (s *Spool) run() {
	defer close(s.stopped)
	for {
		var group []*request
		quit := false
		if s.prunable(s.config.Now()) {
			// Nobody is waited for while there is something to prune.
			select {
			case <-s.quit:
				quit = true
			default:
			}
		} else {
			select {
			case r := <-s.queue:
				group = append(group, r)
			case <-s.acknowledged:
			case <-s.quit:
				quit = true
			}
		}
		group = s.drain(group)
		if !s.commit(group, quit) {
			return
		}
		if quit && len(group) == 0 {
			return
		}
	}
}

func (s *Spool) drain(group []*request) []*request {
	size := 0
	for _, r := range group {
		size += r.bytes
	}
	for len(group) < groupRequests && size < groupBytes {
		select {
		case r := <-s.queue:
			group = append(group, r)
			size += r.bytes
		default:
			return group
		}
	}
	return group
}

// commit applies a group in one transaction and answers it; false means that
// the spool has failed for good. An acknowledgement alone is no reason to
// write, since the server tells it again, but the last one before the end is.
func (s *Spool) commit(group []*request, final bool) bool {
	s.mu.Lock()
	c := &change{
		now:       s.config.Now(),
		marks:     s.marks,
		firstTime: s.firstTime,
		last:      make(map[mes.Source]mes.Identity),
		used:      s.used,
		dirty:     final && s.marks != s.written,
	}
	failed := s.err
	s.mu.Unlock()

	err := failed
	if err == nil {
		if len(group) == 0 && !final && !s.prunable(c.now) {
			return true
		}
		if err = s.guard(func() error { return s.write(c, group) }); err != nil {
			err = s.fail(mes.Errorf(mes.CodeOf(err), "the spool has stopped, since a commit went wrong: %w", err))
			s.log.Error("spool stopped", slog.Any("error", err))
		}
	}
	if err != nil {
		for _, r := range group {
			r.err = err
		}
	} else if c.dirty {
		s.publish(c)
	}
	for _, r := range group {
		close(r.done)
	}
	return err == nil
}

func (s *Spool) write(c *change, group []*request) error {
	c.free = s.freeBytes()
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	c.tx = tx
	for _, r := range group {
		r.err = r.apply(c)
	}
	if err := s.prune(c); err != nil {
		return err
	}
	if !c.dirty {
		return tx.Rollback()
	}
	for source, id := range c.last {
		if err := put(tx, sourcesBucket, []byte(source), encodeLast(id)); err != nil {
			return err
		}
	}
	if err := put(tx, metaBucket, []byte("marks"), c.marks.encode()); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// publish makes a committed change visible.
func (s *Spool) publish(c *change) {
	used := s.measure()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = c.marks
	// An acknowledgement may have come in meanwhile.
	if !c.rewound {
		c.marks.acknowledged = max(c.marks.acknowledged, s.marks.acknowledged)
	}
	before := float64(s.used) / float64(s.config.MaxBytes)
	s.marks, s.firstTime, s.used = c.marks, c.firstTime, used
	maps.Copy(s.last, c.last)
	s.wake()
	after := float64(used) / float64(s.config.MaxBytes)
	for _, share := range []float64{0.95, 0.85, 0.70} {
		if before < share && after >= share {
			s.log.Warn("spool is filling up; the server does not take events, or too slowly",
				slog.Float64("fill", after), slog.Uint64("pending", s.marks.last-s.marks.acknowledged))
			break
		}
	}
}

// prunable reports whether there is a record to delete.
func (s *Spool) prunable(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil && s.due(s.marks, s.firstTime, s.used, now)
}

func (s *Spool) due(m marks, firstTime time.Time, used int64, now time.Time) bool {
	if m.first > m.acknowledged {
		return false
	}
	return now.Sub(firstTime) >= s.config.Retention || float64(used) >= pressure*float64(s.config.MaxBytes)
}

// prune deletes records that are acknowledged and have been kept long enough.
func (s *Spool) prune(c *change) error {
	if !s.due(c.marks, c.firstTime, c.used, c.now) {
		return nil
	}
	records, identities := c.tx.Bucket(recordsBucket), c.tx.Bucket(identitiesBucket)
	e, damage := s.record(c.tx, c.marks, c.marks.first)
	for i := 0; i < pruneRecords && s.due(c.marks, c.firstTime, c.used, c.now); i++ {
		key := recordKey(c.marks.first)
		// A damaged one is not needed any more either; its entry in the index
		// stays, and leads nowhere.
		if damage == nil {
			if err := identities.Delete(append(identityKey(e.Record.Identity), key...)); err != nil {
				return fmt.Errorf("prune: %w", err)
			}
		}
		if err := records.Delete(key); err != nil {
			return fmt.Errorf("prune: %w", err)
		}
		c.dirty = true
		c.marks.first++
		c.firstTime = time.Time{}
		if c.marks.first <= c.marks.last {
			if e, damage = s.record(c.tx, c.marks, c.marks.first); damage == nil {
				c.firstTime = e.Time
			}
		}
	}
	return nil
}
