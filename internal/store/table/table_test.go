package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

var names = []string{"one", "two"}

func openFile(tb testing.TB) *bbolt.DB {
	tb.Helper()
	db, err := bbolt.Open(filepath.Join(tb.TempDir(), "table.bolt"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	create(tb, db)
	return db
}

func create(tb testing.TB, db *bbolt.DB) {
	tb.Helper()
	if err := db.Update(func(tx *bbolt.Tx) error { return Create(tx, names) }); err != nil {
		tb.Fatal(err)
	}
}

func merge(tb testing.TB, db *bbolt.DB, l *Layer) {
	tb.Helper()
	if err := db.Update(func(tx *bbolt.Tx) error { return Merge(tx, names, l) }); err != nil {
		tb.Fatal(err)
	}
}

// TestAgainstMap puts, deletes and merges at random, and compares with a map
// what is found by key, in order, and before a key. The layers stand in every
// arrangement: nothing sealed, all sealed, one being sealed.
func TestAgainstMap(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			db := openFile(t)
			want := make(map[string]string)
			var frozen *Layer
			active := NewLayer(len(names))
			key := func() []byte {
				switch r.IntN(4) {
				case 0: // neighbours that share much
					return fmt.Appendf(nil, "cell-%06d", r.IntN(500))
				case 1: // ascending
					return binary.BigEndian.AppendUint64(nil, uint64(len(want)))
				case 2:
					return bytes.Repeat([]byte{byte(r.IntN(256))}, 1+r.IntN(400))
				}
				return binary.BigEndian.AppendUint32(nil, r.Uint32N(300))
			}
			for step := range 3000 {
				k := key()
				switch r.IntN(10) {
				case 0, 1:
					active.Delete(1, k)
					delete(want, string(k))
				case 2:
					v := bytes.Repeat([]byte("v"), r.IntN(3000))
					active.Put(1, k, v)
					want[string(k)] = string(v)
				default:
					v := fmt.Appendf(nil, "%d", step)
					active.Put(1, k, v)
					want[string(k)] = string(v)
				}
				switch r.IntN(200) {
				case 0:
					if frozen == nil {
						frozen, active = active, NewLayer(len(names))
					}
				case 1:
					if frozen != nil {
						merge(t, db, frozen)
						frozen = nil
					}
				case 2:
					compare(t, db, r, want, key, active, frozen)
				}
			}
			compare(t, db, r, want, key, active, frozen)
			if frozen != nil {
				merge(t, db, frozen)
			}
			merge(t, db, active)
			compare(t, db, r, want, key, NewLayer(len(names)), nil)
		})
	}
}

func compare(t *testing.T, db *bbolt.DB, r *rand.Rand, want map[string]string, key func() []byte, active, frozen *Layer) {
	t.Helper()
	layers := []*Layer{active.Snapshot()}
	if frozen != nil {
		layers = append(layers, frozen)
	}
	var sorted []string
	for k := range want {
		sorted = append(sorted, k)
	}
	slices.Sort(sorted)
	err := db.View(func(tx *bbolt.Tx) error {
		reader := NewReader(tx, names, layers...)
		var got []string
		err := reader.Scan(1, nil, []byte{}, func(k, v []byte) (bool, error) {
			got = append(got, string(k))
			if string(v) != want[string(k)] {
				t.Errorf("scan has %q for %q; want %q", v, k, want[string(k)])
			}
			return true, nil
		})
		if diff := cmp.Diff(sorted, got); err != nil || diff != "" {
			t.Fatalf("scan: %v, keys mismatch (-want +got):\n%s", err, diff)
		}
		for range 50 {
			k := key()
			v, err := reader.Get(1, k)
			if have, ok := want[string(k)]; err != nil || string(v) != have || (v != nil) != ok {
				t.Fatalf("Get(%q) = %q, %v; want %q, %t", k, v, err, have, ok)
			}
			at, _ := slices.BinarySearch(sorted, string(k))
			prefix := k[:min(len(k), r.IntN(3))]
			before := ""
			if at > 0 && strings.HasPrefix(sorted[at-1], string(prefix)) {
				before = sorted[at-1]
			}
			b, v, err := reader.Before(1, prefix, k)
			if err != nil || string(b) != before || string(v) != want[before] {
				t.Fatalf("Before(%q, %q) = %q, %q, %v; want %q", prefix, k, b, v, err, before)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSnapshotStays changes a layer after a snapshot was taken of it.
func TestSnapshotStays(t *testing.T) {
	db := openFile(t)
	l := NewLayer(len(names))
	for i := range uint32(1000) {
		l.Put(0, binary.BigEndian.AppendUint32(nil, i), []byte("old"))
	}
	before := l.Snapshot()
	for i := range uint32(2000) {
		l.Put(0, binary.BigEndian.AppendUint32(nil, i), []byte("new"))
	}
	l.Delete(0, binary.BigEndian.AppendUint32(nil, 7))
	count := func(l *Layer, value string) (n int) {
		err := db.View(func(tx *bbolt.Tx) error {
			r := NewReader(tx, names, l)
			return r.Scan(0, nil, []byte{}, func(_, v []byte) (bool, error) {
				if string(v) == value {
					n++
				}
				return true, nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(before, "old"); n != 1000 {
		t.Errorf("the snapshot has %d of 1000 old values", n)
	}
	if n := count(l, "new"); n != 1999 {
		t.Errorf("the layer has %d of 1999 new values", n)
	}
}

// TestFlippedBits flips each bit of a leaf, one at a time: none is read.
func TestFlippedBits(t *testing.T) {
	db := openFile(t)
	l := NewLayer(len(names))
	for i := range 5 {
		l.Put(0, fmt.Appendf(nil, "cell-%d", i), fmt.Appendf(nil, "value %d", i))
	}
	merge(t, db, l)
	var key, leaf []byte
	err := db.View(func(tx *bbolt.Tx) error {
		k, v := tx.Bucket([]byte(names[0])).Cursor().First()
		key, leaf = bytes.Clone(k), bytes.Clone(v)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * (len(key) + len(leaf)) {
		k, v := bytes.Clone(key), bytes.Clone(leaf)
		if at := bit / 8; at < len(k) {
			k[at] ^= 1 << (bit % 8)
		} else {
			v[at-len(k)] ^= 1 << (bit % 8)
		}
		var r leafReader
		if err := r.open(k, v); mes.CodeOf(err) != mes.CodeDamaged {
			t.Fatalf("bit %d: %v; want CodeDamaged", bit, err)
		}
	}
}

// TestLedAstray flips bits of bbolt's own pages, those that lead to the leaves: what
// is read is as before, or refused.
func TestLedAstray(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table.bolt")
	const entries = 30_000
	key := func(n int) []byte { return fmt.Appendf(nil, "cell-%08d", 2*n) }
	fill := func() error {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			return err
		}
		create(t, db)
		l := NewLayer(len(names))
		for i := range entries {
			l.Put(0, key(i), fmt.Appendf(nil, "%d", i))
		}
		merge(t, db, l)
		return db.Close()
	}
	if err := fill(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var branches []int
	const page, branch = 4096, 1
	for at := 0; at < len(good); at += page {
		if binary.LittleEndian.Uint16(good[at+8:]) == branch {
			branches = append(branches, at)
		}
	}
	if len(branches) == 0 {
		t.Fatal("no page leads to others; put more entries")
	}
	r := rand.New(rand.NewPCG(5, 1))
	refused := 0
	for range 200 {
		hurt := bytes.Clone(good)
		at := branches[r.IntN(len(branches))] + r.IntN(page)
		hurt[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(path, hurt, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readAll(path, r, entries, key); err != nil {
			if mes.CodeOf(err) != mes.CodeDamaged {
				t.Errorf("byte %d: %v; want CodeDamaged", at, err)
			}
			refused++
		}
	}
	if refused == 0 {
		t.Error("no flipped bit was noticed")
	}
}

// readAll reads some keys, those between them, and all in their order. What bbolt
// panics of counts as damage.
func readAll(path string, r *rand.Rand, entries int, key func(int) []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = mes.Errorf(mes.CodeDamaged, "%v", p)
		}
	}()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(func(tx *bbolt.Tx) error {
		reader := NewReader(tx, names)
		for range 300 {
			n := r.IntN(entries)
			if v, err := reader.Get(0, key(n)); err != nil || string(v) != strconv.Itoa(n) {
				return believed(err, "entry %d is %q", n, v)
			}
			between := append(key(n), '!')
			if v, err := reader.Get(0, between); err != nil || v != nil {
				return believed(err, "%q has the value %q", between, v)
			}
			if k, _, err := reader.Before(0, nil, between); err != nil || !bytes.Equal(k, key(n)) {
				return believed(err, "before %q is %q", between, k)
			}
		}
		n := 0
		err := reader.Scan(0, nil, []byte{}, func(k, _ []byte) (bool, error) {
			if !bytes.Equal(k, key(n)) {
				return false, believed(nil, "entry %d is %q", n, k)
			}
			n++
			return true, nil
		})
		if err == nil && n != entries {
			return believed(nil, "%d entries of %d", n, entries)
		}
		return err
	})
}

// believed is the error, or what was answered in its place.
func believed(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("believed: "+format, args...)
}

// FuzzLeaf reads any bytes as a leaf, with a checksum that is right.
func FuzzLeaf(f *testing.F) {
	w := leafWriter{limit: leafBytes, emit: func(key, leaf []byte) { f.Add(key, leaf[sumBytes:]) }}
	for i := range 20 {
		key := fmt.Appendf(nil, "cell-%02d", i)
		w.add(newItem(fmt.Appendf(key, "%d", i), len(key)), nil)
	}
	w.end(nil)
	f.Add([]byte("k"), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1})
	f.Add([]byte("k"), []byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0})
	f.Fuzz(func(t *testing.T, key, body []byte) {
		leaf := append(binary.LittleEndian.AppendUint32(nil, sum(0, key, body)), body...)
		var r leafReader
		err := r.open(key, leaf)
		for more := true; err == nil && more; {
			more, err = r.next()
		}
		if err != nil && mes.CodeOf(err) != mes.CodeDamaged {
			t.Errorf("%v has the code %d; want CodeDamaged", err, mes.CodeOf(err))
		}
	})
}

// BenchmarkMerge merges layers of the shapes that the indexes have.
func BenchmarkMerge(b *testing.B) {
	for _, shape := range []struct {
		name string
		key  func(n uint64) []byte
	}{
		{"ascending", func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }},
		{"forty fronts", func(n uint64) []byte {
			k := binary.BigEndian.AppendUint32(nil, uint32(n%40))
			return binary.BigEndian.AppendUint64(k, n/40)
		}},
	} {
		b.Run(shape.name, func(b *testing.B) {
			db := openFile(b)
			n := uint64(0)
			const layer = 50_000
			for b.Loop() {
				l := NewLayer(len(names))
				for range layer {
					l.Put(0, shape.key(n), []byte("0123456789"))
					n++
				}
				merge(b, db, l)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/entry")
			err := db.View(func(tx *bbolt.Tx) error {
				b.ReportMetric(float64(tx.Size())/float64(n), "B/entry")
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// TestTableGone takes a table away, its leaves, or puts another one's in their
// place: nothing of it is read or written any more.
func TestTableGone(t *testing.T) {
	for what, hurt := range map[string]func(*bbolt.Tx) error{
		"the table": func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte(names[0])) },
		"its leaves": func(tx *bbolt.Tx) error {
			return errors.Join(tx.DeleteBucket([]byte(names[0])), emptied(tx, names[0]))
		},
		"another one's leaves": func(tx *bbolt.Tx) error {
			if err := errors.Join(tx.DeleteBucket([]byte(names[0])), emptied(tx, names[0])); err != nil {
				return err
			}
			return tx.Bucket([]byte(names[1])).ForEach(func(k, v []byte) error { return tx.Bucket([]byte(names[0])).Put(k, v) })
		},
	} {
		db := openFile(t)
		l := NewLayer(len(names))
		for i := range 100 {
			l.Put(0, fmt.Appendf(nil, "cell-%d", i), []byte("here"))
			l.Put(1, fmt.Appendf(nil, "cell-%d", i), []byte("there"))
		}
		merge(t, db, l)
		if err := db.Update(hurt); err != nil {
			t.Fatal(err)
		}
		refused := func(call string, err error) {
			if mes.CodeOf(err) != mes.CodeDamaged {
				t.Errorf("%s: %s returns %v; want CodeDamaged", what, call, err)
			}
		}
		err := db.View(func(tx *bbolt.Tx) error {
			r := NewReader(tx, names)
			_, err := r.Get(1, []byte("cell-7")) // of the table that is whole
			if err != nil {
				t.Errorf("%s: the other table: %v", what, err)
			}
			_, err = r.Get(0, []byte("cell-7"))
			refused("Get", err)
			refused("Scan", r.Scan(0, nil, []byte{}, func(_, _ []byte) (bool, error) { return true, nil }))
			_, _, err = r.Before(0, nil, []byte("cell-7"))
			refused("Before", err)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		refused("Merge", db.Update(func(tx *bbolt.Tx) error { return Merge(tx, names, l) }))
	}
}

// emptied makes a table without a leaf.
func emptied(tx *bbolt.Tx, name string) error {
	_, err := tx.CreateBucket([]byte(name))
	return err
}
