package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/store"
)

// serve runs the service on a free port until the test ends, and checks its
// store then.
func serve(t *testing.T, site Site) *served {
	t.Helper()
	dir := t.TempDir()
	s, err := newService(t.Context(), ServeConfig{
		Data: dir, GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Version: "test", Log: slog.New(slog.DiscardHandler),
	}, site)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	c, err := client.Dial(client.Config{Addr: s.grpc.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close client: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		checkStore(t, dir)
	})
	return &served{c, s.grpc.Addr().String()}
}

// served is a client of a service, and where that is.
type served struct {
	*client.Client
	addr string
}

// checkStore checks a data directory that nobody has open.
func checkStore(t *testing.T, dir string) {
	t.Helper()
	_, err := store.CheckDir(context.Background(), dir, func(p store.Progress) {
		for _, problem := range p.Problems {
			t.Errorf("check %s: %s", p.Stage, problem)
		}
	})
	if err != nil {
		t.Errorf("check: %v", err)
	}
}

// shared opens a file of the data that stands beside the checkout, and skips
// the test by name where it does not.
func shared(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("skipped: %s (the data folder is not beside the checkout)", name)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
