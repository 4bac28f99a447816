package plc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

// The supervisor's times. The watchdog, the audit and an end of the connection
// that the library tells of are all needed: each has been seen to miss what
// another one found.
const (
	// watchInterval is how often the server must answer, and how soon.
	watchInterval = 1500 * time.Millisecond
	// auditInterval is how often the stations are asked, whatever rang.
	auditInterval = 2 * time.Second
	// clockInterval is how often the PLC's clock is estimated.
	clockInterval = time.Minute
	// connectTimeout bounds asking for the endpoints, and then all of a connect.
	connectTimeout = 10 * time.Second
	// requestTimeout bounds one request.
	requestTimeout = 2 * time.Second
	// closeTimeout bounds the goodbye to a server that may be dead.
	closeTimeout = 3 * time.Second
	// minBackOff and maxBackOff bound the wait between connects; PLCs have few
	// sessions to give.
	minBackOff = 200 * time.Millisecond
	maxBackOff = 2 * time.Second
)

// Client reads the stations of one PLC.
type Client struct {
	file     *config.Config
	plc      *config.PLC
	facts    *Facts
	log      *slog.Logger
	stations []*station

	// certificate makes the client's own, once.
	certificate func() (*certificate, error)

	connected atomic.Bool
	connects  atomic.Uint64
	clock     atomic.Pointer[clock]

	mu sync.Mutex
	// reason is why the last connection ended; guarded by mu.
	reason string
}

// New returns a client for one of the file's PLCs. It returns an error with a
// config.PlaceError where a station's template does not make an event.
func New(file *config.Config, p *config.PLC, facts *Facts, log *slog.Logger) (*Client, error) {
	c := &Client{
		file:  file,
		plc:   p,
		facts: facts,
		log:   log.With(slog.String("plc", p.Name)),
		certificate: sync.OnceValues(func() (*certificate, error) {
			return newCertificate(facts.Gateway)
		}),
	}
	for i := range p.Stations {
		m, err := compile(file, p, &p.Stations[i])
		if err != nil {
			return nil, err
		}
		c.stations = append(c.stations, newStation(c, mes.Source(p.Stations[i].Source), m))
	}
	return c, nil
}

// fatalError is one after which the gateway cannot go on.
type fatalError struct{ err error }

// Error returns the cause.
func (e *fatalError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *fatalError) Unwrap() error { return e.err }

// Run reads the PLC until ctx ends, which is no error. It connects again
// whenever the connection breaks; an error means that the spool is broken.
func (c *Client) Run(ctx context.Context) error {
	// A goodbye may wait for a dead server; nobody waits for the goodbye, but Run.
	var closing sync.WaitGroup
	defer closing.Wait()
	wait := minBackOff
	for {
		up, err := c.live(ctx, &closing)
		if ctx.Err() != nil {
			return nil
		}
		if fatal := (*fatalError)(nil); errors.As(err, &fatal) {
			return fmt.Errorf("plc %s: %w", c.plc.Name, err)
		}
		if up {
			wait = minBackOff
		}
		c.tell(ctx, err)
		// Not all gateways of a site at once after a power cut.
		jitter := time.Duration(rand.Int64N(int64(wait / 4))) //nolint:gosec // nobody guesses at it
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait + jitter):
		}
		wait = min(2*wait, maxBackOff)
	}
}

// tell logs why there is no connection, once while the reason is the same.
func (c *Client) tell(ctx context.Context, err error) {
	c.mu.Lock()
	known := c.reason == err.Error()
	c.reason = err.Error()
	c.mu.Unlock()
	level := slog.LevelWarn
	if known {
		level = slog.LevelDebug
	}
	c.log.Log(ctx, level, "plc not connected", slog.Any("error", err))
}

// live connects, and reads the stations until something fails; up says whether
// there was a connection.
func (c *Client) live(ctx context.Context, closing *sync.WaitGroup) (up bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var s *session
	err = guard(func() error {
		var err error
		s, err = c.connect(ctx, cancel)
		return err
	})
	if s != nil {
		defer closing.Go(s.close)
	}
	if err != nil {
		return false, err
	}
	c.connects.Add(1)
	c.connected.Store(true)
	defer c.connected.Store(false)
	c.mu.Lock()
	c.reason = ""
	c.mu.Unlock()
	c.log.InfoContext(ctx, "plc connected", slog.Int("stations", len(c.stations)), slog.Duration("publish", s.publish))

	g, gctx := errgroup.WithContext(ctx)
	for _, part := range []func(context.Context) error{s.watch, s.audit, s.listen} {
		g.Go(func() error { return guard(func() error { return part(gctx) }) })
	}
	for i, st := range c.stations {
		g.Go(func() error { return guard(func() error { return st.run(gctx, s, s.ids[i]) }) })
	}
	err = g.Wait()
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	return true, err
}

// guard keeps a panic of the library within its connection.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the OPC UA library panicked: %v", p)
		}
	}()
	return f()
}

// Stats returns the state of the PLC and its stations.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	s := Stats{PLC: c.plc.Name, Connected: c.connected.Load(), Connects: c.connects.Load(), Error: reason}
	if k := c.clock.Load(); k != nil {
		s.ClockOffset, s.ClockQuality = k.offset, k.quality
	}
	for _, st := range c.stations {
		s.Stations = append(s.Stations, st.stats(st.source))
	}
	return s
}
