package wal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/wal"
)

const segmentBytes = 8192

func open(t *testing.T, dir string) *wal.Log {
	t.Helper()
	l, err := wal.Open(wal.Config{Dir: dir, SegmentBytes: segmentBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// replay returns the numbers of the records, and checks that each holds what
// payloadOf says.
func replay(t *testing.T, l *wal.Log, from uint64) []uint64 {
	t.Helper()
	numbers := []uint64{}
	err := l.Replay(from, func(number uint64, payload []byte) error {
		numbers = append(numbers, number)
		if string(payload) != string(payloadOf(number)) {
			return fmt.Errorf("record %d is another one", number)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Replay(%d): %v", from, err)
	}
	return numbers
}

// payloadOf returns what the tests put into a record: some are dense, some
// mostly zeros, some larger than a segment.
func payloadOf(number uint64) []byte {
	random := rand.New(rand.NewPCG(number, 0))
	size := random.IntN(1500)
	if number%17 == 0 {
		size = segmentBytes + random.IntN(3*segmentBytes)
	}
	payload := make([]byte, size)
	for range size / (1 + random.IntN(50)) {
		payload[random.IntN(size)] = byte(random.Uint32())
	}
	return payload
}

func numbers(from, to uint64) []uint64 {
	list := []uint64{}
	for n := from; n <= to; n++ {
		list = append(list, n)
	}
	return list
}

func TestReplay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when missing")
	l := open(t, dir)
	if err := l.Replay(99, nil); err != nil || l.Last() != 0 || l.Size() != 0 {
		t.Errorf("empty log: Replay = %v, Last() = %d, Size() = %d; want nothing", err, l.Last(), l.Size())
	}
	const first, last = 7, 120
	for n := uint64(first); n <= last; n++ {
		payload := payloadOf(n)
		if err := l.Append(n, payload[:len(payload)/3], nil, payload[len(payload)/3:]); err != nil {
			t.Fatal(err)
		}
		if n%10 == 0 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			l = open(t, dir)
			if l.Last() != n {
				t.Fatalf("Last() = %d after a reopen; want %d", l.Last(), n)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, dir)
	for _, from := range append(numbers(first, last+1), 0) {
		if diff := cmp.Diff(numbers(max(from, first), last), replay(t, l, from)); diff != "" {
			t.Errorf("Replay(%d) mismatch (-want +got):\n%s", from, diff)
		}
	}
	for _, from := range []uint64{1, first - 1, last + 2} {
		if err := l.Replay(from, func(uint64, []byte) error { return nil }); mes.CodeOf(err) != mes.CodeDamaged {
			t.Errorf("Replay(%d) = %v; want CodeDamaged: records are missing", from, err)
		}
	}
	stop := errors.New("enough")
	if err := l.Replay(first, func(uint64, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Replay = %v; want its function's error", err)
	}
	if _, err := wal.Read(dir+" gone", 0, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of no directory = %v; want fs.ErrNotExist", err)
	}
}

// TestSize compares Size with the files, whatever the records' sizes, and looks
// that nothing but segments is left.
func TestSize(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	for n := uint64(1); n < 50; n++ {
		if err := l.Append(n, payloadOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var want int64
	for name, img := range contents(t, dir) {
		want += int64(len(img))
		if filepath.Ext(name) != ".wal" {
			t.Errorf("%s is left in the directory", name)
		}
	}
	if l.Size() != want {
		t.Errorf("Size() = %d; the files have %d", l.Size(), want)
	}
	// What was being prepared at a crash goes.
	writeFile(t, filepath.Join(dir, "next.new"), make([]byte, 700))
	open(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "next.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the leftover of a crash: %v; want fs.ErrNotExist", err)
	}
}

func TestAppendRefused(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	large := make([]byte, wal.MaxPayload/64)
	var parts [][]byte
	for range 64 {
		parts = append(parts, large)
	}
	refuse := func(want mes.Code, number uint64, parts ...[]byte) {
		t.Helper()
		if err := l.Append(number, parts...); err == nil || mes.CodeOf(err) != want {
			t.Errorf("Append(%d) = %v; want code %d", number, err, want)
		}
	}
	refuse(mes.CodeInvalid, 0)
	refuse(mes.CodeTooLarge, 5, append(parts, []byte{1})...)
	largest := parts
	if os.Getenv("TAKT_LONG") == "" {
		largest = parts[:1] // 64 MiB, zeroed and synced, take a slow disk long
	}
	if err := l.Append(5, largest...); err != nil {
		t.Errorf("the largest record: %v", err)
	}
	for _, number := range []uint64{0, 4, 5, 7} {
		refuse(mes.CodeInvalid, number)
	}
	if err := l.Append(6, payloadOf(6)); err != nil {
		t.Errorf("append after refusals: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	refuse(mes.CodeUnavailable, 7)
	var sizes []int
	last, err := wal.Read(dir, 5, func(_ uint64, payload []byte) error {
		sizes = append(sizes, len(payload))
		return nil
	})
	if diff := cmp.Diff([]int{len(largest) * len(large), len(payloadOf(6))}, sizes); err != nil || last != 6 || diff != "" {
		t.Errorf("Read: %d, %v; mismatch (-want +got):\n%s", last, err, diff)
	}
}

func TestTrim(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	// Three records a segment: 1 to 3, 4 to 6, 7 to 9, 10.
	for n := uint64(1); n <= 10; n++ {
		if err := l.Append(n, dense(2400)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		before uint64
		first  uint64 // of those that are left
	}{{0, 1}, {1, 1}, {3, 1}, {4, 4}, {6, 4}, {1, 4}, {10, 10}, {11, 10}, {1 << 40, 10}} {
		if err := l.Trim(tt.before); err != nil {
			t.Fatal(err)
		}
		var got []uint64
		if err := l.Replay(tt.first, func(n uint64, _ []byte) error { got = append(got, n); return nil }); err != nil {
			t.Fatal(err)
		}
		files := int(11-tt.first+2) / 3
		if paths, _ := filepath.Glob(filepath.Join(dir, "*.wal")); len(paths) != files || l.Size() != int64(files)*segmentBytes {
			t.Errorf("Trim(%d): segments %q, %d bytes; want %d", tt.before, paths, l.Size(), files)
		}
		if diff := cmp.Diff(numbers(tt.first, 10), got); diff != "" {
			t.Errorf("Trim(%d) mismatch (-want +got):\n%s", tt.before, diff)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l = open(t, dir); l.Last() != 10 {
		t.Errorf("Last() = %d after trims and a reopen; want 10", l.Last())
	}
}

// TestTrimWhileAppending trims and asks from another goroutine.
func TestTrimWhileAppending(t *testing.T) {
	l := open(t, t.TempDir())
	const last = 400
	var done atomic.Bool
	trimmed := make(chan error, 1)
	go func() {
		for !done.Load() {
			if l.Size() < 0 {
				trimmed <- errors.New("negative size")
				return
			}
			if n := l.Last(); n > 20 {
				if err := l.Trim(n - 20); err != nil {
					trimmed <- err
					return
				}
			}
		}
		trimmed <- nil
	}()
	for n := uint64(1); n <= last; n++ {
		if err := l.Append(n, payloadOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	done.Store(true)
	if err := <-trimmed; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers(last-20, last), replay(t, l, last-20)); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if err := l.Replay(1, func(uint64, []byte) error { return nil }); err == nil {
		t.Error("nothing was trimmed")
	}
}
