package backup

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// Dir is a directory with a backup, or for one.
type Dir struct {
	path     string
	manifest Manifest
}

// Open opens the directory of a backup.
//
// Errors: CodeNotFound where there is none, CodeDamaged where its manifest is
// damaged, CodeFormat where it is another version's.
func Open(path string) (*Dir, error) {
	m, err := readManifest(path)
	if err == nil && m.Store == "" {
		err = mes.Errorf(mes.CodeNotFound, "%s has no backup: it has no file %s", path, manifestFile)
	}
	return &Dir{path, m}, err
}

// Begin opens a directory for a backup of the store with the given id, begun at a
// time. It makes the directory where it is missing, and goes on with the backup
// that is there.
//
// Errors: as Open; CodeFormat where the backup is of another store, or the
// directory has something else in it.
func Begin(path, id string, now time.Time) (*Dir, error) {
	older, err := readManifest(path)
	if err != nil {
		return nil, err
	}
	return begin(path, older, id, now)
}

// begin is Begin for a directory whose manifest was read.
func begin(path string, m Manifest, id string, now time.Time) (*Dir, error) {
	if err := disk.MakeDir(path); err != nil {
		return nil, err
	}
	if m.Store != "" && m.Store != id {
		return nil, mes.Errorf(mes.CodeFormat, "the backup in %s is of the store %s, and not of %s; name another directory", path, m.Store, id)
	}
	if m.Store == "" {
		if foreign, err := foreignTo(path); err != nil || foreign != "" {
			return nil, errors.Join(err, mes.Errorf(mes.CodeFormat, "%s has no backup, but %s; name an empty directory", path, foreign))
		}
	}
	m.Store, m.Time = id, now
	return &Dir{path, m}, nil
}

// foreignTo returns something in a directory that no backup left there.
func foreignTo(path string) (string, error) {
	entries, err := os.ReadDir(path)
	for _, e := range entries {
		var first, last mes.Position
		if n, _ := fmt.Sscanf(e.Name(), "%d-%d.bolt", &first, &last); n != 2 && !strings.HasPrefix(e.Name(), manifestFile) {
			return e.Name(), nil
		}
	}
	return "", err
}

// Manifest says what is in the backup.
func (d *Dir) Manifest() *Manifest { return &d.manifest }

// Have returns the files that are there.
func (d *Dir) Have() []store.BackupFile {
	var have []store.BackupFile
	for i := range d.manifest.Files {
		have = append(have, d.manifest.Files[i].BackupFile)
	}
	return have
}

// Add takes a file, in the place of those that begin in it: what was the end of a
// backup is part of a larger file in the next one.
func (d *Dir) Add(f store.BackupFile, write func(io.Writer) error) error {
	added := File{BackupFile: f}
	path := filepath.Join(d.path, added.Name())
	file, err := os.Create(path) //nolint:gosec // the operator's own directory
	if err != nil {
		return err
	}
	w := summing{to: file, sum: sha256.New()}
	buffered := bufio.NewWriterSize(&w, 1<<20)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	added.Size = w.size
	w.sum.Sum(added.Sum[:0])
	// What the disk has must be what was written.
	if err := added.verify(d.path, io.Discard); err != nil {
		return err
	}
	d.manifest.Files = slices.DeleteFunc(d.manifest.Files, func(have File) bool {
		return have.First >= f.First && have.First <= max(f.First, f.Last)
	})
	d.manifest.Files = append(d.manifest.Files, added)
	slices.SortFunc(d.manifest.Files, func(a, b File) int { return cmp.Compare(a.First, b.First) })
	return nil
}

// summing writes, and sums what it writes.
type summing struct {
	to   io.Writer
	sum  hash.Hash
	size int64
}

func (w *summing) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	w.sum.Write(b[:n])
	w.size += int64(n)
	return n, err
}

// Commit makes what was added the backup, and removes what it replaced. Ended
// before, the older backup is there.
func (d *Dir) Commit() error {
	if err := disk.WriteFile(filepath.Join(d.path, manifestFile), d.manifest.encode()); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(d.path, "*.bolt"))
	for _, name := range names {
		named := func(f File) bool { return f.Name() == filepath.Base(name) }
		if !slices.ContainsFunc(d.manifest.Files, named) {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}

// Verify reads every file of the backup, and calls progress behind each. An error
// has CodeDamaged and names the file that is not what was backed up.
func (d *Dir) Verify(ctx context.Context, progress func(File)) error {
	for _, f := range d.manifest.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.verify(d.path, io.Discard); err != nil {
			return err
		}
		progress(f)
	}
	return nil
}

// verify reads a file, writes what it has, and compares it with its checksum.
func (f *File) verify(dir string, to io.Writer) error {
	path := filepath.Join(dir, f.Name())
	file, err := os.Open(path) //nolint:gosec // the operator's own directory
	if err != nil {
		return mes.Errorf(mes.CodeDamaged, "the backup has lost a file: %w", err).With("path", path)
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(sum, to), file)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if size != f.Size || [sha256.Size]byte(sum.Sum(nil)) != f.Sum {
		return mes.Errorf(mes.CodeDamaged, "%s is damaged: it is not what was backed up; restore another backup", path).With("path", path)
	}
	return nil
}

// Restore makes a store of the backup in a directory that is not there yet. It
// verifies all that it reads, as Verify and store.Restore do. Ended before, it
// leaves no directory of that name.
//
// Errors: CodeInvalid where the directory is there; CodeDamaged.
func (d *Dir) Restore(ctx context.Context, data string, progress func(store.Progress)) (err error) {
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		return mes.Errorf(mes.CodeInvalid, "%s is there already; move it away, or name another directory", data).With("field", "data")
	}
	making := data + ".restoring"
	if err := os.RemoveAll(making); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(making))
		}
	}()
	if err := disk.MakeDir(filepath.Dir(filepath.Join(making, store.LogName(1)))); err != nil {
		return err
	}
	for i := range d.manifest.Files {
		f := &d.manifest.Files[i]
		if err := f.restore(ctx, d.path, filepath.Join(making, store.LogName(f.First))); err != nil {
			return err
		}
		progress(store.Progress{Stage: "copy", Position: f.Last, Last: d.manifest.Position()})
	}
	if err := store.Restore(ctx, making, d.manifest.Store, progress); err != nil {
		return err
	}
	return disk.Rename(making, data)
}

// restore copies a file, verifying it.
func (f *File) restore(ctx context.Context, dir, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := os.Create(path) //nolint:gosec // the operator's own directory
	if err != nil {
		return err
	}
	err = f.verify(dir, file)
	return errors.Join(err, file.Sync(), file.Close())
}
