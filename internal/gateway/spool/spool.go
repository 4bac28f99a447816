package spool

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
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
)

const (
	fileName = "spool.bolt"
	// formatVersion goes up with every change of what doc.go draws.
	formatVersion = 1
	// defaultMaxBytes is what Config.MaxBytes means by 0.
	defaultMaxBytes = 20 << 30
	// lockTimeout is how long a process that is just ending may keep the file.
	lockTimeout = 250 * time.Millisecond
)

// The buckets that doc.go draws.
var (
	metaBucket       = []byte("meta")
	recordsBucket    = []byte("records")
	identitiesBucket = []byte("identities")
	sourcesBucket    = []byte("sources")
	statesBucket     = []byte("states")
	schemasBucket    = []byte("schemas")
)

// Config says where a spool is and how much it may hold.
type Config struct {
	// Dir is the folder of the spool's file; it is made where it is missing.
	Dir string
	// MaxBytes bounds what the file holds, free pages not counted; 0 means
	// 20 GiB. An append beyond it is refused with CodeBusy.
	MaxBytes int64
	// Retention is how long an acknowledged record stays, so that a store that
	// was restored from a backup gets it again. A spool that is 95 % full lets
	// go of acknowledged records before their time.
	Retention time.Duration
	// Now is the clock; time.Now where it is nil.
	Now func() time.Time
	// Log takes the warnings of a spool that fills up; may be nil.
	Log *slog.Logger
}

// Spool is an open spool. All its methods may be called at once from any
// number of goroutines.
type Spool struct {
	config Config
	path   string
	log    *slog.Logger
	db     *bbolt.DB
	file   *os.File

	// queue leads to the one goroutine that writes.
	queue chan *request
	// acknowledged wakes it when there may be something to prune.
	acknowledged chan struct{}
	// quit asks it to end; stopped says that it has.
	quit, stopped chan struct{}

	mu sync.Mutex
	// marks are those of the last commit, and the newest acknowledgement.
	marks marks
	// written are the marks that are in the file.
	written marks
	// firstTime is when the record at marks.first was appended.
	firstTime time.Time
	// last is the highest number known of each source.
	last map[mes.Source]mes.Identity
	// used is how many bytes of the file are taken.
	used int64
	// err is why the spool takes no more calls.
	err error
	// changed is closed, and made anew, whenever marks or err change.
	changed chan struct{}
	closing sync.Once
}

// marks are the spool's own counts. Numbers are keys of the records bucket;
// less base they are offsets.
type marks struct {
	name, store                     string
	base, first, last, acknowledged uint64
}

func (m marks) offset(number uint64) mes.Offset { return mes.Offset(number - m.base) }

// errClosed is what a closed spool answers.
var errClosed = &mes.Error{Code: mes.CodeUnavailable, Message: "the spool is closed"}

// Open opens the spool in config.Dir, or makes one. It returns an Error with
// CodeLocked where another process has it open, with CodeFormat where the file
// is of another version or no spool, with CodeDamaged where it cannot be read.
// Call Close in the end.
func Open(config Config) (*Spool, error) {
	if config.Dir == "" {
		return nil, mes.Invalid("spool.dir", "is empty")
	}
	if config.MaxBytes < 0 || config.Retention < 0 {
		return nil, mes.Invalid("spool", "has a negative max_bytes or retention")
	}
	if config.MaxBytes == 0 {
		config.MaxBytes = defaultMaxBytes
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if err := disk.MakeDir(config.Dir); err != nil {
		return nil, fmt.Errorf("make the spool's folder: %w", err)
	}
	s := &Spool{
		config:       config,
		path:         filepath.Join(config.Dir, fileName),
		log:          config.Log,
		queue:        make(chan *request, 256),
		acknowledged: make(chan struct{}, 1),
		quit:         make(chan struct{}),
		stopped:      make(chan struct{}),
		last:         make(map[mes.Source]mes.Identity),
		changed:      make(chan struct{}),
	}
	if err := s.guard(s.open); err != nil {
		switch {
		case s.db != nil && mes.CodeOf(err) != mes.CodeDamaged:
			_ = s.db.Close()
		case s.file != nil:
			// Where bbolt has panicked, its locks are held.
			_ = s.file.Close()
		}
		return nil, err
	}
	go s.run()
	return s, nil
}

func (s *Spool) open() error {
	var err error
	s.db, err = bbolt.Open(s.path, 0o600, &bbolt.Options{
		Timeout:      lockTimeout,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode) //nolint:gosec // the name is ours
			s.file = f
			return f, err
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return mes.Errorf(mes.CodeLocked, "another process has the spool %s open; stop it, or give this gateway a folder of its own", s.path).With("path", s.path)
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		return mes.Errorf(mes.CodeFormat, "%s is a bbolt file of a version that this program cannot read", s.path).With("path", s.path)
	case err != nil && isSystem(err):
		return fmt.Errorf("open spool: %w", err)
	case err != nil:
		return s.damaged(err.Error())
	}
	if err := s.db.Update(s.load); err != nil {
		return err
	}
	// The file's name must survive a power cut as its content does.
	if err := disk.SyncDir(s.config.Dir); err != nil {
		return fmt.Errorf("sync the spool's folder: %w", err)
	}
	s.written = s.marks
	s.used = s.measure()
	return nil
}

// isSystem reports whether an error is the operating system's, and not bbolt's
// opinion of the file.
func isSystem(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno)
}

// load reads what is kept in memory, and makes the buckets of a new spool.
func (s *Spool) load(tx *bbolt.Tx) error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("open spool: %w", err)
	}
	// A page beyond the end of the file could only be told by a fault.
	if info.Size() < tx.Size() {
		return s.damaged(fmt.Sprintf("it is cut off: %d bytes of %d", info.Size(), tx.Size()))
	}
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return mes.Errorf(mes.CodeFormat, "%s is a bbolt file, but no spool", s.path).With("path", s.path)
		}
		return s.create(tx)
	}
	version, err := s.unseal(metaBucket, []byte("format"), meta.Get([]byte("format")))
	if err != nil {
		return err
	}
	r := reader{buf: version}
	if v := r.uvarint(); v != formatVersion || r.bad {
		return mes.Errorf(mes.CodeFormat, "the spool %s has format %d, this program reads %d; use the program that wrote it", s.path, v, formatVersion).
			With("path", s.path).With("version", strconv.FormatUint(v, 10))
	}
	for _, name := range [][]byte{recordsBucket, identitiesBucket, sourcesBucket, statesBucket, schemasBucket} {
		if tx.Bucket(name) == nil {
			return s.damaged(fmt.Sprintf("the bucket %s is missing", name))
		}
	}
	return s.loadMarks(tx)
}

func (s *Spool) create(tx *bbolt.Tx) error {
	for _, name := range [][]byte{metaBucket, recordsBucket, identitiesBucket, sourcesBucket, statesBucket, schemasBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return fmt.Errorf("make spool: %w", err)
		}
	}
	name, err := newName()
	if err != nil {
		return err
	}
	s.marks = marks{name: name, first: 1}
	if err := put(tx, metaBucket, []byte("format"), []byte{formatVersion}); err != nil {
		return err
	}
	return put(tx, metaBucket, []byte("marks"), s.marks.encode())
}

func (s *Spool) loadMarks(tx *bbolt.Tx) error {
	value, err := s.unseal(metaBucket, []byte("marks"), tx.Bucket(metaBucket).Get([]byte("marks")))
	if err != nil {
		return err
	}
	if err := s.marks.decode(value); err != nil {
		return s.damaged("its marks cannot be read")
	}
	m := s.marks
	if k, _ := tx.Bucket(recordsBucket).Cursor().Last(); m.first <= m.last && (len(k) != 8 || number(k) != m.last) {
		return s.damaged(fmt.Sprintf("it should end at offset %d and does not", m.offset(m.last)))
	}
	if m.first <= m.last {
		// Where it is damaged the time stays zero: it goes as soon as it is
		// acknowledged.
		if e, err := s.record(tx, m, m.first); err == nil {
			s.firstTime = e.Time
		}
	}
	return tx.Bucket(sourcesBucket).ForEach(func(k, v []byte) error {
		id, err := s.decodeLast(k, v)
		if err == nil {
			s.last[id.Source] = id
		}
		return err
	})
}

// Close waits for the appends that are under way and closes the file. Every
// later call returns an Error with CodeUnavailable.
func (s *Spool) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.quit)
		<-s.stopped
		if failed := s.fail(errClosed); !errors.Is(failed, errClosed) {
			// After a failed commit bbolt may hold its locks for good.
			err = s.file.Close()
			return
		}
		err = s.db.Close()
	})
	if err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	return nil
}

// Name returns what the server knows the spool by. It is made up with the file,
// and anew by Rewind where the offsets must start again.
func (s *Spool) Name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks.name
}

// Stats is how full a spool is.
type Stats struct {
	// Records is how many are there, acknowledged ones too.
	Records uint64
	// Pending is how many of them wait for an acknowledgement.
	Pending uint64
	// Bytes is what they and all else take of the file.
	Bytes int64
	// Fill is Bytes as a share of Config.MaxBytes.
	Fill float64
	// Oldest is when the oldest record that is there was appended; zero where
	// there is none.
	Oldest time.Time
	// First and Last are the offsets that are there; First is beyond Last where
	// there is none.
	First, Last mes.Offset
	// Acknowledged is the offset up to which the server has everything.
	Acknowledged mes.Offset
}

// Stats returns how full the spool is.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.marks
	stats := Stats{
		Records:      m.last + 1 - m.first,
		Pending:      m.last - m.acknowledged,
		Bytes:        s.used,
		Fill:         float64(s.used) / float64(s.config.MaxBytes),
		First:        m.offset(m.first),
		Last:         m.offset(m.last),
		Acknowledged: m.offset(m.acknowledged),
	}
	if stats.Records > 0 {
		stats.Oldest = s.firstTime
	}
	return stats
}

// failure returns why the spool takes no more calls, or nil.
func (s *Spool) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// fail closes the spool for good, unless it is closed already, and returns what
// every later call will.
func (s *Spool) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.wake()
	}
	return s.err
}

// wake lets everybody who waits look again; s.mu must be held.
func (s *Spool) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// view reads within one transaction.
func (s *Spool) view(read func(tx *bbolt.Tx) error) error {
	if err := s.failure(); err != nil {
		return err
	}
	err := s.guard(func() error { return s.db.View(read) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return errClosed
	}
	return err
}

// guard runs what reads the mapped file. bbolt does not check its pages: it
// panics over a damaged one, and one beyond the end of the file is a fault.
func (s *Spool) guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = s.damaged(fmt.Sprint(p))
		}
	}()
	return f()
}

func (s *Spool) damaged(what string) *mes.Error {
	return mes.Errorf(mes.CodeDamaged, "the spool %s is damaged: %s; stop the gateway, keep the file for repair, and start with a new one", s.path, what).
		With("path", s.path)
}

// measure returns how many bytes of the file are taken.
func (s *Spool) measure() int64 {
	var size int64
	_ = s.db.View(func(tx *bbolt.Tx) error {
		size = tx.Size()
		return nil
	})
	return size - s.freeBytes()
}

// freeBytes is what the file can take before it grows.
func (s *Spool) freeBytes() int64 {
	return int64(s.db.Stats().FreeAlloc)
}

// Wait returns when there is a record after the offset, and with an error when
// ctx is done or the spool is closed.
func (s *Spool) Wait(ctx context.Context, after mes.Offset) error {
	for {
		s.mu.Lock()
		there, err, changed := s.marks.offset(s.marks.last) > after, s.err, s.changed
		s.mu.Unlock()
		switch {
		case err != nil:
			return err
		case there:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// newName makes up a name. It names a disk, not an event: nothing that is
// derived depends on it.
func newName() (string, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("name the spool: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
