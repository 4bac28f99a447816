package store

import (
	"log/slog"
	"time"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/store/table"
)

// sealer moves the end of the log from memory into its files, one layer at a
// time, while the next one grows. The writer's goroutine uses it.
type sealer struct {
	store *Store
	// sealing is the layer that is being sealed, nil where none is.
	sealing *layer
	done    chan sealedLayer
	// full has a token where the disk has no room for that layer.
	full chan struct{}
	// stuck says that the writer's layer is full, and that nothing can be sealed
	// for want of room: nothing more is taken until that is over.
	stuck bool
}

// sealedLayer is what became of a layer.
type sealedLayer struct {
	periods []*period
	err     error
}

// turn looks after sealing between two groups: it takes note of what was sealed,
// and has the writer's layer sealed where that is full. It waits where the layer
// before is not sealed yet: what comes is pushed back until then.
func (l *sealer) turn(w *writer) error {
	full := w.active.size() >= l.store.cfg.SealBytes
	if l.sealing != nil {
		if err := l.look(w, full && !l.stuck); err != nil || l.sealing != nil {
			return err
		}
	}
	l.stuck = false
	if !full {
		return nil
	}
	end, periods, sealing := w.last, w.periods, w.active
	w.active, w.below = newLayer(w.last), []*layer{sealing}
	l.sealing = sealing
	l.store.publish(w)
	done, noRoom := make(chan sealedLayer, 1), make(chan struct{}, 1)
	l.done, l.full = done, noRoom
	go func() {
		s := sealedLayer{periods: periods}
		s.err = guard(func() (err error) {
			if s.periods, err = l.store.sealWhenRoom(sealing, end, periods, noRoom); err != nil {
				return err
			}
			// Here, for a file that goes costs the disk more than a commit.
			return l.store.wal.Trim(end.group + 1)
		})
		done <- s
	}()
	return nil
}

// look takes note of a layer if it is sealed. It waits for that where it is told
// to, but not for the disk to have room.
func (l *sealer) look(w *writer, wait bool) error {
	if wait {
		select {
		case s := <-l.done:
			return l.end(w, s)
		case <-l.full:
			l.stuck = true
			return nil
		}
	}
	select {
	case s := <-l.done:
		return l.end(w, s)
	default:
		return nil
	}
}

// end takes note of a sealed layer: readers find it in the files from now on.
func (l *sealer) end(w *writer, s sealedLayer) error {
	l.sealing = nil
	w.periods = s.periods // They are closed with the store, whatever went wrong.
	if s.err == nil {
		w.below = nil
	}
	l.store.publish(w)
	return s.err
}

// wait waits for what is being sealed.
func (l *sealer) wait(w *writer) error {
	if l.sealing == nil {
		return nil
	}
	return l.end(w, <-l.done)
}

// sealWhenRoom seals a layer as soon as the disk has room for that, or until the
// store is closed, and puts a token into noRoom where it has none.
func (s *Store) sealWhenRoom(l *layer, end sealed, periods []*period, noRoom chan<- struct{}) (_ []*period, err error) {
	for {
		if periods, err = s.seal(l, end, periods); !full(err) {
			return periods, err
		}
		s.cfg.Log.Error("disk full; what is in memory is sealed when there is room", slog.Any("err", err))
		select {
		case noRoom <- struct{}{}:
		default:
		}
		select {
		case <-time.After(roomPoll):
		case <-s.stop:
			return periods, err
		}
	}
}

// seal writes a layer into the archive and then into the indexes, and returns
// the files of the archive. The write-ahead log has it until both are done.
func (s *Store) seal(l *layer, end sealed, periods []*period) ([]*period, error) {
	start := time.Now()
	periods, err := archiveLayer(s.cfg.Dir, s.id, l, periods)
	if err != nil {
		return periods, err
	}
	archived := time.Since(start)
	if err := mergeLayer(s.db, l, end); err != nil {
		return periods, err
	}
	s.metrics.seal.Observe(time.Since(start).Seconds())
	s.cfg.Log.Debug("sealed", slog.Int("entries", len(l.entries)), slog.Duration("log", archived), slog.Duration("all", time.Since(start)))
	return periods, nil
}

// mergeLayer writes a layer into the file of the indexes, which are as far as
// end then.
func mergeLayer(db *bbolt.DB, l *layer, end sealed) error {
	return update(db, func(tx *bbolt.Tx) error {
		if err := table.Merge(tx, tableNames, l.tables); err != nil {
			return err
		}
		return writeSealed(tx, end)
	})
}
