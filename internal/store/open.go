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

	"github.com/takt-mes/takt/internal/mes"
)

// lockDir takes the directory for this process, until the file is closed.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640) //nolint:gosec // the operator's own directory
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(f)
		_ = f.Close()
		return nil, mes.Errorf(mes.CodeLocked, "the data directory %s is open in process %s; stop that one first, or name another directory",
			dir, strings.TrimSpace(string(holder))).With("path", dir)
	}
	if err := errors.Join(f.Truncate(0), func() error { _, err := fmt.Fprintln(f, os.Getpid()); return err }()); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	return f, nil
}

// openBolt opens the directory's file and returns the store's id.
func openBolt(dir string) (*bbolt.DB, string, error) {
	stamp, err := readStamp(dir)
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, boltFile)
	if err := checkLength(path, stamp != ""); err != nil {
		return nil, "", err
	}
	var db *bbolt.DB
	err = guard(func() (err error) {
		// The mapping is large from the start, so that it need not grow, which
		// would wait for every reader.
		db, err = bbolt.Open(path, 0o640, &bbolt.Options{Timeout: time.Second, InitialMmapSize: 1 << 32})
		return err
	})
	if err != nil {
		if mes.CodeOf(err) == mes.CodeDamaged {
			return nil, "", err
		}
		return nil, "", mes.Errorf(mes.CodeDamaged, "open %s: %w; restore it from a backup", path, err)
	}
	id, err := initBolt(db)
	if err == nil && stamp == "" {
		err = writeStamp(dir, id)
	}
	if err == nil && stamp != "" && stamp != id {
		err = mes.Errorf(mes.CodeFormat, "%s belongs to the store %s, but the directory to %s; the file was swapped", path, id, stamp)
	}
	if err != nil {
		return nil, "", errors.Join(err, db.Close())
	}
	return db, id, nil
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

func writeStamp(dir, id string) error {
	path := filepath.Join(dir, storeFile)
	f, err := os.Create(path + ".new") //nolint:gosec // the operator's own directory
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, stampForm, FormatVersion, id)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator's own directory
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkLength refuses a file that is shorter than its own header says: bbolt
// would map it and fault later.
func checkLength(path string, mustExist bool) error {
	f, err := os.Open(path) //nolint:gosec // the operator's own directory
	if errors.Is(err, fs.ErrNotExist) && !mustExist {
		return nil
	}
	if err != nil {
		return mes.Errorf(mes.CodeDamaged, "the log of this data directory is gone: %w; restore it from a backup", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 && !mustExist {
		return nil
	}
	need, ok := boltLength(f)
	if !ok {
		return mes.Errorf(mes.CodeDamaged, "%s has %d bytes and no header that can be read; restore it from a backup", path, info.Size())
	}
	if info.Size() < need {
		return mes.Errorf(mes.CodeDamaged, "%s is cut off: it has %d bytes and needs %d; restore it from a backup", path, info.Size(), need)
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
)

// initBolt makes the buckets of a new file, and checks those of an old one.
func initBolt(db *bbolt.DB) (id string, err error) {
	err = guard(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			meta := tx.Bucket(bucketMeta)
			if meta == nil {
				return nil
			}
			format, err := get(meta, keyFormat)
			if err != nil {
				return err
			}
			if len(format) != 4 || binary.BigEndian.Uint32(format) != FormatVersion {
				return mes.Errorf(mes.CodeFormat, "%s has format %x; this program reads format %d", db.Path(), format, FormatVersion)
			}
			raw, err := get(meta, keyID)
			id = string(raw)
			return err
		})
	})
	if err != nil || id != "" {
		return id, err
	}
	id = newID()
	return id, db.Update(func(tx *bbolt.Tx) error { return createBuckets(tx, id) })
}

func createBuckets(tx *bbolt.Tx, id string) error {
	for _, list := range [][][]byte{logBuckets, derivedBuckets} {
		for _, name := range list {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
	}
	meta := tx.Bucket(bucketMeta)
	if err := put(meta, keyFormat, key(nil).u32(FormatVersion)); err != nil {
		return err
	}
	return put(meta, keyID, []byte(id))
}
