package spool

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
)

// helperDir names the spool of a process that TestKill starts to be killed.
const helperDir = "TAKT_SPOOL_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		if err := helper(dir); err != nil {
			fmt.Fprintln(os.Stderr, "helper:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// helper appends from several sources until it is killed, and says what it has
// acknowledged: `a source sequence` for a record, `d offset` for what a server
// would have.
func helper(dir string) error {
	s, err := Open(Config{Dir: dir})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for i := range 4 {
		wg.Go(func() {
			source := mes.Source(fmt.Sprint("w", i))
			last, _ := s.Last(source)
			for n := int(last.Sequence) + 1; ; n++ {
				a, err := s.Append(context.Background(), record(string(source), n))
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				fmt.Printf("a %s %d\n", source, n)
				if n%16 == 0 && a.Offset > 100 {
					fmt.Printf("d %d\n", a.Offset-100)
				}
				mu.Unlock()
				if n%16 == 0 && a.Offset > 100 {
					if err := s.Acknowledge(a.Offset - 100); err != nil {
						errs <- err
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return <-errs
}

// What Append has returned is there after a kill, whenever it comes.
func TestKill(t *testing.T) {
	kills := 20
	if os.Getenv("TAKT_LONG") != "" {
		kills = 200
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	promised := map[mes.Source]mes.Sequence{}
	var durable mes.Offset
	for kill := range kills {
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), helperDir+"="+dir)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for left := 1 + random.IntN(200); lines.Scan(); left-- {
			if left == 0 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			// What is still in the pipe was promised, too.
			var source string
			var n uint64
			if _, err := fmt.Sscanf(lines.Text(), "a %s %d", &source, &n); err == nil {
				promised[mes.Source(source)] = max(promised[mes.Source(source)], mes.Sequence(n))
			} else if _, err := fmt.Sscanf(lines.Text(), "d %d", &n); err == nil {
				durable = max(durable, mes.Offset(n))
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // Killed, as it should be.
		if stderr.Len() > 0 {
			t.Fatalf("kill %d: %s", kill, stderr.String())
		}
		checkKilled(t, dir, promised, durable)
		if t.Failed() {
			t.Fatalf("after kill %d", kill)
		}
	}
	t.Logf("%d kills, promised %v", kills, promised)
}

func checkKilled(t *testing.T, dir string, promised map[mes.Source]mes.Sequence, durable mes.Offset) {
	t.Helper()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	stats := s.Stats()
	if stats.First > durable+1 {
		t.Errorf("offset %d has gone, %d was acknowledged", stats.First-1, durable)
	}
	// Sequences of a source are appended in order, so all between the first
	// that is left and the last promised must be there.
	next := map[mes.Source]mes.Sequence{}
	for _, e := range readAll(t, s, stats.First-1) {
		id := e.Record.Identity
		if want, ok := next[id.Source]; ok && id.Sequence != want {
			t.Errorf("%s came where %d was due", id, want)
		}
		if !bytes.Equal(e.Record.Event, event(id)) {
			t.Errorf("%s has another event", id)
		}
		next[id.Source] = id.Sequence + 1
	}
	for source, want := range promised {
		if last, _ := s.Last(source); last.Sequence < want {
			t.Errorf("Last(%s) = %d, %d was promised", source, last.Sequence, want)
		}
		if n, ok := next[source]; ok && n <= want {
			t.Errorf("%s ends at %d, %d was promised", source, n-1, want)
		}
	}
}
