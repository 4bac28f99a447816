package sim

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/recording"
)

// replay returns the line of a recording.
func replay(t *testing.T, file []byte) (*line.Line, recording.Summary) {
	t.Helper()
	summary, err := recording.Check(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	return line.Replay(summary.Line, summary.Zone, summary.Blocks, func(yield func(line.Record) bool) {
		for r, err := range recording.Records(bytes.NewReader(file)) {
			if err != nil {
				t.Errorf("Records: %v", err)
			}
			if err != nil || !yield(r) {
				return
			}
		}
	}), summary
}

// sorted returns the lines of a journal in an order of their own: blocks offer
// their records at the same time.
func sorted(journal *bytes.Buffer) []string {
	lines := strings.Split(strings.TrimSpace(journal.String()), "\n")
	slices.Sort(lines)
	return lines
}

// A recording plays what was recorded: of a line with a history, of two lines at
// once, of one that went on, and of one that was stopped anywhere.
func TestRecording(t *testing.T) {
	l := small(t)
	records := take(l, 150)
	two := Join(l, twin())
	tests := []struct {
		name string
		line *line.Line
		// config and stop are those of the recorded play, before is one before.
		config Config
		before *Config
		stop   int64
	}{
		{"with history", l, Config{HistoryUntil: records[100].Due, Records: 80}, nil, 0},
		{"two lines", two, Config{Records: 120}, nil, 0},
		{"goes on", l, Config{Records: 60}, &Config{Records: 70}, 0},
		{"stopped", l, Config{}, nil, 50},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := func(read) bool { return true }
			test.config.Dir = t.TempDir()
			if test.before != nil {
				test.before.Dir = test.config.Dir
				s := newSim(t, test.line, *test.before, Streams{})
				if err := play(t, test.line, s, test.line.Records(), all, nil); err != nil {
					t.Fatalf("Play before: %v", err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var emitted, truth, file bytes.Buffer
			s := newSim(t, test.line, test.config, Streams{Emitted: &emitted, Truth: &truth, Recording: &file})
			stop := make(chan struct{})
			var taken atomic.Int64
			err := play(t, test.line, s, test.line.Records(), func(read) bool {
				if taken.Add(1) == test.stop {
					close(stop)
				}
				return true
			}, stop)
			if err != nil && (test.stop == 0 || !errors.Is(err, context.Canceled)) {
				t.Fatalf("Play: %v", err)
			}
			again, summary := replay(t, file.Bytes())
			if got := uint64(strings.Count(emitted.String(), "\n")); summary.Records != got {
				t.Errorf("%d records are recorded, %d were offered", summary.Records, got)
			}
			var emittedAgain, truthAgain bytes.Buffer
			config := Config{Dir: t.TempDir(), Stands: summary.Stands, Made: summary.ID}
			s = newSim(t, again, config, Streams{Emitted: &emittedAgain, Truth: &truthAgain})
			if err := play(t, again, s, again.Records(), all, nil); err != nil {
				t.Fatalf("Play again: %v", err)
			}
			if diff := cmp.Diff(sorted(&emitted), sorted(&emittedAgain)); diff != "" {
				t.Errorf("emitted mismatch (-recorded +replayed):\n%s", diff)
			}
			if diff := cmp.Diff(sorted(&truth), sorted(&truthAgain)); diff != "" {
				t.Errorf("truth mismatch (-recorded +replayed):\n%s", diff)
			}
		})
	}
}

// twin is another small line.
var twin = sync.OnceValue(func() *line.Line { return partOf("L2", 8, "IQC-X", "TNK-A", "WND", "INS") })

func TestJoin(t *testing.T) {
	const n = 1000
	one, other := small(t), twin()
	two := Join(one, other)
	if two.Config().Name != "L1+L2" || len(two.Blocks()) != len(one.Blocks())+len(other.Blocks()) {
		t.Fatalf("line %s has %d blocks", two.Config().Name, len(two.Blocks()))
	}
	want := make(map[mes.Identity]bool)
	for _, l := range []*line.Line{one, other} {
		for _, r := range take(l, n) {
			want[r.Identity] = true
		}
	}
	records := take(two, n)
	of := make(map[string]int)
	for i, r := range records {
		if i > 0 && r.Due.Before(records[i-1].Due) {
			t.Fatalf("%s is due before %s", r.Identity, records[i-1].Identity)
		}
		b := two.Blocks()[r.Block]
		if b.Source != r.Identity.Source || !want[r.Identity] {
			t.Fatalf("%s is in the block of %s", r.Identity, b.Source)
		}
		of[b.PLC[:2]]++
	}
	if of["L1"] == 0 || of["L2"] == 0 || of["L1"]+of["L2"] != n {
		t.Errorf("records are of %v", of)
	}
}
