package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/backup"
	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

var t0 = time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)

// appended appends the next n records of a line to a store.
func appended(t *testing.T, s *store.Store, first, n int) {
	t.Helper()
	l, err := line.New(line.Config{Name: "L1", Seed: 1, Start: t0, Dwell: line.Short(2000)})
	must(t, err)
	var records []mes.Record
	skip := first - 1
	for r := range l.Records() {
		if skip--; skip >= 0 {
			continue
		}
		if len(records) == n {
			break
		}
		records = append(records, mes.Record{Identity: r.Identity, Event: mes.AppendEvent(nil, r.Event)})
	}
	_, err = s.Append(context.Background(), store.Batch{Gateway: "g", Spool: "s", First: mes.Offset(first), Records: records})
	must(t, err)
}

func open(t *testing.T, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1 << 20})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// save backs up a store into a directory.
func save(t *testing.T, s *store.Store, path string) *backup.Dir {
	t.Helper()
	dir, err := backup.Begin(path, s.ID(), t0)
	must(t, err)
	_, err = s.Backup(t.Context(), dir.Have(), dir.Add)
	must(t, err)
	must(t, dir.Commit())
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestFlippedBit flips single bits of a backup, in its files and in its manifest:
// each is found, names a file, and keeps the backup from being restored.
func TestFlippedBit(t *testing.T) {
	flips := 50
	if os.Getenv("TAKT_LONG") != "" {
		flips = 500
	}
	s := open(t, t.TempDir())
	path := t.TempDir()
	// So many that what is to be sealed first waits for nothing that is still going on.
	for first := 1; first < 17_000; first += 1000 {
		appended(t, s, first, 1000)
	}
	dir := save(t, s, path)
	if len(dir.Manifest().Files) < 2 {
		t.Fatalf("the backup has %d files; want some sealed, and some not", len(dir.Manifest().Files))
	}
	must(t, dir.Verify(t.Context(), func(backup.File) {}))
	names, err := filepath.Glob(filepath.Join(path, "*"))
	must(t, err)
	chance := rand.New(rand.NewPCG(1, 9))
	for range flips {
		name := names[chance.IntN(len(names))]
		whole, err := os.ReadFile(name)
		must(t, err)
		bit := chance.IntN(8 * len(whole))
		flipped := bytes.Clone(whole)
		flipped[bit/8] ^= 1 << (bit % 8)
		must(t, os.WriteFile(name, flipped, 0o600))
		data := filepath.Join(t.TempDir(), "data")
		err = verify(path)
		if mes.CodeOf(err) != mes.CodeDamaged || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("bit %d of %s flipped: %v", bit, filepath.Base(name), err)
		}
		if err := restore(path, data); err == nil {
			t.Errorf("bit %d of %s flipped: restored", bit, filepath.Base(name))
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("bit %d of %s flipped: there is a store", bit, filepath.Base(name))
		}
		must(t, os.WriteFile(name, whole, 0o600))
	}
	must(t, restore(path, filepath.Join(t.TempDir(), "data")))
}

func verify(path string) error {
	dir, err := backup.Open(path)
	if err != nil {
		return err
	}
	return dir.Verify(context.Background(), func(backup.File) {})
}

func restore(path, data string) error {
	dir, err := backup.Open(path)
	if err != nil {
		return err
	}
	return dir.Restore(context.Background(), data, func(store.Progress) {})
}

// TestEndedEarly ends a backup that goes on with an older one: the older one is
// there as it was, and the next one comes to its end.
func TestEndedEarly(t *testing.T) {
	s := open(t, t.TempDir())
	path := t.TempDir()
	appended(t, s, 1, 100)
	save(t, s, path)
	appended(t, s, 101, 1000)
	for after := range 3 {
		dir, err := backup.Begin(path, s.ID(), t0)
		must(t, err)
		broken := errors.New("broken off")
		_, err = s.Backup(t.Context(), dir.Have(), func(f store.BackupFile, write func(io.Writer) error) error {
			return dir.Add(f, func(w io.Writer) error {
				return errors.Join(write(&breaking{w, after * 10_000}), broken)
			})
		})
		if !errors.Is(err, broken) {
			t.Fatalf("the backup ended with %v", err)
		}
		must(t, verify(path))
		if d, err := backup.Open(path); err != nil || d.Manifest().Position() != 100 {
			t.Errorf("up to position %d is backed up, %v; want 100", d.Manifest().Position(), err)
		}
	}
	dir := save(t, s, path)
	must(t, verify(path))
	if got := dir.Manifest().Position(); got != 1100 {
		t.Errorf("up to position %d is backed up; want 1100", got)
	}
	if names, _ := filepath.Glob(filepath.Join(path, "*.bolt")); len(names) != len(dir.Manifest().Files) {
		t.Errorf("the directory has %v; the manifest has %d files", names, len(dir.Manifest().Files))
	}
}

// breaking writes so many bytes.
type breaking struct {
	to   io.Writer
	left int
}

func (w *breaking) Write(b []byte) (int, error) {
	if w.left < len(b) {
		n, err := w.to.Write(b[:w.left])
		w.left = 0
		return n, errors.Join(err, fmt.Errorf("no room for %d bytes", len(b)))
	}
	w.left -= len(b)
	return w.to.Write(b)
}
