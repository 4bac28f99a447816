package push

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// The messages that are written as one value.
var (
	timestampName    = (&timestamppb.Timestamp{}).ProtoReflect().Descriptor().FullName()
	decimalName      = (&taktv1.Decimal{}).ProtoReflect().Descriptor().FullName()
	measurementsName = (&taktv1.Measurements{}).ProtoReflect().Descriptor().FullName()
	eventDescriptor  = (&taktv1.Event{}).ProtoReflect().Descriptor()
)

// isMessage reports whether a field is a message of this name.
func isMessage(fd protoreflect.FieldDescriptor, name protoreflect.FullName) bool {
	return fd.Message() != nil && fd.Message().FullName() == name
}

// textError says what a text should have been.
type textError string

func (e textError) Error() string { return string(e) }

// parseDouble reads a double: what strconv.ParseFloat reads of a decimal number,
// and what is no number as protobuf's JSON spells it.
func parseDouble(s string) (float64, error) {
	switch s {
	case "NaN":
		return math.NaN(), nil
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, textError(fmt.Sprintf("is %q, which is no number; write it as -12.5e3, or NaN, Infinity, -Infinity", s))
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		if math.IsInf(v, 0) {
			return 0, textError(fmt.Sprintf("is %s, which is beyond a 64-bit float; write Infinity where that is meant", s))
		}
		return 0, textError(fmt.Sprintf("is %q, which is no number", s))
	}
	return v, nil
}

// parseInteger reads a whole number that counts in 10^-scale, so that 1.25 with
// a scale of 6 is 1250000.
func parseInteger(s string, scale int32) (int64, error) {
	if scale == 0 {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
	}
	d, err := mes.ParseDecimal(s)
	if err != nil {
		return 0, textError(fmt.Sprintf("is %q, which is no number of at most 18 digits", s))
	}
	n := d.Coefficient
	for e := d.Exponent + scale; e != 0; {
		if e < 0 {
			if n%10 != 0 {
				return 0, textError(fmt.Sprintf("is %s, which is no whole number%s", s, scaled(scale)))
			}
			n, e = n/10, e+1
			continue
		}
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, textError(fmt.Sprintf("is %s, which is too large%s", s, scaled(scale)))
		}
		n, e = n*10, e-1
		if n == 0 {
			return 0, nil
		}
	}
	return n, nil
}

func scaled(scale int32) string {
	if scale == 0 {
		return ""
	}
	return fmt.Sprintf(" in units of 10^%d", -scale)
}

// integer returns a whole number as the value of an integer field.
func integer(kind protoreflect.Kind, s string, scale int32) (protoreflect.Value, error) {
	if kind == protoreflect.Uint64Kind && scale == 0 {
		if n, err := strconv.ParseUint(s, 10, 64); err == nil {
			return protoreflect.ValueOfUint64(n), nil
		}
	}
	n, err := parseInteger(s, scale)
	if err != nil {
		return protoreflect.Value{}, err
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		low, high = math.MinInt32, math.MaxInt32
	case protoreflect.Uint32Kind:
		low, high = 0, math.MaxUint32
	case protoreflect.Uint64Kind:
		low = 0
	default:
	}
	if n < low || n > high {
		return protoreflect.Value{}, textError(fmt.Sprintf("is %s; %d to %d are taken", s, low, high))
	}
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(n)), nil //nolint:gosec // within low and high
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n)), nil //nolint:gosec // within low and high
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n)), nil //nolint:gosec // not below low
	default:
		return protoreflect.ValueOfInt64(n), nil
	}
}

// enumeration reads a value by its name, its number, or the word of it that
// people use: `scrap` for DISPOSITION_SCRAP.
func enumeration(d protoreflect.EnumDescriptor, s string) (protoreflect.Value, error) {
	values := d.Values()
	if v := values.ByName(protoreflect.Name(s)); v != nil {
		return protoreflect.ValueOfEnum(v.Number()), nil
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		// One that is not known is refused by the rules of the event.
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), nil
	}
	prefix := strings.TrimSuffix(string(values.ByNumber(0).Name()), "UNSPECIFIED")
	var all []string
	for i := range values.Len() {
		v := values.Get(i)
		word := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(string(v.Name()), prefix), "_", "-"))
		if word == s {
			return protoreflect.ValueOfEnum(v.Number()), nil
		}
		all = append(all, word)
	}
	return protoreflect.Value{}, textError(fmt.Sprintf("is %q, which is not one of %s", s, strings.Join(all, ", ")))
}

// parseDecimal sets a Decimal from its text, times 10^scale.
func parseDecimal(m protoreflect.Message, s string, scale int32) error {
	d, err := mes.ParseDecimal(s)
	if err != nil {
		return textError(fmt.Sprintf("is %q, which is no decimal number of at most 18 digits", s))
	}
	fields := m.Descriptor().Fields()
	m.Set(fields.ByName("coefficient"), protoreflect.ValueOfInt64(d.Coefficient))
	if e := d.Exponent + scale; d.Coefficient != 0 {
		m.Set(fields.ByName("exponent"), protoreflect.ValueOfInt32(e))
	}
	return nil
}

func setTime(m protoreflect.Message, t time.Time) {
	fields := m.Descriptor().Fields()
	m.Set(fields.ByName("seconds"), protoreflect.ValueOfInt64(t.Unix()))
	m.Set(fields.ByName("nanos"), protoreflect.ValueOfInt32(int32(t.Nanosecond()))) //nolint:gosec // below 1e9
}

func text(s string) (protoreflect.Value, error) {
	if !utf8.ValidString(s) {
		return protoreflect.Value{}, textError(fmt.Sprintf("is %q, which is not UTF-8; only ids may be any bytes", s))
	}
	return protoreflect.ValueOfString(s), nil
}

// readings are values by name, on their way to Measurements.
type readings struct {
	schema  mes.Schema
	values  []float64
	missing []int
}

// add appends a value; an empty text is a place that the source left empty.
func (r *readings) add(column mes.Column, s string, there bool) error {
	v := math.NaN()
	if there {
		var err error
		if v, err = parseDouble(s); err != nil {
			return err
		}
	} else {
		r.missing = append(r.missing, len(r.values))
	}
	r.schema.Columns = append(r.schema.Columns, column)
	r.values = append(r.values, v)
	return nil
}

// fill sets a Measurements message.
func (r *readings) fill(m *taktv1.Measurements) {
	m.Schema, m.Values = []byte(r.schema.ID()), r.values
	for _, i := range r.missing {
		m.Notes = append(m.Notes, &taktv1.Measurements_Note{
			Index: uint32(i), Quality: taktv1.Quality_QUALITY_MISSING, //nolint:gosec // places count from 0
		})
	}
}
