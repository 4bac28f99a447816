package store_test

import (
	"archive/zip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// TestFixtures reads a data directory of each format that a release ever wrote. The
// files in testdata are never written again: they are what is on the disks of
// plants. Where the program's own format has none yet, it is made, and the test
// fails until it is committed.
func TestFixtures(t *testing.T) {
	const pattern = "testdata/format-%d.zip"
	newest := fmt.Sprintf(pattern, store.FormatVersion)
	if _, err := os.Stat(newest); errors.Is(err, fs.ErrNotExist) {
		makeFixture(t, newest)
		t.Errorf("%s was made; commit it, and never change it", newest)
	}
	fixtures, err := filepath.Glob(strings.ReplaceAll(pattern, "%d", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range fixtures {
		t.Run(filepath.Base(path), func(t *testing.T) {
			dir := t.TempDir()
			want := unpack(t, path, dir)
			if path != newest {
				_, err := store.Open(store.Config{Dir: dir})
				if mes.CodeOf(err) != mes.CodeFormat || !strings.Contains(err.Error(), "run takt migrate") {
					t.Errorf("open: %v; want CodeFormat that names takt migrate", err)
				}
				if _, err := store.Migrate(t.Context(), dir, func(store.Progress) {}); err != nil {
					t.Fatal(err)
				}
			}
			s := open(t, dir) // It is checked in the end.
			if got := logHash(t, s); got != want {
				t.Errorf("the log is %s; when it was written it was %s", got, want)
			}
			var durable mes.Offset
			view(t, s, func(v *store.View) (err error) {
				durable, err = v.Durable("g1", "s1")
				return err
			})
			mustAppend(t, s, int(durable)+1, work("NEW", 1, "C-NEW", mes.DispositionConformant))
		})
	}
}

// unpack unpacks a fixture, and returns what it says that is in it.
func unpack(t *testing.T, path, dir string) string {
	t.Helper()
	files, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.CopyFS(dir, files), files.Close()); err != nil {
		t.Fatal(err)
	}
	return files.Comment
}

// makeFixture writes three months of a line, sealed in part, of which two have
// expired, with what it is in the comment.
func makeFixture(t *testing.T, path string) {
	t.Helper()
	dir := t.TempDir()
	oldStore(t, dir, oldRecords(t, 600))
	expire(t, dir, oldBefore, false)
	s, err := store.Open(store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	hash := logHash(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "LOCK")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	if err := errors.Join(z.AddFS(os.DirFS(dir)), z.SetComment(hash), z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// logHash is the hash of all that the log has, as answers have it.
func logHash(t *testing.T, s *store.Store) string {
	t.Helper()
	h := sha256.New()
	n := 0
	view(t, s, func(v *store.View) error {
		for e, err := range v.Events(0, store.Filter{}) {
			if err != nil {
				return err
			}
			if e.Event == nil {
				continue
			}
			n++
			_, _ = fmt.Fprintf(h, "%d %s %s %x %x\n", e.Position, e.RecordTime.Format(time.RFC3339Nano), e.Identity,
				mes.AppendProvenance(nil, &e.Provenance), e.Bytes)
		}
		return nil
	})
	return fmt.Sprintf("%d events, SHA-256 %x", n, h.Sum(nil))
}
