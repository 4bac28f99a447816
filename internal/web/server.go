package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/yield"
)

// The limits of the server.
const (
	// questionTime is how long a question may take, waiting for its turn included.
	questionTime = 10 * time.Second
	// maxQuestions is how many are worked on at once; the next ones wait.
	maxQuestions = 16
	// pageRows is how many rows a page has at most.
	pageRows = 200
	// headerTime is how long a client may take to say what it wants.
	headerTime = 2 * time.Second
	// idleTime is how long a connection is kept that asks nothing.
	idleTime = time.Minute
	// stopTime is how long questions may go on once the server is to end.
	stopTime = 5 * time.Second
	// maxHeaderBytes bounds a request's line and headers; the longest names are
	// below a tenth of it.
	maxHeaderBytes = 16 << 10
)

// Config says how a server answers.
type Config struct {
	// Version is the program's.
	Version string
	// Calendar is the site's zone and shifts.
	Calendar yield.Calendar
}

// Server answers over one store. All of its methods may be called at once.
type Server struct {
	cfg   Config
	store *store.Store
	log   *slog.Logger
	mux   *http.ServeMux
	views map[string]*template.Template
	// turns holds a token for each question that is being worked on.
	turns    chan struct{}
	overview cache
	start    time.Time
}

// New returns a server that is not serving yet. What metrics gathers is at
// /metrics; nothing is where it is nil.
func New(cfg Config, st *store.Store, metrics prometheus.Gatherer, log *slog.Logger) *Server {
	if cfg.Calendar.Zone == nil {
		cfg.Calendar.Zone = time.UTC
	}
	if metrics == nil {
		metrics = prometheus.NewRegistry()
	}
	s := &Server{
		cfg: cfg, store: st, log: log, mux: http.NewServeMux(), views: parseViews(cfg.Calendar.Zone),
		turns: make(chan struct{}, maxQuestions), overview: newCache(), start: time.Now(),
	}
	s.mux.HandleFunc("GET /healthz", s.healthz)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: questionTime}))
	s.mux.Handle("GET /static/{file}", static(http.FileServerFS(staticFiles)))
	for pattern, ask := range map[string]ask{
		"/{$}":                   s.askOverview,
		"/items":                 s.askItem,
		"/items/{id}":            s.askItem,
		"/items/{id}/{way}":      s.askTrace(mes.RefItem),
		"/lots":                  s.askLot,
		"/lots/{id}":             s.askLot,
		"/lots/{id}/{way}":       s.askTrace(mes.RefLot),
		"/events":                s.askEvents,
		"/events/{position}":     s.askEvent,
		"/quarantine":            s.askQuarantine,
		"/quarantine/{position}": s.askQuarantined,
		"/ledger":                s.askLedger,
		"/sources":               s.askSources,
		"/yield":                 s.askYield,
		"/flags":                 s.askFlags,
		"/search":                s.askSearch,
		"/":                      askNothing,
	} {
		s.mux.Handle("GET "+pattern, s.page(ask))
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "this server only answers; events are appended over gRPC", http.StatusMethodNotAllowed)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Serve serves on l until ctx ends, which is no error: questions may then go on
// for a few seconds, and are cut off after that. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       questionTime,
		WriteTimeout:      questionTime + stopTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
		// A question outlives ctx, for as long as stopping takes.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve HTTP: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := server.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		// Closing the connections ends the contexts of their questions; what
		// still reads then, the store waits for when it is closed.
		s.log.WarnContext(ctx, "questions cut off", slog.Duration("after", stopTime))
		err = server.Close()
	}
	return errors.Join(err, ignoreClosed(<-ended))
}

// ignoreClosed leaves out how Serve says that it was stopped.
func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// healthz says that the process is up.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

// readyz says whether questions are answered and events are taken.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	err := s.stopped()
	if err == nil {
		err = s.store.Room()
	}
	if err != nil {
		say(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text := fmt.Sprintf("ready at position %d", s.store.Position())
	if took := s.store.SlowDisk(); took > 0 {
		text += "; the disk is slow: it took " + took.Round(time.Millisecond).String() + " to write a group of the log"
	}
	say(w, http.StatusOK, text)
}

// stopped returns why the store takes nothing any more, nil where it does.
func (s *Server) stopped() error {
	select {
	case <-s.store.Failed():
	default:
		return nil
	}
	if err := s.store.Err(); err != nil {
		return err
	}
	return mes.Errorf(mes.CodeUnavailable, "the store is closed; the service is ending")
}

func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = fmt.Fprintln(w, text) // whoever asked is gone, or reads it
}

//go:embed static
var staticFiles embed.FS

// static serves what pages are dressed in. Their links change with the version,
// so that it can be kept.
func static(files http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=86400")
		files.ServeHTTP(w, r)
	})
}
