package wal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

const testSegmentBytes = 4096

func openTest(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(Config{Dir: dir, SegmentBytes: testSegmentBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// TestFailedWrite makes a write or an fdatasync fail once: the log takes no
// more, even where the disk is well again, and a new Open goes on.
func TestFailedWrite(t *testing.T) {
	tests := []struct {
		name string
		// Stands for the segment: /dev/null takes a write and no fdatasync.
		path string
		flag int
	}{
		{name: "write", path: os.DevNull, flag: os.O_RDONLY},
		{name: "fdatasync", path: os.DevNull, flag: os.O_RDWR},
		{name: "full disk", path: "/dev/full", flag: os.O_RDWR},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			l := openTest(t, dir)
			if err := l.Append(1, []byte("one")); err != nil {
				t.Fatal(err)
			}
			bad, err := os.OpenFile(tt.path, tt.flag, 0)
			if err != nil {
				t.Fatal(err)
			}
			good := l.file
			l.file = bad
			first := l.Append(2, []byte("two"))
			l.file = good
			second := l.Append(2, []byte("two"))
			if mes.CodeOf(first) != mes.CodeUnavailable || !errors.Is(second, first) || l.Last() != 1 {
				t.Errorf("appends = %v, then %v, last record %d; want CodeUnavailable twice, and 1", first, second, l.Last())
			}
			if err := errors.Join(l.Close(), bad.Close()); err != nil {
				t.Fatal(err)
			}
			l = openTest(t, dir)
			if err := l.Append(2, []byte("two")); err != nil || l.Last() != 2 {
				t.Errorf("append after a reopen: %v, last record %d", err, l.Last())
			}
		})
	}
}

// TestNoRoomForSegment is a disk too full for another segment: appends fail,
// and go on once there is room.
func TestNoRoomForSegment(t *testing.T) {
	dir := t.TempDir()
	// A directory in the place of the next segment stands for the full disk.
	full := filepath.Join(dir, preparedName)
	l := openTest(t, dir)
	payload := make([]byte, 900)
	number := uint64(0)
	for _, when := range []string{"for the first", "for another"} {
		if err := os.Mkdir(full, 0o750); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil && number < 20 {
			if err = l.Append(number+1, payload); err == nil {
				number++
			}
		}
		if err == nil || mes.CodeOf(err) == mes.CodeUnavailable {
			t.Fatalf("no room %s: %v after record %d", when, err, number)
		}
		if err := os.Remove(full); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(number+1, payload); err != nil || l.Last() != number+1 {
			t.Fatalf("room again %s: %v, last record %d; want %d", when, err, l.Last(), number+1)
		}
		number++
		// A segment may have been prepared behind this one.
		if l.next != nil {
			p := <-l.next
			_, l.next = p.file.Close(), nil
			if err := os.Remove(full); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOpenWritesLast looks that Open writes the last record once more: it may
// have been read from memory only.
func TestOpenWritesLast(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	if err := errors.Join(l.Append(1, []byte("one")), l.Close()); err != nil {
		t.Fatal(err)
	}
	path, old := segment{first: 1}.path(dir), time.Unix(1, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir)
	if info, err := os.Stat(path); err != nil || info.ModTime().Equal(old) {
		t.Errorf("the segment was not written (%v)", err)
	}
}

// TestEmptySegment is a crash between the beginning of a segment and its first
// record.
func TestEmptySegment(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir)
	for n := uint64(1); n <= 3; n++ {
		if err := l.Append(n, []byte("some")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.rotate(4, 64), l.Close()); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, dir)
	if l.Last() != 3 {
		t.Errorf("Last() = %d; want 3", l.Last())
	}
	if err := l.Trim(4); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, dir)
	if err := l.Append(5, nil); l.Last() != 3 || mes.CodeOf(err) != mes.CodeInvalid {
		t.Errorf("append of 5 = %v, Last() = %d; want CodeInvalid, 3", err, l.Last())
	}
	if err := errors.Join(l.Append(4, nil), l.Replay(4, func(uint64, []byte) error { return nil })); err != nil {
		t.Error(err)
	}
}

// TestSparseHugeFile is a file that says it is larger than any segment: no
// memory is taken for it.
func TestSparseHugeFile(t *testing.T) {
	const size = 1 << 40
	for name, header := range map[string][]byte{
		"of zeros":             make([]byte, segmentHeaderBytes),
		"with a header so far": segmentHeader(size, [saltBytes]byte{}),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := segment{first: 1}.path(dir)
			if err := errors.Join(os.WriteFile(path, header, 0o600), os.Truncate(path, size)); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(dir, 0, nil); mes.CodeOf(err) != mes.CodeDamaged {
				t.Errorf("Read = %v; want CodeDamaged", err)
			}
		})
	}
}
