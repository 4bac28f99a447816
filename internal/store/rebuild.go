package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// Progress is how far long work has come.
type Progress struct {
	// Stage is what is being done, as `log` or `indexes`.
	Stage string
	// Position is how far it has come, of Last.
	Position, Last mes.Position
	// Problems are what was found wrong since the last call, a sentence each.
	Problems []string
}

// Rebuild derives everything in a data directory from its log anew. Nobody may
// have the directory open. It writes a new file beside the old one and puts it
// in its place at the end: killed at any moment, it leaves one or the other.
//
// Errors: CodeLocked, CodeFormat and CodeDamaged as Open; CodeDamaged where the
// log itself is not whole, and then the old file stays.
func Rebuild(ctx context.Context, dir string, progress func(Progress)) (err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	old, id, err := openBolt(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	path := filepath.Join(dir, boltFile+".rebuild")
	if err := derived(ctx, old, id, path, progress, func(*bbolt.DB) error { return nil }); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(dir, boltFile)); err != nil {
		return err
	}
	return syncDir(dir)
}

// derived makes a new file at path from the log of another, and calls use with
// it before it is closed.
func derived(ctx context.Context, from *bbolt.DB, id, path string, progress func(Progress), use func(*bbolt.DB) error) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	to, err := bbolt.Open(path, 0o640, &bbolt.Options{InitialMmapSize: 1 << 32})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return guard(func() error {
		return from.View(func(tx *bbolt.Tx) error {
			if err := to.Update(func(tx *bbolt.Tx) error { return createBuckets(tx, id) }); err != nil {
				return err
			}
			if err := replay(ctx, tx, to, progress); err != nil {
				return err
			}
			return use(to)
		})
	})
}

// replay appends every group of a log to an empty file.
func replay(ctx context.Context, from *bbolt.Tx, to *bbolt.DB, progress func(Progress)) error {
	const groupsAtOnce = 256
	number, _, last, err := lastGroup(from)
	if err != nil {
		return err
	}
	w := newWriter()
	for next := uint64(1); next <= number; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := to.Update(func(tx *bbolt.Tx) error {
			for end := min(next+groupsAtOnce, number+1); next < end; next++ {
				if err := w.replay(tx, from, next); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		progress(Progress{Stage: "indexes", Position: w.next - 1, Last: last})
	}
	return nil
}

// replay appends one group of another log, and refuses one whose hash is not
// that of what it holds.
func (w *writer) replay(tx, from *bbolt.Tx, number uint64) error {
	g, entries, hash, err := readGroup(from, number)
	if err != nil {
		return err
	}
	if err := w.begin(tx, g.time); err != nil {
		return err
	}
	for _, s := range g.schemas {
		if err := w.addSchema(s); err != nil {
			return err
		}
	}
	for i := range g.entries {
		e := &g.entries[i]
		if err := put(w.log, key(nil).u64(uint64(e.position)), entries[i]); err != nil {
			return err
		}
		w.next++
		w.group.entries = append(w.group.entries, *e)
		w.encoded = append(w.encoded, entries[i])
		if err := w.derive(e); err != nil {
			return err
		}
	}
	w.group.tallies, w.group.durables = g.tallies, g.durables
	_, again, err := w.end()
	if err == nil && again != hash {
		err = mes.Errorf(mes.CodeDamaged, "the chain of hashes breaks at group %d (positions %d to %d); restore a backup",
			number, g.first, w.next-1)
	}
	return err
}

// readGroup returns a group with its entries, decoded and as they stand.
func readGroup(tx *bbolt.Tx, number uint64) (g group, entries [][]byte, hash mes.Hash, err error) {
	value, err := get(tx.Bucket(bucketGroup), key(nil).u64(number))
	if err == nil && value == nil {
		err = mes.Errorf(mes.CodeDamaged, "group %d is missing; restore a backup", number)
	}
	if err != nil {
		return g, nil, hash, err
	}
	g, count, hash, err := decodeGroup(number, value)
	if err != nil {
		return g, nil, hash, err
	}
	for i := range count {
		position := g.first + mes.Position(i)
		value, err := get(tx.Bucket(bucketLog), key(nil).u64(uint64(position)))
		if err == nil && value == nil {
			err = mes.Errorf(mes.CodeDamaged, "position %d is missing; restore a backup", position)
		}
		if err != nil {
			return g, nil, hash, fmt.Errorf("position %d: %w", position, err)
		}
		e, err := decodeEntry(position, value, true)
		if err != nil {
			return g, nil, hash, err
		}
		g.entries = append(g.entries, e)
		entries = append(entries, append([]byte(nil), value...))
	}
	return g, entries, hash, nil
}

// every is how often long work says how far it is.
const every = 200 * time.Millisecond
