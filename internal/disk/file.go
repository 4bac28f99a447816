// Package disk writes and names files so that both outlast a power cut.
package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// SyncDir makes the names in a directory outlast a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator's own directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MakeDir makes a directory where it is missing, with those above it, so that it
// outlasts a power cut. One that is there may be of a process that was killed before
// it saw to that.
func MakeDir(path string) error {
	parent := filepath.Dir(path)
	err := os.Mkdir(path, 0o750)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := MakeDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o750)
	}
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := os.Stat(path); statErr != nil || !info.IsDir() {
			return errors.Join(err, statErr)
		}
		if err := SyncDir(parent); !errors.Is(err, fs.ErrPermission) { // then it is somebody else's
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	return SyncDir(parent)
}

// Rename gives a file or a directory another name, which outlasts a power cut
// when it returns. What is in it must be synced before.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(to))
}

// WriteFile writes a file, or replaces it as a whole: cut off at any moment, there
// is what was there before, or text.
func WriteFile(path string, text []byte) error {
	f, err := os.Create(path + ".new") //nolint:gosec // the operator's own directory
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return Rename(path+".new", path)
}
