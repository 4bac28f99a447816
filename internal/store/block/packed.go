package block

import (
	"encoding/binary"
	"math/bits"
	"sort"
)

// A packed vector has its values in as few bits as most of them need, lowest
// bit first, and beside them the few that need more: the exceptions. Any value
// of it is found without the others.

const (
	// withExceptions is set in the width's byte where exceptions follow.
	withExceptions = 0x80
	// exceptionBytes is what one takes: its index and its value.
	exceptionBytes = 2 + 8
)

// packed is a packed vector, as it is read.
type packed struct {
	width uint
	// indexes and values are those of the exceptions, ascending.
	indexes, values []byte
	bits            []byte
}

// packing is a choice of a width.
type packing struct {
	width, exceptions int
	// size is what the whole takes, in bytes.
	size int
}

// lengths counts the values of a vector by their length in bits.
type lengths [65]uint32

// choose finds the width that takes the fewest bytes.
func (l *lengths) choose(n int) packing {
	top := 64
	for top > 0 && l[top] == 0 {
		top--
	}
	best := packing{width: top, size: 1 + bitBytes(n, top)}
	above := 0
	for w := top - 1; w >= 0; w-- {
		above += int(l[w+1])
		if above*exceptionBytes >= best.size {
			break
		}
		size := 1 + uvarintSize(uint64(above)) + above*exceptionBytes + bitBytes(n, w) //nolint:gosec // a count
		if size < best.size {
			best = packing{width: w, exceptions: above, size: size}
		}
	}
	return best
}

// bitBytes is how many bytes n values of a width take.
func bitBytes(n, width int) int { return (n*width + 7) / 8 }

// appendPacked appends the vector as was chosen.
func appendPacked(dst []byte, v []uint64, p packing) []byte {
	if p.exceptions == 0 {
		return appendBits(append(dst, byte(p.width)), v, uint(p.width)) //nolint:gosec // at most 64
	}
	dst = append(dst, byte(p.width)|withExceptions)       //nolint:gosec // at most 64
	dst = binary.AppendUvarint(dst, uint64(p.exceptions)) //nolint:gosec // a count
	for i, x := range v {
		if bits.Len64(x) > p.width {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(i))
		}
	}
	for _, x := range v {
		if bits.Len64(x) > p.width {
			dst = binary.LittleEndian.AppendUint64(dst, x)
		}
	}
	return appendBits(dst, v, uint(p.width))
}

// appendBits appends the lowest bits of each value.
func appendBits(dst []byte, v []uint64, width uint) []byte {
	if width == 0 {
		return dst
	}
	mask := ^uint64(0) >> (64 - width)
	var word uint64
	var have uint
	for _, x := range v {
		x &= mask
		word |= x << have
		if have += width; have >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, word)
			have -= 64
			word = x >> (width - have) // Zero where nothing is left of x.
		}
	}
	for ; have > 0; have -= min(have, 8) {
		dst = append(dst, byte(word))
		word >>= 8
	}
	return dst
}

// packed reads a packed vector of n values.
func (c *cursor) packed(n int) packed {
	var p packed
	head := c.u8()
	p.width = uint(head &^ withExceptions)
	if p.width > 64 {
		c.fail()
		return packed{}
	}
	if head&withExceptions != 0 {
		k := c.size(n)
		p.indexes, p.values = c.take(2*k), c.take(8*k)
	}
	p.bits = c.take(bitBytes(n, int(p.width)))
	if c.bad {
		return packed{}
	}
	return p
}

// at returns value i, which must be below the vector's length.
func (p *packed) at(i int) uint64 {
	if len(p.indexes) > 0 {
		if k, ok := find16(p.indexes, i); ok {
			return binary.LittleEndian.Uint64(p.values[8*k:])
		}
	}
	return bitsAt(p.bits, p.width, i)
}

// find16 looks for i in ascending 16-bit numbers.
func find16(list []byte, i int) (int, bool) {
	return sort.Find(len(list)/2, func(k int) int {
		return i - int(binary.LittleEndian.Uint16(list[2*k:]))
	})
}

// bitsAt returns value i of a width.
func bitsAt(b []byte, width uint, i int) uint64 {
	if width == 0 {
		return 0
	}
	at := i * int(width)
	first, shift := at>>3, uint(at&7)
	mask := ^uint64(0) >> (64 - width)
	if first+9 <= len(b) {
		v := binary.LittleEndian.Uint64(b[first:]) >> shift
		v |= uint64(b[first+8]) << 1 << (63 - shift) // Nothing where shift is 0.
		return v & mask
	}
	if first >= len(b) {
		return 0
	}
	var tail [9]byte
	copy(tail[:], b[first:])
	v := binary.LittleEndian.Uint64(tail[:]) >> shift
	v |= uint64(tail[8]) << 1 << (63 - shift)
	return v & mask
}

// exceptions calls f for each exception of a vector of n values.
func (p *packed) exceptions(n int, f func(i int, v uint64)) {
	for k := range len(p.indexes) / 2 {
		if i := int(binary.LittleEndian.Uint16(p.indexes[2*k:])); i < n {
			f(i, binary.LittleEndian.Uint64(p.values[8*k:]))
		}
	}
}
