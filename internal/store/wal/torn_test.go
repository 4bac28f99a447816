package wal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/wal"
)

const sector = 512

// span returns how many bytes a record takes, as FORMAT.md draws it.
func span(payload int) int { return (24 + payload + 4 + 31) / 32 * 32 }

// dense returns bytes of which none is zero.
func dense(n int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(1 + random.IntN(255))
	}
	return b
}

// oneBit returns zeros with one bit set in each sector's worth.
func oneBit(n int) []byte {
	b := make([]byte, n)
	for i := 300; i < n; i += sector {
		b[i] = 0x10
	}
	return b
}

// appendAll appends payloads from a number on.
func appendAll(t *testing.T, dir string, number uint64, payloads ...[]byte) {
	t.Helper()
	appendTo(t, open(t, dir), number, payloads...)
}

func appendTo(t *testing.T, l *wal.Log, number uint64, payloads ...[]byte) {
	t.Helper()
	for i, payload := range payloads {
		if err := l.Append(number+uint64(i), payload); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// readAll returns the records that Read gives.
func readAll(dir string) (payloads [][]byte, last uint64, err error) {
	last, err = wal.Read(dir, 0, func(_ uint64, payload []byte) error {
		payloads = append(payloads, bytes.Clone(payload))
		return nil
	})
	return payloads, last, err
}

func newest(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no segment in %s: %v", dir, err)
	}
	return paths[len(paths)-1]
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTornRecord leaves every set of sectors of the last record unwritten, as a
// power cut does: the log ends with the record before, takes another, and has
// it after a reopen.
func TestTornRecord(t *testing.T) {
	holed := dense(6*sector - 150)
	clear(holed[900:2100]) // holds a whole sector of zeros
	// Records of another log, where they would be looked for.
	other := t.TempDir()
	appendAll(t, other, 2, dense(2000), dense(30), dense(30))
	records := append(make([]byte, 8), readFile(t, newest(t, other))[sector:3000]...)
	tests := []struct {
		name    string
		before  [][]byte
		torn    []byte
		doubtOK bool // may be refused
	}{
		{name: "dense", before: [][]byte{dense(100), dense(700)}, torn: dense(6*sector - 150)},
		{name: "dense, behind a sector's end", before: [][]byte{dense(sector - 28)}, torn: dense(6*sector - 28)},
		{name: "dense, header at a sector's end", before: [][]byte{dense(sector - 28 - 32)}, torn: dense(5 * sector)},
		{name: "with a zero sector", before: [][]byte{dense(100), dense(700)}, torn: holed},
		{name: "zeros", before: [][]byte{dense(100)}, torn: make([]byte, 5*sector)},
		{name: "sparse", before: [][]byte{dense(100)}, torn: oneBit(5 * sector), doubtOK: true},
		{name: "with another log's records", before: [][]byte{dense(100)}, torn: records},
		{name: "first of all", torn: dense(5 * sector)},
		{name: "first of its segment", before: [][]byte{dense(segmentBytes - 1024)}, torn: dense(5 * sector)},
		{name: "in one sector", before: [][]byte{dense(100)}, torn: dense(50)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			number := uint64(len(tt.before)) + 1
			appendAll(t, dir, 1, append(slices.Clone(tt.before), tt.torn)...)
			path := newest(t, dir)
			after := readFile(t, path)
			// A log that ends before the record is made by zeroing it, from where
			// it begins; that it is one, the case with no sector written shows.
			begin := sector
			if strings.HasSuffix(path, "0000000001.wal") {
				for _, payload := range tt.before {
					begin += span(len(payload))
				}
			}
			before := bytes.Clone(after)
			clear(before[begin:])

			end := begin + span(len(tt.torn))
			from, sectors := begin/sector, (end+sector-1)/sector-begin/sector
			refused := 0
			for arrived := range 1 << sectors {
				img := bytes.Clone(before)
				for i := range sectors {
					if at := (from + i) * sector; arrived&(1<<i) != 0 {
						copy(img[at:at+sector], after[at:])
					}
				}
				writeFile(t, path, img)
				want := slices.Clone(tt.before)
				if bytes.Equal(img, after) {
					want = append(want, tt.torn)
				}
				l, err := wal.Open(wal.Config{Dir: dir, SegmentBytes: segmentBytes})
				if tt.doubtOK && mes.CodeOf(err) == mes.CodeDamaged {
					refused++
					continue
				}
				if err != nil {
					t.Fatalf("sectors %b of %d: %v", arrived, sectors, err)
				}
				if l.Last() != uint64(len(want)) {
					t.Fatalf("sectors %b of %d: last record %d; want %d", arrived, sectors, l.Last(), len(want))
				}
				next := fmt.Appendf(nil, "after %b", arrived)
				if err := errors.Join(l.Append(l.Last()+1, next), l.Close()); err != nil {
					t.Fatal(err)
				}
				got, _, err := readAll(dir)
				if diff := cmp.Diff(append(want, next), got, cmp.Comparer(bytes.Equal)); err != nil || diff != "" {
					t.Fatalf("sectors %b of %d: %v; mismatch (-want +got):\n%s", arrived, sectors, err, diff)
				}
				// Nothing of the torn record is left behind the new one.
				behind := begin + span(len(next))
				if l.Last() == number && len(bytes.TrimRight(readFile(t, path)[behind:], "\x00")) > 0 {
					t.Fatalf("sectors %b of %d: something is left behind the record", arrived, sectors)
				}
			}
			if refused == 1<<sectors-1 {
				t.Error("no torn record was told from damage")
			}
		})
	}
}

// TestFlippedBit flips every bit of a log, and one in each byte far behind its
// end: it is refused, but for bits behind the next header's sector, where
// nothing was written, and then has the same records.
func TestFlippedBit(t *testing.T) {
	tests := []struct {
		name     string
		payloads [][]byte
	}{
		{name: "two segments", payloads: [][]byte{dense(100), nil, make([]byte, 1100), dense(1500), dense(33), dense(900)}},
		{name: "last is of zeros", payloads: [][]byte{dense(100), make([]byte, 1200)}},
		{name: "last is sparse", payloads: [][]byte{dense(100), oneBit(1200)}},
		{name: "last is sparse, ends with a bit", payloads: [][]byte{dense(500 - 28), append(make([]byte, sector+4), 1)}},
		{name: "last is empty", payloads: [][]byte{dense(100), nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			l, err := wal.Open(wal.Config{Dir: dir, SegmentBytes: 4096})
			if err != nil {
				t.Fatal(err)
			}
			appendTo(t, l, 1, tt.payloads...)
			paths, err := filepath.Glob(filepath.Join(dir, "*.wal"))
			if err != nil || len(paths) == 0 {
				t.Fatalf("segments %q, %v", paths, err)
			}
			first := uint64(1)
			for i, path := range paths {
				img := readFile(t, path)
				end := len(bytes.TrimRight(img, "\x00"))
				// Behind the sector of the next header, nothing is written.
				free := end - end%sector + sector
				if i+1 < len(paths) {
					free = len(img)
				}
				payloads := tt.payloads[first-1:]
				judge := func() (n int, err error) {
					err = wal.ReadImage(img, first, i+1 == len(paths), func(_ uint64, payload []byte) error {
						if !bytes.Equal(payload, payloads[n]) {
							t.Errorf("record %d is another one", int(first)+n)
						}
						n++
						return nil
					})
					return n, err
				}
				whole, err := judge()
				if err != nil {
					t.Fatal(err)
				}
				for at := range img {
					for bit := range 8 {
						if at > end+sector && bit != at%8 {
							continue
						}
						img[at] ^= 1 << bit
						n, err := judge()
						if refused := mes.CodeOf(err) == mes.CodeDamaged; refused != (at < free) || (err == nil && n != whole) {
							t.Errorf("%s, offset %d, bit %d: %d records of %d, %v", filepath.Base(path), at, bit, n, whole, err)
						}
						// On disk it is slower, so it is tried less.
						if (at*8+bit)%197 == 0 {
							writeFile(t, path, img)
							_, last, err := readAll(dir)
							if (mes.CodeOf(err) == mes.CodeDamaged) != (at < free) || (err == nil && int(last) != len(tt.payloads)) {
								t.Errorf("%s, offset %d, bit %d: Read: last record %d, %v", filepath.Base(path), at, bit, last, err)
							}
							if err := openReplay(dir); (mes.CodeOf(err) == mes.CodeDamaged) != (at < free) {
								t.Errorf("%s, offset %d, bit %d: Open and Replay: %v", filepath.Base(path), at, bit, err)
							}
						}
						img[at] ^= 1 << bit
					}
				}
				writeFile(t, path, img)
				first += uint64(whole)
			}
			if int(first) != len(tt.payloads)+1 {
				t.Errorf("%d records were tried of %d", first-1, len(tt.payloads))
			}
		})
	}
}

func openReplay(dir string) error {
	l, err := wal.Open(wal.Config{Dir: dir, SegmentBytes: segmentBytes})
	if err != nil {
		return err
	}
	return errors.Join(l.Replay(0, func(uint64, []byte) error { return nil }), l.Close())
}

// TestDamage makes images that no power cut leaves: each is refused, says
// where, and stays as it is.
func TestDamage(t *testing.T) {
	// Three segments: records 1 to 3, 4 alone, 5 to 7.
	payloads := [][]byte{dense(2000), dense(2000), dense(2000), dense(segmentBytes - 1000), dense(2000), dense(2000), dense(700)}
	const first, second, third = "0000000000000001.wal", "0000000000000004.wal", "0000000000000005.wal"
	edit := func(name string, fn func(img []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, name)
			writeFile(t, path, fn(readFile(t, path)))
		}
	}
	blank := func(name string, from, to int) func(t *testing.T, dir string) {
		return edit(name, func(img []byte) []byte { clear(img[from*sector : to*sector]); return img })
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		code   mes.Code // CodeDamaged where it is 0
		want   string
	}{
		{name: "sector of a record with one behind", damage: blank(third, 2, 3), want: "record 5 "},
		{name: "header of a record with one behind", damage: blank(third, 1, 2), want: "record 5 "},
		{name: "a whole record with one behind", damage: blank(third, 1, 6), want: "record 5 "},
		{name: "sector of a record with a segment behind", damage: blank(first, 10, 11), want: "record 3 of the write-ahead log does not match its checksum"},
		{name: "header of a record with a segment behind", damage: blank(second, 1, 2), want: "record 4 "},
		{name: "all records with a segment behind", damage: blank(second, 1, segmentBytes/sector), want: "record 4 "},
		{name: "header of the first", damage: blank(first, 0, 1), want: "record 1 "},
		{name: "header of the newest", damage: blank(third, 0, 1), want: "record 5 "},
		{name: "newest all zeros", damage: blank(third, 0, segmentBytes/sector), want: "record 5 "},
		{name: "newest empty", damage: edit(third, func([]byte) []byte { return nil }), want: "record 5 "},
		{name: "newest cut", damage: edit(third, func(img []byte) []byte { return img[:len(img)-sector] }), want: "7680 bytes of 8192"},
		{name: "newest cut within a record", damage: edit(third, func(img []byte) []byte { return img[:3*sector] }), want: "1536 bytes of 8192"},
		{name: "newest too long", damage: edit(third, func(img []byte) []byte { return append(img, make([]byte, sector)...) }), want: "8704 bytes of 8192"},
		{name: "one behind the end", damage: edit(third, func(img []byte) []byte { img[len(bytes.TrimRight(img, "\x00"))+8] = 1; return img }), want: "record 8 "},
		{name: "stale record behind the end", damage: edit(third, func(img []byte) []byte {
			end := len(bytes.TrimRight(img, "\x00"))
			copy(img[end:], img[sector:sector+2048])
			return img
		}), want: "record 5 stands in its place"},
		{name: "stale record of another segment behind the end", damage: func(t *testing.T, dir string) {
			t.Helper()
			old := readFile(t, filepath.Join(dir, first))
			edit(third, func(img []byte) []byte { copy(img[len(bytes.TrimRight(img, "\x00")):], old[sector:1024]); return img })(t, dir)
		}, want: "record 8 "},
		{name: "middle segment gone", damage: remove(second), want: "record 4 "},
		{name: "first segment gone", damage: remove(first), want: "record 1 is needed"},
		{name: "another version", code: mes.CodeFormat, damage: func(t *testing.T, dir string) {
			t.Helper()
			writeFile(t, filepath.Join(dir, third), otherVersion)
		}, want: "format 2"},
		{name: "name that is no number", damage: rename(second, "4.wal"), want: "4.wal"},
		{name: "newest under another number", damage: rename(third, "0000000000000006.wal"), want: "record 5 "},
		{name: "segments swapped", damage: func(t *testing.T, dir string) {
			t.Helper()
			rename(first, "x")(t, dir)
			rename(second, first)(t, dir)
			rename("x", second)(t, dir)
		}, want: "record 4 stands in its place"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			appendAll(t, dir, 1, payloads...)
			tt.damage(t, dir)
			before := contents(t, dir)
			if tt.code == 0 {
				tt.code = mes.CodeDamaged
			}
			_, err := wal.Read(dir, 1, func(uint64, []byte) error { return nil })
			if mes.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Read: %v; want code %d and %q", err, tt.code, tt.want)
			}
			l, err := wal.Open(wal.Config{Dir: dir, SegmentBytes: segmentBytes})
			if err == nil {
				err = errors.Join(l.Replay(1, func(uint64, []byte) error { return nil }), l.Close())
			}
			if mes.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open and Replay: %v; want code %d and %q", err, tt.code, tt.want)
			}
			if diff := cmp.Diff(before, contents(t, dir), cmp.Comparer(bytes.Equal)); diff != "" {
				t.Error("the damaged log was written to")
			}
		})
	}
}

func remove(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func rename(from, to string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files[path] = readFile(t, filepath.Join(dir, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// otherVersion is a segment of format 2, drawn by hand from FORMAT.md.
var otherVersion = func() []byte {
	img := make([]byte, segmentBytes)
	copy(img, "TAKTWAL\n")
	img[8] = 2
	img[17] = segmentBytes >> 8
	copy(img[508:], castagnoli(img[:508]))
	return img
}()

func castagnoli(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}
