package store

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/wal"
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

// Rebuild derives the indexes of a data directory anew from its log. Nobody may
// have the directory open. It writes a new file beside the old one, which may be
// damaged or gone, and puts it in its place at the end: killed at any moment, it
// leaves one or the other. What the write-ahead log alone has is looked at, and
// derived again whenever the store is opened.
//
// Errors: CodeLocked, CodeFormat and CodeDamaged as Open; CodeDamaged where the
// log itself is not whole, and then the old file stays.
func Rebuild(ctx context.Context, dir string, progress func(Progress)) (err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	id, err := stampOf(dir)
	if err != nil {
		return err
	}
	return rebuild(ctx, dir, id, progress)
}

// rebuild puts indexes that are derived anew from the log in the place of the old ones.
func rebuild(ctx context.Context, dir, id string, progress func(Progress)) (err error) {
	periods, err := openArchive(dir, id, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closePeriods(periods)) }()
	path, err := rebuilt(ctx, dir, id, periods, progress)
	if err != nil {
		return err
	}
	return takeIndex(dir, path)
}

// rebuilt makes a new file of indexes from an archive beside the old one, and
// returns its path.
func rebuilt(ctx context.Context, dir, id string, periods []*period, progress func(Progress)) (path string, err error) {
	path = filepath.Join(dir, indexFile+".rebuild")
	err = derivedAnew(ctx, path, id, periods, endless, progress, func(w *writer) error {
		// What the write-ahead log has is not merged, but must be whole, too.
		_, err := wal.Read(filepath.Join(dir, walDir), w.last.group+1, w.replayPayload)
		progress(Progress{Stage: "indexes", Position: w.last.position, Last: w.last.position})
		if err != nil {
			return err
		}
		return w.vouched()
	})
	if err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return path, err
}

// takeIndex puts a file of indexes that is whole in its place.
func takeIndex(dir, path string) error { return disk.Rename(path, filepath.Join(dir, indexFile)) }

// rebuildBytes is how much memory a layer takes before it is merged.
const rebuildBytes = 24 << 20

// endless is a number that no group has.
const endless = math.MaxUint64

// derivedAnew makes a new file of indexes from the chunks of an archive before a
// group, and calls use with a writer on it before it is closed.
func derivedAnew(ctx context.Context, path, id string, periods []*period, before uint64, progress func(Progress), use func(*writer) error) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openIndex(path, id, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBolt(db)) }()
	if err := update(db, func(tx *bbolt.Tx) error { return writeExpired(tx, periods) }); err != nil {
		return err
	}
	return guard(func() (err error) {
		w, err := newWriter(db, periods)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.close()) }()
		if err := w.catchUp(ctx, before, rebuildBytes, progress); err != nil {
			return err
		}
		return use(w)
	})
}

// catchUp derives what the archive has before a group and the file of the indexes
// does not, and merges it whenever it takes so many bytes, and at the end; never
// where layerBytes is 0.
func (w *writer) catchUp(ctx context.Context, before uint64, layerBytes int, progress func(Progress)) (err error) {
	r := newArchiveReader(w.periods)
	defer func() { err = errors.Join(err, r.close()) }() // whatever a damaged page does
	last, err := lastOf(w.periods)
	if err != nil {
		return err
	}
	told := time.Now()
	err = r.chunks(w.last.group, before, func(c chunk) error {
		if c.group != w.last.group+1 || c.before != w.last.hash {
			return mes.Errorf(mes.CodeDamaged, "the log goes on with group %d behind group %d, or its chain of hashes breaks there; restore a backup",
				c.group, w.last.group)
		}
		l, err := r.groupList()
		if err != nil {
			return err
		}
		err = l.all(func(g group) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			entries, err := r.encoded(g)
			if err != nil {
				return err
			}
			if err := w.replay(g, entries, mes.Hash{}); err != nil {
				return err
			}
			if layerBytes > 0 && w.active.size() > layerBytes {
				err = w.merge()
			}
			if time.Since(told) > every {
				progress(Progress{Stage: "indexes", Position: w.last.position, Last: last})
				told = time.Now()
			}
			return err
		})
		if err != nil {
			return err
		}
		if w.last.hash != c.content() {
			return mes.Errorf(mes.CodeDamaged, "the chain of hashes breaks between positions %d and %d; restore a backup", c.first, w.last.position)
		}
		w.last.hash, w.active.after = c.after, c.after // which goes on, whatever was removed
		return nil
	})
	if err == nil && layerBytes > 0 && len(w.active.groups) > 0 {
		err = w.merge()
	}
	if err == nil && w.last.position > last {
		err = mes.Errorf(mes.CodeDamaged, "the log in %s ends at position %d, but was sealed up to %d; restore it from a backup", logDir, last, w.last.position)
	}
	progress(Progress{Stage: "indexes", Position: w.last.position, Last: last})
	return err
}

// lastOf returns the last position of an archive.
func lastOf(periods []*period) (mes.Position, error) {
	if len(periods) == 0 {
		return 0, nil
	}
	c, err := periods[len(periods)-1].last()
	return c.next() - 1, err
}

// merge writes the writer's layer into the file of the indexes, and goes on with
// an empty one.
func (w *writer) merge() error {
	if err := w.close(); err != nil {
		return err
	}
	if err := mergeLayer(w.db, w.active, w.last); err != nil {
		return err
	}
	w.active = newLayer(w.last)
	return w.reopen()
}

// encoded returns the entries of a group of the chunk that is open.
func (r *archiveReader) encoded(g group) ([][]byte, error) {
	entries := make([][]byte, g.count)
	for i := range entries {
		position := g.first + mes.Position(i)
		row, err := r.row(position)
		if err != nil {
			return nil, err
		}
		entries[i] = appendRow(make([]byte, 0, 64+len(row.Event)+len(row.Provenance)), row)
	}
	return entries, nil
}

// every is how often long work says how far it is.
const every = 200 * time.Millisecond
