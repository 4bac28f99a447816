package block_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// TestWhateverBytesComeBack packs entries of a line that something was done to:
// bytes changed, cut, doubled and put in, so that events are not canonical, not
// protobuf or merely odd.
func TestWhateverBytesComeBack(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	rows := lineRows(t, 6000, 1)
	for i := range rows {
		r := &rows[i]
		switch random.IntN(8) {
		case 0:
			r.Reason = uint8(random.IntN(5))
			r.Detail = []byte("event_time is missing")
		case 1:
			r.Source, r.Epoch = nil, random.Uint64()
		case 2:
			r.Provenance = change(random, r.Provenance)
		case 3:
			r.Sequence = random.Uint64()
		default:
			r.Event = change(random, r.Event)
		}
	}
	roundTrip(t, rows)
}

func change(random *rand.Rand, b []byte) []byte {
	b = append([]byte(nil), b...)
	for range 1 + random.IntN(3) {
		at := random.IntN(len(b) + 1)
		switch random.IntN(5) {
		case 0: // A varint that is longer than it must be, where it hits one.
			b = append(b[:at:at], append([]byte{byte(random.Uint32()) | 0x80, 0}, b[at:]...)...)
		case 1:
			b = b[:at]
		case 2:
			b = append(b[:at:at], b...)
		case 3:
			b = append(b, 0xf8, 0x3f, byte(random.IntN(128))) // A field that nobody knows.
		default:
			if at < len(b) {
				b[at] ^= 1 << random.IntN(8)
			}
		}
	}
	return b
}

// TestOddRowsComeBack packs what a line never says.
func TestOddRowsComeBack(t *testing.T) {
	doubles := []float64{
		0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xfff0_0000_0000_0001), math.Inf(1), math.Inf(-1),
		math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, 1<<53 + 2, 0.1, 1e-15, 123456789.123,
	}
	measured := func(values []float64) []byte {
		return mes.AppendEvent(nil, &mes.Event{EventTime: t0, Fact: &mes.Work{Measurements: &mes.Measurements{Values: values}}})
	}
	many := make([]float64, 5000)
	long := make([]byte, 300_000)
	for _, tt := range []struct {
		name string
		row  func(i int) block.Row
	}{
		{"empty", func(int) block.Row { return block.Row{} }},
		{"doubles of every kind", func(i int) block.Row {
			return block.Row{Event: measured([]float64{doubles[i%len(doubles)], doubles[i%3], doubles[7-i%5]})}
		}},
		{"more values than a shape takes", func(int) block.Row { return block.Row{Event: measured(many)} }},
		{"many values", func(int) block.Row { return block.Row{Event: measured(many[:1500])} }},
		{"long", func(i int) block.Row { return block.Row{Reason: 3, Event: long[:len(long)-i], Detail: long[:i]} }},
		{"huge numbers", func(i int) block.Row { return block.Row{Epoch: math.MaxUint64 - uint64(i%2), Sequence: 1 << (i % 64)} }},
		{"times beyond nanoseconds", func(i int) block.Row {
			at := t0.AddDate(1000*(i%9)-2000, 0, 0)
			return block.Row{Event: mes.AppendEvent(nil, &mes.Event{EventTime: at, StartTime: at.Add(-1), Fact: &mes.Work{}})}
		}},
		{"messages in messages", func(i int) block.Row {
			b := []byte{}
			for range i % 30 {
				b = append([]byte{0x0a, byte(len(b))}, b...)
			}
			return block.Row{Event: b, Provenance: b}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rows []block.Row
			for i := range 70 {
				rows = append(rows, tt.row(i))
			}
			roundTrip(t, rows)
			roundTrip(t, rows[:1])
		})
	}
	roundTrip(t, nil)
}
