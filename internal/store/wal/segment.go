package wal

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/takt-mes/takt/internal/mes"
)

const (
	// FormatVersion is the version of the segments, as FORMAT.md draws them.
	FormatVersion = 1

	segmentHeaderBytes = sector
	saltBytes          = 16
	suffix             = ".wal"
	// preparedName is a segment that has no number yet.
	preparedName = "next.new"
	// zeroBytes is zeroed at once; in larger pieces, an append that syncs
	// meanwhile waits longer.
	zeroBytes = 1 << 20
)

var (
	magic = []byte("TAKTWAL\n")
	zeros [zeroBytes]byte
)

// segment is a file of the log: the records from a number on.
type segment struct {
	first uint64
	size  int64
}

func (s segment) path(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", s.first, suffix))
}

// list returns the segments of a directory, in order.
func list(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the write-ahead log: %w", err)
	}
	var segments []segment
	for _, entry := range entries {
		digits, ok := strings.CutSuffix(entry.Name(), suffix)
		if !ok {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fmt.Errorf("list the write-ahead log: %w", err)
		}
		first, err := strconv.ParseUint(digits, 16, 64)
		s := segment{first: first, size: info.Size()}
		if path := filepath.Join(dir, entry.Name()); err != nil || first == 0 || s.path(dir) != path || !info.Mode().IsRegular() {
			return nil, mes.Errorf(mes.CodeDamaged, "%s is no segment of the write-ahead log by its name; give it its name back, or move it away", path).With("path", path)
		}
		segments = append(segments, s)
	}
	slices.SortFunc(segments, func(a, b segment) int { return cmp.Compare(a.first, b.first) })
	return segments, nil
}

// segmentHeader returns the first sector of a segment.
func segmentHeader(size int64, salt [saltBytes]byte) []byte {
	h := make([]byte, 0, segmentHeaderBytes)
	h = append(h, magic...)
	h = binary.LittleEndian.AppendUint32(h, FormatVersion)
	h = binary.LittleEndian.AppendUint32(h, 0)
	h = binary.LittleEndian.AppendUint64(h, uint64(size)) //nolint:gosec // never negative
	h = append(h, salt[:]...)
	h = h[:segmentHeaderBytes-crc32.Size]
	return binary.LittleEndian.AppendUint32(h, crc32.Checksum(h, castagnoli))
}

// seedOf returns what the checksums of a segment begin with, the checksum of
// its header.
func seedOf(header []byte) uint32 {
	return binary.LittleEndian.Uint32(header[segmentHeaderBytes-crc32.Size:])
}

// prepared is the file of a segment that is not in use yet.
type prepared struct {
	file *os.File
	seed uint32
	size int64
}

// prepare makes the file of a segment, zeroed and synced.
func prepare(path string, size int64) (prepared, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o640) //nolint:gosec // the operator's own directory
	if err != nil {
		return prepared{}, fmt.Errorf("make a segment of the write-ahead log: %w", err)
	}
	var salt [saltBytes]byte
	_, _ = rand.Read(salt[:])
	header := segmentHeader(size, salt)
	if err := fill(file, header, size); err != nil {
		_ = os.Remove(path) // It is in nobody's way, and written anew.
		return prepared{}, errors.Join(fmt.Errorf("make a segment of the write-ahead log: %w", err), file.Close())
	}
	return prepared{file: file, seed: seedOf(header), size: size}, nil
}

func fill(file *os.File, header []byte, size int64) error {
	// A full disk shows here, before anything is written.
	if err := unix.Fallocate(int(file.Fd()), 0, 0, size); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	if _, err := file.WriteAt(header, 0); err != nil {
		return err
	}
	if err := zero(file, segmentHeaderBytes, size); err != nil {
		return err
	}
	return file.Sync()
}

// zero writes zeros, and syncs them.
func zero(file *os.File, from, to int64) error {
	for from < to {
		n, err := file.WriteAt(zeros[:min(to-from, zeroBytes)], from)
		if err == nil {
			err = unix.Fdatasync(int(file.Fd()))
		}
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}
