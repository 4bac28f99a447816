package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/takt-mes/takt/internal/disk"
	"github.com/takt-mes/takt/internal/mes"
)

const (
	defaultSegmentBytes = 16 << 20
	maxSegmentBytes     = 1 << 30
	// keepBytes is the most memory kept from one record for the next.
	keepBytes = 4 << 20
)

// Config says where a log is.
type Config struct {
	// Dir is the log's own directory; it is made when missing.
	Dir string
	// SegmentBytes is the size of a segment's file: a multiple of 4096, at most
	// 1 GiB; 16 MiB where it is 0. It may change from one Open to the next.
	SegmentBytes int64
	// Log is told of a torn record; nothing is told where it is nil.
	Log *slog.Logger
}

// Validate says what is wrong with a Config.
func (c Config) Validate() error {
	if c.Dir == "" {
		return mes.Invalid("Dir", "is empty; name the directory of the write-ahead log")
	}
	if c.SegmentBytes < 0 || c.SegmentBytes > maxSegmentBytes || c.SegmentBytes%4096 != 0 {
		return mes.Invalid("SegmentBytes", "is no multiple of 4096 up to 1 GiB")
	}
	return nil
}

// Log is an open write-ahead log. One goroutine may append while others call
// Trim, Last and Size; Replay comes before the first Append, and Close last.
// Nobody else may have the directory open: the caller holds a lock.
type Log struct {
	cfg  Config
	last atomic.Uint64

	// What belongs to the goroutine that appends.
	file *os.File // the newest segment; nil in a log without segments
	seed uint32
	end  int64 // where the next record goes
	size int64 // of file
	buf  []byte
	err  error           // why nothing more is appended
	next <-chan prepared // a segment in preparation, or nil
	// ready is a segment that is prepared; without a file where none is.
	ready prepared

	mu       sync.Mutex // guards segments
	segments []segment
}

// Open opens the log in a directory and finds its end. A torn record is cut off
// and told; damage in the newest segment is refused with [mes.CodeDamaged], in
// the others by Replay. What is left must survive a power cut.
func Open(cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = defaultSegmentBytes
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := makeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("open the write-ahead log: %w", err)
	}
	segments, err := list(cfg.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, segments: segments}
	if len(segments) == 0 {
		return l, nil
	}
	if err := l.openNewest(segments[len(segments)-1]); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// makeDir makes the directory, without what another process was preparing, and
// syncs its entries.
func makeDir(dir string) error {
	if err := disk.MakeDir(dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, preparedName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return disk.SyncDir(dir)
}

// openNewest finds the end of the newest segment and makes it durable.
func (l *Log) openNewest(s segment) error {
	var img image
	if err := img.load(l.cfg.Dir, s, true); err != nil {
		return err
	}
	end, err := img.walk(func(uint64, []byte) error { return nil })
	if err != nil {
		return err
	}
	file, err := os.OpenFile(img.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the write-ahead log: %w", err)
	}
	l.file, l.seed, l.end, l.size = file, img.seed, int64(end.at), s.size
	l.last.Store(end.next - 1)
	if end.torn {
		l.cfg.Log.Warn("torn record cut off the write-ahead log; it was never acknowledged",
			slog.Uint64("number", end.next), slog.String("segment", img.path), slog.Int("offset", end.at))
		if err := zero(file, l.end, l.size); err != nil {
			return fmt.Errorf("cut a torn record off the write-ahead log: %w", err)
		}
	}
	if _, err := file.WriteAt(img.bytes[end.last:end.at], int64(end.last)); err != nil {
		return fmt.Errorf("open the write-ahead log: %w", err)
	}
	if err := unix.Fdatasync(int(file.Fd())); err != nil {
		return fmt.Errorf("open the write-ahead log: %w", err)
	}
	return nil
}

// Replay calls fn with each record from a number on, in order, or with all of
// them from 0 on; a payload is valid until fn returns. It returns fn's error,
// and [mes.CodeDamaged] where a record is damaged or missing, be it one before
// the log's first or behind its last. A log without a record has none to miss.
func (l *Log) Replay(from uint64, fn func(number uint64, payload []byte) error) error {
	l.mu.Lock()
	segments := slices.Clone(l.segments)
	l.mu.Unlock()
	_, err := read(l.cfg.Dir, segments, from, fn)
	return err
}

// Append writes one record, its payload given in parts, and returns when it
// must survive a power cut. Its number follows the last one's; the first may be
// any but 0.
//
// After an error that is [mes.CodeInvalid] or [mes.CodeTooLarge], or while a
// disk is too full for another segment, nothing is written, and an append may
// be tried again. After any other the record may be there or not, and the log
// takes no more: a failed fdatasync must not be tried again, because the kernel
// forgets what it could not write.
func (l *Log) Append(number uint64, parts ...[]byte) error {
	if l.err != nil {
		return l.err
	}
	length := payloadBytes(parts)
	if length > MaxPayload {
		return mes.Errorf(mes.CodeTooLarge, "a record of %d bytes is too large for the write-ahead log; it takes %d at most", length, MaxPayload)
	}
	if last := l.last.Load(); number == 0 || number != last+1 && l.file != nil {
		return mes.Errorf(mes.CodeInvalid, "record %d does not follow record %d of the write-ahead log", number, last)
	}
	if need := int64(span(length)); l.file == nil || l.end+need > l.size {
		if err := l.rotate(number, need); err != nil {
			return err
		}
	}
	l.buf = encode(l.buf, l.seed, int(l.end), number, parts)
	if _, err := l.file.WriteAt(l.buf, l.end); err != nil {
		return l.fail(err)
	}
	if err := unix.Fdatasync(int(l.file.Fd())); err != nil {
		return l.fail(err)
	}
	l.end += int64(len(l.buf))
	l.last.Store(number)
	if cap(l.buf) > keepBytes {
		l.buf = nil
	}
	// Not earlier: many a process appends little.
	if l.next == nil && l.ready.file == nil && l.end > l.size/4 {
		l.prepareNext()
	}
	return nil
}

// Extend sees to it that the next record has room, if its payload has so many
// bytes at most: what Append writes takes no more of the disk then. Where the disk
// is too full, nothing has changed, and it may be tried again.
func (l *Log) Extend(payload int) error {
	need := int64(span(min(payload, MaxPayload)))
	if l.err != nil || l.file != nil && l.end+need <= l.size {
		return l.err
	}
	return l.makeReady(need)
}

func (l *Log) fail(err error) error {
	l.err = mes.Errorf(mes.CodeUnavailable, "the write-ahead log in %s cannot be written: %w; look at the disk, then start again", l.cfg.Dir, err).
		With("path", l.cfg.Dir)
	return l.err
}

// prepareNext prepares a segment meanwhile, so that no append waits for it.
func (l *Log) prepareNext() {
	next := make(chan prepared, 1)
	l.next = next
	go func() {
		// What goes wrong here goes wrong once more when the segment is needed,
		// or has been mended by then.
		p, _ := prepare(l.preparedPath(), l.cfg.SegmentBytes)
		next <- p
	}()
}

func (l *Log) preparedPath() string { return filepath.Join(l.cfg.Dir, preparedName) }

// makeReady prepares a segment for a record that needs so many bytes.
func (l *Log) makeReady(need int64) (err error) {
	if l.next != nil {
		l.ready = <-l.next
		l.next = nil
	}
	size := (segmentHeaderBytes + need + sector - 1) / sector * sector
	if l.ready.file != nil && l.ready.size >= size {
		return nil
	}
	if l.ready.file != nil {
		_ = l.ready.file.Close() // written anew
	}
	l.ready, err = prepare(l.preparedPath(), max(size, l.cfg.SegmentBytes))
	return err
}

// rotate begins the segment of a record that needs so many bytes.
func (l *Log) rotate(number uint64, need int64) error {
	if err := l.makeReady(need); err != nil {
		return err
	}
	p := l.ready
	l.ready = prepared{}
	s := segment{first: number, size: p.size}
	err := disk.Rename(l.preparedPath(), s.path(l.cfg.Dir))
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	l.file, l.seed, l.end, l.size = p.file, p.seed, segmentHeaderBytes, p.size
	if err != nil {
		return l.fail(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, s)
	return nil
}

// Trim deletes the segments that hold only records before a number, the oldest
// first, and never the newest.
func (l *Log) Trim(before uint64) error {
	l.mu.Lock()
	n := 0
	for n+1 < len(l.segments) && l.segments[n+1].first <= before {
		n++
	}
	drop := slices.Clone(l.segments[:n])
	l.segments = slices.Delete(l.segments, 0, n)
	l.mu.Unlock()
	for i, s := range drop {
		if err := os.Remove(s.path(l.cfg.Dir)); err != nil {
			l.mu.Lock()
			l.segments = slices.Insert(l.segments, 0, drop[i:]...)
			l.mu.Unlock()
			return fmt.Errorf("trim the write-ahead log: %w", err)
		}
	}
	if len(drop) > 0 {
		return disk.SyncDir(l.cfg.Dir)
	}
	return nil
}

// Last returns the number of the last record, 0 in a log that never had one.
func (l *Log) Last() uint64 { return l.last.Load() }

// Size returns how many bytes the segments take on disk. One that is being
// prepared is not counted.
func (l *Log) Size() (bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments {
		bytes += s.size
	}
	return bytes
}

// Close closes the log. All that was acknowledged is on disk already.
func (l *Log) Close() error {
	var err error
	if l.next != nil {
		l.ready = <-l.next
		l.next = nil
	}
	if l.ready.file != nil {
		err = errors.Join(l.ready.file.Close(), os.Remove(l.preparedPath()))
		l.ready = prepared{}
	}
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
		l.file = nil
	}
	if l.err == nil {
		l.err = mes.Errorf(mes.CodeUnavailable, "the write-ahead log is closed")
	}
	return err
}
