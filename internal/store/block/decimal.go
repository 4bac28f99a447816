package block

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A double column has a double a row. An instrument writes decimals, so most
// columns are integers in disguise: a mantissa, divided by one power of ten for
// the whole column, gives back every bit. Where it does not, and for what is no
// number, the bits themselves are the integers.

// The encodings of a double column.
const (
	// doubleBits is an integer column of the doubles' bits.
	doubleBits = iota
	// doubleDecimal is an exponent, exceptions as they are, and an integer column
	// of the mantissas.
	doubleDecimal
)

// maxMantissa is the bound of what a double holds exactly.
const maxMantissa = 1 << 53

// powers are the powers of ten that a mantissa may be divided by. Each is
// exact, so that the quotient is the double nearest to the decimal: the same as
// that of ten times the mantissa and the next power.
var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// fromDecimal returns the bits of a decimal.
func fromDecimal(mantissa uint64, exponent int) uint64 {
	return math.Float64bits(float64(int64(mantissa)) / powers[exponent]) //nolint:gosec // the bits of an int64
}

// toDecimal returns the mantissa of a double, and whether it gives back all of
// its bits: not those of -0, of NaN and of the infinities.
func toDecimal(double uint64, exponent int) (uint64, bool) {
	f := math.RoundToEven(math.Float64frombits(double) * powers[exponent])
	if !(f > -maxMantissa && f < maxMantissa) {
		return 0, false
	}
	m := uint64(int64(f)) //nolint:gosec // the bits of an int64
	return m, fromDecimal(m, exponent) == double
}

// exponentOf returns the smallest exponent from least on under which a double is
// a decimal.
func exponentOf(double uint64, least int) (int, bool) {
	for e := least; e < len(powers); e++ {
		if _, ok := toDecimal(double, e); ok {
			return e, true
		}
	}
	return 0, false
}

// appendDoubles appends the shortest encoding of a double column.
func (e *encoder) appendDoubles(dst []byte, v []uint64) []byte {
	if isConstant(v) {
		return e.appendIntegers(append(dst, doubleBits), v, 0)
	}
	exponent, ok := e.decimals(v)
	if !ok {
		return e.appendIntegers(append(dst, doubleBits), v, 0)
	}
	mantissas := e.mantissas[:len(v)]
	e.odd = e.odd[:0]
	h := ascending
	var last uint64
	for i, x := range v {
		m, ok := toDecimal(x, exponent)
		if !ok {
			e.odd = append(e.odd, i)
			m = last
		}
		if i > 0 && int64(m) < int64(last) {
			h = 0
		}
		mantissas[i], last = m, m
	}
	if len(e.odd) > mostOdd(len(v)) {
		return e.appendIntegers(append(dst, doubleBits), v, 0)
	}
	if len(e.odd) > 0 && e.odd[0] == 0 { // Before the first there is none to repeat.
		for i, x := range v {
			if m, ok := toDecimal(x, exponent); ok {
				for k := range i {
					mantissas[k] = m
				}
				break
			}
		}
	}
	dst = append(dst, doubleDecimal, byte(exponent)) //nolint:gosec // an index of powers
	dst = binary.AppendUvarint(dst, uint64(len(e.odd)))
	for _, i := range e.odd {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(i)) //nolint:gosec // below MaxRows
	}
	for _, i := range e.odd {
		dst = binary.LittleEndian.AppendUint64(dst, v[i])
	}
	return e.appendIntegers(dst, mantissas, h)
}

// mostOdd is how many of n doubles may be no decimals.
func mostOdd(n int) int { return 1 + n/16 }

// decimals finds the exponent of a column: false where too many of its doubles
// are no decimals, or where their mantissas would be no shorter than the bits.
func (e *encoder) decimals(v []uint64) (int, bool) {
	exponent, odd := 0, 0
	most := mostOdd(len(v))
	for _, x := range v {
		if _, ok := toDecimal(x, exponent); ok {
			continue
		}
		if least, ok := exponentOf(x, exponent+1); ok {
			exponent = least
		} else if odd++; odd > most {
			return 0, false
		}
	}
	if odd == len(v) {
		return 0, false
	}
	if exponent < 8 {
		return exponent, true
	}
	// Long mantissas may be longer than the bits that differ.
	var all uint64
	for _, x := range v {
		all |= x ^ v[0]
	}
	return exponent, bits.Len64(all) > 52
}

// doubles is a double column, as it is read.
type doubles struct {
	decimal  bool
	exponent int
	// indexes and values are those of the exceptions, ascending.
	indexes, values []byte
	integers        integers
}

func (c *cursor) doubles(n, col int) doubles {
	var v doubles
	switch c.u8() {
	case doubleBits:
	case doubleDecimal:
		v.decimal = true
		if v.exponent = int(c.u8()); v.exponent >= len(powers) {
			c.fail()
			return doubles{}
		}
		k := c.size(n)
		v.indexes, v.values = c.take(2*k), c.take(8*k)
	default:
		c.fail()
	}
	v.integers = c.integers(n, col)
	if c.bad || v.integers.ref >= 0 {
		c.fail()
		return doubles{}
	}
	return v
}

// at returns the bits of row i.
func (v *doubles) at(i int) uint64 {
	if len(v.indexes) > 0 {
		if k, ok := find16(v.indexes, i); ok {
			return binary.LittleEndian.Uint64(v.values[8*k:])
		}
	}
	m := v.integers.at(i)
	if !v.decimal {
		return m
	}
	return fromDecimal(m, v.exponent)
}
