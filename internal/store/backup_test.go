package store_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/store"
)

// backUp writes a backup into the files of a directory's log, and returns them all.
func backUp(t *testing.T, s *store.Store, dir string, have []store.BackupFile) (files []store.BackupFile, written int) {
	t.Helper()
	files = append(files, have...)
	end, err := s.Backup(context.Background(), have, func(f store.BackupFile, write func(io.Writer) error) error {
		written++
		files = slices.DeleteFunc(files, func(have store.BackupFile) bool {
			replaced := have.First >= f.First && have.First <= max(f.First, f.Last)
			if replaced {
				must(t, os.Remove(filepath.Join(dir, store.LogName(have.First))))
			}
			return replaced
		})
		files = append(files, f)
		slices.SortFunc(files, func(a, b store.BackupFile) int { return cmp.Compare(a.First, b.First) })
		file, err := os.Create(filepath.Join(dir, store.LogName(f.First)))
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		return write(file)
	})
	if err != nil || end != s.Position() {
		t.Fatalf("back up: up to %d, %v; want %d", end, err, s.Position())
	}
	return files, written
}

// TestBackup restores backups of a store in all its states: with nothing in it,
// with all of it in memory, and sealed after few events or many. A backup that
// goes on with an older one comes to the same, and what was appended since is sent
// again.
func TestBackup(t *testing.T) {
	records := dayOf(t, true, 10*time.Second)
	for _, sealBytes := range []int{0, 1, 100 << 10} {
		for _, n := range []int{0, 1, 100, len(records)} {
			dir := t.TempDir()
			must(t, os.Mkdir(filepath.Join(dir, "log"), 0o750))
			s, err := store.Open(store.Config{Dir: t.TempDir(), Now: func() time.Time { return t0 }, SealBytes: sealBytes})
			must(t, err)
			var files []store.BackupFile
			for from := 0; from < n; from += 10 {
				mustAppend(t, s, from+1, records[from:min(from+10, n)]...)
				if from == n/2/10*10 {
					files, _ = backUp(t, s, dir, nil)
				}
			}
			files, _ = backUp(t, s, dir, files)
			// Where seals are late, what was not sealed may be sealed by now.
			if again, written := backUp(t, s, dir, files); sealBytes == 0 && (written > 0 || !slices.Equal(again, files)) {
				t.Errorf("%d events: a backup of what is backed up writes %d files", n, written)
			}
			want := digestOf(t, s)
			must(t, store.Restore(t.Context(), dir, s.ID(), func(store.Progress) {}))
			must(t, s.Close())

			restored := open(t, dir)
			if got := digestOf(t, restored); got != want {
				t.Errorf("%d events, sealed at %d bytes: restored, the store answers otherwise:\n%s", n, sealBytes, firstDifference(want, got))
			}
			if restored.ID() == s.ID() {
				t.Error("the restored store has the id of the other one")
			}
			for from := 0; from < len(records); from += 10 {
				mustAppend(t, restored, from+1, records[from:min(from+10, len(records))]...)
			}
			if want, got := stateOf(t, records, 0, rand.New(rand.NewPCG(0, 0)), true), digestOf(t, restored); got != want {
				t.Errorf("%d events, sealed at %d bytes: with the rest sent again, it answers otherwise:\n%s", n, sealBytes, firstDifference(want, got))
			}
		}
	}
}

// digestOf returns all that a store answers, but for positions.
func digestOf(t *testing.T, s *store.Store) string {
	t.Helper()
	d := digest{hash: sha256.New(), full: true}
	view(t, s, d.all)
	return strings.Join(d.lines, "\n")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
