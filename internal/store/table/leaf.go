package table

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/takt-mes/takt/internal/mes"
)

// A leaf holds neighbouring keys with their values, each key as what it adds to
// the one before. It stands in its bucket behind its own first key, and begins
// with a checksum over that key and all of itself: bbolt has none on its pages.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	// leafBytes is how long a leaf gets before it is cut: five of them fill a
	// page of bbolt's.
	leafBytes = 768
	sumBytes  = crc32.Size
)

func sum(key, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, body)
}

// leafWriter makes leaves of ascending keys.
type leafWriter struct {
	// emit takes a finished leaf; it may keep both.
	emit func(key, leaf []byte)
	// limit is how long a leaf gets.
	limit int

	first, last, leaf []byte
}

func (w *leafWriter) add(key, value []byte) {
	if w.leaf != nil && len(w.leaf)+len(key)+len(value)+3 > w.limit {
		w.end()
	}
	if w.leaf == nil {
		w.first = append([]byte(nil), key...)
		w.last = append(w.last[:0], key...)
		w.leaf = make([]byte, sumBytes, w.limit)
	}
	shared := 0
	for shared < len(key) && shared < len(w.last) && key[shared] == w.last[shared] {
		shared++
	}
	w.leaf = binary.AppendUvarint(w.leaf, uint64(shared))
	w.leaf = binary.AppendUvarint(w.leaf, uint64(len(key)-shared)) //nolint:gosec // shared is not above it
	w.leaf = binary.AppendUvarint(w.leaf, uint64(len(value)))
	w.leaf = append(append(w.leaf, key[shared:]...), value...)
	w.last = append(w.last[:0], key...)
}

// end finishes the leaf at hand.
func (w *leafWriter) end() {
	if w.leaf == nil {
		return
	}
	binary.LittleEndian.PutUint32(w.leaf, sum(w.first, w.leaf[sumBytes:]))
	w.emit(w.first, w.leaf)
	w.first, w.leaf = nil, nil
}

// leafReader goes through a leaf.
type leafReader struct {
	rest []byte
	// checked is the leaf whose checksum was right. Within a transaction, bytes
	// at one place stay what they are.
	checked []byte
	// key and value are the entry that next came to; key is overwritten by the
	// next next, value stays.
	key, value []byte
}

// open checks a leaf, and stands before its first entry.
func (r *leafReader) open(key, leaf []byte) error {
	if len(leaf) < sumBytes {
		return damaged(key)
	}
	if len(r.checked) != len(leaf) || &r.checked[0] != &leaf[0] {
		if binary.LittleEndian.Uint32(leaf) != sum(key, leaf[sumBytes:]) {
			return damaged(key)
		}
		r.checked = leaf
	}
	r.rest, r.key, r.value = leaf[sumBytes:], append(r.key[:0], key...), nil
	return nil
}

func damaged(key []byte) error {
	return mes.Errorf(mes.CodeDamaged, "a leaf of an index (key %x) does not match its checksum; run takt check, then takt rebuild", key)
}

// next comes to the next entry, and reports whether there is one.
func (r *leafReader) next() (bool, error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	b := r.rest
	shared, n := binary.Uvarint(b)
	if n <= 0 || shared > uint64(len(r.key)) {
		return false, damaged(r.key)
	}
	b = b[n:]
	suffix, n := binary.Uvarint(b)
	if n <= 0 {
		return false, damaged(r.key)
	}
	b = b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 {
		return false, damaged(r.key)
	}
	b = b[n:]
	if suffix > uint64(len(b)) || size > uint64(len(b))-suffix {
		return false, damaged(r.key)
	}
	r.key = append(r.key[:shared], b[:suffix]...)
	r.value = b[suffix : suffix+size : suffix+size]
	r.rest = b[suffix+size:]
	return true, nil
}
