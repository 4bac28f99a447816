package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/takt-mes/takt/internal/mes"
)

// Read is [Log.Replay] for a directory that nobody has open. It writes nothing:
// a torn record at the end stays where it is, and is not given to fn. It
// returns the number of the last record, 0 where there is none, and an error
// that is [io/fs.ErrNotExist] where there is no directory.
func Read(dir string, from uint64, fn func(number uint64, payload []byte) error) (last uint64, err error) {
	segments, err := list(dir)
	if err != nil || len(segments) == 0 {
		return 0, err
	}
	end, err := read(dir, segments, from, fn)
	if err != nil {
		return 0, err
	}
	return end.next - 1, nil
}

// read walks the segments that hold records from a number on.
func read(dir string, segments []segment, from uint64, fn func(number uint64, payload []byte) error) (end tail, err error) {
	if len(segments) == 0 {
		return tail{}, nil
	}
	if first := segments[0].first; from > 0 && from < first {
		return tail{}, mes.Errorf(mes.CodeDamaged, "the write-ahead log in %s begins with record %d, but record %d is needed; restore the data directory from a backup",
			dir, first, from).With("path", dir)
	}
	for len(segments) > 1 && segments[1].first <= from {
		segments = segments[1:]
	}
	var img image
	for i, s := range segments {
		if err := img.load(dir, s, i == len(segments)-1); err != nil {
			return tail{}, err
		}
		end, err = img.walk(func(number uint64, payload []byte) error {
			if number < from {
				return nil
			}
			return fn(number, payload)
		})
		if err != nil {
			return tail{}, err
		}
		if !img.newest && segments[i+1].first != end.next {
			return tail{}, img.damage(end.at, end.next, "is missing: the next segment begins with record "+strconv.FormatUint(segments[i+1].first, 10))
		}
	}
	if from > end.next {
		return tail{}, img.damage(end.at, end.next, "is missing, and so are those up to "+strconv.FormatUint(from-1, 10))
	}
	return end, nil
}

// image is a segment as it stands on disk.
type image struct {
	path   string
	first  uint64
	newest bool
	seed   uint32
	bytes  []byte
}

// tail is where the records of a segment end.
type tail struct {
	at   int    // offset of the next record
	next uint64 // number of the next record
	last int    // offset of the last record, at where there is none
	torn bool   // a part of the next record is there
}

// load reads a segment, and no more memory is taken than its header answers for.
func (m *image) load(dir string, s segment, newest bool) error {
	m.path, m.first, m.newest = s.path(dir), s.first, newest
	file, err := os.Open(m.path)
	if err != nil {
		return fmt.Errorf("read the write-ahead log: %w", err)
	}
	defer func() { _ = file.Close() }()
	m.bytes = slices.Grow(m.bytes[:0], segmentHeaderBytes)[:segmentHeaderBytes]
	if _, err := io.ReadFull(file, m.bytes); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read the write-ahead log: %w", err)
	}
	if err := m.checkHeader(s.size); err != nil {
		return err
	}
	m.bytes = slices.Grow(m.bytes, int(s.size)-segmentHeaderBytes)[:s.size]
	if _, err := io.ReadFull(file, m.bytes[segmentHeaderBytes:]); err != nil {
		return fmt.Errorf("read the write-ahead log: %s: %w", m.path, err)
	}
	return nil
}

// checkHeader checks the segment's first sector, and its size against it.
func (m *image) checkHeader(size int64) error {
	h := m.bytes
	if size < segmentHeaderBytes || !bytes.HasPrefix(h, magic) ||
		crc32.Checksum(h[:segmentHeaderBytes-crc32.Size], castagnoli) != seedOf(h) {
		return m.damage(0, m.first, "has no readable segment: its header does not match its checksum")
	}
	if version := binary.LittleEndian.Uint32(h[8:]); version != FormatVersion {
		return mes.Errorf(mes.CodeFormat, "%s has format %d; this program reads format %d", m.path, version, FormatVersion).With("path", m.path)
	}
	if want := binary.LittleEndian.Uint64(h[16:]); want != uint64(size) || size%sector != 0 || size > maxSegmentBytes {
		return m.damage(0, m.first, fmt.Sprintf("has no whole segment: it has %d bytes of %d", size, want))
	}
	m.seed = seedOf(h)
	return nil
}

// walk calls fn with each record, and finds where they end.
func (m *image) walk(fn func(number uint64, payload []byte) error) (tail, error) {
	t := tail{at: segmentHeaderBytes, next: m.first, last: segmentHeaderBytes}
	for t.at < len(m.bytes) {
		rest := m.bytes[t.at:]
		if allZero(rest[:recordHeaderBytes]) {
			return m.headless(t)
		}
		h, ok := decodeHeader(rest, m.seed)
		if !ok {
			return t, m.damage(t.at, t.next, "has a header that does not match its checksum")
		}
		if h.number != t.next {
			return t, m.damage(t.at, t.next, fmt.Sprintf("is missing: record %d stands in its place", h.number))
		}
		size := span(int(h.length))
		if size > len(rest) {
			return t, m.damage(t.at, t.next, "does not fit into its segment")
		}
		record := rest[:size]
		if bodySum(record, m.seed) != h.body {
			return m.broken(t, h, record)
		}
		if err := fn(h.number, record[recordHeaderBytes:][:h.length:h.length]); err != nil {
			return t, err
		}
		t.last, t.at, t.next = t.at, t.at+size, t.next+1
	}
	return t, nil
}

// broken says whether a record with a good header and a bad body is torn.
func (m *image) broken(t tail, h recordHeader, record []byte) (tail, error) {
	if !m.newest || sparseSectors(record, t.at, 0) <= h.sparse || !allZero(m.bytes[t.at+len(record):]) {
		return t, m.damage(t.at, t.next, "does not match its checksum")
	}
	t.torn = true
	return t, nil
}

// headless says whether the log ends here, where no header is, or a record is
// torn whose first sector is missing.
func (m *image) headless(t tail) (tail, error) {
	if allZero(m.bytes[t.at:]) {
		return t, nil
	}
	behind := t.at - t.at%sector + sector
	if !m.newest || !allZero(m.bytes[t.at:behind]) {
		return t, m.damage(t.at, t.next, "has no header, but something is written there")
	}
	for at := behind; at < len(m.bytes); at += unit {
		h, ok := decodeHeader(m.bytes[at:], m.seed)
		if ok && h.number > t.next && at+span(int(h.length)) <= len(m.bytes) {
			return t, m.damage(t.at, t.next, fmt.Sprintf("is missing: record %d stands behind it", h.number))
		}
	}
	t.torn = true
	return t, nil
}

func (m *image) damage(at int, number uint64, what string) error {
	return mes.Errorf(mes.CodeDamaged, "record %d of the write-ahead log %s (segment %s, offset %d); restore the data directory from a backup, and do not delete the segment: what stands before is whole",
		number, what, m.path, at).With("path", m.path).With("offset", strconv.Itoa(at)).With("number", strconv.FormatUint(number, 10))
}
