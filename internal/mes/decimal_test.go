package mes_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/takt-mes/takt/internal/mes"
)

func TestParseDecimal(t *testing.T) {
	for _, tc := range []struct {
		text string
		want mes.Decimal
		says string
	}{
		{"0", mes.Decimal{}, "0"},
		{"-0", mes.Decimal{}, "0"},
		{"0.000", mes.Decimal{}, "0"},
		{"12", mes.Decimal{Coefficient: 12}, "12"},
		{"+12", mes.Decimal{Coefficient: 12}, "12"},
		{"1200", mes.Decimal{Coefficient: 12, Exponent: 2}, "1200"},
		{"-0.05", mes.Decimal{Coefficient: -5, Exponent: -2}, "-0.05"},
		{".5", mes.Decimal{Coefficient: 5, Exponent: -1}, "0.5"},
		{"5.", mes.Decimal{Coefficient: 5}, "5"},
		{"1.2e3", mes.Decimal{Coefficient: 12, Exponent: 2}, "1200"},
		{"1.2E-3", mes.Decimal{Coefficient: 12, Exponent: -4}, "0.0012"},
		{"1e18", mes.Decimal{Coefficient: 1, Exponent: 18}, "1000000000000000000"},
		{"1e-18", mes.Decimal{Coefficient: 1, Exponent: -18}, "0.000000000000000001"},
		{"123456789012345678", mes.Decimal{Coefficient: 123456789012345678}, "123456789012345678"},
	} {
		got, err := mes.ParseDecimal(tc.text)
		if err != nil || got != tc.want || got.String() != tc.says {
			t.Errorf("ParseDecimal(%q) = %+v, %q, %v; want %+v, %q", tc.text, got, got.String(), err, tc.want, tc.says)
		}
	}
	for _, text := range []string{
		"", ".", "-", "+", "e", "e5", "1e", "1e+", "12a", "0x12", "1,5", " 1", "1 ", "1_000", "1.2.3", "--1", "1.-5", "1.+5",
		"NaN", "Inf", "-Infinity", "1e19", "1e-19", "1e300", "1e-300", "٣", "1\x00", "99999999999999999999", strings.Repeat("9", 1000),
	} {
		if got, err := mes.ParseDecimal(text); mes.CodeOf(err) != mes.CodeInvalid || err == nil {
			t.Errorf("ParseDecimal(%q) = %v, %v; want CodeInvalid", text, got, err)
		}
	}
}

// exact is a decimal as a fraction without bounds.
func exact(d mes.Decimal) *big.Rat {
	r := new(big.Rat).SetInt64(d.Coefficient)
	ten := new(big.Rat).SetInt64(10)
	for range max(d.Exponent, -d.Exponent) {
		if d.Exponent > 0 {
			r.Mul(r, ten)
		} else {
			r.Quo(r, ten)
		}
	}
	return r
}

func decimals() *rapid.Generator[mes.Decimal] {
	return rapid.Custom(func(t *rapid.T) mes.Decimal {
		coefficient := rapid.OneOf(
			rapid.Int64(), rapid.Int64Range(-1000, 1000),
			rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64, math.MinInt64 / 10, math.MaxInt64 / 10}),
		).Draw(t, "coefficient")
		return mes.NewDecimal(coefficient, rapid.Int32Range(-18, 18).Draw(t, "exponent"))
	})
}

// TestDecimalIsExact compares with fractions: what is parsed is what was
// printed, and a sum is exact or refused.
func TestDecimalIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := decimals().Draw(t, "a"), decimals().Draw(t, "b")
		if a.Coefficient%10 == 0 && a != (mes.Decimal{}) {
			t.Fatalf("%+v is not in normal form", a)
		}
		if read, err := mes.ParseDecimal(a.String()); err == nil && read != a {
			t.Fatalf("%+v is printed as %s and read as %+v", a, a, read)
		}
		if printed, ok := new(big.Rat).SetString(a.String()); !ok || printed.Cmp(exact(a)) != 0 {
			t.Fatalf("%+v is printed as %s", a, a)
		}
		if got, want := a.Sign(), exact(a).Sign(); got != want {
			t.Fatalf("the sign of %s = %d; want %d", a, got, want)
		}
		sum, err := a.Add(b)
		if other, otherErr := b.Add(a); other != sum || (err == nil) != (otherErr == nil) {
			t.Fatalf("%s + %s = %s, %v, but the other way round %s, %v", a, b, sum, err, other, otherErr)
		}
		if err != nil {
			if mes.CodeOf(err) != mes.CodeTooLarge {
				t.Fatalf("%s + %s: %v; want CodeTooLarge", a, b, err)
			}
			return
		}
		if want := new(big.Rat).Add(exact(a), exact(b)); exact(sum).Cmp(want) != 0 {
			t.Fatalf("%s + %s = %s; want %s", a, b, sum, want.RatString())
		}
	})
}

func TestAddRefusesWhatDoesNotFit(t *testing.T) {
	for _, tc := range [][2]mes.Decimal{
		{{Coefficient: math.MaxInt64}, {Coefficient: math.MaxInt64}},
		{{Coefficient: math.MinInt64}, {Coefficient: -1}},
		{{Coefficient: math.MinInt64}, {Coefficient: math.MinInt64}},
		{{Coefficient: 1, Exponent: 18}, {Coefficient: 1, Exponent: -18}},
	} {
		if sum, err := tc[0].Add(tc[1]); err == nil {
			t.Errorf("%s + %s = %s; want an error", tc[0], tc[1], sum)
		}
	}
}

func TestIntervalOverlaps(t *testing.T) {
	i := func(lane uint32, from, to, delta mes.Micrometres) mes.Interval {
		return mes.Interval{Lane: lane, From: from, To: to, Delta: delta}
	}
	for _, tc := range []struct {
		name string
		a, b mes.Interval
		want bool
	}{
		{"the same", i(0, 0, 10, 0), i(0, 0, 10, 0), true},
		{"one in the other", i(0, 0, 10, 0), i(0, 4, 5, 0), true},
		{"end at the beginning: half-open", i(0, 0, 10, 0), i(0, 10, 20, 0), false},
		{"a micrometre in common", i(0, 0, 11, 0), i(0, 10, 20, 0), true},
		{"apart", i(0, 0, 10, 0), i(0, 20, 30, 0), false},
		{"apart by less than both are off", i(0, 0, 10, 4), i(0, 15, 20, 2), true},
		{"apart by what both are off", i(0, 0, 10, 3), i(0, 15, 20, 2), false},
		{"lanes side by side", i(1, 0, 10, 0), i(2, 0, 10, 0), false},
		{"one lane", i(2, 0, 10, 0), i(2, 5, 20, 0), true},
		{"a lane under the full width", i(0, 0, 10, 0), i(2, 5, 20, 0), true},
		{"empty within", i(0, 5, 5, 0), i(0, 0, 10, 0), true},
		{"empty at the end", i(0, 10, 10, 0), i(0, 0, 10, 0), false},
	} {
		if got := tc.a.Overlaps(tc.b); got != tc.want {
			t.Errorf("%s: %s overlaps %s = %t; want %t", tc.name, tc.a, tc.b, got, tc.want)
		}
		if got := tc.b.Overlaps(tc.a); got != tc.want {
			t.Errorf("%s, the other way round: %t; want %t", tc.name, got, tc.want)
		}
	}
}

func TestMicrometresString(t *testing.T) {
	for m, want := range map[mes.Micrometres]string{
		0: "0.000000", 1: "0.000001", -1: "-0.000001", mes.Metre: "1.000000", 107_701_000: "107.701000",
		-107_701_000: "-107.701000", math.MinInt64: "-9223372036854.775808", math.MaxInt64: "9223372036854.775807",
	} {
		if got := m.String(); got != want {
			t.Errorf("%d µm = %s; want %s", int64(m), got, want)
		}
	}
}
