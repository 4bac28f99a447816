package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/gateway/plc"
	"github.com/takt-mes/takt/internal/gateway/spool"
	"github.com/takt-mes/takt/internal/latency"
	"github.com/takt-mes/takt/internal/mes"
)

// Gateway reads the PLCs of one file and sends what they report to the service.
type Gateway struct {
	file    config.Config
	log     *slog.Logger
	spool   *spool.Spool
	plcs    []*plc.Client
	service *client.Client
	sender  *sender
}

// Load reads a gateway file and looks whether its templates make events. Its
// errors name the file, the line, the column and the remedy.
func Load(path string) (config.Config, error) {
	file, err := config.Load(path)
	if err != nil {
		return config.Config{}, err
	}
	if err := plc.Check(&file); err != nil {
		data, readErr := os.ReadFile(path) //nolint:gosec // the person who starts the gateway names the file
		if readErr != nil {
			return config.Config{}, err
		}
		return config.Config{}, mes.Errorf(mes.CodeOf(err), "%s: %w", path, config.Locate(data, err))
	}
	return file, nil
}

// New opens the spool and makes the clients; it connects nothing yet. Call Run
// once, or Close.
func New(file config.Config, log *slog.Logger) (*Gateway, error) {
	file = file.WithDefaults()
	if err := file.Validate(); err != nil {
		return nil, err
	}
	g := &Gateway{file: file, log: log}
	if err := g.open(); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

func (g *Gateway) open() (err error) {
	gateway := g.file.Gateway
	g.spool, err = spool.Open(spool.Config{
		Dir: gateway.Spool.Dir, MaxBytes: int64(gateway.Spool.MaxBytes), Retention: gateway.Spool.Retention, Log: g.log,
	})
	if err != nil {
		return err
	}
	for name := range g.file.Schemas {
		if _, err := g.spool.PutSchema(g.file.MesSchema(name)); err != nil {
			return fmt.Errorf("keep schema %s: %w", name, err)
		}
	}
	zone, err := time.LoadLocation(gateway.Zone)
	if err != nil {
		return config.At([]any{"gateway", "zone"}, "%q is no zone that this machine knows; write an IANA name, as Europe/Berlin", gateway.Zone)
	}
	facts := &plc.Facts{Source: gateway.OwnSource(), Gateway: mes.Gateway(gateway.Name), Zone: zone, Spool: g.spool}
	sources := []mes.Source{facts.Source}
	for i := range g.file.PLCs {
		p, err := plc.New(&g.file, &g.file.PLCs[i], facts, g.log)
		if err != nil {
			return err
		}
		g.plcs = append(g.plcs, p)
		for _, s := range g.file.PLCs[i].Stations {
			sources = append(sources, mes.Source(s.Source))
		}
	}
	if g.service, err = client.Dial(client.Config{Addr: gateway.Server.Addr, Insecure: gateway.Server.Insecure}); err != nil {
		return config.At([]any{"gateway", "server"}, "%w (insecure: true)", err)
	}
	g.sender = &sender{
		client: g.service, spool: g.spool, log: g.log, name: mes.Gateway(gateway.Name), sources: sources, met: make(chan struct{}),
		moved: make(chan struct{}),
	}
	return nil
}

// firstMeeting is how long a gateway with an empty spool waits for the service
// to say what it knows of the sources, before it reads the PLCs all the same:
// the line must never wait for the service. Until then it takes every source to
// be in its first epoch; where that is wrong, the numbers collide with other
// content, and the service keeps them in quarantine.
const firstMeeting = 5 * time.Second

// Run reads and sends until ctx ends, which is no error, and closes everything.
// An error means that the spool is broken. A station or a PLC that cannot be
// read is logged, and tried again.
func (g *Gateway) Run(ctx context.Context) error {
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.sender.run(gctx) })
	if g.spool.Stats().Last == 0 {
		select {
		case <-g.sender.met:
		case <-time.After(firstMeeting):
			g.log.WarnContext(ctx, "service not reached; every source is taken to be in its first epoch", slog.String("addr", g.file.Gateway.Server.Addr))
		case <-gctx.Done():
		}
	}
	for _, p := range g.plcs {
		group.Go(func() error { return p.Run(gctx) })
	}
	err := group.Wait()
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, g.Close())
}

// Close closes a gateway that does not run.
func (g *Gateway) Close() error {
	var errs []error
	if g.service != nil {
		errs = append(errs, g.service.Close())
	}
	if g.spool != nil {
		errs = append(errs, g.spool.Close())
	}
	return errors.Join(errs...)
}

// Drain waits until the service has everything that is in the spool now.
func (g *Gateway) Drain(ctx context.Context) error {
	for {
		moved := g.sender.changed()
		if s := g.spool.Stats(); s.Pending == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Stats is what a gateway has done since it was made.
type Stats struct {
	// PLCs are in the order of the file.
	PLCs []plc.Stats
	// Spool is how full it is.
	Spool spool.Stats
	// Connected says whether there is a stream to the service.
	Connected bool
	// Stored, Duplicates and Quarantined are what the service made of the records
	// that were sent.
	Stored, Duplicates, Quarantined uint64
	// Spooled is the time from the doorbell until a record is on disk, Acked the
	// time from there until the PLC has the acknowledgement, over all stations.
	Spooled, Acked latency.Snapshot
}

// Stats returns what the gateway has done.
func (g *Gateway) Stats() Stats {
	s := Stats{
		Spool:       g.spool.Stats(),
		Connected:   g.sender.connected.Load(),
		Stored:      g.sender.stored.Load(),
		Duplicates:  g.sender.duplicates.Load(),
		Quarantined: g.sender.quarantined.Load(),
	}
	for _, p := range g.plcs {
		of := p.Stats()
		for _, station := range of.Stations {
			s.Spooled = s.Spooled.Add(station.Spooled)
			s.Acked = s.Acked.Add(station.Acked)
		}
		s.PLCs = append(s.PLCs, of)
	}
	return s
}
