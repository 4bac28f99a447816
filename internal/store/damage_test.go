package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// The files of a small store.
func indexPath(dir string) string { return filepath.Join(dir, "index.bolt") }
func logPath(dir string) string   { return filepath.Join(dir, "log", fmt.Sprintf("%020d.bolt", 1)) }

// TestDamage flips one bit in a block of the log: answers that touch it are
// refused, others are not, and a check names what is in it.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	const batch = 50
	for b, name := range []string{"CELL", "PART"} {
		var records []mes.Record
		for i := range batch {
			records = append(records, work(name, i+1, fmt.Sprintf("%s-%04d", name, i+1), mes.DispositionConformant))
		}
		mustAppend(t, s, b*batch+1, records...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, logPath(dir), []byte("CELL-"))

	if s, err = store.Open(store.Config{Dir: dir}); err != nil {
		t.Fatalf("open: %v", err)
	}
	err = s.View(context.Background(), 0, func(v *store.View) error {
		for p := mes.Position(1); p <= 2*batch; p++ {
			_, err := v.Event(p)
			if want := p <= batch; (mes.CodeOf(err) == mes.CodeDamaged) != want || (err != nil) != want {
				t.Errorf("event %d: %v; those to %d are damaged", p, err, batch)
			}
		}
		if _, err := v.ItemRecord("CELL-0017"); mes.CodeOf(err) != mes.CodeDamaged {
			t.Errorf("the record of a damaged cell = %v; want CodeDamaged", err)
		}
		if _, err := v.ItemRecord("PART-0017"); err != nil {
			t.Errorf("the record of another cell: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	wantScrub(t, s, "positions 1 to 50: ")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var problems []string
	n, err := store.CheckDir(context.Background(), dir, func(p store.Progress) { problems = append(problems, p.Problems...) })
	if err != nil || n == 0 || !strings.Contains(strings.Join(problems, "\n"), "position 17 ") {
		t.Errorf("check = %d problems, %v: %q; want one that names position 17", n, err, problems)
	}
	// A log that is not whole is not rebuilt from, and the indexes stay.
	before := read(t, indexPath(dir))
	if err := store.Rebuild(context.Background(), dir, func(store.Progress) {}); mes.CodeOf(err) != mes.CodeDamaged {
		t.Errorf("rebuild of a damaged log = %v; want CodeDamaged", err)
	}
	if !bytes.Equal(before, read(t, indexPath(dir))) {
		t.Error("the failed rebuild changed the indexes")
	}
}

// TestNoFlippedBitIsBelieved flips single bits anywhere in the files: the store
// answers as before, or refuses, and never says anything else.
func TestNoFlippedBitIsBelieved(t *testing.T) {
	flips := 30
	if long {
		flips = 5000
	}
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1, Now: func() time.Time { return t0 }})
	if err != nil {
		t.Fatal(err)
	}
	records := dayOf(t, true, 10*time.Second)
	for from := 0; from < len(records); from += 100 {
		mustAppend(t, s, from+1, records[from:min(len(records), from+100)]...)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want, err := answersOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 7))
	refused := 0
	for n := range flips {
		path := []string{indexPath(dir), logPath(dir)}[n%2]
		good := read(t, path)
		hurt := bytes.Clone(good)
		at := r.IntN(8 * len(hurt))
		for good[at/8] == 0 { // most of a small file is empty
			at = r.IntN(8 * len(hurt))
		}
		hurt[at/8] ^= 1 << (at % 8)
		write(t, path, string(hurt))
		got, err := answersOf(dir)
		switch code := mes.CodeOf(err); {
		case err != nil && (code == mes.CodeDamaged || code == mes.CodeFormat):
			refused++
			if !foundDamaged(t, dir) {
				t.Errorf("bit %d of %s: answers are refused (%v), and reading the files finds nothing", at, filepath.Base(path), err)
			}
		case err != nil:
			t.Errorf("bit %d of %s: %v; want CodeDamaged", at, filepath.Base(path), err)
		case got != want:
			t.Errorf("bit %d of %s: other answers:\n%s", at, filepath.Base(path), firstDifference(want, got))
		}
		write(t, path, string(good))
	}
	t.Logf("%d of %d flipped bits were refused; the others are in pages that hold nothing", refused, flips)
}

// TestSealedIsGone flips a bit in the name under which the indexes say how far they
// are: they must not be taken for empty ones, on which everything is counted again.
func TestSealedIsGone(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1})
	must(t, err)
	mustAppend(t, s, 1, work("P1", 1, "C1", mes.DispositionConformant))
	must(t, s.Close())
	flip(t, indexPath(dir), []byte("sealed"))
	if _, err := store.Open(store.Config{Dir: dir}); mes.CodeOf(err) != mes.CodeDamaged {
		t.Errorf("open: %v; want CodeDamaged", err)
	}
	must(t, store.Rebuild(t.Context(), dir, func(store.Progress) {}))
	checkDir(t, dir)
}

// foundDamaged reports whether a store does not open, or a scrub finds something.
func foundDamaged(t *testing.T, dir string) bool {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		return true
	}
	problems := 0
	err = s.Scrub(t.Context(), math.MaxInt64, func(string) { problems++ })
	if err = errors.Join(err, s.Close()); err != nil {
		t.Error(err)
	}
	return problems > 0
}

// answersOf opens a store and returns all that it answers.
func answersOf(dir string) (answers string, err error) {
	s, err := store.Open(store.Config{Dir: dir, Now: func() time.Time { return t0 }})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	d := digest{hash: sha256.New(), full: true}
	err = s.View(context.Background(), 0, d.all)
	return strings.Join(d.lines, "\n"), err
}

// TestRebuildMendsAnIndex damages an index, which a check names, and a rebuild
// makes anew.
func TestRebuildMendsAnIndex(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 1, record("P1", 1, &mes.Event{EventTime: t0, Fact: &mes.AliasBinding{
		Item: mes.Ref{Thing: mes.Thing{Kind: mes.RefItem, ID: "C1"}}, AliasKind: "can-code", Value: "AN-ALIAS-THAT-STANDS-ALONE",
	}}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, indexPath(dir), append([]byte{26}, "AN-ALIAS-THAT-STANDS-ALONE"...))
	if n, err := store.CheckDir(context.Background(), dir, func(store.Progress) {}); err != nil || n == 0 {
		t.Errorf("check = %d problems, %v; want some", n, err)
	}
	if s, err = store.Open(store.Config{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	wantScrub(t, s, "table alias: ")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Rebuild(context.Background(), dir, func(store.Progress) {}); err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	checkDir(t, dir)
	s = open(t, dir)
	wantScrub(t, s)
	view(t, s, func(v *store.View) error {
		matches, err := v.Search("AN-ALIAS-THAT-STANDS-ALONE")
		if err != nil || len(matches) != 1 {
			t.Errorf("search after the rebuild = %v, %v; want one match", matches, err)
		}
		return nil
	})
}

// wantScrub reads all files, and wants these problems, one of each.
func wantScrub(t *testing.T, s *store.Store, want ...string) {
	t.Helper()
	var got []string
	if err := s.Scrub(t.Context(), math.MaxInt64, func(problem string) { got = append(got, problem) }); err != nil {
		t.Errorf("scrub: %v", err)
	}
	ok := len(got) == len(want)
	for i := range min(len(got), len(want)) {
		ok = ok && strings.Contains(got[i], want[i])
	}
	if !ok {
		t.Errorf("scrub found %q; want %q", got, want)
	}
}

// flip flips one bit wherever the bytes stand in a file; bbolt leaves what it
// wrote before in pages that are free.
func flip(t *testing.T, path string, what []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, what) {
		t.Fatalf("%x is not in the file", what)
	}
	flipped := bytes.Clone(what)
	flipped[len(what)/2] ^= 0x10
	text = bytes.ReplaceAll(text, what, flipped)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
