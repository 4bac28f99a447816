package mes_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

// full is an event with something in most places.
func full() *mes.Event {
	ref := func(kind mes.RefKind, id mes.ID) mes.Ref {
		return mes.Ref{Thing: mes.Thing{Kind: kind, ID: id}, MaterialDefinition: "d"}
	}
	return &mes.Event{
		EventTime: time.Date(2026, 11, 23, 8, 0, 0, 123456789, time.UTC), StartTime: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC),
		UTCOffset: -3600, Equipment: "L1\xff", ProcessSegment: "winding", JobOrder: "J", Recipe: mes.Recipe{Name: "r", Version: "12"},
		Operator: "p", Mode: mes.ModeReference,
		Fact: &mes.Work{
			Subjects: []mes.Ref{ref(mes.RefItem, "C1"), ref(mes.RefCarrier, "T\x00")}, Disposition: mes.DispositionRework, Attempt: 2,
			Measurements: &mes.Measurements{
				Schema: mes.SchemaID(strings.Repeat("s", mes.SchemaIDBytes)), Values: []float64{1, math.Copysign(0, -1), math.Inf(-1)},
				Notes: []mes.Note{{Index: 1, Quality: mes.QualityBad, Status: 0x80000000, Raw: "x"}},
			},
			Defects: []mes.Defect{{Code: "WND-03", Place: "1"}}, Tools: []mes.Tool{{ID: "H17", Count: 180_000}}, Carrier: "T1", Place: "17",
			Energy:      &mes.Quantity{Value: mes.NewDecimal(-125, -1), Unit: "kJ"},
			Attachments: []mes.Attachment{{Kind: "image", URI: "x:y", SHA256: "\xff", Size: 1}},
			Consumed: []mes.Actual{
				{Ref: ref(mes.RefLot, "K1"), Quantity: &mes.Quantity{}, Interval: &mes.Interval{Lane: 4, From: 1, To: 2, Delta: 3}},
				{Slot: "tank", Interval: &mes.Interval{}},
			},
			Produced: []mes.Actual{{Ref: ref(mes.RefItem, "J1")}},
		},
	}
}

// FuzzDecodeEvent gives bytes from outside to the decoder. What it takes, it
// writes in one form: read and written again, the same bytes.
func FuzzDecodeEvent(f *testing.F) {
	canonical := mes.AppendEvent(nil, full())
	for _, seed := range [][]byte{
		nil,
		{0xff},
		{0x0a},
		{0x0a, 0xff},
		canonical, canonical[:len(canonical)-1], bytes.Repeat([]byte{0x0a, 0x00}, 3),
		reversed(canonical), append(bytes.Clone(canonical), 0xf8, 0xff, 0x01, 0x01), bytes.Repeat([]byte{0x80}, 20),
	} {
		f.Add(seed)
	}
	for _, fact := range []mes.Fact{
		&mes.CoilGeometry{Coil: "K1", Length: 1, CutOuts: []mes.CutOut{{At: 1}}, Splices: []mes.Splice{{At: 1}}, Marks: []mes.Mark{{Code: "x"}}, Elongation: -1},
		&mes.SlotChange{Action: mes.SlotLoad, Slot: "s", Remaining: &mes.Quantity{Unit: "m"}}, &mes.Placement{Children: []mes.Child{{Place: "1"}}},
		&mes.AliasBinding{Value: "\xff"}, &mes.LotReport{ExpiryTime: time.Unix(1, 2).UTC()}, &mes.EquipmentReport{Active: true},
		&mes.Verdict{Latency: -1, Inputs: []mes.Input{{Name: "n"}}}, &mes.Decision{Ends: &mes.Identity{Epoch: 1}},
		&mes.Correction{Replacement: &mes.Identity{}}, &mes.SourceFact{OpenTail: true}, &mes.MasterData{Deleted: true},
	} {
		f.Add(mes.AppendEvent(nil, &mes.Event{Fact: fact}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := mes.DecodeEvent(data)
		if err != nil {
			if mes.CodeOf(err) != mes.CodeInvalid {
				t.Errorf("decode: %v has the code %d; want CodeInvalid", err, mes.CodeOf(err))
			}
			return
		}
		_ = e.Validate() // must not panic either
		once := mes.AppendEvent(nil, e)
		if _, form, err := mes.CanonicalEvent(data); err != nil || !bytes.Equal(form, once) {
			t.Errorf("%x has the form %x, %v; want %x", data, form, err, once)
		}
		if _, form, err := mes.CanonicalEvent(once); err != nil || len(once) > 0 && &form[0] != &once[0] {
			t.Errorf("%x is not taken for the canonical form that it is: %x, %v", once, form, err)
		}
		again, err := mes.DecodeEvent(once)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%x", err, once)
		}
		if twice := mes.AppendEvent(nil, again); !bytes.Equal(once, twice) {
			t.Errorf("written %x\nand again %x", once, twice)
		}
		if _, err := mes.DecodeEvent(shuffled(once, rand.New(rand.NewPCG(1, 2)))); err != nil {
			t.Errorf("in another order of fields: %v", err)
		}
	})
}

// fields cuts a message into its fields.
func fields(message []byte) (list [][]byte) {
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		switch tag & 7 {
		case 0:
			_, k := binary.Uvarint(message[n:])
			n += k
		case 1:
			n += 8
		case 2:
			size, k := binary.Uvarint(message[n:])
			n += k + int(size)
		}
		list = append(list, message[:n])
		message = message[n:]
	}
	return list
}

func reversed(message []byte) []byte {
	list := fields(message)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return bytes.Join(list, nil)
}

func shuffled(message []byte, r *rand.Rand) []byte {
	list := fields(message)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return bytes.Join(list, nil)
}

// TestFieldsInAnyOrder decodes a message whose fields are not in order, at every
// depth, as protobuf allows; only the elements of a list keep theirs.
func TestFieldsInAnyOrder(t *testing.T) {
	want := full()
	for seed := range uint64(200) {
		got, err := mes.DecodeEvent(disordered(mes.AppendEvent(nil, want), rand.New(rand.NewPCG(seed, 0)), []int{16}))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: mismatch (-want +got):\n%s", seed, diff)
		}
	}
}

// disordered changes the order of fields of different numbers, in a message and
// in the messages of the given fields within it.
func disordered(message []byte, r *rand.Rand, within []int) []byte {
	byNumber := make(map[uint64][]byte)
	var numbers []uint64
	for _, f := range fields(message) {
		tag, n := binary.Uvarint(f)
		number := tag >> 3
		if byNumber[number] == nil {
			numbers = append(numbers, number)
		}
		for _, w := range within {
			if uint64(w) == number && tag&7 == 2 {
				_, k := binary.Uvarint(f[n:])
				inner := disordered(f[n+k:], r, []int{4, 9, 11})
				f = append(binary.AppendUvarint(bytes.Clone(f[:n]), uint64(len(inner))), inner...)
			}
		}
		byNumber[number] = append(byNumber[number], f...)
	}
	r.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	var out []byte
	for _, number := range numbers {
		out = append(out, byNumber[number]...)
	}
	return out
}

// TestDecodeTakesOtherForms reads what protobuf may write otherwise, into the
// same canonical bytes.
func TestDecodeTakesOtherForms(t *testing.T) {
	value := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.5))
	work := func(measurements []byte) []byte {
		inner := append([]byte{4<<3 | 2, byte(len(measurements))}, measurements...)
		return append([]byte{0x82, 0x01, byte(len(inner))}, inner...)
	}
	packed := work(append([]byte{2<<3 | 2, 8}, value...))
	cases := make(map[string][]byte)
	cases["unpacked doubles"] = work(append([]byte{2<<3 | 1}, value...))
	cases["zeros that are written"] = append(bytes.Clone(packed), 3<<3, 0, 5<<3|2, 0, 9<<3, 0)
	cases["a number that comes twice, of which the last holds"] = append(bytes.Clone(packed), 9<<3, 2, 9<<3, 0)
	cases["a varint with more bytes than it needs"] = append(bytes.Clone(packed), 9<<3, 0x80, 0x00)
	for name, data := range cases {
		e, err := mes.DecodeEvent(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := mes.AppendEvent(nil, e); !bytes.Equal(got, packed) {
			t.Errorf("%s: canonical %x; want %x", name, got, packed)
		}
	}
}

// TestDecodeRefuses names what it refuses.
func TestDecodeRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		data []byte
		says string
	}{
		{"field 0", []byte{0x00, 0x00}, "tag is malformed"},
		{"a tag without an end", []byte{0xff, 0xff}, "tag is malformed"},
		{"a group", []byte{0x0b, 0x0c}, "field 1 is malformed"},
		{"a length beyond the end", []byte{0x22, 0x05, 'x'}, "field 4 is malformed or cut off"},
		{"a length beyond all numbers", []byte{0x22, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "field 4 is malformed or cut off"},
		{"a text for a number", []byte{9<<3 | 2, 1, 'x'}, "field 9 is malformed"},
		{"a number for a text", []byte{5 << 3, 1}, "field 5 is malformed"},
		{"a mode beyond a byte", []byte{9 << 3, 0x80, 0x02}, "field 9 is 256, which is out of range"},
		{"an unknown field", []byte{8<<3 | 2, 0, 15 << 3, 1}, "field 15 is not known here"},
		{"an unknown field of a fact", []byte{0x82, 0x01, 2, 15 << 3, 1}, "field 15 is not known here"},
		{"a fact twice", []byte{0x82, 0x01, 0, 0x82, 0x01, 0}, "field 16 comes twice"},
		{"two facts", []byte{0x82, 0x01, 0, 0x8a, 0x01, 0}, "field 17 is a second fact"},
		{"a time in the year 10000", append([]byte{1<<3 | 2, 7, 1 << 3}, 0x80, 0xdc, 0x8b, 0xe6, 0xcd, 0x07), "no time between"},
		{"a time with too many nanoseconds", []byte{1<<3 | 2, 6, 2 << 3, 0x80, 0x94, 0xeb, 0xdc, 0x03}, "no time between"},
		{"half a double", []byte{0x82, 0x01, 8, 4<<3 | 2, 6, 2<<3 | 2, 4, 0, 0, 0, 0}, "are no doubles"},
	} {
		e, err := mes.DecodeEvent(tc.data)
		if mes.CodeOf(err) != mes.CodeInvalid || err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: DecodeEvent = %+v, %v; want CodeInvalid and %q", tc.name, e, err, tc.says)
		}
	}
}
