package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/gateway/spool"
	"github.com/takt-mes/takt/internal/mes"
)

// The pauses between two attempts to reach the service.
const (
	minPause = 100 * time.Millisecond
	maxPause = 2 * time.Second
)

// sender drains the spool into the service.
type sender struct {
	client  *client.Client
	spool   *spool.Spool
	log     *slog.Logger
	name    mes.Gateway
	sources []mes.Source

	connected                       atomic.Bool
	stored, duplicates, quarantined atomic.Uint64
	// met is closed when the service has said what it knows of the sources.
	met  chan struct{}
	once sync.Once

	mu    sync.Mutex
	moved chan struct{} // closed and replaced when the service has more
}

// changed returns a channel that is closed when the service has more.
func (s *sender) changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moved
}

func (s *sender) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.moved)
	s.moved = make(chan struct{})
}

// spoolError is one of the gateway's own spool. A service whose store is damaged
// says much the same, and must not end the gateway: the line goes on.
type spoolError struct{ err error }

// Error returns the cause.
func (e *spoolError) Error() string { return "spool: " + e.err.Error() }

// Unwrap returns the cause.
func (e *spoolError) Unwrap() error { return e.err }

// ofSpool marks an error as the spool's; an end of ctx is nobody's.
func ofSpool(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &spoolError{err}
}

// ofAcknowledge leaves an offset beyond the spool's end to the service, which
// said it.
func ofAcknowledge(err error) error {
	if mes.CodeOf(err) == mes.CodeInvalid {
		return fmt.Errorf("the service acknowledges what was not sent: %w", err)
	}
	return ofSpool(err)
}

// run sends until ctx ends, over a new stream whenever one breaks. It returns
// an error only where the spool itself is broken.
func (s *sender) run(ctx context.Context) error {
	pause, told := minPause, ""
	for {
		sent, err := s.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// A hole in its offsets is closed by Rewind, over the next stream.
		if _, ok := errors.AsType[*spoolError](err); ok && mes.CodeOf(err) != mes.CodeOffsetGap {
			return err
		}
		if sent {
			pause, told = minPause, ""
		}
		if err != nil && told != err.Error() {
			told = err.Error()
			s.log.WarnContext(ctx, "stream to the service ended; records stay in the spool", slog.Any("err", err))
		}
		select {
		case <-time.After(max(pause, retryDelay(err))):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, maxPause)
	}
}

// retryDelay is how long the service asks to be left alone.
func retryDelay(err error) time.Duration {
	e, ok := errors.AsType[*mes.Error](err)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(e.Values["retry_delay"])
	if err != nil {
		return 0
	}
	return d
}

// session opens a stream and sends until it breaks; sent says whether the
// service took anything.
func (s *sender) session(ctx context.Context) (sent bool, err error) {
	stream, err := s.client.OpenStream(ctx, client.Sender{Gateway: s.name, Spool: s.spool.Name(), Sources: s.sources})
	if err != nil {
		return false, err
	}
	defer stream.Close()
	opened := stream.Opened()
	for _, last := range opened.Last {
		if err := s.spool.Learn(last); err != nil {
			return false, ofSpool(err)
		}
	}
	s.once.Do(func() { close(s.met) })
	start, err := s.spool.Rewind(ctx, opened.Store, opened.Durable)
	if err != nil {
		return false, ofSpool(err)
	}
	if start.Gone > 0 {
		s.log.ErrorContext(ctx, "the service lacks records that the spool no longer has", slog.Uint64("records", start.Gone))
	}
	if start.Renamed {
		return false, nil // the next stream opens under the new name
	}
	s.announce()
	s.connected.Store(true)
	defer s.connected.Store(false)
	s.log.InfoContext(ctx, "sending to the service", slog.String("store", opened.Store), slog.Uint64("after", uint64(start.After)))
	err = stream.Send(ctx, source{s.spool}, start.After, func(a client.Ack) error {
		sent = true
		for _, q := range a.Quarantined {
			s.log.ErrorContext(ctx, "record in quarantine", slog.Uint64("offset", uint64(q.Offset)), slog.Uint64("position", uint64(q.Position)), slog.Any("reason", q.Reason))
		}
		s.stored.Add(uint64(a.Stored))
		s.duplicates.Add(uint64(a.Duplicates))
		s.quarantined.Add(uint64(len(a.Quarantined)))
		if err := s.spool.Acknowledge(a.Durable); err != nil {
			return ofAcknowledge(err)
		}
		s.announce()
		return nil
	})
	return sent, err
}

// source is a spool as a stream reads it.
type source struct{ *spool.Spool }

// Read returns the spool's next records.
func (s source) Read(after mes.Offset, maxRecords, maxBytes int) ([]mes.Record, error) {
	entries, err := s.Spool.Read(after, maxRecords, maxBytes)
	if err != nil {
		return nil, ofSpool(err)
	}
	records := make([]mes.Record, len(entries))
	for i, e := range entries {
		records[i] = e.Record
	}
	return records, nil
}

// Wait returns when the spool has more.
func (s source) Wait(ctx context.Context, after mes.Offset) error {
	return ofSpool(s.Spool.Wait(ctx, after))
}

// Schemas returns the spool's.
func (s source) Schemas() ([]mes.Schema, error) {
	schemas, err := s.Spool.Schemas()
	return schemas, ofSpool(err)
}
