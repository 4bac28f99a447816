package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/rpc"
	"github.com/takt-mes/takt/internal/store"
	"github.com/takt-mes/takt/internal/yield"
)

// service is a real server over a real store, which can be stopped and started
// again at its address.
type service struct {
	dir     string
	address string
	store   *store.Store
	stop    func()
}

// startService starts a server; when the test ends its store is checked.
func startService(t *testing.T) *service {
	t.Helper()
	s := &service{dir: filepath.Join(t.TempDir(), "data"), address: "127.0.0.1:0"}
	s.start(t)
	t.Cleanup(func() {
		s.stop()
		problems, err := store.CheckDir(context.Background(), s.dir, func(p store.Progress) {
			for _, problem := range p.Problems {
				t.Error(problem)
			}
		})
		if err != nil || problems > 0 {
			t.Errorf("check of the store: %d problems, %v", problems, err)
		}
	})
	return s
}

func (s *service) start(t *testing.T) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	st, err := store.Open(store.Config{Dir: s.dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.store, s.address = st, l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := rpc.New(rpc.Config{Version: "test", Calendar: yield.DefaultCalendar(time.UTC)}, st, log)
	go func() { ended <- server.Serve(ctx, l) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := st.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
}

// await waits until the log has come so far.
func (s *service) await(t *testing.T, position mes.Position) {
	t.Helper()
	for {
		changed := s.store.Changed()
		if s.store.Position() >= position {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("the log came to %d, want %d", s.store.Position(), position)
		}
	}
}

// takt runs the program in this process, and returns what it said.
func (s *service) takt(ctx context.Context, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, notes bytes.Buffer
	code = Run(ctx, Process{
		Args: args, Env: []string{"TAKT_SERVER=" + s.address}, Stdin: stdin, Stdout: &out, Stderr: &notes,
	})
	return code, out.String(), notes.String()
}

func row(sequence int) string {
	return fmt.Sprintf(`{"sequence":%d,"event":{"event_time":"2026-11-23T06:00:00Z","work":{"subjects":[{"kind":"item","id":{"text":"C%04d"}}]}}}`+"\n", sequence, sequence)
}

// TestPushOutlivesTheServer stops and starts the server while rows come in.
func TestPushOutlivesTheServer(t *testing.T) {
	s := startService(t)
	in, write := io.Pipe()
	type result struct {
		code   int
		stderr string
	}
	done := make(chan result, 1)
	dir := t.TempDir()
	go func() {
		code, _, stderr := s.takt(t.Context(), in, "push", "--source", "eol/07", "--spool", dir, "-")
		_ = in.CloseWithError(errors.New("push has ended"))
		done <- result{code, stderr}
	}()
	put := func(from, to int) {
		t.Helper()
		for i := from; i <= to; i++ {
			if _, err := io.WriteString(write, row(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(1, 100)
	s.await(t, 100)
	s.stop()
	put(101, 200)
	s.start(t)
	put(201, 300)
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	got := <-done
	if got.code != exitDone {
		t.Errorf("push ended with %d: %s", got.code, got.stderr)
	}
	if p := s.store.Position(); p != 300 {
		t.Errorf("the log has %d events, want 300", p)
	}
	// An answer may have been lost with the connection; then nobody was told.
	var received, stored, unanswered int
	for line := range strings.Lines(got.stderr) {
		_, _ = fmt.Sscanf(line, "%d received = %d stored + 0 duplicates + 0 quarantined + 0 refused", &received, &stored)
		_, _ = fmt.Sscanf(line, "and %d record", &unanswered)
	}
	if received != stored || received+unanswered != 300 {
		t.Errorf("the account is\n%s", got.stderr)
	}

	// Pushed again, nothing is stored twice: by the spool, and by the server
	// where the spool is lost.
	var all strings.Builder
	for i := range 300 {
		all.WriteString(row(i + 1))
	}
	for _, spool := range []string{dir, t.TempDir()} {
		code, _, stderr := s.takt(t.Context(), strings.NewReader(all.String()), "push", "--source", "eol/07", "--spool", spool)
		if code != exitDone || !strings.Contains(stderr, "300 received = 0 stored + 300 duplicates + 0 quarantined + 0 refused") {
			t.Errorf("push again ended with %d: %s", code, stderr)
		}
	}
}

// TestPushGoesOn stops a push in the middle; the next one goes on.
func TestPushGoesOn(t *testing.T) {
	s := startService(t)
	file := filepath.Join(t.TempDir(), "rows.jsonl")
	var all strings.Builder
	for i := range 3000 {
		all.WriteString(row(i + 1))
	}
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s.stop()
	code, _, stderr := s.takt(t.Context(), nil, "push", "--source", "eol/07", "--spool", dir, file)
	if code != exitError || !strings.Contains(stderr, "3000 records kept in "+dir) {
		t.Errorf("without a server, push ended with %d: %s", code, stderr)
	}
	s.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.await(t, 1)
		cancel()
	}()
	code, _, stderr = s.takt(ctx, nil, "push", "--source", "eol/07", "--spool", dir, file)
	<-stopped
	if code != exitDone && (code != exitError || !strings.Contains(stderr, "interrupted")) {
		t.Errorf("interrupted, push ended with %d: %s", code, stderr)
	}
	code, _, stderr = s.takt(t.Context(), nil, "push", "--source", "eol/07", "--spool", dir, file)
	if code != exitDone || !strings.Contains(stderr, "3000 received = 0 stored + 3000 duplicates + 0 quarantined + 0 refused") {
		t.Errorf("again, push ended with %d: %s", code, stderr)
	}
	if p := s.store.Position(); p != 3000 {
		t.Errorf("the log has %d events, want 3000", p)
	}
}

// TestPushSaysWhatIsWrong goes on after a row that is no event, and ends with 4
// where the server found one.
func TestPushSaysWhatIsWrong(t *testing.T) {
	s := startService(t)
	code, _, stderr := s.takt(t.Context(), strings.NewReader(row(1)+"{}\n"+row(3)), "push", "--source", "lab", "--spool", t.TempDir())
	if code != exitError || !strings.Contains(stderr, "stdin:2: event is missing\n") ||
		!strings.Contains(stderr, "3 received = 2 stored + 0 duplicates + 0 quarantined + 1 refused") ||
		!strings.HasSuffix(stderr, "takt: 1 of 3 rows cannot be an event; the others were sent\n") {
		t.Errorf("push ended with %d: %s", code, stderr)
	}
	other := strings.Replace(row(1), "C0001", "C0009", 1)
	code, _, stderr = s.takt(t.Context(), strings.NewReader(other), "push", "--source", "lab", "--spool", t.TempDir())
	if code != exitProblem || !strings.Contains(stderr, "1 received = 0 stored + 0 duplicates + 1 quarantined + 0 refused") ||
		!strings.Contains(stderr, "lab:1:1 is taken") {
		t.Errorf("push ended with %d: %s", code, stderr)
	}
}
