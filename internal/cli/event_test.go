package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
)

// TestListsArePaged lists more than a page has.
func TestListsArePaged(t *testing.T) {
	s := startService(t)
	const n = listPage + 100
	var all strings.Builder
	for i := range n {
		all.WriteString(row(i + 1))
	}
	if code, _, stderr := s.takt(t.Context(), strings.NewReader(all.String()), "push", "--source", "eol", "--spool", t.TempDir()); code != exitDone {
		t.Fatalf("push ended with %d: %s", code, stderr)
	}
	for _, question := range []string{"item list", "events list"} {
		_, table, notes := s.takt(t.Context(), nil, strings.Fields(question)...)
		if lines := strings.Count(table, "\n"); lines != n+1 {
			t.Errorf("%s: table has %d lines, want %d and a head", question, lines, n)
		}
		if want := fmt.Sprintf("at position %d\n", n); notes != want {
			t.Errorf("%s: notes are %q, want %q once", question, notes, want)
		}
		_, csv, _ := s.takt(t.Context(), nil, append(strings.Fields(question), "-o", "csv")...)
		if lines := strings.Count(csv, "\n"); lines != n+1 {
			t.Errorf("%s: CSV has %d lines, want %d and a head", question, lines, n)
		}
		_, pages, _ := s.takt(t.Context(), nil, append(strings.Fields(question), "-o", "json")...)
		if lines := strings.Count(pages, "\n"); lines != 2 {
			t.Errorf("%s: JSON has %d lines, want one for each of 2 pages", question, lines)
		}
	}
}

// TestWatchGoesOn watches in two parts, and sees each event once.
func TestWatchGoesOn(t *testing.T) {
	s := startService(t)
	_, first, stderr := s.watchOne(t, row(1))
	if first != 1 {
		t.Fatalf("the first watch saw position %d: %s", first, stderr)
	}
	token, _, _ := s.watchOne(t, row(2))
	code, _, notes := s.takt(t.Context(), strings.NewReader(row(3)+row(4)), "push", "--source", "eol", "--spool", t.TempDir())
	if code != exitDone {
		t.Fatalf("push ended with %d: %s", code, notes)
	}
	code, table, notes := s.takt(t.Context(), nil, "events", "watch", "--token", token, "--limit", "2")
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if code != exitDone || len(lines) != 3 || !strings.HasPrefix(strings.TrimSpace(lines[1]), "3 ") || !strings.HasPrefix(strings.TrimSpace(lines[2]), "4 ") {
		t.Errorf("the watch ended with %d:\n%s\n%s", code, table, notes)
	}
	if !strings.HasPrefix(notes, "go on with --token ") {
		t.Errorf("notes are %q, want the next token", notes)
	}
	code, _, notes = s.takt(t.Context(), nil, "events", "watch", "--token", "bm8", "--limit", "1")
	if code != exitError || !strings.HasPrefix(notes, "takt: ") {
		t.Errorf("with a wrong token the watch ended with %d: %s", code, notes)
	}
}

// watchOne watches from now on until one event, a pushed row, has come.
func (s *service) watchOne(t *testing.T, line string) (next string, position uint64, stderr string) {
	t.Helper()
	type result struct{ stdout, stderr string }
	done := make(chan result, 1)
	args := []string{"events", "watch", "-o", "json", "--limit", "1", "--checkpoint", "20ms"}
	in, watching := newFirstWrite()
	go func() {
		stderr := new(strings.Builder)
		Run(t.Context(), Process{Args: args, Env: []string{"TAKT_SERVER=" + s.address}, Stdout: in, Stderr: stderr})
		done <- result{in.String(), stderr.String()}
	}()
	// The server's first checkpoint says that the watch has begun.
	select {
	case <-watching:
	case r := <-done:
		t.Fatalf("the watch ended: %s", r.stderr)
	}
	if code, _, stderr := s.takt(t.Context(), strings.NewReader(line), "push", "--source", "eol", "--spool", t.TempDir()); code != exitDone {
		t.Fatalf("push ended with %d: %s", code, stderr)
	}
	r := <-done
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	var last struct {
		Event       struct{ Position string }
		ResumeToken string
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("read %q: %v", lines, err)
	}
	_, _ = fmt.Sscan(last.Event.Position, &position)
	return last.ResumeToken, position, r.stderr
}

// firstWrite is a buffer that tells of the first write to it.
type firstWrite struct {
	strings.Builder
	first chan struct{}
}

func newFirstWrite() (*firstWrite, <-chan struct{}) {
	w := &firstWrite{first: make(chan struct{})}
	return w, w.first
}

func (w *firstWrite) Write(b []byte) (int, error) {
	if w.Len() == 0 {
		close(w.first)
	}
	return w.Builder.Write(b)
}

func TestCertainty(t *testing.T) {
	for want, edge := range map[string]*taktv1.GenealogyEdge{
		"certain":          {Certainty: taktv1.Certainty_CERTAINTY_CERTAIN},
		"1 of 3":           {Certainty: taktv1.Certainty_CERTAINTY_POSSIBLE, Alternatives: 3},
		"unknown":          {Certainty: taktv1.Certainty_CERTAINTY_UNKNOWN},
		"certain, removed": {Certainty: taktv1.Certainty_CERTAINTY_CERTAIN, Removed: true},
	} {
		if got := certainty(edge); got != want {
			t.Errorf("certainty(%s) = %q, want %q", edge, got, want)
		}
	}
}

func TestMarks(t *testing.T) {
	e := &taktv1.LoggedEvent{
		Provenance: &taktv1.Provenance{Gateway: []byte("history")}, WithdrawnBy: 12,
		Event: &taktv1.Event{Mode: taktv1.Mode_MODE_DRY_RUN},
	}
	if got, want := marks(e), "history, dry-run, withdrawn by 12"; got != want {
		t.Errorf("marks = %q, want %q", got, want)
	}
}
