package block

import "encoding/binary"

// cursor reads what a writer of this package has put one behind the other.
// What is not there sets bad, and reads as zero from then on.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) fail() {
	c.b, c.bad = nil, true
}

func (c *cursor) u8() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cursor) uvarint() uint64 {
	if len(c.b) > 0 && c.b[0] < 0x80 {
		v := c.b[0]
		c.b = c.b[1:]
		return uint64(v)
	}
	v, k := binary.Uvarint(c.b)
	if k <= 0 {
		c.fail()
		return 0
	}
	c.b = c.b[k:]
	return v
}

// varint is a signed number, zigzag, as the bits of an int64.
func (c *cursor) varint() uint64 {
	u := c.uvarint()
	return u>>1 ^ -(u & 1)
}

// size reads a count or a length that cannot be above most.
func (c *cursor) size(most int) int {
	v := c.uvarint()
	if v > uint64(most) { //nolint:gosec // most is a length
		c.fail()
		return 0
	}
	return int(v) //nolint:gosec // not above most
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.fail()
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

// bytes reads a length and as many bytes.
func (c *cursor) bytes() []byte { return c.take(c.size(len(c.b))) }

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendVarint appends the bits of an int64, zigzag.
func appendVarint(dst []byte, v uint64) []byte {
	return binary.AppendUvarint(dst, v<<1^-(v>>63))
}

func uvarintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

func varintSize(v uint64) int { return uvarintSize(v<<1 ^ -(v >> 63)) }
