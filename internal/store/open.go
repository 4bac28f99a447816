package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

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

// mapBytes is how much address space a file that grows is mapped in from the start.
// It costs nothing, but for one that outgrows it: the mapping is made anew, which
// waits for every reader, and who begins to read waits, too. Tests make it small.
var mapBytes = 1 << 40

// openBolt opens a bbolt file, and makes one where it is missing. What to do
// when it is damaged is told.
func openBolt(path string, readOnly bool, remedy string) (*bbolt.DB, error) {
	if err := checkLength(path, remedy); err != nil {
		return nil, err
	}
	var db *bbolt.DB
	err := guard(func() (err error) {
		if readOnly {
			db, err = bbolt.Open(path, 0o640, &bbolt.Options{Timeout: time.Second, ReadOnly: true})
			return err
		}
		// Some machines have less of it to give.
		for bytes := mapBytes; ; bytes /= 2 {
			db, err = bbolt.Open(path, 0o640, &bbolt.Options{Timeout: time.Second, InitialMmapSize: bytes})
			if !errors.Is(err, unix.ENOMEM) || bytes == 0 {
				return err
			}
		}
	})
	var system syscall.Errno // It says nothing of what is in the file.
	switch {
	case errors.As(err, &system):
		err = fmt.Errorf("open %s: %w", path, err)
	case err != nil && mes.CodeOf(err) != mes.CodeDamaged:
		err = mes.Errorf(mes.CodeDamaged, "open %s: %w; %s", path, err, remedy)
	}
	return db, err
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The stamp says what the directory is. It is written once, after the file is
// there, so that a file that has gone missing is not taken for a new store.
const stampForm = "takt store, format %d, id %s\n"

func readStamp(dir string) (id string, err error) {
	text, err := os.ReadFile(filepath.Join(dir, storeFile)) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read what the data directory is: %w", err)
	}
	var version int
	if _, err := fmt.Sscanf(string(text), stampForm, &version, &id); err != nil {
		return "", mes.Errorf(mes.CodeFormat, "%s is no Takt data directory: its file %s does not say so", dir, storeFile)
	}
	if version != FormatVersion {
		return "", mes.Errorf(mes.CodeFormat, "the data directory %s has format %d; this program reads format %d", dir, version, FormatVersion).
			With("version", strconv.Itoa(version))
	}
	return id, nil
}

// stampOf returns the id of a data directory that there must be.
func stampOf(dir string) (string, error) {
	id, err := readStamp(dir)
	if err == nil && id == "" {
		err = mes.Errorf(mes.CodeFormat, "%s is no Takt data directory: it has no file %s", dir, storeFile)
	}
	return id, err
}

func writeStamp(dir, id string) error {
	return disk.WriteFile(filepath.Join(dir, storeFile), fmt.Appendf(nil, stampForm, FormatVersion, id))
}

// checkLength refuses a file that is shorter than its own header says: bbolt
// would map it and fault later.
func checkLength(path, remedy string) error {
	f, err := os.Open(path) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return mes.Errorf(mes.CodeDamaged, "open %s: %w; %s", path, err, remedy)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	need, ok := boltLength(f)
	if !ok {
		return mes.Errorf(mes.CodeDamaged, "%s has %d bytes and no header that can be read; %s", path, info.Size(), remedy)
	}
	if info.Size() < need {
		return mes.Errorf(mes.CodeDamaged, "%s is cut off: it has %d bytes and needs %d; %s", path, info.Size(), need, remedy)
	}
	return nil
}

// boltLength reads from the newer of bbolt's two headers how long the file is.
func boltLength(r io.ReaderAt) (length int64, ok bool) {
	const (
		pageHeader = 16
		metaBytes  = 64
		magic      = 0xED0CDAED
	)
	var newest uint64
	pageSize := int64(os.Getpagesize())
	for _, at := range []int64{0, pageSize} {
		var page [pageHeader + metaBytes]byte
		if _, err := r.ReadAt(page[:], at); err != nil {
			continue
		}
		meta := page[pageHeader:]
		sum := fnv.New64a()
		_, _ = sum.Write(meta[:56])
		if binary.LittleEndian.Uint32(meta) != magic || sum.Sum64() != binary.LittleEndian.Uint64(meta[56:]) {
			continue
		}
		pageSize = int64(binary.LittleEndian.Uint32(meta[8:]))
		pages, txid := binary.LittleEndian.Uint64(meta[40:]), binary.LittleEndian.Uint64(meta[48:])
		if !ok || txid > newest {
			newest, ok = txid, true
			length = int64(pages) * pageSize //nolint:gosec // checked by the header's own checksum
		}
	}
	return length, ok
}

var (
	keyFormat = []byte("format")
	keyID     = []byte("id")
	keyPeriod = []byte("period")
	keySealed = []byte("sealed")
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

// checkMeta refuses a file that is not of the store of an id.
func checkMeta(tx *bbolt.Tx, path, id string) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return mes.Errorf(mes.CodeFormat, "%s is no file of a Takt store", path)
	}
	format, err := get(meta, keyFormat)
	if err != nil {
		return err
	}
	if r := (reader{b: format}); r.number32() != FormatVersion {
		return mes.Errorf(mes.CodeFormat, "%s has format %x; this program reads format %d", path, format, FormatVersion)
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
	if err != nil || value == nil {
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
	err = guard(func() error {
		if create {
			return db.Update(func(tx *bbolt.Tx) error {
				if err := writeMeta(tx, id); err != nil {
					return err
				}
				return table.Create(tx, tableNames)
			})
		}
		return db.View(func(tx *bbolt.Tx) error { return checkMeta(tx, path, id) })
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
