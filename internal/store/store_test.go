package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

var t0 = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// open opens a store that is checked and rebuilt when the test ends: whatever a
// test appends, the indexes must be what the log says.
func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir, Now: func() time.Time { return t0 }})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		checkDir(t, dir)
	})
	return s
}

func checkDir(t *testing.T, dir string) {
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

func work(source string, sequence int, item string, disposition mes.Disposition) mes.Record {
	return record(source, sequence, &mes.Event{
		EventTime: t0.Add(time.Duration(sequence) * time.Second), Equipment: "L1.OCV.01", ProcessSegment: "ocv",
		Fact: &mes.Work{
			Subjects:    []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(item)}, MaterialDefinition: "cell"}},
			Disposition: disposition,
		},
	})
}

func record(source string, sequence int, e *mes.Event) mes.Record {
	return mes.Record{
		Identity: mes.Identity{Source: mes.Source(source), Epoch: 1, Sequence: mes.Sequence(sequence)},
		Event:    mes.AppendEvent(nil, e),
	}
}

func mustAppend(t *testing.T, s *store.Store, first int, records ...mes.Record) store.Appended {
	t.Helper()
	a, err := s.Append(context.Background(), store.Batch{Gateway: "g1", Spool: "s1", First: mes.Offset(first), Records: records})
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return a
}

func view(t *testing.T, s *store.Store, fn func(*store.View) error) {
	t.Helper()
	if err := s.View(context.Background(), 0, fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

func TestAppend(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	a := mustAppend(t, s, 1, work("P1", 1, "C1", mes.DispositionConformant), work("P1", 2, "C2", mes.DispositionScrap))
	if a.Durable != 2 || a.Position != 2 || a.Stored != 2 {
		t.Errorf("first append = %+v; want 2 stored, durable 2, position 2", a)
	}
	again := mustAppend(t, s, 1, work("P1", 1, "C1", mes.DispositionConformant), work("P1", 2, "C2", mes.DispositionScrap))
	if again.Durable != 2 || again.Duplicates != 2 || again.Position != 2 {
		t.Errorf("append again = %+v; want 2 duplicates, durable 2, position 2", again)
	}
	conflict := mustAppend(t, s, 3, work("P1", 1, "C9", mes.DispositionConformant))
	if len(conflict.Quarantined) != 1 || conflict.Quarantined[0].Reason != store.ReasonConflict || conflict.Durable != 3 {
		t.Errorf("append of other content = %+v; want a conflict in quarantine and durable 3", conflict)
	}
	conflictAgain := mustAppend(t, s, 3, work("P1", 1, "C9", mes.DispositionConformant))
	if conflictAgain.Duplicates != 1 || conflictAgain.Position != 3 {
		t.Errorf("append of the conflict again = %+v; want 1 duplicate", conflictAgain)
	}
	_, err := s.Append(context.Background(), store.Batch{Gateway: "g1", Spool: "s1", First: 5, Records: []mes.Record{work("P1", 3, "C3", mes.DispositionConformant)}})
	var e *mes.Error
	if !errors.As(err, &e) || e.Code != mes.CodeOffsetGap || e.Values["expected"] != "4" {
		t.Errorf("append behind a hole = %v; want CodeOffsetGap that expects 4", err)
	}
	view(t, s, func(v *store.View) error {
		var sum store.LedgerEntry
		for entry, err := range v.Ledger() {
			if err != nil {
				return err
			}
			sum = sum.Add(entry)
		}
		want := store.LedgerEntry{Stored: 2, Duplicates: 3, Quarantined: 1, Refused: 1}
		if diff := cmp.Diff(want, sum); diff != "" {
			t.Errorf("ledger mismatch (-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	mustAppend(t, s, 1, work("P1", 1, "C1", mes.DispositionConformant))
	id := s.ID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if s.ID() != id || s.Position() != 1 {
		t.Errorf("reopened store has id %s and position %d; want %s and 1", s.ID(), s.Position(), id)
	}
	if a := mustAppend(t, s, 1, work("P1", 1, "C1", mes.DispositionConformant)); a.Duplicates != 1 {
		t.Errorf("append again after reopening = %+v; want 1 duplicate", a)
	}
}

func TestOpenRefuses(t *testing.T) {
	fill := func(t *testing.T) string {
		t.Helper()
		dir := t.TempDir()
		s, err := store.Open(store.Config{Dir: dir, SealBytes: 1})
		if err != nil {
			t.Fatal(err)
		}
		records := make([]mes.Record, 500)
		for i := range records {
			records[i] = work("P1", i+1, fmt.Sprintf("C%d", i), mes.DispositionConformant)
		}
		mustAppend(t, s, 1, records...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	index := func(dir string) string { return filepath.Join(dir, "index.bolt") }
	log := func(dir string) string { return filepath.Join(dir, "log", fmt.Sprintf("%020d.bolt", 1)) }
	for _, tc := range []struct {
		name string
		hurt func(t *testing.T, dir string)
		code mes.Code
		says string
	}{
		{"a second server", func(t *testing.T, dir string) {
			t.Helper()
			s, err := store.Open(store.Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
		}, mes.CodeLocked, fmt.Sprintf("open in process %d", os.Getpid())},
		{"another version", func(t *testing.T, dir string) {
			t.Helper()
			write(t, filepath.Join(dir, "STORE"), "takt store, format 99, id aabb\n")
		}, mes.CodeFormat, "has format 99; this program reads format 4: run a newer one"},
		{"no data directory", func(t *testing.T, dir string) {
			t.Helper()
			write(t, filepath.Join(dir, "STORE"), "somebody else's file\n")
		}, mes.CodeFormat, "is no Takt data directory"},
		{"truncated indexes", truncate(index, 16<<10), mes.CodeDamaged, "is cut off"},
		{"emptied indexes", truncate(index, 0), mes.CodeDamaged, "no header that can be read"},
		{"indexes that are gone", remove(index), mes.CodeDamaged, "run takt rebuild"},
		{"another store's indexes", exchange(fill, index), mes.CodeFormat, "the file was swapped"},
		{"indexes of something else", func(t *testing.T, dir string) {
			t.Helper()
			write(t, index(dir), strings.Repeat("not a database ", 1000))
		}, mes.CodeDamaged, "no header that can be read"},
		{"a truncated log", truncate(log, 16<<10), mes.CodeDamaged, "is cut off"},
		{"an emptied log", truncate(log, 0), mes.CodeDamaged, "no header that can be read"},
		{"a log that is gone", remove(log), mes.CodeDamaged, "restore it from a backup"},
		{"another store's log", exchange(fill, log), mes.CodeFormat, "the file was swapped"},
		{"a stamp that is gone", remove(func(dir string) string { return filepath.Join(dir, "STORE") }), mes.CodeFormat, "restore that from a backup"},
		{"a stamp that is gone before anything was sealed", func(t *testing.T, dir string) {
			t.Helper()
			for _, name := range []string{"STORE", "log", "index.bolt"} {
				if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}, mes.CodeFormat, "restore that from a backup"},
		{"an end of the log that is gone", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, "wal")); err != nil {
				t.Fatal(err)
			}
		}, mes.CodeDamaged, "restore it from a backup"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := fill(t)
			tc.hurt(t, dir)
			s, err := store.Open(store.Config{Dir: dir})
			if err == nil {
				_ = s.Close()
			}
			if mes.CodeOf(err) != tc.code || err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("Open = %v (code %v); want code %v and %q", err, mes.CodeOf(err), tc.code, tc.says)
			}
		})
	}
}

// TestKilledStartIsBegunAnew finds what a process left that was killed while it
// made a data directory, or the next file of the log.
func TestKilledStartIsBegunAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "log"), 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "index.bolt"), "half a page")
	write(t, logPath(dir)+".new", "half a page")
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	mustAppend(t, s, 1, work("P1", 1, "C1", mes.DispositionConformant))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkDir(t, dir)
	if s = open(t, dir); s.Position() != 1 {
		t.Errorf("the log ends at %d; want 1", s.Position())
	}
}

// A hurt does something to a file of a data directory.
type hurt = func(t *testing.T, dir string)

func truncate(file func(dir string) string, size int64) hurt {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Truncate(file(dir), size); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(file func(dir string) string) hurt {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Remove(file(dir)); err != nil {
			t.Fatal(err)
		}
	}
}

// exchange puts the file of another store in the place of one.
func exchange(fill func(*testing.T) string, file func(dir string) string) hurt {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Rename(file(fill(t)), file(dir)); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDoublesSurvive keeps every bit of what is measured.
func TestDoublesSurvive(t *testing.T) {
	values := []float64{math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.Float64frombits(0x7ff8dead0000beef), 5e-324, 1e308, 0.1}
	s := open(t, t.TempDir())
	mustAppend(t, s, 1, record("P1", 1, &mes.Event{
		EventTime: t0, Equipment: "E", ProcessSegment: "ocv",
		Fact: &mes.Work{
			Subjects:     []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: "C1"}}},
			Measurements: &mes.Measurements{Schema: mes.SchemaID(strings.Repeat("s", mes.SchemaIDBytes)), Values: values},
		},
	}))
	view(t, s, func(v *store.View) error {
		e, err := v.Event(1)
		if err != nil {
			return err
		}
		m := e.Event.Fact.(*mes.Work).Measurements
		for i, want := range values {
			if got := m.Values[i]; math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("value %d = %x; want %x", i, math.Float64bits(got), math.Float64bits(want))
			}
		}
		return nil
	})
}

func BenchmarkAppend(b *testing.B) {
	s, err := store.Open(store.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	n := 0
	for b.Loop() {
		records := make([]mes.Record, 1000)
		for i := range records {
			n++
			records[i] = work("P1", n, fmt.Sprintf("C%08d", n/4), mes.DispositionConformant)
		}
		if _, err := s.Append(context.Background(), store.Batch{Gateway: "g", Spool: "s", First: mes.Offset(n - 999), Records: records}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
