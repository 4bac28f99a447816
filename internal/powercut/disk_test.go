package powercut_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/takt-mes/takt/internal/powercut"
)

// mounted calls fn with the directory that a disk is mounted at.
func mounted(t *testing.T, d *powercut.Disk, fn func(dir string)) {
	t.Helper()
	dir := t.TempDir()
	if err := d.Mount(dir); err != nil {
		t.Fatalf("mount: %v", err)
	}
	defer func() {
		if err := d.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
		}
	}()
	fn(dir)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// write writes a file, and syncs it and its name as far as it is told.
func write(t *testing.T, path string, data []byte, sync, syncName bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	must(t, err)
	_, err = f.WriteAt(data, 0)
	must(t, err)
	if sync {
		must(t, f.Sync())
	}
	must(t, f.Close())
	if syncName {
		dir, err := os.Open(filepath.Dir(path))
		must(t, err)
		must(t, dir.Sync())
		must(t, dir.Close())
	}
}

// TestCut tries what a cut leaves of what was synced, and of what was not.
func TestCut(t *testing.T) {
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk whose power can be cut: %v", err)
	}
	first, second := bytes.Repeat([]byte{1}, 3000), bytes.Repeat([]byte{2}, 5000)
	d := powercut.New()
	mounted(t, d, func(dir string) {
		write(t, filepath.Join(dir, "kept"), first, true, true)
		write(t, filepath.Join(dir, "kept"), second, false, false)
		write(t, filepath.Join(dir, "nameless"), first, true, false)
	})
	for _, c := range []struct {
		probability float64
		nameless    bool
		kept        []byte // nil for a mixture
	}{
		{0, false, first},
		{1, true, second},
		{0.5, false, nil},
	} {
		left := d.Cut(rand.New(rand.NewPCG(1, 2)), c.probability)
		mounted(t, left, func(dir string) {
			if _, err := os.Stat(filepath.Join(dir, "nameless")); (err == nil) != c.nameless && c.kept != nil {
				t.Errorf("with %v, the file whose name was not synced: %v", c.probability, err)
			}
			got, err := os.ReadFile(filepath.Join(dir, "kept"))
			must(t, err)
			if c.kept != nil && !bytes.Equal(got, c.kept) {
				t.Errorf("with %v, %d bytes are left that begin with %v", c.probability, len(got), got[:1])
			}
			if c.kept == nil && (!bytes.Contains(got, []byte{1}) || !bytes.Contains(got, []byte{2})) {
				t.Errorf("with %v, no mixture is left of what was written twice", c.probability)
			}
		})
	}
}

// TestCutAt has the power go instead of an operation: that one fails, and all
// that follow.
func TestCutAt(t *testing.T) {
	if err := powercut.Usable(); err != nil {
		t.Skipf("no disk whose power can be cut: %v", err)
	}
	d := powercut.New()
	mounted(t, d, func(dir string) {
		f, err := os.Create(filepath.Join(dir, "file"))
		must(t, err)
		d.CutAt(2)
		_, err = f.WriteAt([]byte("first"), 0)
		must(t, err)
		if err := f.Sync(); err == nil {
			t.Error("the power is cut, and the file is synced")
		}
		if _, err := f.WriteAt([]byte("second"), 0); err == nil {
			t.Error("the power is cut, and something is written")
		}
		_ = f.Close()
	})
}
