package mes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// The walk writes the protobuf wire format of takt.v1: what is in the log can
// be read in twenty years with nothing but the .proto files. It is canonical
// where protobuf is not: fields ascend, zero values are left out, doubles are
// packed. Reading takes any order, as protobuf does, and refuses what it does
// not know, so that nothing is dropped in silence.

// Wire types of the protobuf encoding that events use.
const (
	wireVarint = 0
	wireFixed8 = 1
	wireBytes  = 2
)

// walker is a message: one method that shows each field to a codec, in
// ascending order of the fields' numbers.
type walker interface{ walk(*codec) }

// pointerTo is the pointer to a message of type T.
type pointerTo[T any] interface {
	*T
	walker
}

// codec is one pass over a message: it writes each field that it is shown, or
// reads it. The first error stays.
type codec struct {
	reading bool
	// buf is what was written, or what is left to read of this message.
	buf []byte
	// other says that what was read is not as it would be written.
	other bool
	err   error
}

// encode appends the canonical form of w to dst.
func encode(dst []byte, w walker) []byte {
	c := codec{buf: dst}
	w.walk(&c)
	return c.buf
}

// decode reads data into w, which must be zero, and says whether it is in the
// canonical form. The reset is called before a second pass over fields that did
// not come in ascending order.
func decode(data []byte, w walker, reset func()) (canonical bool, err error) {
	c := codec{reading: true}
	c.read(data, w, reset)
	return !c.other, c.err
}

// read reads data into w, as decode does, in the middle of another message.
func (c *codec) read(data []byte, w walker, reset func()) {
	behind := c.buf
	c.buf = data
	w.walk(c)
	if c.err != nil || len(c.buf) > 0 {
		reset()
		c.other = true
		if c.buf, c.err = sortFields(data); c.err == nil {
			w.walk(c)
		}
	}
	if c.err == nil && len(c.buf) > 0 {
		n, _, _, err := cutTag(c.buf)
		if err == nil {
			err = Errorf(CodeInvalid, "field %d is not known here; the sender may be newer than this server", n)
		}
		c.err = err
	}
	c.buf = behind
}

// DecodeEvent reads an event from protobuf bytes, in any order of fields. It
// returns an Error with CodeInvalid where the bytes are no event, have a field
// that this program does not know, or text that is not UTF-8.
func DecodeEvent(data []byte) (*Event, error) {
	e, _, err := decodeEvent(data)
	return e, err
}

// CanonicalEvent reads an event as DecodeEvent does, and returns with it what
// AppendEvent writes of it: data itself where that is the same.
func CanonicalEvent(data []byte) (e *Event, form []byte, err error) {
	e, canonical, err := decodeEvent(data)
	switch {
	case err != nil:
		return nil, nil, err
	case canonical:
		return e, data, nil
	}
	return e, AppendEvent(make([]byte, 0, len(data)), e), nil
}

func decodeEvent(data []byte) (e *Event, canonical bool, err error) {
	e = new(Event)
	if canonical, err = decode(data, e, func() { *e = Event{} }); err != nil {
		return nil, false, Errorf(CodeInvalid, "decode event: %w", err)
	}
	return e, canonical, nil
}

// AppendEvent appends the canonical form of e to dst: takt.v1.Event in
// protobuf wire format with ascending fields and no zero values. Equal events
// have equal bytes.
func AppendEvent(dst []byte, e *Event) []byte { return encode(dst, e) }

// DecodeProvenance reads a provenance from protobuf bytes.
func DecodeProvenance(data []byte) (Provenance, error) {
	var p Provenance
	if _, err := decode(data, &p, func() { p = Provenance{} }); err != nil {
		return Provenance{}, Errorf(CodeInvalid, "decode provenance: %w", err)
	}
	return p, nil
}

// AppendProvenance appends the canonical form of p to dst.
func AppendProvenance(dst []byte, p *Provenance) []byte { return encode(dst, p) }

// DecodeSchema reads a schema from protobuf bytes.
func DecodeSchema(data []byte) (Schema, error) {
	var s Schema
	if _, err := decode(data, &s, func() { s = Schema{} }); err != nil {
		return Schema{}, Errorf(CodeInvalid, "decode schema: %w", err)
	}
	return s, nil
}

// AppendSchema appends the canonical form of s to dst.
func AppendSchema(dst []byte, s *Schema) []byte { return encode(dst, s) }

func (c *codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
		c.buf = nil
	}
}

func (c *codec) tag(n, typ int) {
	c.buf = binary.AppendUvarint(c.buf, uint64(n)<<3|uint64(typ)) //nolint:gosec // numbers of fields are small
}

// cutTag reads a field's tag and returns what follows it.
func cutTag(b []byte) (n, typ int, rest []byte, err error) {
	tag, k := binary.Uvarint(b)
	if k <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
		return 0, 0, nil, errors.New("a field's tag is malformed")
	}
	return int(tag >> 3), int(tag & 7), b[k:], nil
}

// cutBytes reads a length and as many bytes.
func cutBytes(b []byte) (data, rest []byte, ok bool) {
	size, k := binary.Uvarint(b)
	if k <= 0 || size > uint64(len(b)-k) { //nolint:gosec // k is at most len(b)
		return nil, nil, false
	}
	end := k + int(size) //nolint:gosec // not above len(b)
	return b[k:end], b[end:], true
}

// cutField reads a field's number and what it holds, a number or bytes, and
// returns what follows it.
func cutField(b []byte) (n int, number uint64, data, rest []byte, err error) {
	n, typ, rest, err := cutTag(b)
	if err != nil {
		return 0, 0, nil, nil, err
	}
	ok := false
	switch typ {
	case wireVarint:
		var k int
		if number, k = binary.Uvarint(rest); k > 0 {
			rest, ok = rest[k:], true
		}
	case wireFixed8:
		if ok = len(rest) >= 8; ok {
			rest = rest[8:]
		}
	case wireBytes:
		data, rest, ok = cutBytes(rest)
	}
	if !ok {
		err = fmt.Errorf("field %d is malformed or cut off", n)
	}
	return n, number, data, rest, err
}

// next reports whether the next field is number n, and consumes its tag.
func (c *codec) next(n int) (typ int, ok bool) {
	if len(c.buf) == 0 {
		return 0, false
	}
	got, typ, rest, err := cutTag(c.buf)
	if err != nil {
		c.fail("%w", err)
		return 0, false
	}
	if got != n {
		return 0, false
	}
	c.skip(len(c.buf) - len(rest))
	return typ, true
}

// notice takes note that what was read is not as it would be written.
func (c *codec) notice(other bool) { c.other = c.other || other }

// skip consumes a varint of so many bytes. One that ends in a zero has a shorter
// form.
func (c *codec) skip(n int) {
	c.notice(n > 1 && c.buf[n-1] == 0)
	c.buf = c.buf[n:]
}

func (c *codec) readVarint(n, typ int) uint64 {
	v, k := binary.Uvarint(c.buf)
	if typ != wireVarint || k <= 0 {
		c.fail("field %d is malformed", n)
		return 0
	}
	c.skip(k)
	c.notice(v == 0)
	return v
}

func (c *codec) readBytes(n, typ int) []byte {
	data, rest, ok := cutBytes(c.buf)
	if typ != wireBytes || !ok {
		c.fail("field %d is malformed or cut off", n)
		return nil
	}
	c.skip(len(c.buf) - len(data) - len(rest))
	c.buf = rest
	return data
}

// number shows an unsigned count or an enumeration.
func number[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *codec, n int, v *T) {
	if !c.reading {
		if *v != 0 {
			c.tag(n, wireVarint)
			c.buf = binary.AppendUvarint(c.buf, uint64(*v))
		}
		return
	}
	for again := false; ; again = true {
		typ, ok := c.next(n)
		if !ok {
			return
		}
		u := c.readVarint(n, typ)
		c.notice(again)
		if *v = T(u); uint64(*v) != u {
			c.fail("field %d is %d, which is out of range", n, u)
		}
	}
}

// signed shows a signed number, zigzag (sint32, sint64).
func signed[T ~int32 | ~int64](c *codec, n int, v *T) {
	u := uint64(int64(*v))<<1 ^ uint64(int64(*v)>>63) //nolint:gosec // the bits of an int64
	number(c, n, &u)
	if c.reading {
		s := int64(u>>1) ^ -int64(u&1)
		if *v = T(s); int64(*v) != s {
			c.fail("field %d is %d, which is out of range", n, s)
		}
	}
}

func (c *codec) bool(n int, v *bool) {
	var u uint64
	if *v {
		u = 1
	}
	number(c, n, &u)
	if c.reading {
		*v = u != 0
		c.notice(u > 1)
	}
}

// octets shows exact bytes.
func octets[T ~string](c *codec, n int, v *T) {
	if !c.reading {
		if *v != "" {
			c.tag(n, wireBytes)
			c.buf = binary.AppendUvarint(c.buf, uint64(len(*v)))
			c.buf = append(c.buf, *v...)
		}
		return
	}
	for again := false; ; again = true {
		typ, ok := c.next(n)
		if !ok {
			return
		}
		*v = T(c.readBytes(n, typ))
		c.notice(again || *v == "")
	}
}

// text shows a string, which must be UTF-8.
func text[T ~string](c *codec, n int, v *T) {
	octets(c, n, v)
	if c.reading && !utf8.ValidString(string(*v)) {
		c.fail("field %d is not UTF-8", n)
	}
}

// doubles shows packed 64-bit floats; every bit comes back.
func (c *codec) doubles(n int, v *[]float64) {
	if !c.reading {
		if len(*v) > 0 {
			c.tag(n, wireBytes)
			c.buf = binary.AppendUvarint(c.buf, uint64(8*len(*v)))
			for _, f := range *v {
				c.buf = binary.LittleEndian.AppendUint64(c.buf, math.Float64bits(f))
			}
		}
		return
	}
	for again := false; ; again = true {
		typ, ok := c.next(n)
		if !ok {
			return
		}
		data := c.buf
		switch {
		case typ == wireBytes:
			data = c.readBytes(n, typ)
		case typ == wireFixed8 && len(data) >= 8:
			data, c.buf = data[:8], data[8:]
		default:
			c.fail("field %d is malformed or cut off", n)
			return
		}
		if len(data)%8 != 0 {
			c.fail("field %d has %d bytes, which are no doubles", n, len(data))
			return
		}
		c.notice(again || typ != wireBytes || len(data) == 0)
		*v = slices.Grow(*v, len(data)/8)
		for ; len(data) > 0; data = data[8:] {
			*v = append(*v, math.Float64frombits(binary.LittleEndian.Uint64(data)))
		}
	}
}

// specLimit shows a 64-bit float that may be absent.
func (c *codec) specLimit(n int, v *SpecLimit) {
	if !c.reading {
		if v.Is {
			c.tag(n, wireFixed8)
			c.buf = binary.LittleEndian.AppendUint64(c.buf, math.Float64bits(v.At))
		}
		return
	}
	for again := false; ; again = true {
		typ, ok := c.next(n)
		if !ok {
			return
		}
		if typ != wireFixed8 || len(c.buf) < 8 {
			c.fail("field %d is malformed or cut off", n)
			return
		}
		c.notice(again)
		*v = SpecLimit{true, math.Float64frombits(binary.LittleEndian.Uint64(c.buf))}
		c.buf = c.buf[8:]
	}
}

// timestamp is google.protobuf.Timestamp.
type timestamp struct {
	seconds uint64 // int64 in two's complement
	nanos   uint32
}

func (t *timestamp) walk(c *codec) {
	number(c, 1, &t.seconds)
	number(c, 2, &t.nanos)
}

// The range of google.protobuf.Timestamp.
var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	maxTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

// time shows an instant, in UTC; the zero time.Time is left out.
func (c *codec) time(n int, v *time.Time) {
	var t *timestamp
	if !c.reading && !v.IsZero() {
		t = &timestamp{uint64(v.Unix()), uint32(v.Nanosecond())} //nolint:gosec // the bits of an int64; nanoseconds are below 1e9
	}
	optional(c, n, &t)
	if !c.reading || t == nil {
		return
	}
	sec := int64(t.seconds) //nolint:gosec // the bits of an int64
	if sec < minTime || sec > maxTime || t.nanos >= 1e9 {
		c.fail("field %d is no time between the years 1 and 9999", n)
		return
	}
	*v = time.Unix(sec, int64(t.nanos)).UTC()
	c.notice(v.IsZero())
}

// writeMessage writes a message with its length before it.
func (c *codec) writeMessage(n int, w walker, keepEmpty bool) {
	start := len(c.buf)
	c.tag(n, wireBytes)
	at := len(c.buf)
	c.buf = append(c.buf, 0)
	w.walk(c)
	size := len(c.buf) - at - 1
	switch {
	case size == 0 && !keepEmpty:
		c.buf = c.buf[:start]
	case size < 0x80:
		c.buf[at] = byte(size) //nolint:gosec // below 0x80
	default:
		var length [binary.MaxVarintLen64]byte
		k := binary.PutUvarint(length[:], uint64(size))
		c.buf = slices.Insert(c.buf, at+1, length[1:k]...)
		c.buf[at] = length[0]
	}
}

// optional shows a message that may be absent, which is not the same as empty.
func optional[T any, P pointerTo[T]](c *codec, n int, v **T) {
	if !c.reading {
		if *v != nil {
			c.writeMessage(n, P(*v), true)
		}
		return
	}
	readOptional[T, P](c, n, v)
}

// readOptional reads a message that may be absent, and returns how long it was.
func readOptional[T any, P pointerTo[T]](c *codec, n int, v **T) (size int) {
	for {
		typ, ok := c.next(n)
		if !ok {
			return size
		}
		if *v != nil {
			c.fail("field %d comes twice", n)
			return size
		}
		*v = new(T)
		data := c.readBytes(n, typ)
		size = len(data)
		c.readMessage(n, data, P(*v), func() { **v = *new(T) })
	}
}

// message shows a message whose absence and emptiness mean the same.
func message[T any, P pointerTo[T]](c *codec, n int, v *T) {
	if !c.reading {
		c.writeMessage(n, P(v), false)
		return
	}
	var p *T
	size := readOptional[T, P](c, n, &p)
	if p != nil {
		*v = *p
		c.notice(size == 0)
	}
}

// messages shows a list of messages.
func messages[T any, P pointerTo[T]](c *codec, n int, v *[]T) {
	if !c.reading {
		for i := range *v {
			c.writeMessage(n, P(&(*v)[i]), true)
		}
		return
	}
	for {
		typ, ok := c.next(n)
		if !ok {
			return
		}
		*v = append(*v, *new(T))
		last := &(*v)[len(*v)-1]
		c.readMessage(n, c.readBytes(n, typ), P(last), func() { *last = *new(T) })
	}
}

func (c *codec) readMessage(n int, data []byte, w walker, reset func()) {
	if c.err != nil {
		return
	}
	c.read(data, w, reset)
	if c.err != nil {
		c.err = fmt.Errorf("field %d: %w", n, c.err)
		c.buf = nil
	}
}

// sortFields puts the fields of one message into ascending order, equal
// numbers in the order in which they came.
func sortFields(data []byte) ([]byte, error) {
	type field struct {
		n     int
		bytes []byte
	}
	var fields []field
	for rest := data; len(rest) > 0; {
		n, _, _, after, err := cutField(rest)
		if err != nil {
			return nil, err
		}
		fields = append(fields, field{n, rest[:len(rest)-len(after)]})
		rest = after
	}
	slices.SortStableFunc(fields, func(a, b field) int { return a.n - b.n })
	sorted := make([]byte, 0, len(data))
	for _, f := range fields {
		sorted = append(sorted, f.bytes...)
	}
	return sorted, nil
}
