package mes

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number: Coefficient × 10^Exponent. Quantities
// that are added up and posted are decimals, so that sums close.
//
// Its normal form has no trailing zero in the coefficient, and exponent 0 for
// zero; NewDecimal and ParseDecimal return it, and equal numbers in normal form
// are equal by `==`.
type Decimal struct {
	// Coefficient holds up to 18 digits.
	Coefficient int64
	// Exponent is the power of ten, −18 to 18.
	Exponent int32
}

// NewDecimal returns coefficient × 10^exponent in normal form.
func NewDecimal(coefficient int64, exponent int32) Decimal {
	if coefficient == 0 {
		return Decimal{}
	}
	for coefficient%10 == 0 {
		coefficient /= 10
		exponent++
	}
	return Decimal{coefficient, exponent}
}

// ParseDecimal reads a number as `12`, `-0.05` or `1.2e3`, exactly. It returns
// an Error with CodeInvalid where s is no such number or does not fit.
func ParseDecimal(s string) (Decimal, error) {
	digits, exp, hasExp := strings.Cut(strings.ToLower(s), "e")
	var exponent int64
	if hasExp {
		var err error
		if exponent, err = strconv.ParseInt(exp, 10, 8); err != nil {
			return Decimal{}, Invalid("decimal", fmt.Sprintf("%q is no decimal number", s))
		}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	coefficient, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || strings.ContainsAny(fraction, "+-_") {
		return Decimal{}, Invalid("decimal", fmt.Sprintf("%q is no decimal number of at most 18 digits", s))
	}
	d := NewDecimal(coefficient, int32(exponent)-int32(len(fraction))) //nolint:gosec // an int8 less at most 19 digits
	if err := d.validate("decimal"); err != nil {
		return Decimal{}, err
	}
	return d, nil
}

// String returns the number as people write it, without an exponent.
func (d Decimal) String() string {
	s := strconv.FormatInt(d.Coefficient, 10)
	if d.Exponent >= 0 {
		if d.Coefficient != 0 {
			s += strings.Repeat("0", int(d.Exponent))
		}
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	point := int(-d.Exponent)
	if len(s) <= point {
		s = strings.Repeat("0", point-len(s)+1) + s
	}
	return sign + s[:len(s)-point] + "." + s[len(s)-point:]
}

// Add returns the exact sum, and an Error with CodeTooLarge where it has more
// digits than a Decimal holds.
func (d Decimal) Add(other Decimal) (Decimal, error) {
	low := min(d.Exponent, other.Exponent)
	a, okA := scale(d, low)
	b, okB := scale(other, low)
	sum := a + b
	if !okA || !okB || a > 0 && b > 0 && sum <= 0 || a < 0 && b < 0 && sum >= 0 {
		return Decimal{}, Errorf(CodeTooLarge, "the sum of %s and %s has too many digits", d, other)
	}
	return NewDecimal(sum, low), nil
}

// scale returns the coefficient of d at an exponent not above its own.
func scale(d Decimal, exponent int32) (int64, bool) {
	c := d.Coefficient
	for e := d.Exponent; e > exponent; e-- {
		if c > math.MaxInt64/10 || c < math.MinInt64/10 {
			return 0, false
		}
		c *= 10
	}
	return c, true
}

// Sign returns −1, 0 or 1.
func (d Decimal) Sign() int {
	switch {
	case d.Coefficient < 0:
		return -1
	case d.Coefficient > 0:
		return 1
	}
	return 0
}

func (d Decimal) validate(field string) error {
	const bound = 18
	if d.Exponent < -bound || d.Exponent > bound {
		return Invalid(field, fmt.Sprintf("has the exponent %d; −%d to %d are taken", d.Exponent, bound, bound))
	}
	return nil
}

func (d *Decimal) walk(c *codec) {
	signed(c, 1, &d.Coefficient)
	signed(c, 2, &d.Exponent)
	if c.reading {
		read := *d
		*d = NewDecimal(d.Coefficient, d.Exponent)
		c.notice(*d != read)
	}
}

// Quantity is an exact amount in a unit of measure.
type Quantity struct {
	// Value is the amount. A negative one is stored and flagged.
	Value Decimal
	// Unit is a UCUM code, as `kg`, `m` or `1` for pieces.
	Unit string
}

// String returns the quantity as `12.5 kg`.
func (q Quantity) String() string { return q.Value.String() + " " + q.Unit }

func (q *Quantity) walk(c *codec) {
	message(c, 1, &q.Value)
	text(c, 2, &q.Unit)
}

func (q *Quantity) validate(field string) error {
	if q == nil {
		return nil
	}
	return q.Value.validate(field + ".value")
}

// Micrometres is a place along a coil or a length of it.
type Micrometres int64

// Metre is one metre in Micrometres.
const Metre Micrometres = 1_000_000

// String returns the length in metres, with all six digits, as `107.701000`.
func (m Micrometres) String() string {
	sign, u := "", uint64(m) //nolint:gosec // the sign is dealt with below
	if m < 0 {
		sign, u = "-", -u
	}
	return fmt.Sprintf("%s%d.%06d", sign, u/1_000_000, u%1_000_000)
}

// Interval is a half-open stretch `[From, To)` of one lane of a coil, as
// produced: 0 is the first metre wound on the core.
type Interval struct {
	// Lane counts from 1 at the operator's side; 0 is the full width.
	Lane uint32
	// From is where it begins; To is where it ends, not below From.
	From, To Micrometres
	// Delta is how far both ends may be off.
	Delta Micrometres
}

// String returns the interval as `lane 4 [1200.000000, 1260.000000) m`.
func (i Interval) String() string {
	s := fmt.Sprintf("[%s, %s) m", i.From, i.To)
	if i.Delta != 0 {
		s += " ± " + i.Delta.String()
	}
	if i.Lane != 0 {
		return fmt.Sprintf("lane %d %s", i.Lane, s)
	}
	return s
}

// Overlaps reports whether some place may lie in both, each grown by its
// Delta. A lane of 0 lies under every lane.
func (i Interval) Overlaps(other Interval) bool {
	if i.Lane != 0 && other.Lane != 0 && i.Lane != other.Lane {
		return false
	}
	d := i.Delta + other.Delta
	return i.From < other.To+d && other.From < i.To+d
}

func (i *Interval) walk(c *codec) {
	number(c, 1, &i.Lane)
	signed(c, 2, &i.From)
	signed(c, 3, &i.To)
	signed(c, 4, &i.Delta)
}

func (i *Interval) validate(field string) error {
	switch {
	case i == nil:
		return nil
	case i.To < i.From:
		return Invalid(field, fmt.Sprintf("ends at %s m, before it begins at %s m", i.To, i.From))
	case i.Delta < 0:
		return Invalid(field+".delta", "is negative")
	}
	return nil
}
