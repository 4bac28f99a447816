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
			files, err := zip.OpenReader(path)
			if err != nil {
				t.Fatal(err)
			}
			want := files.Comment
			if err := errors.Join(os.CopyFS(dir, files), files.Close()); err != nil {
				t.Fatal(err)
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

// makeFixture writes the day of a few trays, sealed in part, with what it is in the
// comment.
func makeFixture(t *testing.T, path string) {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1 << 16, Now: func() time.Time { return t0 }})
	if err != nil {
		t.Fatal(err)
	}
	records := dayOf(t, true, 10*time.Second)
	for from := 0; from < len(records); from += 7 {
		mustAppend(t, s, from+1, records[from:min(len(records), from+7)]...)
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
