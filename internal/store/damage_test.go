package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// TestDamage flips one bit in the middle of an event on disk: the answer that
// touches it is refused, others are not, and a check names it.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var records []mes.Record
	for i := range 50 {
		records = append(records, work("P1", i+1, fmt.Sprintf("CELL-%04d", i+1), mes.DispositionConformant))
	}
	mustAppend(t, s, 1, records...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const hurt = 17
	flip(t, filepath.Join(dir, "takt.bolt"), records[hurt-1].Event)

	if s, err = store.Open(store.Config{Dir: dir}); err != nil {
		t.Fatalf("open: %v", err)
	}
	err = s.View(context.Background(), 0, func(v *store.View) error {
		for p := mes.Position(1); p <= 50; p++ {
			_, err := v.Event(p)
			if want := p == hurt; (mes.CodeOf(err) == mes.CodeDamaged) != want || (err != nil) != want {
				t.Errorf("event %d: %v; only %d is damaged", p, err, hurt)
			}
		}
		if _, err := v.ItemRecord("CELL-0017"); mes.CodeOf(err) != mes.CodeDamaged {
			t.Errorf("the record of the damaged cell = %v; want CodeDamaged", err)
		}
		if _, err := v.ItemRecord("CELL-0018"); err != nil {
			t.Errorf("the record of another cell: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var problems []string
	n, err := store.CheckDir(context.Background(), dir, func(p store.Progress) { problems = append(problems, p.Problems...) })
	if err != nil || n == 0 || !strings.Contains(strings.Join(problems, "\n"), fmt.Sprintf("position %d", hurt)) {
		t.Errorf("check = %d problems, %v: %q; want one that names position %d", n, err, problems, hurt)
	}
	// A log that is not whole is not rebuilt from, and stays as it is.
	before := read(t, dir)
	if err := store.Rebuild(context.Background(), dir, func(store.Progress) {}); mes.CodeOf(err) != mes.CodeDamaged {
		t.Errorf("rebuild of a damaged log = %v; want CodeDamaged", err)
	}
	if !bytes.Equal(before, read(t, dir)) {
		t.Error("the failed rebuild changed the file")
	}
}

// TestRebuildMendsAnIndex damages an index, which a check names, and a rebuild
// makes anew.
func TestRebuildMendsAnIndex(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 1, record("P1", 1, &mes.Event{EventTime: t0, Fact: &mes.AliasBinding{
		Item: mes.Ref{Thing: mes.Thing{Kind: mes.RefItem, ID: "C1"}}, AliasKind: "can-code", Value: "AN-ALIAS-THAT-STANDS-ALONE",
	}}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The alias stands in the log's entry and in the key of the index, behind
	// its length.
	flip(t, filepath.Join(dir, "takt.bolt"), append([]byte{0, 26}, "AN-ALIAS-THAT-STANDS-ALONE"...))
	if n, err := store.CheckDir(context.Background(), dir, func(store.Progress) {}); err != nil || n == 0 {
		t.Errorf("check = %d problems, %v; want some", n, err)
	}
	if err := store.Rebuild(context.Background(), dir, func(store.Progress) {}); err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	checkDir(t, dir)
	s = open(t, dir)
	view(t, s, func(v *store.View) error {
		matches, err := v.Search("AN-ALIAS-THAT-STANDS-ALONE")
		if err != nil || len(matches) != 1 {
			t.Errorf("search after the rebuild = %v, %v; want one match", matches, err)
		}
		return nil
	})
}

// flip flips one bit of the last place where the bytes stand in a file.
func flip(t *testing.T, path string, what []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(text, what)
	if at < 0 {
		t.Fatalf("%x is not in the file", what)
	}
	text[at+len(what)/2] ^= 0x10
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "takt.bolt"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
