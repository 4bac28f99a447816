package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// FormatVersion is the version of the format that this program writes. It
// opens no other.
const FormatVersion = 1

// The files of a data directory.
const (
	storeFile = "STORE"     // what the directory is; written once
	lockFile  = "LOCK"      // held, and names the process that holds it
	boltFile  = "takt.bolt" // everything else
)

// Config says where a store is. Only Dir is required.
type Config struct {
	// Dir is the data directory; it is made where it is missing.
	Dir string
	// Now returns the time of record; time.Now where nil.
	Now func() time.Time
	// QueueEvents is how many records may wait to be committed before Append
	// answers CodeBusy; 16,384 where 0.
	QueueEvents int
	// Log takes what an operator acts on; discarded where nil.
	Log *slog.Logger
	// Metrics takes the store's metrics; none where nil.
	Metrics prometheus.Registerer
}

// Store is an open data directory.
type Store struct {
	cfg     Config
	db      *bbolt.DB
	lock    *os.File
	id      string
	metrics *metrics

	queue chan *request
	stop  chan struct{} // closed by Close
	ended chan struct{} // closed when nothing is committed any more

	// mu guards what follows.
	mu       sync.Mutex
	position mes.Position
	chain    mes.Hash
	waiting  int           // records that are queued or being committed
	changed  chan struct{} // closed and replaced when position changes
	failure  error         // the commit that failed; no other is tried
	closed   bool
}

// Open opens the data directory, and makes one where Dir is empty or missing.
//
// Errors: CodeLocked where another process has it open, CodeFormat where it is
// of another version or no data directory, CodeDamaged where a file is cut off
// or cannot be read.
func Open(cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.QueueEvents == 0 {
		cfg.QueueEvents = 1 << 14
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	db, id, err := openBolt(cfg.Dir)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Store{
		cfg: cfg, db: db, lock: lock, id: id, metrics: newMetrics(cfg.Metrics),
		queue: make(chan *request), stop: make(chan struct{}),
		ended: make(chan struct{}), changed: make(chan struct{}),
	}
	err = guard(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			number, hash, last, err := lastGroup(tx)
			if number > 0 {
				s.position, s.chain = last, hash
			}
			return err
		})
	})
	if err != nil {
		return nil, errors.Join(err, db.Close(), lock.Close())
	}
	go s.write()
	return s, nil
}

// ID returns the store's own name, made up when the directory was made. A
// restored copy has the same id.
func (s *Store) ID() string { return s.id }

// Position returns the last position that is durable and readable.
func (s *Store) Position() mes.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

// Chain returns the last position and the hash of the last group: together they
// name the whole log.
func (s *Store) Chain() (mes.Position, mes.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position, s.chain
}

// Changed returns a channel that is closed when the position has moved.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Size returns the size of the file in bytes.
func (s *Store) Size() (int64, error) {
	info, err := os.Stat(filepath.Join(s.cfg.Dir, boltFile))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Failed returns a channel that is closed when a commit has failed and the
// store takes nothing more; Err says why. The process should end.
func (s *Store) Failed() <-chan struct{} { return s.ended }

// Err returns the commit error that stopped the store, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// Close waits for what is being committed and closes the files. Appends that
// still wait return CodeUnavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.stop)
	<-s.ended
	return errors.Join(s.db.Close(), s.lock.Close())
}

// View calls fn with a consistent view of the store at the newest position,
// which is at least `least`. The view is valid until fn returns; a long fn keeps
// pages of the file from being reused.
//
// Errors: CodePositionAhead where the log has not come so far, CodeDamaged
// where something that fn read does not match its checksum; else fn's own.
func (s *Store) View(ctx context.Context, least mes.Position, fn func(*View) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error {
			v, err := newView(ctx, tx)
			if err != nil {
				return err
			}
			if v.position < least {
				return mes.Errorf(mes.CodePositionAhead, "the log ends at position %d; %d has not been reached", v.position, least).
					With("position", fmt.Sprint(v.position))
			}
			return fn(v)
		})
	})
}

// guard turns what bbolt does with a damaged page, a panic or a fault, into an
// error.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = mes.Errorf(mes.CodeDamaged, "the file is damaged (%v); run takt check, then restore or takt rebuild", p)
		}
	}()
	return fn()
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
