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

	connected atomic.Bool
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

// run sends until ctx ends, over a new stream whenever one breaks. It returns
// an error only where the spool itself is broken.
func (s *sender) run(ctx context.Context) error {
	pause, told := minPause, ""
	for {
		sent, err := s.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if code := mes.CodeOf(err); code == mes.CodeDamaged || code == mes.CodeFormat {
			return fmt.Errorf("send spool: %w", err)
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
	var e *mes.Error
	if !errors.As(err, &e) {
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
			return false, err
		}
	}
	s.once.Do(func() { close(s.met) })
	start, err := s.spool.Rewind(ctx, opened.Store, opened.Durable)
	if err != nil {
		return false, err
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
		if err := s.spool.Acknowledge(a.Durable); err != nil {
			return err
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
		return nil, err
	}
	records := make([]mes.Record, len(entries))
	for i, e := range entries {
		records[i] = e.Record
	}
	return records, nil
}
