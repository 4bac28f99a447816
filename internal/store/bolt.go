package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/takt-mes/takt/internal/mes"
)

// bbolt panics where a page cannot be read, as when the disk is gone. Where that
// happens while a transaction begins, or is written, it keeps the locks that it holds,
// and whatever asks for them later waits for ever. Such a file is not asked for
// anything any more, not even to be closed.

// stuck are those files.
var stuck sync.Map

// attempt does something with a file, and turns a panic into an error; one outside of
// what is only read leaves the file stuck.
func attempt(db *bbolt.DB, fn func(reading *bool) error) error {
	if _, is := stuck.Load(db); is {
		return mes.Errorf(mes.CodeDamaged, "%s could not be read before; look at the disk, then start again", db.Path())
	}
	reading, ended := false, false
	err := guard(func() error {
		err := fn(&reading)
		ended = true
		return err
	})
	if !ended && !reading {
		stuck.Store(db, true)
	}
	return err
}

// update runs a transaction that writes.
func update(db *bbolt.DB, fn func(*bbolt.Tx) error) error {
	return attempt(db, func(*bool) error { return db.Update(fn) })
}

// look runs a transaction that reads.
func look(db *bbolt.DB, fn func(*bbolt.Tx) error) error {
	return attempt(db, func(reading *bool) error {
		return db.View(func(tx *bbolt.Tx) error {
			*reading = true
			return fn(tx)
		})
	})
}

// begin begins a transaction that reads.
func begin(db *bbolt.DB) (tx *bbolt.Tx, err error) {
	err = attempt(db, func(*bool) error {
		tx, err = db.Begin(false)
		return err
	})
	return tx, err
}

// closeBolt closes a file, or leaves it to the end of the process.
func closeBolt(db *bbolt.DB) error {
	if _, is := stuck.Load(db); is {
		return nil
	}
	return db.Close()
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
