package table

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"

	"go.etcd.io/bbolt"

	"github.com/takt-mes/takt/internal/mes"
)

// A leaf holds neighbouring keys with their values, each key and each value as
// what it adds to the one before. It stands in its bucket behind a key that none of
// them is below, and begins with a checksum over that key and all of itself: bbolt
// has none on its pages, nor on what leads to them. So a leaf says too which key the
// next one has, and whether it is the first: one that a damaged page leads astray to
// is not taken for the right one.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	// leafBytes is how long a leaf gets with its key before it is cut: two fill a
	// page of bbolt's, to which each is 16 bytes longer, and which begins with 16.
	leafBytes = (4096-16)/2 - 16
	sumBytes  = crc32.Size
	// headBytes are the checksum, and how long the next leaf's key is, which stands
	// at the end.
	headBytes = sumBytes + 2
	// firstLeaf is set in that length where there is no leaf before.
	firstLeaf = 1 << 15
)

// sum is over a leaf's table, too, so that one table's is not taken for another's.
func sum(t ID, key, body []byte) uint32 {
	return crc32.Update(crc32.Update(crc32.Checksum([]byte{byte(t)}, castagnoli), castagnoli, key), castagnoli, body)
}

// leafWriter makes leaves of ascending keys.
type leafWriter struct {
	// table is whose leaves are written.
	table ID
	// emit takes a finished leaf; it may keep both.
	emit func(key, leaf []byte)
	// limit is how long a leaf gets with its key.
	limit int

	// first and leaf are the leaf at hand; first is set before the first entry
	// where it is to be another key than that one's.
	first, leaf []byte
	last        item
	// begins says that there is no leaf before the one at hand.
	begins bool
}

// add appends an entry, which must stay as it is until the next one is added. It
// is encoded already where it stands behind the one that it stood behind before.
func (w *leafWriter) add(i item, encoded []byte) {
	if w.leaf != nil {
		before := len(w.leaf)
		if encoded != nil {
			w.leaf = append(w.leaf, encoded...)
		} else {
			w.leaf = appendEntry(w.leaf, w.last, i)
		}
		// The next leaf's key may be as long as this one.
		if w.last = i; len(w.first)+len(w.leaf)+len(i.key()) <= w.limit {
			return
		}
		w.leaf = w.leaf[:before]
		w.end(i.key())
	}
	if w.first == nil {
		w.first = bytes.Clone(i.key())
	}
	w.leaf = appendEntry(make([]byte, headBytes, w.limit+w.limit/8), keyOnly(w.first), i)
	w.last = i
}

// end finishes the leaf at hand, behind which one with the key next stands, none
// where it is nil.
func (w *leafWriter) end(next []byte) {
	if w.leaf == nil {
		w.leaf = make([]byte, headBytes) // Nothing is left of it.
	}
	length := uint16(len(next)) //nolint:gosec // keys are below 32 KiB
	if w.begins {
		length |= firstLeaf
	}
	w.leaf = append(w.leaf, next...)
	binary.LittleEndian.PutUint16(w.leaf[sumBytes:], length)
	binary.LittleEndian.PutUint32(w.leaf, sum(w.table, w.first, w.leaf[sumBytes:]))
	w.emit(w.first, w.leaf)
	w.first, w.leaf, w.begins = nil, nil, false
}

// An entry begins with two bytes, one about its key and one about its value: how
// many bytes it shares with the one before in the upper half, and how many follow
// in the lower one. A half that is full says that the rest stands behind, in a
// varint.
const full = 15

// entryBytes returns how long an entry is behind another, or a little more.
func entryBytes(last, i item) int {
	const halves = 4
	n := 2 + len(i.both) - shared(last.key(), i.key()) - shared(last.value(), i.value())
	if len(i.key()) >= full || len(i.value()) >= full {
		n += halves
	}
	return n
}

func appendEntry(b []byte, last, i item) []byte {
	key, value := i.key(), i.value()
	sameKey, sameValue := shared(last.key(), key), shared(last.value(), value)
	key, value = key[sameKey:], value[sameValue:]
	counts := [...]int{sameKey, len(key), sameValue, len(value)}
	halves := func(a, b int) byte { return byte(min(a, full)<<4 | min(b, full)) } //nolint:gosec // 15 at most
	b = append(b, halves(counts[0], counts[1]), halves(counts[2], counts[3]))
	for _, n := range counts {
		if n >= full {
			b = binary.AppendUvarint(b, uint64(n-full))
		}
	}
	return append(append(b, key...), value...)
}

func shared(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// leafReader goes through a leaf.
type leafReader struct {
	// table is whose leaves are read.
	table ID
	rest  []byte
	// checked is the leaf whose checksum was right. Within a transaction, bytes
	// at one place stay what they are.
	checked []byte
	// key and value are the entry that next came to; the next next overwrites
	// both. encoded is how it stands in the leaf.
	key, value, encoded []byte
	// following is the next leaf's key, nil where there is none; begins says that
	// there is none before.
	following []byte
	begins    bool
}

// of has the reader read leaves of a table.
func (r *leafReader) of(t ID) {
	if r.table != t {
		r.table, r.checked = t, nil
	}
}

// open checks a leaf, and stands before its first entry.
func (r *leafReader) open(key, leaf []byte) error {
	if len(leaf) < headBytes {
		return damaged(key)
	}
	if len(r.checked) != len(leaf) || &r.checked[0] != &leaf[0] {
		if binary.LittleEndian.Uint32(leaf) != sum(r.table, key, leaf[sumBytes:]) {
			return damaged(key)
		}
		r.checked = leaf
	}
	length := binary.LittleEndian.Uint16(leaf[sumBytes:])
	end := len(leaf) - int(length&^firstLeaf)
	if end < headBytes {
		return damaged(key)
	}
	r.begins, r.following = length&firstLeaf != 0, nil
	if end < len(leaf) {
		r.following = leaf[end:]
	}
	r.rest, r.key, r.value = leaf[headBytes:end], append(r.key[:0], key...), r.value[:0]
	return nil
}

// openAt opens the leaf that a key is in, if it is anywhere.
func (r *leafReader) openAt(first, leaf, key []byte) error {
	if err := r.open(first, leaf); err != nil {
		return err
	}
	if below := bytes.Compare(key, first) < 0; below && !r.begins || r.following != nil && bytes.Compare(key, r.following) >= 0 {
		return damaged(first)
	}
	return nil
}

// openNext opens the leaf behind the one at hand, and reports whether there is one.
func (r *leafReader) openNext(c *bbolt.Cursor) (bool, error) {
	first, leaf := c.Next()
	if !bytes.Equal(first, r.following) {
		return false, damaged(r.key)
	}
	if first == nil {
		return false, nil
	}
	return true, r.open(first, leaf)
}

// openBefore opens the leaf before the one at hand, which has the given key, and
// reports whether there is one.
func (r *leafReader) openBefore(c *bbolt.Cursor, key []byte) (before []byte, ok bool, err error) {
	if r.begins {
		return nil, false, nil
	}
	before, leaf := c.Prev()
	if before == nil {
		return nil, false, damaged(key)
	}
	if err := r.open(before, leaf); err != nil {
		return nil, false, err
	}
	if !bytes.Equal(r.following, key) {
		return nil, false, damaged(before)
	}
	return before, true, nil
}

func damaged(key []byte) error {
	return mes.Errorf(mes.CodeDamaged, "a leaf of an index (key %x) does not match its checksum; run takt check, then takt rebuild", key)
}

// leafEntry is an entry as it stands in a leaf.
type leafEntry struct {
	sameKey, sameValue int
	key, value         []byte
}

// entry reads the next entry; the leaf must have one.
func (r *leafReader) entry() (e leafEntry, ok bool) {
	b := r.rest
	if len(b) < 2 {
		return e, false
	}
	ofKey, ofValue := int(b[0]), int(b[1])
	b = b[2:]
	addedKey, addedValue := ofKey&full, ofValue&full
	e.sameKey, e.sameValue = ofKey>>4, ofValue>>4
	for _, n := range [...]*int{&e.sameKey, &addedKey, &e.sameValue, &addedValue} {
		if *n < full {
			continue
		}
		more, length := binary.Uvarint(b)
		if length <= 0 || more > math.MaxInt32 {
			return e, false
		}
		*n += int(more)
		b = b[length:]
	}
	if addedKey+addedValue > len(b) || e.sameValue > len(r.value) {
		return e, false
	}
	e.key, e.value = b[:addedKey], b[addedKey:addedKey+addedValue]
	b = b[addedKey+addedValue:]
	r.encoded, r.rest = r.rest[:len(r.rest)-len(b)], b
	r.value = append(r.value[:e.sameValue], e.value...)
	return e, true
}

// next comes to the next entry, and reports whether there is one.
func (r *leafReader) next() (bool, error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	e, ok := r.entry()
	if !ok || e.sameKey > len(r.key) {
		return false, damaged(r.key)
	}
	r.key = append(r.key[:e.sameKey], e.key...)
	return true, nil
}

// seek comes to the first entry whose key is not below another, and reports
// whether there is one. It stands before the first entry.
func (r *leafReader) seek(key []byte) (bool, error) {
	same := shared(r.key, key)
	if same == len(key) || same < len(r.key) && r.key[same] > key[same] {
		return r.next() // The first one is not below.
	}
	// What shares more with the entry before than that does with the key is below
	// it as well; what shares less is above.
	first, below := r.key, len(r.key)
	for len(r.rest) > 0 {
		e, ok := r.entry()
		if !ok || e.sameKey > below {
			return false, damaged(first)
		}
		below = e.sameKey + len(e.key)
		if e.sameKey > same {
			continue
		}
		if e.sameKey == same {
			n := shared(e.key, key[same:])
			if same += n; same < len(key) && (n == len(e.key) || e.key[n] < key[same]) {
				continue
			}
		}
		r.key = append(append(r.key[:0], key[:e.sameKey]...), e.key...)
		return true, nil
	}
	return false, nil
}
