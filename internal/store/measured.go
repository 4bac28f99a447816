package store

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// measurement is what statistics need of an event that measured something,
// without decoding all of it. Its texts are slices of the event.
type measurement struct {
	time               time.Time
	equipment, segment []byte
	mode               mes.Mode
	schema, values     []byte
	notes              bool
}

func (m *measurement) count() int { return len(m.values) / 8 }

func (m *measurement) value(i int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(m.values[8*i:]))
}

// measurementOf reads an event of the log, as far as its measurements: fields
// ascend. What it does not make out at once, it reports false for: mes.DecodeEvent
// then says what it is.
func measurementOf(event []byte) (m measurement, ok bool) {
	r := reader{b: event}
	for len(r.b) > 0 && !r.bad && m.schema == nil {
		switch tag := r.uvarint(); tag {
		case 1<<3 | 2:
			t := reader{b: r.bytes()}
			seconds, nanos := uint64(0), uint64(0)
			for len(t.b) > 0 && !t.bad {
				switch t.uvarint() {
				case 1 << 3:
					seconds = t.uvarint()
				case 2 << 3:
					nanos = t.uvarint()
				default:
					t.bad = true
				}
			}
			r.bad = r.bad || t.bad
			m.time = time.Unix(int64(seconds), int64(nanos))
		case 4<<3 | 2:
			m.equipment = r.bytes()
		case 5<<3 | 2:
			m.segment = r.bytes()
		case 9 << 3:
			m.mode = mes.Mode(r.uvarint()) //nolint:gosec // as it was checked when it came
		case 16<<3 | 2:
			w := reader{b: r.bytes()}
			for len(w.b) > 0 && !w.bad && m.schema == nil {
				if tag := w.uvarint(); tag == 4<<3|2 {
					m.measurements(&w)
				} else {
					w.skip(tag)
				}
			}
			r.bad = r.bad || w.bad
		default:
			r.skip(tag)
		}
	}
	return m, !r.bad && m.schema != nil && len(m.values)%8 == 0
}

func (m *measurement) measurements(w *reader) {
	r := reader{b: w.bytes()}
	for len(r.b) > 0 && !r.bad {
		switch tag := r.uvarint(); tag {
		case 1<<3 | 2:
			m.schema = r.bytes()
		case 2<<3 | 2:
			m.values = r.bytes()
		default:
			m.notes = true
			r.skip(tag)
		}
	}
	w.bad = w.bad || r.bad
}

// skip skips a field of protobuf.
func (r *reader) skip(tag uint64) {
	switch tag & 7 {
	case 0:
		r.uvarint()
	case 1:
		r.take(8)
	case 2:
		r.bytes()
	default:
		r.bad = true
	}
}
