package block

import (
	"encoding/binary"
	"math/bits"
)

// An integer column has a 64-bit number a row: a varint of an event, a time in
// nanoseconds, a decimal's mantissa or a double's bits. All arithmetic wraps
// around, so that every number comes back, whatever it is; a good choice only
// makes it short.

// The encodings of an integer column.
const (
	// intConstant is one number for all rows.
	intConstant = iota
	// intFrame is a base and a packed multiple of a unit.
	intFrame
	// intLinear is a step a row, and a frame of what it misses.
	intLinear
	// intDelta is a frame of every restartEvery-th number and a frame of the
	// differences between neighbours.
	intDelta
	// intDifference is one of the encodings above, of the difference to another
	// column.
	intDifference
)

// restartEvery is how many rows share a restart: what a reader adds up at most.
const restartEvery = 16

// frame is numbers above a base, in multiples of a unit.
type frame struct {
	base, unit uint64
	packed     packed
}

func (c *cursor) frame(n int) frame {
	return frame{base: c.varint(), unit: c.uvarint(), packed: c.packed(n)}
}

func (f *frame) at(i int) uint64 { return f.base + f.unit*f.packed.at(i) }

// framing is how a vector is framed.
type framing struct {
	base, unit uint64
	packing    packing
	size       int
}

// frameOf finds the frame of a vector, which must not be empty. The base is the
// least of its numbers, or the least of those that are not far below all others:
// these wrap around, and become exceptions.
func frameOf(v []uint64) framing {
	low, high := int64(v[0]), int64(v[0]) //nolint:gosec // the bits of an int64
	for _, x := range v[1:] {
		low, high = min(low, int64(x)), max(high, int64(x)) //nolint:gosec // the bits of an int64
	}
	base := uint64(low)         //nolint:gosec // the bits of an int64
	span := uint64(high) - base //nolint:gosec // the bits of an int64
	f, below := frameAbove(v, base, span)
	if below == 0 || below > len(v)/64 {
		return f
	}
	base = uint64(high) //nolint:gosec // the bits of an int64
	for _, x := range v {
		if x-uint64(low) >= span/4 { //nolint:gosec // the bits of an int64
			base = min(base-uint64(low), x-uint64(low)) + uint64(low) //nolint:gosec // the bits of an int64
		}
	}
	if other, _ := frameAbove(v, base, ^uint64(0)); other.size < f.size {
		return other
	}
	return f
}

// frameAbove finds the frame above a base, and how many numbers are in about the
// lowest quarter of the span.
func frameAbove(v []uint64, base, span uint64) (f framing, below int) {
	f = framing{base: base, unit: 1}
	top := bits.Len64(span)
	if top > 3 {
		f.unit = unitOf(v, base)
	}
	var l lengths
	if f.unit == 1 {
		for _, x := range v {
			l[bits.Len64(x-base)]++
		}
	} else {
		top = bits.Len64(span / f.unit)
		for _, x := range v {
			l[bits.Len64((x-base)/f.unit)]++
		}
	}
	f.packing = l.choose(len(v))
	f.size = varintSize(f.base) + uvarintSize(f.unit) + f.packing.size
	for _, n := range l[:max(0, top-1)] {
		below += int(n)
	}
	return f, below
}

// unitOf is the greatest common divisor of how far the numbers are above base.
func unitOf(v []uint64, base uint64) uint64 {
	var unit uint64
	for _, x := range v {
		d := x - base
		if unit != 0 && d%unit == 0 || d == 0 {
			continue
		}
		for d != 0 {
			unit, d = d, unit%d
		}
		if unit == 1 {
			return 1
		}
	}
	return max(unit, 1)
}

// append appends the frame of v, which scratch has room for.
func (f *framing) append(dst []byte, v, scratch []uint64) []byte {
	dst = appendVarint(dst, f.base)
	dst = binary.AppendUvarint(dst, f.unit)
	scratch = scratch[:len(v)]
	if f.unit == 1 {
		for i, x := range v {
			scratch[i] = x - f.base
		}
	} else {
		for i, x := range v {
			scratch[i] = (x - f.base) / f.unit
		}
	}
	return appendPacked(dst, scratch, f.packing)
}

// hint says which encodings of an integer column are worth a try.
type hint uint8

// ascending is a column that may ascend.
const ascending hint = 1

// appendIntegers appends the shortest encoding of v, which must not be empty.
func (e *encoder) appendIntegers(dst []byte, v []uint64, h hint) []byte {
	if isConstant(v) {
		return appendVarint(append(dst, intConstant), v[0])
	}
	plain := frameOf(v)
	best, size := intFrame, plain.size
	n := len(v)
	if h&ascending == 0 || n < 4 || plain.packing.width < 2 {
		return plain.append(append(dst, intFrame), v, e.packed[:])
	}
	step := uint64(int64(v[n-1]-v[0]) / int64(n-1)) //nolint:gosec // wraps around
	missed := e.missed[:n]
	at := uint64(0)
	for i, x := range v {
		missed[i] = x - at
		at += step
	}
	linear := frameOf(missed)
	if s := linear.size + varintSize(step); s < size {
		best, size = intLinear, s
	}
	var restarts, deltas framing
	if size > n/8 {
		e.deltasOf(v)
		restarts, deltas = frameOf(e.restarts), frameOf(e.deltas[:n])
		if s := restarts.size + deltas.size; s < size {
			best = intDelta
		}
	}
	dst = append(dst, byte(best))
	switch best {
	case intLinear:
		return linear.append(appendVarint(dst, step), missed, e.packed[:])
	case intDelta:
		dst = restarts.append(dst, e.restarts, e.packed[:])
		return deltas.append(dst, e.deltas[:n], e.packed[:])
	}
	return plain.append(dst, v, e.packed[:])
}

// deltasOf fills restarts and deltas; where a restart is, the delta repeats.
func (e *encoder) deltasOf(v []uint64) {
	e.restarts = e.restarts[:0]
	before := v[1] - v[0]
	for i, x := range v {
		if i%restartEvery == 0 {
			e.restarts = append(e.restarts, x)
		} else {
			before = x - v[i-1]
		}
		e.deltas[i] = before
	}
}

func isConstant(v []uint64) bool {
	for _, x := range v[1:] {
		if x != v[0] {
			return false
		}
	}
	return true
}

// integers is an integer column, as it is read.
type integers struct {
	// kind is the encoding; of a difference, that of its numbers.
	kind            byte
	step            uint64
	frame, restarts frame
	// ref is the other column of a difference, or -1.
	ref int
}

// integers reads the head of an integer column of n rows. A difference is to a
// column before number col.
func (c *cursor) integers(n, col int) integers {
	v := integers{kind: c.u8(), ref: -1}
	if v.kind == intDifference {
		if col == 0 {
			c.fail()
			return v
		}
		v.ref = c.size(col - 1)
		v.kind = c.u8()
	}
	switch v.kind {
	case intConstant:
		v.frame.base = c.varint()
	case intFrame:
		v.frame = c.frame(n)
	case intLinear:
		v.step = c.varint()
		v.frame = c.frame(n)
	case intDelta:
		v.restarts = c.frame((n + restartEvery - 1) / restartEvery)
		v.frame = c.frame(n)
	default:
		c.fail()
	}
	return v
}

// at returns the number of row i; to a difference its other column's is to be
// added.
func (v *integers) at(i int) uint64 {
	switch v.kind {
	case intFrame:
		return v.frame.at(i)
	case intLinear:
		return v.frame.at(i) + v.step*uint64(i) //nolint:gosec // not negative
	case intDelta:
		first := i - i%restartEvery
		sum := v.restarts.at(first / restartEvery)
		for k := first + 1; k <= i; k++ {
			sum += v.frame.at(k)
		}
		return sum
	}
	return v.frame.base
}
