package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/table"
)

// lockDir takes the directory for this process, until the file is closed.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640) //nolint:gosec // the operator's own directory
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(f)
		_ = f.Close()
		return nil, mes.Errorf(mes.CodeLocked, "the data directory %s is open in process %s; stop that one first, or name another directory",
			dir, strings.TrimSpace(string(holder))).With("path", dir)
	}
	// Written over what is there, which takes no room on a full disk.
	holder := fmt.Appendln(nil, os.Getpid())
	if _, err = f.WriteAt(holder, 0); err == nil {
		err = f.Truncate(int64(len(holder)))
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return f, nil
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The stamp says what the directory is. It is written after the files are there, so
// that one that has gone missing is not taken for a new store.
const stampForm = "takt store, format %d, id %s\n"

// stamp is the stamp of a directory; the zero value where there is none.
type stamp struct {
	format int
	id     string
}

func readStamp(dir string) (s stamp, err error) {
	text, err := os.ReadFile(filepath.Join(dir, storeFile)) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, fmt.Errorf("read what the data directory is: %w", err)
	}
	if _, err := fmt.Sscanf(string(text), stampForm, &s.format, &s.id); err != nil {
		return stamp{}, mes.Errorf(mes.CodeFormat, "%s is no Takt data directory: its file %s does not say so", dir, storeFile)
	}
	return s, nil
}

// check refuses a directory of another format than this program's.
func (s stamp) check(dir string) error {
	format := func(remedy string) error {
		return mes.Errorf(mes.CodeFormat, "the data directory %s has format %d; %s", dir, s.format, remedy).
			With("version", strconv.Itoa(s.format))
	}
	switch {
	case s.id == "" || s.format == FormatVersion:
		return nil
	case s.format > FormatVersion:
		return format(fmt.Sprintf("this program reads format %d: run a newer one", FormatVersion))
	case s.format < OldestFormat:
		return format(fmt.Sprintf("this program reads formats from %d on", OldestFormat))
	}
	return format(fmt.Sprintf("run takt migrate, which makes it format %d", FormatVersion))
}

// stampOf returns the id of a data directory that there must be.
func stampOf(dir string) (string, error) {
	s, err := readStamp(dir)
	if err == nil && s.id == "" {
		err = mes.Errorf(mes.CodeFormat, "%s is no Takt data directory: it has no file %s", dir, storeFile)
	}
	return s.id, errors.Join(err, s.check(dir))
}

func writeStamp(dir, id string) error {
	return disk.WriteFile(filepath.Join(dir, storeFile), fmt.Appendf(nil, stampForm, FormatVersion, id))
}

var (
	keyFormat = []byte("format")
	keyID     = []byte("id")
	keyPeriod = []byte("period")
	keySealed = []byte("sealed")
	// keyExpired has what retention left of a file of the log; in the indexes, of
	// all files that they are derived from.
	keyExpired = []byte("expired")
)

// writeMeta writes into a new file what it is.
func writeMeta(tx *bbolt.Tx, id string) error {
	meta, err := tx.CreateBucket(bucketMeta)
	if err != nil {
		return err
	}
	if err := put(meta, keyFormat, key(nil).number32(FormatVersion)); err != nil {
		return err
	}
	return put(meta, keyID, []byte(id))
}

// checkMeta refuses a file that is not of the store of an id, or of a format that is
// older than one, or newer than this program's.
func checkMeta(tx *bbolt.Tx, path, id string, oldest uint32) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return mes.Errorf(mes.CodeFormat, "%s is no file of a Takt store", path)
	}
	format, err := get(meta, keyFormat)
	if err != nil {
		return err
	}
	r := reader{b: format}
	if version := r.number32(); version < oldest || version > FormatVersion {
		return mes.Errorf(mes.CodeFormat, "%s has format %d; this program reads formats %d to %d", path, version, oldest, FormatVersion)
	}
	have, err := get(meta, keyID)
	if err == nil && string(have) != id {
		err = mes.Errorf(mes.CodeFormat, "%s belongs to the store %s, but the directory to %s; the file was swapped", path, have, id)
	}
	return err
}

// sealed is how far the indexes in their file are: the last group, its last
// position, and the hash of the chain there.
type sealed struct {
	group    uint64
	position mes.Position
	hash     mes.Hash
}

func readSealed(tx *bbolt.Tx) (s sealed, err error) {
	value, err := get(tx.Bucket(bucketMeta), keySealed)
	if err != nil {
		return s, err
	}
	r := reader{b: value}
	s = sealed{r.number(), mes.Position(r.number()), r.hash()}
	return s, r.done("how far the indexes are")
}

func writeSealed(tx *bbolt.Tx, s sealed) error {
	value := key(nil).number(s.group).number(uint64(s.position))
	return put(tx.Bucket(bucketMeta), keySealed, append(value, s.hash[:]...))
}

// openIndex opens the file of the indexes, and makes one where create says so.
func openIndex(path, id string, create bool) (*bbolt.DB, error) {
	const remedy = "run takt rebuild, which makes it anew from the log"
	if !create && !exists(path) {
		return nil, mes.Errorf(mes.CodeDamaged, "%s is gone; %s", path, remedy)
	}
	db, err := openBolt(path, false, remedy)
	if err != nil {
		return nil, err
	}
	if create {
		err = update(db, func(tx *bbolt.Tx) error {
			if err := writeMeta(tx, id); err != nil {
				return err
			}
			if err := writeSealed(tx, sealed{}); err != nil {
				return err
			}
			return table.Create(tx, tableNames)
		})
	} else {
		err = look(db, func(tx *bbolt.Tx) error { return checkMeta(tx, path, id, FormatVersion) })
	}
	if err != nil {
		return nil, errors.Join(err, closeBolt(db))
	}
	return db, nil
}
