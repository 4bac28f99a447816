package block

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// A text column has exact bytes a row: a name, a serial number, or whatever was
// not taken apart.

// The encodings of a text column.
const (
	// textConstant is one text for all rows.
	textConstant = iota
	// textSame is another column of the same row.
	textSame
	// textDictionary is a packed index into a few texts.
	textDictionary
	// textMapped is the index of another column's dictionary, into texts of its
	// own: what one station always says.
	textMapped
	// textSerial is text with numbers in it, each an integer column.
	textSerial
	// textHeap is the texts one behind the other.
	textHeap
)

// maxEntries is how many texts a dictionary may have.
const maxEntries = 255

// appendTexts appends the shortest encoding of text column col.
func (e *encoder) appendTexts(dst []byte, v [][]byte, col int) []byte {
	if allEqual(v) {
		return append(append(dst, textConstant), v[0]...)
	}
	for _, other := range e.texts {
		if equal(v, other.values) {
			return binary.AppendUvarint(append(dst, textSame), uint64(other.col)) //nolint:gosec // a column's number
		}
	}
	e.texts = append(e.texts, textColumn{col, v})
	start := len(dst)
	entries, ok := e.entriesOf(v)
	if ok {
		for _, d := range e.dictionaries {
			if first, ok := e.mapped(d, v); ok {
				dst = binary.AppendUvarint(append(dst, textMapped), uint64(d.col)) //nolint:gosec // a column's number
				return e.appendHeap(dst, first)
			}
		}
		dst = append(dst, textDictionary)
		dst = binary.AppendUvarint(dst, uint64(entries)) //nolint:gosec // a count
		index := e.index[:len(v)]
		dst = appendIndex(dst, index)
		dst = e.appendHeap(dst, e.first)
		e.dictionaries = append(e.dictionaries, dictionary{col, entries, slices.Clone(index)})
		if len(dst)-start <= 8+len(v)/2 || entries <= 4 {
			return dst
		}
	}
	limit := total(v)
	if ok {
		limit = len(dst) - start
	}
	if serial, fits := e.appendSerial(e.spare[:0], v, limit); fits {
		e.spare = serial
		if ok {
			e.dictionaries = e.dictionaries[:len(e.dictionaries)-1]
		}
		return append(dst[:start], serial...)
	}
	if ok {
		return dst
	}
	return e.appendHeap(append(dst, textHeap), v)
}

// appendIndex appends a packed vector of indexes.
func appendIndex(dst []byte, index []uint64) []byte {
	return appendPacked(dst, index, packing{width: bits.Len64(slices.Max(index))})
}

// total is about how long the texts are as a heap.
func total(v [][]byte) int {
	n := 0
	for _, b := range v {
		n += len(b) + 1
	}
	return n
}

// textColumn and dictionary are columns that later ones may refer to.
type textColumn struct {
	col    int
	values [][]byte
}

type dictionary struct {
	col, entries int
	index        []uint64
}

// entriesOf numbers the texts in the order in which they first come; false where
// there are too many.
func (e *encoder) entriesOf(v [][]byte) (int, bool) {
	clear(e.entries)
	e.first = e.first[:0]
	most := min(maxEntries, 2+len(v)/2)
	for i, b := range v {
		if i > 0 && bytes.Equal(b, v[i-1]) {
			e.index[i] = e.index[i-1]
			continue
		}
		k, ok := e.entries[string(b)]
		if !ok {
			if k = len(e.first); k == most {
				return 0, false
			}
			e.entries[string(b)] = k
			e.first = append(e.first, b)
		}
		e.index[i] = uint64(k)
	}
	return len(e.first), true
}

// mapped says whether a dictionary's index says which text a row has, and
// returns the text of each of its entries.
func (e *encoder) mapped(d dictionary, v [][]byte) ([][]byte, bool) {
	var of [maxEntries][]byte
	var known [maxEntries]bool
	for i, k := range d.index {
		if !known[k] {
			of[k], known[k] = v[i], true
		} else if !bytes.Equal(of[k], v[i]) {
			return nil, false
		}
	}
	e.first = append(e.first[:0], of[:d.entries]...)
	return e.first, true
}

func allEqual(v [][]byte) bool {
	for _, b := range v[1:] {
		if !bytes.Equal(b, v[0]) {
			return false
		}
	}
	return true
}

func equal(a, b [][]byte) bool {
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// appendHeap appends texts one behind the other: what all begin with, an
// integer column of where each ends, and the rest of each. It must be the last
// of its column.
func (e *encoder) appendHeap(dst []byte, v [][]byte) []byte {
	prefix := v[0]
	for _, b := range v[1:] {
		n := 0
		for n < len(prefix) && n < len(b) && prefix[n] == b[n] {
			n++
		}
		prefix = prefix[:n]
	}
	dst = appendBytes(dst, prefix)
	ends := e.ends[:len(v)]
	end := 0
	for i, b := range v {
		end += len(b) - len(prefix)
		ends[i] = uint64(end) //nolint:gosec // a length
	}
	dst = e.appendIntegers(dst, ends, ascending)
	for _, b := range v {
		dst = append(dst, b[len(prefix):]...)
	}
	return dst
}

// heap is texts one behind the other, as they are read.
type heap struct {
	prefix, rest []byte
	ends         integers
}

// heap reads n texts, up to the end of c.
func (c *cursor) heap(n int) heap {
	h := heap{prefix: c.bytes()}
	h.ends = c.integers(n, 0)
	h.rest = c.b
	return h
}

// at returns what text i has after the prefix.
func (h *heap) at(i int) ([]byte, bool) {
	var start uint64
	if i > 0 {
		start = h.ends.at(i - 1)
	}
	end := h.ends.at(i)
	if start > end || end > uint64(len(h.rest)) {
		return nil, false
	}
	return h.rest[start:end], true
}
