package block

import (
	"encoding/binary"
	"slices"
)

// A shape is what rows have in common that differ in values alone. It is a
// program of bytes, from which and from the values a row is written again:
//
//	shape   = reason (u8), part (the event), part (the provenance)
//	part    = 0                  exact bytes: one text
//	        | 1 field* 0         a message
//	field   = tag                of a varint: one integer
//	        | tag                of a fixed 64: one double
//	        | tag 0              of bytes: one text
//	        | tag 1 field* 0     of a message within
//	        | tag 2              of a google.protobuf.Timestamp: one time
//	        | tag 3 count        of packed doubles: count doubles
//
// A tag is protobuf's, a varint. No tag is 0.
const (
	partText    = 0
	partMessage = 1

	maxDepth = 8
	// maxLeaves is how many values a row may have beyond its identity; one with
	// more is kept as exact bytes.
	maxLeaves = 2048
)

// Wire types of protobuf.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
)

// kind says what a column holds.
type kind uint8

const (
	kindInteger kind = iota
	kindTime
	kindDouble
	kindText
)

// The columns that every block has, before those of its shape.
const (
	colSource = iota
	colEpoch
	colSequence
	colDetail
	fixedColumns
)

// taken is a row taken apart: its shape, and the values in the shape's order,
// the numbers and the texts each for themselves.
type taken struct {
	shape   []byte
	numbers []uint64
	texts   [][]byte
}

func (t *taken) values() int { return len(t.numbers) + len(t.texts) }

// take takes a row apart. Where raw is set, the event stays exact bytes.
func (t *taken) take(r *Row, raw bool) {
	t.shape = append(t.shape[:0], r.Reason)
	t.numbers = append(t.numbers[:0], r.Epoch, r.Sequence)
	t.texts = append(t.texts[:0], r.Source, r.Detail)
	t.part(r.Event, event, raw || r.Reason != 0)
	t.part(r.Provenance, provenance, false)
}

func (t *taken) part(b []byte, m *message, raw bool) {
	if !raw {
		undo := t.mark()
		t.shape = append(t.shape, partMessage)
		if t.message(b, m, 0) {
			t.shape = append(t.shape, 0)
			return
		}
		t.undo(undo)
	}
	t.shape = append(t.shape, partText)
	t.texts = append(t.texts, b)
}

// mark is how much was taken so far.
type mark struct{ shape, numbers, texts int }

func (t *taken) mark() mark { return mark{len(t.shape), len(t.numbers), len(t.texts)} }

func (t *taken) undo(m mark) {
	t.shape, t.numbers, t.texts = t.shape[:m.shape], t.numbers[:m.numbers], t.texts[:m.texts]
}

// message takes the fields of a message apart, in the order in which they come.
// It reports false where they could not be written again as they are: where a
// varint is longer than it must be, or anything is malformed.
func (t *taken) message(b []byte, m *message, depth int) bool {
	if depth > maxDepth {
		return false
	}
	for len(b) > 0 {
		tag, k := uint64(b[0]), 1
		if tag >= 0x80 {
			tag, k = longer(b)
		}
		if k == 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 || len(t.numbers)+len(t.texts) > maxLeaves {
			return false
		}
		b = b[k:]
		t.shape = binary.AppendUvarint(t.shape, tag)
		switch tag & 7 {
		case wireVarint:
			v, k := shortest(b)
			if k == 0 {
				return false
			}
			b = b[k:]
			t.numbers = append(t.numbers, v)
		case wireFixed8:
			if len(b) < 8 {
				return false
			}
			t.numbers = append(t.numbers, binary.LittleEndian.Uint64(b))
			b = b[8:]
		case wireBytes:
			size, k := shortest(b)
			if k == 0 || size > uint64(len(b)-k) { //nolint:gosec // k is at most len(b)
				return false
			}
			end := k + int(size) //nolint:gosec // not above len(b)
			t.field(b[k:end], m.of(tag>>3), depth)
			b = b[end:]
		default:
			return false
		}
	}
	return true
}

// field takes what a length-delimited field holds; what is not what the table
// says is taken as text.
func (t *taken) field(b []byte, f field, depth int) {
	switch f.kind {
	case fieldTime:
		if at, ok := timeOf(b); ok {
			t.shape = append(t.shape, byte(fieldTime))
			t.numbers = append(t.numbers, at)
			return
		}
	case fieldDoubles:
		if len(b)%8 == 0 && len(b)/8+len(t.numbers) <= maxLeaves {
			t.shape = append(t.shape, byte(fieldDoubles))
			t.shape = binary.AppendUvarint(t.shape, uint64(len(b)/8))
			for ; len(b) > 0; b = b[8:] {
				t.numbers = append(t.numbers, binary.LittleEndian.Uint64(b))
			}
			return
		}
	case fieldMessage:
		undo := t.mark()
		t.shape = append(t.shape, byte(fieldMessage))
		if t.message(b, f.message, depth+1) {
			t.shape = append(t.shape, 0)
			return
		}
		t.undo(undo)
	case fieldText:
	}
	t.shape = append(t.shape, byte(fieldText))
	t.texts = append(t.texts, b)
}

// shortest reads a varint that is no longer than it must be; k is 0 where there
// is none.
func shortest(b []byte) (v uint64, k int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return longer(b)
}

// longer is shortest for a varint of several bytes.
func longer(b []byte) (v uint64, k int) {
	v, k = binary.Uvarint(b)
	if k <= 0 || b[k-1] == 0 {
		return 0, 0
	}
	return v, k
}

// timeOf reads a canonical google.protobuf.Timestamp whose nanoseconds since
// 1970 are an int64.
func timeOf(b []byte) (uint64, bool) {
	var seconds, nanos uint64
	if len(b) > 0 && b[0] == 1<<3 {
		v, k := shortest(b[1:])
		if k == 0 || v == 0 {
			return 0, false
		}
		seconds, b = v, b[1+k:]
	}
	if len(b) > 0 && b[0] == 2<<3 {
		v, k := shortest(b[1:])
		if k == 0 || v == 0 || v >= nanosPerSecond {
			return 0, false
		}
		nanos, b = v, b[1+k:]
	}
	s := int64(seconds)
	if len(b) > 0 || s < -maxSeconds || s > maxSeconds {
		return 0, false
	}
	return seconds*nanosPerSecond + nanos, true
}

const (
	nanosPerSecond = 1_000_000_000
	maxSeconds     = 1<<63/nanosPerSecond - 1
)

// secondsOf undoes timeOf.
func secondsOf(at uint64) (seconds, nanos uint64) {
	s, n := int64(at)/nanosPerSecond, int64(at)%nanosPerSecond //nolint:gosec // the bits of an int64
	if n < 0 {
		s, n = s-1, n+nanosPerSecond
	}
	return uint64(s), uint64(n) //nolint:gosec // the bits of an int64
}

func appendTime(dst []byte, at uint64) []byte {
	seconds, nanos := secondsOf(at)
	start := len(dst)
	dst = append(dst, 0)
	if seconds != 0 {
		dst = binary.AppendUvarint(append(dst, 1<<3), seconds)
	}
	if nanos != 0 {
		dst = binary.AppendUvarint(append(dst, 2<<3), nanos)
	}
	dst[start] = byte(len(dst) - start - 1) //nolint:gosec // at most 17
	return dst
}

// columnsOf returns what each column of a shape holds; false where the shape is
// malformed or has not as many columns as there must be.
func columnsOf(shape []byte, columns int) ([]kind, bool) {
	w := shapeReader{ops: cursor{b: shape}, kinds: make([]kind, 0, columns)}
	w.kinds = append(w.kinds, kindText, kindInteger, kindInteger, kindText)
	w.ops.u8()
	for range 2 {
		switch w.ops.u8() {
		case partText:
			w.add(kindText)
		case partMessage:
			w.message(0)
		default:
			w.ops.fail()
		}
	}
	return w.kinds, !w.ops.bad && len(w.ops.b) == 0 && len(w.kinds) == columns
}

// shapeReader goes over a shape for its columns.
type shapeReader struct {
	ops   cursor
	kinds []kind
}

// add adds a column, never more than were announced.
func (w *shapeReader) add(k kind) {
	if len(w.kinds) == cap(w.kinds) {
		w.ops.fail()
		return
	}
	w.kinds = append(w.kinds, k)
}

func (w *shapeReader) message(depth int) {
	if depth > maxDepth {
		w.ops.fail()
	}
	for !w.ops.bad {
		tag := w.ops.uvarint()
		if tag == 0 {
			return
		}
		switch tag & 7 {
		case wireVarint:
			w.add(kindInteger)
		case wireFixed8:
			w.add(kindDouble)
		case wireBytes:
			switch fieldKind(w.ops.u8()) {
			case fieldText:
				w.add(kindText)
			case fieldMessage:
				w.message(depth + 1)
			case fieldTime:
				w.add(kindTime)
			case fieldDoubles:
				for range w.ops.size(cap(w.kinds)) {
					w.add(kindDouble)
				}
			default:
				w.ops.fail()
			}
		default:
			w.ops.fail()
		}
	}
}

// writer writes a row again: it goes over the shape, and takes each value from
// the next column.
type writer struct {
	ops  cursor
	view *view
	col  int
	dst  []byte
}

func (w *writer) part() {
	if w.ops.u8() == partText {
		w.text()
		return
	}
	w.message()
}

func (w *writer) number() uint64 {
	v := w.view.number(w.col)
	w.col++
	return v
}

func (w *writer) text() {
	w.dst = w.view.text(w.dst, w.col)
	w.col++
}

func (w *writer) message() {
	for {
		tag := w.ops.uvarint()
		if tag == 0 {
			return // A shape that was opened ends its messages.
		}
		w.dst = binary.AppendUvarint(w.dst, tag)
		switch tag & 7 {
		case wireVarint:
			w.dst = binary.AppendUvarint(w.dst, w.number())
			continue
		case wireFixed8:
			w.dst = binary.LittleEndian.AppendUint64(w.dst, w.number())
			continue
		}
		switch fieldKind(w.ops.u8()) {
		case fieldText:
			at := w.open()
			w.text()
			w.close(at)
		case fieldMessage:
			at := w.open()
			w.message()
			w.close(at)
		case fieldTime:
			w.dst = appendTime(w.dst, w.number())
		case fieldDoubles:
			n := w.ops.uvarint()
			w.dst = binary.AppendUvarint(w.dst, 8*n)
			for range n {
				w.dst = binary.LittleEndian.AppendUint64(w.dst, w.number())
			}
		}
	}
}

// open leaves a byte for a length, close writes the length.
func (w *writer) open() int {
	w.dst = append(w.dst, 0)
	return len(w.dst)
}

func (w *writer) close(at int) {
	size := len(w.dst) - at
	if size < 0x80 {
		w.dst[at-1] = byte(size) //nolint:gosec // below 0x80
		return
	}
	var length [binary.MaxVarintLen64]byte
	k := binary.PutUvarint(length[:], uint64(size))
	w.dst = slices.Insert(w.dst, at, length[1:k]...)
	w.dst[at-1] = length[0]
}
