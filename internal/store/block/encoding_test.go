package block

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// numbersOf makes n numbers.
func numbersOf(n int, f func(i int) int64) []uint64 {
	v := make([]uint64, n)
	for i := range v {
		v[i] = uint64(f(i))
	}
	return v
}

func TestIntegerEncodings(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	walk := int64(1_700_000_000_000)
	for _, tt := range []struct {
		name string
		v    []uint64
		kind byte
		most int // bytes
	}{
		{"one", []uint64{math.MaxUint64}, intConstant, 2},
		{"all the same", numbersOf(1000, func(int) int64 { return -5 }), intConstant, 2},
		{"a range", numbersOf(1000, func(int) int64 { return 100 + random.Int64N(16) }), intFrame, 505},
		{"multiples", numbersOf(1000, func(int) int64 { return 1_000_000 * random.Int64N(16) }), intFrame, 510},
		{"a few far out", numbersOf(1000, func(i int) int64 {
			if i%300 == 7 {
				return math.MinInt64
			}
			return random.Int64N(16)
		}), intFrame, 570},
		{"even steps", numbersOf(1000, func(i int) int64 { return 1<<60 - 977*int64(i) }), intLinear, 16},
		{"nearly even steps", numbersOf(1000, func(i int) int64 { return 977*int64(i) + random.Int64N(4) }), intLinear, 400},
		{"a walk", numbersOf(1000, func(int) int64 { walk += 3000 + random.Int64N(64); return walk }), intDelta, 1000},
		{"extremes", numbersOf(100, func(i int) int64 { return []int64{math.MinInt64, math.MaxInt64, 0, -1}[random.IntN(4)] + int64(i%3) }), intFrame, 815},
		{"bits", numbersOf(1024, func(int) int64 { return int64(random.Uint64()) }), intFrame, 8220},
		{"two", []uint64{1 << 63, 1<<63 - 1}, intFrame, 30},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEncoder()
			b := e.appendIntegers(nil, tt.v, ascending)
			if b[0] != tt.kind || len(b) > tt.most {
				t.Errorf("encoding %d in %d bytes, want %d in at most %d", b[0], len(b), tt.kind, tt.most)
			}
			c := cursor{b: b}
			column := c.integers(len(tt.v), 1)
			if c.bad || len(c.b) > 0 {
				t.Fatalf("the column does not end where it was written to end: %d bytes are left", len(c.b))
			}
			all := column.all(len(tt.v))
			for i, want := range tt.v {
				if got := column.at(i); got != want {
					t.Fatalf("at(%d) = %d, want %d", i, got, want)
				}
				if got := all.At(i); got != want {
					t.Fatalf("all()[%d] = %d, want %d", i, got, want)
				}
			}
		})
	}
}

func TestDoubleEncodings(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	decimal := func(digits float64) float64 { return math.Round(random.NormFloat64()*1000*digits) / digits }
	doublesOf := func(n int, f func(i int) float64) []uint64 {
		return numbersOf(n, func(i int) int64 { return int64(math.Float64bits(f(i))) })
	}
	for _, tt := range []struct {
		name string
		v    []uint64
		kind byte
		most int
	}{
		{"thousandths", doublesOf(1000, func(int) float64 { return decimal(1000) }), doubleDecimal, 3000},
		{"integers", doublesOf(1000, func(i int) float64 { return float64(355_114 + i) }), doubleDecimal, 20},
		{"more and more digits", doublesOf(100, func(i int) float64 { return []float64{1, 1.5, 0.25, 12.345, 1e-7}[i/20] }), doubleDecimal, 400},
		{"negative zero", doublesOf(100, func(i int) float64 {
			if i == 50 {
				return math.Copysign(0, -1)
			}
			return decimal(10)
		}), doubleDecimal, 220},
		{"not numbers", doublesOf(100, func(i int) float64 {
			if i < 3 {
				return math.Float64frombits(0x7ff8_0000_dead_0000 + uint64(i))
			}
			return decimal(10)
		}), doubleDecimal, 250},
		{"only a first is no number", doublesOf(100, func(i int) float64 {
			if i == 0 {
				return math.Inf(-1)
			}
			return 7
		}), doubleDecimal, 20},
		{"infinite", doublesOf(100, func(i int) float64 { return math.Inf(i%2 - 1) }), doubleBits, 40},
		{"random mantissas", doublesOf(1000, func(int) float64 { return 1 + random.Float64() }), doubleBits, 6520},
		{"single precision", doublesOf(1000, func(int) float64 { return float64(float32(1 + random.Float64())) }), doubleBits, 2900},
		{"huge and tiny", doublesOf(100, func(i int) float64 { return math.Pow(10, float64(i*6-300)) }), doubleBits, 830},
		{"the greatest", doublesOf(100, func(i int) float64 { return math.MaxFloat64 / float64(i+1) }), doubleBits, 830},
		{"subnormal", doublesOf(100, func(i int) float64 { return math.Float64frombits(uint64(i)) }), doubleBits, 120},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEncoder()
			b := e.appendDoubles(nil, tt.v)
			if b[0] != tt.kind || len(b) > tt.most {
				t.Errorf("encoding %d in %d bytes, want %d in at most %d", b[0], len(b), tt.kind, tt.most)
			}
			c := cursor{b: b}
			column := c.doubles(len(tt.v), 1)
			if c.bad || len(c.b) > 0 {
				t.Fatalf("the column does not end where it was written to end: %d bytes are left", len(c.b))
			}
			all := column.all(len(tt.v))
			for i, want := range tt.v {
				if got := column.at(i); got != want {
					t.Fatalf("at(%d) = %016x, want %016x", i, got, want)
				}
				if got := all.At(i); got != want {
					t.Fatalf("all()[%d] = %016x, want %016x", i, got, want)
				}
			}
		})
	}
}

func TestTextEncodings(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 3))
	textsOf := func(n int, f func(i int) string) [][]byte {
		v := make([][]byte, n)
		for i := range v {
			v[i] = []byte(f(i))
		}
		return v
	}
	stations := textsOf(1000, func(i int) string { return fmt.Sprintf("L1.HP%d", i%7) })
	for _, tt := range []struct {
		name string
		v    [][]byte
		kind byte
		most int
	}{
		{"empty", textsOf(10, func(int) string { return "" }), textConstant, 1},
		{"all the same", textsOf(1000, func(int) string { return "winding" }), textConstant, 8},
		{"the same as before", stations, textSame, 2},
		{"a few", textsOf(1000, func(int) string { return []string{"good", "", "bad"}[random.IntN(3)] }), textDictionary, 280},
		{"what a station says", textsOf(1000, func(i int) string { return []string{"a", "b", "c"}[i%7%3] }), textMapped, 20},
		{"serials", textsOf(1000, func(i int) string { return fmt.Sprintf("L1-C-%09d", 998_500+i) }), textSerial, 40},
		{"serials of two days", textsOf(1000, func(i int) string { return fmt.Sprintf("L1C001-26030%d-%06d", 2+i/900, i%900) }), textSerial, 900},
		{"serials of three lines", textsOf(999, func(i int) string { return fmt.Sprintf("L%c%0*d", 'A'+i%3, 5+i%3, i/3) }), textSerial, 500},
		{"long numbers", textsOf(100, func(i int) string { return fmt.Sprintf("9876543210987654321098765432109876543210%04dx", i*7) }), textSerial, 150},
		{"nines", textsOf(600, func(i int) string { return fmt.Sprintf("%018d", 999_999_999_999_999_999-int64(i)) }), textSerial, 40},
		{"bytes", textsOf(300, func(int) string {
			b := make([]byte, random.IntN(20))
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			return "same" + string(b)
		}), textHeap, 3600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEncoder()
			var columns []byte
			first := e.appendTexts(columns, stations[:len(tt.v)], 0)
			both := e.appendTexts(slices.Clone(first), tt.v, 1)
			if got := both[len(first):]; got[0] != tt.kind || len(got) > tt.most {
				t.Errorf("encoding %d in %d bytes, want %d in at most %d", got[0], len(got), tt.kind, tt.most)
			}
			b := &Block{
				rows: len(tt.v), kinds: []kind{kindText, kindText}, data: both,
				ends: []uint32{uint32(len(first)), uint32(len(both))},
			}
			all, err := b.strings(1)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range tt.v {
				v := view{block: b, row: i, refCol: -1}
				if got := v.text(nil, 1); string(got) != string(want) || v.bad {
					t.Fatalf("text of row %d = %q (bad %v), want %q", i, got, v.bad, want)
				}
				if got := all.At(i); got != string(want) {
					t.Fatalf("strings()[%d] = %q, want %q", i, got, want)
				}
			}
		})
	}
}
