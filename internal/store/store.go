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

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/wal"
)

// FormatVersion is the version of the format that this program writes. It opens no
// other; Migrate makes it of an older one.
const FormatVersion = 4

// OldestFormat is the version of the oldest format that Migrate, and Restore, take.
const OldestFormat = 3

// The files of a data directory.
const (
	storeFile = "STORE"      // what the directory is; written once
	lockFile  = "LOCK"       // held, and names the process that holds it
	indexFile = "index.bolt" // what is derived from the log
	logDir    = "log"        // the archive: the sealed log, a file a period
	walDir    = "wal"        // the end of the log
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
	// SealBytes is about how much memory the end of the log may take, with what
	// it adds to the indexes, before it is sealed; 24 MiB where 0. Twice that is
	// in use while one part is sealed and the next one grows.
	SealBytes int
	// ReserveBytes is how much of its disk stays free: while it is less, no event
	// is taken (CodeBusy), and questions are answered. A twentieth of the disk
	// where 0, and at most 1 GiB.
	ReserveBytes int64
	// Log takes what an operator acts on; discarded where nil.
	Log *slog.Logger
	// Metrics takes the store's metrics; none where nil.
	Metrics prometheus.Registerer
}

// Store is an open data directory.
type Store struct {
	cfg     Config
	db      *bbolt.DB // of the indexes
	wal     *wal.Log
	lock    *os.File
	id      string
	room    *room
	pace    pace
	metrics *metrics
	// numbered are the names that questions have looked up.
	numbered *numbered

	queue *queue
	stop  chan struct{} // closed by Close
	ended chan struct{} // closed when nothing is committed any more

	// mu guards what follows.
	mu      sync.Mutex
	state   state
	changed chan struct{} // closed and replaced when the position changes
	failure error         // what went wrong for good; nothing is taken any more
	closed  bool
}

// state is what a reader begins with. It is replaced as a whole.
type state struct {
	position mes.Position
	chain    mes.Hash
	// layers are what the file of the indexes does not have, the newest first.
	// One that is being sealed may be in both.
	layers  []*layer
	periods []*period
}

// Open opens the data directory, and makes one where Dir is empty or missing.
// What was in the write-ahead log alone is derived anew; that takes as long as
// SealBytes allows, however old the store is.
//
// Errors: CodeLocked where another process has it open, CodeFormat where it is
// of another version or no data directory, CodeDamaged where a file is missing,
// cut off or cannot be read.
func Open(cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.QueueEvents == 0 {
		cfg.QueueEvents = 1 << 14
	}
	if cfg.SealBytes == 0 {
		cfg.SealBytes = 24 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := disk.MakeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	room, err := newRoom(&cfg)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	s := &Store{
		cfg: cfg, lock: lock, room: room, metrics: newMetrics(cfg.Metrics), numbered: newNumbered(),
		queue: newQueue(cfg.QueueEvents), stop: make(chan struct{}),
		ended: make(chan struct{}), changed: make(chan struct{}),
	}
	w, err := s.open()
	if err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	go s.write(w)
	return s, nil
}

// segmentBytes is how long a segment of the write-ahead log is.
const segmentBytes = 4 << 20

// open opens the files, and brings the indexes up to the end of the log.
func (s *Store) open() (*writer, error) {
	stamp, err := readStamp(s.cfg.Dir)
	if err = errors.Join(err, stamp.check(s.cfg.Dir)); err != nil {
		return nil, err
	}
	id := stamp.id
	if err := removeBackups(s.cfg.Dir); err != nil {
		return nil, err
	}
	create := id == ""
	if create {
		if id, err = makeDir(s.cfg.Dir); err != nil {
			return nil, err
		}
	}
	s.id = id
	if s.db, err = openIndex(filepath.Join(s.cfg.Dir, indexFile), id, create); err != nil {
		return nil, err
	}
	if s.state.periods, err = openArchive(s.cfg.Dir, id, false); err != nil {
		return nil, err
	}
	if err := checkExpired(s.db, s.state.periods); err != nil {
		return nil, err
	}
	dir := filepath.Join(s.cfg.Dir, walDir)
	if !create && !exists(dir) {
		return nil, mes.Errorf(mes.CodeDamaged, "%s is gone, and with it the end of the log; restore it from a backup", dir)
	}
	if s.wal, err = wal.Open(wal.Config{Dir: dir, SegmentBytes: segmentBytes, Log: s.cfg.Log}); err != nil {
		return nil, err
	}
	if create {
		if s.wal.Last() != 0 {
			return nil, unstamped(s.cfg.Dir)
		}
		if err := writeStamp(s.cfg.Dir, id); err != nil {
			return nil, err
		}
	}
	var w *writer
	err = guard(func() (err error) {
		if w, err = newWriter(s.db, s.state.periods); err != nil {
			return err
		}
		// A seal writes the archive before the indexes: they may be one chunk behind.
		if err := w.catchUp(context.Background(), endless, s.cfg.SealBytes, func(Progress) {}); err != nil {
			return err
		}
		if err := s.wal.Replay(w.last.group+1, w.replayPayload); err != nil {
			return err
		}
		return w.close()
	})
	if err != nil {
		if w != nil {
			err = errors.Join(err, w.close())
		}
		return nil, err
	}
	s.state.position, s.state.chain, s.state.layers = w.last.position, w.last.hash, []*layer{w.active.snapshot()}
	return w, nil
}

// makeDir makes what a new data directory has, but for its stamp. What a start
// that was killed left there goes: nothing was taken before there was a stamp.
func makeDir(dir string) (id string, err error) {
	if names, err := filepath.Glob(filepath.Join(dir, logDir, "*.bolt")); err != nil || len(names) > 0 {
		return "", errors.Join(err, unstamped(dir))
	}
	if err := os.Remove(filepath.Join(dir, indexFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return newID(), disk.MakeDir(filepath.Join(dir, logDir))
}

// unstamped refuses a directory that has a log and does not say whose.
func unstamped(dir string) error {
	return mes.Errorf(mes.CodeFormat, "%s has the log of a store, but no file %s, which says what it is; restore that from a backup", dir, storeFile)
}

func (s *Store) closeFiles() error {
	var errs []error
	if s.wal != nil {
		errs = append(errs, s.wal.Close())
	}
	errs = append(errs, closePeriods(s.state.periods))
	if s.db != nil {
		errs = append(errs, closeBolt(s.db))
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// ID returns the store's own name, made up when the directory was made, or
// restored.
func (s *Store) ID() string { return s.id }

// Position returns the last position that is durable and readable.
func (s *Store) Position() mes.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.position
}

// Chain returns the last position and the hash of the last group: together they
// name the whole log.
func (s *Store) Chain() (mes.Position, mes.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.position, s.state.chain
}

// Changed returns a channel that is closed when the position has moved.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Size returns how many bytes the files have together.
func (s *Store) Size() (int64, error) {
	s.mu.Lock()
	periods := s.state.periods
	s.mu.Unlock()
	size := s.wal.Size() + sizeOf(s.db.Path())
	for _, p := range periods {
		size += sizeOf(p.path())
	}
	return size, nil
}

// Failed returns a channel that is closed when a commit has failed and the
// store takes nothing more; Err says why. The process should end.
func (s *Store) Failed() <-chan struct{} { return s.ended }

// Room returns why no event is taken for want of room on the disk, nil where
// there is room.
func (s *Store) Room() error { return s.room.check() }

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
	return s.closeFiles()
}

// View calls fn with a consistent view of the store at the newest position,
// which is at least `least`. The view is valid until fn returns; a long fn keeps
// pages of the file from being reused, but for what it does in View.Pause.
//
// Errors: CodePositionAhead where the log has not come so far, CodeDamaged
// where something that fn read does not match its checksum; else fn's own.
func (s *Store) View(ctx context.Context, least mes.Position, fn func(*View) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return guard(func() (err error) {
		x, err := s.read()
		if err != nil {
			return err
		}
		files := x
		defer func() { err = errors.Join(err, files.close()) }()
		if x.upTo < least {
			return mes.Errorf(mes.CodePositionAhead, "the log ends at position %d; %d has not been reached", x.upTo, least).
				With("position", fmt.Sprint(x.upTo))
		}
		return fn(&View{index: x, ctx: ctx, store: s, files: &files, position: x.upTo, made: make(map[uint64][]*making)})
	})
}

// read returns the index at the newest position.
func (s *Store) read() (index, error) {
	// The transaction begins under the lock: the file must not be more than one
	// layer ahead of the state.
	s.mu.Lock()
	st := s.state
	tx, err := begin(s.db)
	s.mu.Unlock()
	if err != nil {
		return index{}, err
	}
	return newIndex(tx, st.layers, st.periods, st.position, s.numbered), nil
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
