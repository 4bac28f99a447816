package store

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// A key is built by appending: numbers so that keys sort as numbers do; names
// behind their length, so that no name is a prefix of another.
type key []byte

// fork returns the key so that what is appended to it does not change others that
// were built on it.
func (k key) fork() key { return slices.Clip(k) }

func (k key) u8(v uint8) key { return append(k, v) }

// The first byte of a number is the number itself up to maxByte; beyond, it says
// how many bytes follow, and so sorts before what needs more.
const maxByte = 0xf7

// number appends a count in as few bytes as it needs.
func (k key) number(v uint64) key {
	if v <= maxByte {
		return append(k, byte(v))
	}
	n := (bits.Len64(v) + 7) / 8
	k = append(k, byte(maxByte+n)) //nolint:gosec // at most 8 beyond it
	for n--; n >= 0; n-- {
		k = append(k, byte(v>>(8*n))) //nolint:gosec // a byte of it
	}
	return k
}

func (k key) number32(v uint32) key { return k.number(uint64(v)) }

// uvarint appends a count that nothing sorts by.
func (k key) uvarint(v uint64) key { return binary.AppendUvarint(k, v) }

// millisOf returns an instant as milliseconds since year 1, and the nanoseconds
// beside them.
func millisOf(t time.Time) (millis, nanos uint64) {
	const perMilli = uint64(time.Millisecond)
	ns := uint64(t.Nanosecond())                                      //nolint:gosec // nanoseconds are below 1e9
	return uint64(t.Unix()-minUnix)*1000 + ns/perMilli, ns % perMilli //nolint:gosec // events' times are from year 1 on
}

// time appends an instant so that keys sort by it: milliseconds since year 1,
// then nanoseconds.
func (k key) time(t time.Time) key {
	millis, nanos := millisOf(t)
	return k.number(millis).number(nanos)
}

func (k key) hash(h mes.Hash) key { return append(k, h[:]...) }

func (k key) name(s string) key {
	k = binary.BigEndian.AppendUint16(k, uint16(len(s))) //nolint:gosec // ids and texts in keys are below 64 KiB
	return append(k, s...)
}

var minUnix = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// reader reads what a key or a value was built of. The first shortage stays;
// done reports it.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return make([]byte, max(0, min(n, 8)))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8 { return r.take(1)[0] }
func (r *reader) number() (v uint64) {
	first := r.u8()
	if first <= maxByte {
		return uint64(first)
	}
	n := int(first) - maxByte
	for _, b := range r.take(n) {
		v = v<<8 | uint64(b)
	}
	if v <= maxByte || bits.Len64(v) <= 8*(n-1) {
		r.bad = true // it has a shorter form
	}
	return v
}

func (r *reader) number32() uint32 {
	v := r.number()
	if v > math.MaxUint32 {
		r.bad = true
	}
	return uint32(v) //nolint:gosec // refused where it is more
}

func (r *reader) time() time.Time { return r.instant(r.number(), r.number()) }

// instant returns what millisOf gave.
func (r *reader) instant(millis, nanos uint64) time.Time {
	if nanos >= uint64(time.Millisecond) || millis > math.MaxInt64/2 {
		r.bad = true
		return time.Time{}
	}
	return time.Unix(int64(millis/1000)+minUnix, int64(millis%1000*uint64(time.Millisecond)+nanos)).UTC()
}

func (r *reader) name() string { return string(r.nameBytes()) }

// nameBytes is name as a slice of what is read.
func (r *reader) nameBytes() []byte {
	return r.take(int(binary.BigEndian.Uint16(r.take(2))))
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 1<<7 { // as most are
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) uvarint32() uint32 {
	v := r.uvarint()
	if v > math.MaxUint32 {
		r.bad = true
	}
	return uint32(v) //nolint:gosec // refused where it is more
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// bytes reads a length as a varint and as many bytes.
func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	return r.take(int(n)) //nolint:gosec // not above the length of a slice
}

func (r *reader) hash() (h mes.Hash) {
	if b := r.take(len(h)); len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

func (r *reader) done(what string) error {
	if r.bad || len(r.b) > 0 {
		return mes.Errorf(mes.CodeDamaged, "%s has a shape that is not in this format; run takt check", what)
	}
	return nil
}

func appendBytes[T ~string | ~[]byte](b []byte, v T) []byte {
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}
