package block

import (
	"encoding/binary"
)

// A serial number is letters that stay and digits that count. A pattern is the
// letters with the widths of the digits' numbers; the numbers are integer
// columns, so that `L1-C-000000123` and its neighbours take a few bits. What
// never changes is letters, digits or not.

const (
	maxPatterns = 15
	maxNumbers  = 12
	// maxDigits is how many digits fit into an int64, whatever they are.
	maxDigits = 18
)

// appendSerial appends the column as serial numbers; false where they are none,
// or where that would not be shorter than limit.
//
//	serial  = patterns (varint), numbers (varint), packed index where there are
//	          several patterns, an integer column a number, heap of the patterns
//	pattern = (letters (bytes), width (u8))*
func (e *encoder) appendSerial(dst []byte, v [][]byte, limit int) ([]byte, bool) {
	numbers, ok := e.numbersOf(v)
	if !ok {
		return nil, false
	}
	var fixed [maxNumbers]bool
	moving := 0
	for k := range numbers {
		if fixed[k] = isConstant(e.numbers[k][:len(v)]); !fixed[k] {
			moving++
		}
	}
	dst = append(dst, textSerial)
	dst = binary.AppendUvarint(dst, uint64(len(e.patterns)))
	dst = binary.AppendUvarint(dst, uint64(moving))
	if len(e.patterns) > 1 {
		dst = appendIndex(dst, e.index[:len(v)])
	}
	for k := range numbers {
		if fixed[k] {
			continue
		}
		dst = e.appendIntegers(dst, e.numbers[k][:len(v)], ascending)
		if len(dst) > limit {
			return nil, false
		}
	}
	folded := make([][]byte, len(e.patterns))
	for i, p := range e.patterns {
		folded[i] = e.fold(p, &fixed)
	}
	dst = e.appendHeap(dst, folded)
	return dst, len(dst) < limit
}

// numbersOf fills patterns, index and numbers from the texts.
func (e *encoder) numbersOf(v [][]byte) (int, bool) {
	e.patterns = e.patterns[:0]
	numbers := 0
	for i, b := range v {
		var found [maxNumbers]uint64
		pattern, k, ok := split(e.pattern[:0], b, &found)
		e.pattern = pattern
		if !ok {
			return 0, false
		}
		p := e.patternOf(pattern)
		if p < 0 {
			return 0, false
		}
		e.index[i] = uint64(p)
		for j := numbers; j < k; j++ {
			for r := range i { // Rows that have no such number repeat what they may.
				e.numbers[j][r] = found[j]
			}
		}
		numbers = max(numbers, k)
		for j := range numbers {
			if j < k || i == 0 {
				e.numbers[j][i] = found[j]
			} else {
				e.numbers[j][i] = e.numbers[j][i-1]
			}
		}
	}
	return numbers, numbers > 0
}

func (e *encoder) patternOf(pattern []byte) int {
	for p := range e.patterns {
		if string(e.patterns[p]) == string(pattern) {
			return p
		}
	}
	if len(e.patterns) == maxPatterns {
		return -1
	}
	e.patterns = append(e.patterns, append([]byte(nil), pattern...))
	return len(e.patterns) - 1
}

// split appends the pattern of a text and finds its numbers.
func split(dst, b []byte, found *[maxNumbers]uint64) (pattern []byte, numbers int, ok bool) {
	for len(b) > 0 {
		n := 0
		for n < len(b) && !isDigit(b[n]) {
			n++
		}
		dst = appendBytes(dst, b[:n])
		b = b[n:]
		width := 0
		var number uint64
		for width < len(b) && width < maxDigits && isDigit(b[width]) {
			number = 10*number + uint64(b[width]-'0')
			width++
		}
		b = b[width:]
		dst = append(dst, byte(width))
		if width > 0 {
			if numbers == maxNumbers {
				return dst, 0, false
			}
			found[numbers] = number
			numbers++
		}
	}
	return dst, numbers, true
}

// fold makes letters of the numbers that never change.
func (e *encoder) fold(pattern []byte, fixed *[maxNumbers]bool) []byte {
	var folded, letters []byte
	c := cursor{b: pattern}
	for k := 0; len(c.b) > 0; {
		letters = append(letters, c.bytes()...)
		width := int(c.u8())
		if width > 0 && fixed[k] {
			letters = appendDigits(letters, e.numbers[k][0], width)
			k++
			continue
		}
		folded = append(appendBytes(folded, letters), byte(width)) //nolint:gosec // at most maxDigits
		letters = letters[:0]
		if width > 0 {
			k++
		}
	}
	if len(letters) > 0 {
		folded = append(appendBytes(folded, letters), 0)
	}
	return folded
}

func isDigit(c byte) bool { return c-'0' < 10 }

// appendDigits appends the last width digits of a number.
func appendDigits(dst []byte, number uint64, width int) []byte {
	for range width {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; number > 0 && i >= len(dst)-width; i-- {
		dst[i] = '0' + byte(number%10)
		number /= 10
	}
	return dst
}

// serial appends the text of row i from a column of n serial numbers.
func (c *cursor) serial(dst []byte, n, i int) []byte {
	patterns := c.size(maxPatterns)
	numbers := c.size(maxNumbers)
	p := 0
	if patterns > 1 {
		index := c.packed(n)
		p = int(index.at(i)) //nolint:gosec // compared below
	}
	var found [maxNumbers]uint64
	for k := range numbers {
		column := c.integers(n, 0)
		found[k] = column.at(i)
	}
	h := c.heap(patterns)
	if c.bad || p < 0 || p >= patterns {
		c.fail()
		return dst
	}
	pattern, ok := h.at(p)
	if !ok {
		c.fail()
		return dst
	}
	if len(h.prefix) > 0 {
		pattern = append(h.prefix, pattern...) // h.prefix has no room, so this is a copy.
	}
	w := cursor{b: pattern}
	for k := 0; len(w.b) > 0; {
		dst = append(dst, w.bytes()...)
		width := int(w.u8())
		if width == 0 {
			continue
		}
		if k == numbers || width > maxDigits {
			c.fail()
			return dst
		}
		dst = appendDigits(dst, found[k], width)
		k++
	}
	c.bad = c.bad || w.bad
	return dst
}
