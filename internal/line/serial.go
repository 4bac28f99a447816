package line

import (
	"strconv"
	"strings"

	"github.com/takt-mes/takt/internal/mes"
)

// naming makes ids: what they are of, the line, the seed, the day, a number. No
// kind is the beginning of another, so no two things can get one id.
type naming struct {
	line, seed string
	// trace is the seven characters of a battery code that the maker chooses.
	trace string
	// counts are the numbers last given, by kind.
	counts [kinds]int
	// codes counts the battery codes of codeDay.
	codes   [codeKinds]int
	codeDay string
}

// kind is a series of ids.
type kind uint8

const (
	jellyRoll kind = iota
	cellKind
	moduleKind
	packKind
	trayKind
	rackKind
	boxKind
	cathodeBatch
	anodeBatch
	cathodeBlend
	anodeBlend
	cathodeCoil
	anodeCoil
	kinds
)

var kindLetters = [kinds]string{"J", "C", "M", "P", "T", "R", "B", "SC", "SA", "DC", "DA", "EC", "EA"}

func newNaming(line string, seed uint64) naming {
	tag := strings.ToUpper(strconv.FormatUint(seed, 36))
	if len(tag) < 3 {
		tag = "000"[len(tag):] + tag
	}
	trace := strings.ToUpper(strconv.FormatUint(fnv1a(line+"\x00"+tag), 36))
	return naming{line: line, seed: tag, trace: ("0000000" + trace)[len(trace):]}
}

// fnv1a is the FNV-1a hash of a string.
func fnv1a(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// next returns the next id of a kind, as `L1C001-260311-000123`.
func (n *naming) next(k kind, day string) mes.ID {
	n.counts[k]++
	b := make([]byte, 0, 40)
	b = append(b, n.line...)
	b = append(b, kindLetters[k]...)
	b = append(b, n.seed...)
	b = append(b, '-')
	b = append(b, day...)
	b = append(b, '-')
	return mes.ID(appendPadded(b, n.counts[k], 6))
}

// lot returns the id of a supplier's lot, as `SEP-L1001-260311-0017`.
func (n *naming) lot(prefix, day string, number int) mes.ID {
	return mes.ID(appendPadded([]byte(prefix+"-"+n.line+n.seed+"-"+day+"-"), number, 4))
}

// reused returns the id of the next carrier, which is used again and has no day.
func (n *naming) reused(k kind) mes.ID {
	n.counts[k]++
	return mes.ID(appendPadded([]byte(n.line+kindLetters[k]+n.seed+"-"), n.counts[k], 4))
}

// lane returns the id of a daughter coil.
func lane(mother mes.ID, number int) mes.ID {
	return mother + "-" + mes.ID(strconv.Itoa(number))
}

// canCode is what is engraved on the can: its box, and its number in it.
func canCode(box mes.ID, number int) mes.ID {
	b := make([]byte, 0, 40)
	b = append(b, "R105."...)
	b = append(b, strings.TrimPrefix(string(box), can.prefix+"-")...)
	b = append(b, '.')
	return mes.ID(appendPadded(b, number, 4))
}

// The alphabet of years and days in GB/T 34014, without I, O, U and Z.
const codeAlphabet = "123456789ABCDEFGHJKLMNPRSTVWXY0"

// codeKind is what a battery code is of: its letter, and what is counted.
type codeKind uint8

const (
	codeCell codeKind = iota
	codePack
	codeKinds
)

var codeHeads = [codeKinds]string{"TKTCBR1", "TKTPBR1"}

// code returns a code in the form of GB/T 34014: maker, cell or pack, LFP,
// specification, trace, day and the number of the day. It is made up: no such
// maker is filed.
func (n *naming) code(k codeKind, c *calendar) mes.ID {
	if n.codeDay != c.day {
		n.codeDay, n.codes = c.day, [codeKinds]int{}
	}
	n.codes[k]++
	year, month, day := c.local.Date()
	b := append(make([]byte, 0, 24), codeHeads[k]...)
	b = append(b, n.trace...)
	b = append(b, codeAlphabet[((year-2011)%30+30)%30], codeAlphabet[month-1], codeAlphabet[day-1])
	return mes.ID(appendPadded(b, n.codes[k], 7))
}

// appendPadded appends a number with at least as many digits.
func appendPadded(b []byte, number, digits int) []byte {
	limit := 1
	for range digits - 1 {
		limit *= 10
	}
	for ; limit > 1 && limit > number; limit /= 10 {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(number), 10)
}
