package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// long reports whether the slow tier runs.
func long() bool { return os.Getenv("TAKT_LONG") != "" }

// seed is where the chance of a test with kills comes from, another one each time:
// TAKT_SEED repeats it, as far as the clock lets it.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv("TAKT_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("TAKT_SEED: %v", err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat it with: TAKT_SEED=%d TAKT_LONG=%s go test ./internal/app -run '%s$'", n, os.Getenv("TAKT_LONG"), t.Name())
		}
	})
	return n
}

// TestDemo runs the whole road: what the line emitted is what the store holds,
// record by record, through OPC UA, the gateway's spool and gRPC. The slow tier
// runs it for ten minutes at one cell a second.
func TestDemo(t *testing.T) {
	cfg := DemoConfig{
		Data: t.TempDir(), GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Version: "test", Speed: 8, Cells: 40, Seed: 7,
		Log:  slog.New(slog.DiscardHandler),
		past: past{days: 12 * time.Hour, slow: 90 * time.Second, full: 20 * time.Minute, dwell: 1000, ovenTrays: 1},
	}
	if long() {
		cfg.Speed, cfg.Cells, cfg.past = 1, 600, past{}
	}
	var emitted, emittedAgain, told syncBuffer
	cfg.Emitted, cfg.Out = &emitted, &told
	if err := Demo(t.Context(), cfg); err != nil {
		t.Fatalf("demo: %v\n%s", err, told.String())
	}
	t.Logf("the demo said:\n%s", told.String())
	want := emittedSet(t, &emitted)
	dir := filepath.Join(cfg.Data, "store")
	got, ledger := storedSet(t, dir)
	compareSets(t, want, got)
	if ledger.Quarantined != 0 || ledger.Refused != 0 {
		t.Errorf("ledger = %+v; want nothing in quarantine and nothing refused", ledger)
	}
	checkStore(t, dir)

	// Started again it goes on with its data.
	cfg.Cells, cfg.Speed, cfg.Emitted = 5, 8, &emittedAgain
	if err := Demo(t.Context(), cfg); err != nil {
		t.Fatalf("demo again: %v\n%s", err, told.String())
	}
	again, ledger := storedSet(t, dir)
	for id, hash := range emittedSet(t, &emittedAgain) {
		if had, ok := want[id]; ok && had != hash {
			t.Errorf("the line emitted %s again, with other content", id)
		}
		want[id] = hash
	}
	compareSets(t, want, again)
	if len(again) <= len(got) {
		t.Errorf("the store holds %d events after going on, and held %d before", len(again), len(got))
	}
	if ledger.Quarantined != 0 {
		t.Errorf("ledger = %+v; want nothing in quarantine", ledger)
	}
	t.Logf("%d records stored, then %d; both as emitted", len(got), len(again))
}

// emittedSet reads a line's journal: the hash of each identity. A record that
// was offered twice must have been the same.
func emittedSet(t *testing.T, r io.Reader) map[string]string {
	t.Helper()
	set := make(map[string]string)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		i := strings.LastIndexByte(lines.Text(), ' ')
		id, hash := lines.Text()[:i], lines.Text()[i+1:]
		if had, ok := set[id]; ok && had != hash {
			t.Errorf("the line emitted %s twice, with other content", id)
		}
		set[id] = hash
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return set
}

// storedSet reads the hash of each identity of a line's sources from a data
// directory, and the sum of their ledger.
func storedSet(t *testing.T, dir string) (map[string]string, store.LedgerEntry) {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	set := make(map[string]string)
	var sum store.LedgerEntry
	err = s.View(context.Background(), 0, func(v *store.View) error {
		for e, err := range v.Events(0, store.Filter{}) {
			if err != nil {
				return err
			}
			if e.Event != nil && strings.HasPrefix(string(e.Identity.Source), "L1/") {
				set[fmt.Sprintf("%s %d %d", e.Identity.Source, e.Identity.Epoch, e.Identity.Sequence)] = fmt.Sprintf("%x", mes.HashEvent(e.Bytes))
			}
		}
		for e, err := range v.Ledger() {
			if err != nil {
				return err
			}
			sum = sum.Add(e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, sum
}

func compareSets(t *testing.T, want, got map[string]string) {
	t.Helper()
	if diff := cmp.Diff(len(want), len(got)); diff != "" {
		t.Errorf("number of records mismatch (-emitted +stored):\n%s", diff)
	}
	missing, foreign, other := 0, 0, 0
	for id, hash := range want {
		switch stored, ok := got[id]; {
		case !ok:
			if missing++; missing <= 10 {
				t.Errorf("%s was emitted and is not stored", id)
			}
		case stored != hash:
			if other++; other <= 10 {
				t.Errorf("%s is stored with other content", id)
			}
		}
	}
	for id := range got {
		if _, ok := want[id]; !ok {
			if foreign++; foreign <= 10 {
				t.Errorf("%s is stored and was never emitted", id)
			}
		}
	}
	if missing+foreign+other > 0 {
		t.Errorf("%d missing, %d with other content, %d never emitted", missing, other, foreign)
	}
}

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Read(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
