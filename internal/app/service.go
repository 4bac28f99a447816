package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/rpc"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/web"
)

// ServeConfig says how to run the service.
type ServeConfig struct {
	// Data is the data directory.
	Data string
	// GRPC and HTTP are the addresses to listen on; port 0 takes a free one.
	GRPC, HTTP string
	// Site is the site file; may be empty.
	Site string
	// AddressFile is written with the addresses once the service listens; may be
	// empty.
	AddressFile string
	// Reserve is how many bytes of the disk stay free; the store's own bound where
	// 0.
	Reserve int64
	// NoReflection leaves out gRPC reflection.
	NoReflection bool
	// Version is the program's.
	Version string
	// Log takes what an operator acts on.
	Log *slog.Logger
}

// Serve runs the service until ctx ends or it fails.
func Serve(ctx context.Context, cfg ServeConfig) error {
	spendMemory()
	site, err := LoadSite(cfg.Site)
	if err != nil {
		return err
	}
	s, err := newService(ctx, cfg, site)
	if err != nil {
		return err
	}
	return s.run(ctx)
}

// service is the service with its store open and its addresses taken.
type service struct {
	cfg        ServeConfig
	store      *store.Store
	grpc, http net.Listener
	rpc        *rpc.Server
	web        *web.Server
}

func newService(ctx context.Context, cfg ServeConfig, site Site) (s *service, err error) {
	calendar, err := site.Calendar()
	if err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	st, err := store.Open(store.Config{Dir: cfg.Data, ReserveBytes: cfg.Reserve, Log: cfg.Log, Metrics: metrics})
	if err != nil {
		return nil, err
	}
	s = &service{
		cfg: cfg, store: st,
		rpc: rpc.New(rpc.Config{Version: cfg.Version, Calendar: calendar, NoReflection: cfg.NoReflection}, st, cfg.Log),
		web: web.New(web.Config{Version: cfg.Version, Calendar: calendar}, st, metrics, cfg.Log),
	}
	err = site.record(ctx, st, time.Now())
	if mes.CodeOf(err) == mes.CodeBusy { // Questions are answered all the same.
		cfg.Log.ErrorContext(ctx, "plant model not recorded; it is when the service is started again", slog.Any("err", err))
		err = nil
	}
	if err := errors.Join(err, s.listen(ctx)); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// listen takes an address for at most a quarter of the files that the process may
// have open: however many connect, the store can open its own. Who comes then
// waits until somebody leaves.
func listen(ctx context.Context, address string) (net.Listener, error) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return nil, fmt.Errorf("look at the limit of open files: %w", err)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(l, int(min(files.Cur/4, rpc.MaxConnections))), nil
}

func (s *service) listen(ctx context.Context) (err error) {
	if s.grpc, err = listen(ctx, s.cfg.GRPC); err != nil {
		return fmt.Errorf("listen for gRPC: %w; name another address with --grpc", err)
	}
	if s.http, err = listen(ctx, s.cfg.HTTP); err != nil {
		return fmt.Errorf("listen for HTTP: %w; name another address with --http", err)
	}
	if s.cfg.AddressFile == "" {
		return nil
	}
	text := fmt.Sprintf("grpc=%s\nhttp=%s\n", s.grpc.Addr(), s.http.Addr())
	// A reader must not see half of it.
	if err := os.WriteFile(s.cfg.AddressFile+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(s.cfg.AddressFile+".new", s.cfg.AddressFile)
}

// run serves until ctx ends or something fails, and closes everything.
func (s *service) run(ctx context.Context) error {
	s.cfg.Log.InfoContext(ctx, "serving", slog.String("grpc", s.grpc.Addr().String()), slog.String("http", s.http.Addr().String()),
		slog.String("data", s.cfg.Data), slog.Uint64("position", uint64(s.store.Position())))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.rpc.Serve(ctx, s.grpc) })
	g.Go(func() error { return s.web.Serve(ctx, s.http) })
	g.Go(func() error { return s.scrub(ctx) })
	return errors.Join(g.Wait(), s.close())
}

// The files are read in the background once a day, within half of it, and not so
// slowly that a small store takes long.
const (
	scrubEvery     = 24 * time.Hour
	scrubWithin    = scrubEvery / 2
	leastScrubRate = 1 << 20 // bytes a second
)

// scrub looks for damage in the files until ctx ends, and says what it finds.
func (s *service) scrub(ctx context.Context) error {
	turn := time.NewTicker(scrubEvery)
	defer turn.Stop()
	for {
		size, err := s.store.Size()
		if err == nil {
			rate := max(size/int64(scrubWithin/time.Second), leastScrubRate)
			err = s.store.Scrub(ctx, rate, func(problem string) {
				s.cfg.Log.ErrorContext(ctx, "damage found; what touches it is refused", slog.String("problem", problem))
			})
		}
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "files not read to the end", slog.Any("err", err))
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// close closes what is open, in the reverse order of opening.
func (s *service) close() error {
	var errs []error
	for _, l := range []net.Listener{s.http, s.grpc} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(append(errs, s.store.Close())...)
}
