package wal

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fuzzHeader has a salt that does not change, so that records under its seed
// can stand in a seed of the fuzz test.
var fuzzHeader = segmentHeader(testSegmentBytes, [saltBytes]byte{})

// FuzzRead reads a segment of any bytes, behind a good header or as it is. What
// Read takes, Open takes, and the next record goes behind it. It is quicker with
// TMPDIR in memory.
func FuzzRead(f *testing.F) {
	seed := seedOf(fuzzHeader)
	var records []byte
	for n := uint64(1); n <= 4; n++ {
		payload := bytes.Repeat([]byte{byte(n) * 3}, int(n*n*40))
		records = append(records, encode(nil, seed, segmentHeaderBytes+len(records), n, [][]byte{payload})...)
	}
	f.Add(true, []byte{})
	f.Add(true, records)
	f.Add(true, records[:len(records)-600])
	f.Add(true, append(bytes.Clone(records), 1))
	f.Add(true, append(make([]byte, sector), records...))
	f.Add(true, encode(nil, seed, segmentHeaderBytes, 1, [][]byte{make([]byte, 2000)}))
	f.Add(true, encode(nil, seed, segmentHeaderBytes, 1, [][]byte{make([]byte, testSegmentBytes)}))
	f.Add(false, fuzzHeader)
	f.Add(false, []byte("TAKTWAL\n"))
	f.Fuzz(func(t *testing.T, framed bool, data []byte) {
		dir := t.TempDir()
		img := data
		if framed {
			img = append(bytes.Clone(fuzzHeader), data...)
			img = append(img, make([]byte, max(0, testSegmentBytes-len(img)))...)[:testSegmentBytes]
		}
		if err := os.WriteFile(segment{first: 1}.path(dir), img, 0o600); err != nil {
			t.Fatal(err)
		}
		got, last, err := readPayloads(dir)
		if err != nil {
			if l, err := Open(Config{Dir: dir, SegmentBytes: testSegmentBytes}); err == nil {
				t.Fatalf("Open takes what Read refuses: %v", l.Close())
			}
			return
		}
		l, err := Open(Config{Dir: dir, SegmentBytes: testSegmentBytes})
		if err != nil {
			t.Fatalf("Open refuses what Read takes: %v", err)
		}
		next := []byte("next")
		if err := errors.Join(l.Append(last+1, next), l.Close()); err != nil {
			t.Fatal(err)
		}
		again, _, err := readPayloads(dir)
		if diff := cmp.Diff(append(got, next), again, cmp.Comparer(bytes.Equal)); err != nil || diff != "" {
			t.Fatalf("after an append: %v; mismatch (-want +got):\n%s", err, diff)
		}
	})
}

func readPayloads(dir string) (payloads [][]byte, last uint64, err error) {
	last, err = Read(dir, 0, func(_ uint64, payload []byte) error {
		payloads = append(payloads, bytes.Clone(payload))
		return nil
	})
	return payloads, last, err
}
