package mes

import (
	"encoding/binary"
	"math"
	"time"
)

// Measured is what figures need of an event that measured something. Its texts are
// slices of the event.
type Measured struct {
	EventTime                 time.Time
	Equipment, ProcessSegment []byte
	Mode                      Mode
	Schema                    []byte
	// Noted says that a value has a note: it may not be plainly good.
	Noted  bool
	values []byte
}

// Count is how many values there are.
func (m *Measured) Count() int { return len(m.values) / 8 }

// Value returns value i, below Count, every bit as it was measured.
func (m *Measured) Value(i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(m.values[8*i:]))
}

// MeasuredOf reads the canonical form of an event as far as its measurements,
// without decoding all of it. It reports false where it does not make them out at
// once, or there are none: DecodeEvent then says what it is.
func MeasuredOf(event []byte) (m Measured, ok bool) {
	ok = fields(event, func(n int, number uint64, data []byte) (more bool) {
		switch n {
		case 1:
			return m.time(data)
		case 4:
			m.Equipment = data
		case 5:
			m.ProcessSegment = data
		case 9:
			m.Mode = Mode(number) //nolint:gosec // as it was checked when it came
		case 16:
			return fields(data, func(n int, _ uint64, data []byte) bool { return n != 4 || m.measurements(data) })
		}
		return true
	})
	return m, ok && m.Schema != nil && len(m.values)%8 == 0
}

func (m *Measured) time(data []byte) bool {
	var t timestamp
	c := codec{reading: true, buf: data}
	t.walk(&c)
	m.EventTime = time.Unix(int64(t.seconds), int64(t.nanos)) //nolint:gosec // the bits of an int64
	return c.err == nil && len(c.buf) == 0
}

func (m *Measured) measurements(data []byte) bool {
	return fields(data, func(n int, _ uint64, data []byte) bool {
		switch n {
		case 1:
			m.Schema = data
		case 2:
			m.values = data
		default:
			m.Noted = true
		}
		return true
	})
}

// fields calls fn with each field of a message, its number or its bytes, until fn
// returns false. It reports whether all fields were there and fn wanted them.
func fields(message []byte, fn func(n int, number uint64, data []byte) bool) bool {
	for len(message) > 0 {
		n, number, data, rest, err := cutField(message)
		if err != nil || !fn(n, number, data) {
			return false
		}
		message = rest
	}
	return true
}
