package plc

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/gopcua/opcua/ua"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/gateway/config"
	"github.com/takt-mes/takt/internal/mes"
)

// want is what a field of an event takes.
type want int

const (
	wantMessage want = iota
	wantText
	wantBytes
	wantBool
	wantEnum
	wantInt
	wantTime
	wantDecimal
	wantMeasurements
)

// String names the OPC UA types that fit.
func (w want) String() string {
	switch w {
	case wantText:
		return "a String"
	case wantBytes:
		return "a String or a ByteString"
	case wantBool:
		return "a Boolean"
	case wantEnum, wantInt:
		return "an integer"
	case wantTime:
		return "a DateTime"
	case wantDecimal:
		return "an integer with a scale"
	case wantMeasurements:
		return "an array of Double, or a list of numbers"
	default:
		return "fields of its own"
	}
}

// The names of the messages that one tag can fill.
var (
	timestampName    = new(timestamppb.Timestamp).ProtoReflect().Descriptor().FullName()
	decimalName      = new(taktv1.Decimal).ProtoReflect().Descriptor().FullName()
	measurementsName = new(taktv1.Measurements).ProtoReflect().Descriptor().FullName()
)

func wantOf(fd protoreflect.FieldDescriptor) want {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return wantText
	case protoreflect.BytesKind:
		return wantBytes
	case protoreflect.BoolKind:
		return wantBool
	case protoreflect.EnumKind:
		return wantEnum
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Int64Kind, protoreflect.Sint64Kind,
		protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return wantInt
	case protoreflect.MessageKind:
		switch fd.Message().FullName() {
		case timestampName:
			return wantTime
		case decimalName:
			return wantDecimal
		case measurementsName:
			return wantMeasurements
		}
	default:
	}
	return wantMessage
}

// parse reads a constant for a field.
func parse(fd protoreflect.FieldDescriptor, s string) (protoreflect.Value, error) {
	switch wantOf(fd) {
	case wantText:
		if !utf8.ValidString(s) {
			return protoreflect.Value{}, fmt.Errorf("%q is not UTF-8", s)
		}
		return protoreflect.ValueOfString(s), nil
	case wantBytes:
		return protoreflect.ValueOfBytes([]byte(s)), nil
	case wantBool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return protoreflect.Value{}, fmt.Errorf("%q is neither true nor false", s)
		}
		return protoreflect.ValueOfBool(b), nil
	case wantEnum:
		return parseEnum(fd.Enum(), s)
	case wantInt:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return protoreflect.Value{}, fmt.Errorf("%q is no whole number", s)
		}
		v, ok := integer(fd.Kind(), n)
		if !ok {
			return protoreflect.Value{}, fmt.Errorf("%s is out of range", s)
		}
		return v, nil
	case wantDecimal:
		d, err := mes.ParseDecimal(s)
		if err != nil {
			return protoreflect.Value{}, err
		}
		return decimal(d), nil
	default:
		return protoreflect.Value{}, errors.New("cannot be a constant; map a tag")
	}
}

// parseEnum takes the full name, the name without its prefix, and the number.
func parseEnum(desc protoreflect.EnumDescriptor, s string) (protoreflect.Value, error) {
	prefix, _ := strings.CutSuffix(string(desc.Values().Get(0).Name()), "UNSPECIFIED")
	var all []string
	for i := range desc.Values().Len() {
		v := desc.Values().Get(i)
		short, _ := strings.CutPrefix(string(v.Name()), prefix)
		if s == string(v.Name()) || strings.EqualFold(s, short) || s == strconv.Itoa(int(v.Number())) {
			return protoreflect.ValueOfEnum(v.Number()), nil
		}
		all = append(all, short)
	}
	return protoreflect.Value{}, fmt.Errorf("%q is none of %s", s, strings.Join(all[1:], ", "))
}

// converted is a value for a field; both parts are empty where the tag says
// nothing.
type converted struct {
	value protoreflect.Value
	// raw is what the tag says where the field cannot hold it.
	raw string
}

// errType says that a value of this type does not go into the field at all.
var errType = errors.New("type mismatch")

// convert turns a scalar into what the field takes.
func (l *leaf) convert(v any) (converted, error) {
	if l.codes != nil {
		return l.translate(v)
	}
	switch l.want {
	case wantText, wantBytes:
		return l.convertText(v)
	case wantBool:
		b, ok := v.(bool)
		if !ok {
			return converted{}, errType
		}
		if !b {
			return converted{}, nil
		}
		return converted{value: protoreflect.ValueOfBool(true)}, nil
	case wantTime:
		t, ok := v.(time.Time)
		if !ok {
			return converted{}, errType
		}
		if t.IsZero() {
			return converted{}, nil
		}
		return converted{value: protoreflect.ValueOfMessage(timestamppb.New(t).ProtoReflect())}, nil
	case wantEnum, wantInt, wantDecimal:
		return l.convertInteger(v)
	default:
		return converted{}, errType
	}
}

func (l *leaf) convertText(v any) (converted, error) {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case []byte:
		if l.want != wantBytes {
			return converted{}, errType
		}
		s = string(v)
	default:
		return converted{}, errType
	}
	switch l.padding {
	case config.PaddingSpace:
		s = strings.TrimRight(s, " ")
	case config.PaddingNUL:
		s = strings.TrimRight(s, "\x00")
	case config.PaddingNone:
	}
	switch {
	case s == "":
		return converted{}, nil
	case l.want == wantBytes:
		return converted{value: protoreflect.ValueOfBytes([]byte(s))}, nil
	case !utf8.ValidString(s):
		return converted{raw: s}, nil
	}
	return converted{value: protoreflect.ValueOfString(s)}, nil
}

func (l *leaf) convertInteger(v any) (converted, error) {
	n, exact, ok := whole(v)
	switch {
	case !ok:
		return converted{}, errType
	case !exact:
		return converted{raw: fmt.Sprint(v)}, nil
	case n == 0 && l.want != wantDecimal:
		return converted{}, nil
	case n == 0:
		return converted{}, nil
	case l.want == wantEnum:
		if n < math.MinInt32 || n > math.MaxInt32 {
			return converted{raw: strconv.FormatInt(n, 10)}, nil
		}
		return converted{value: protoreflect.ValueOfEnum(protoreflect.EnumNumber(n))}, nil
	case l.want == wantDecimal:
		return converted{value: decimal(mes.NewDecimal(n, l.scale))}, nil
	}
	value, fits := integer(l.kind, n)
	if !fits {
		return converted{raw: strconv.FormatInt(n, 10)}, nil
	}
	return converted{value: value}, nil
}

// translate looks a number up in the codes.
func (l *leaf) translate(v any) (converted, error) {
	n, exact, ok := whole(v)
	if !ok {
		return converted{}, errType
	}
	if value, known := l.codes[n]; known && exact {
		return converted{value: value}, nil
	}
	if n == 0 {
		return converted{}, nil
	}
	return converted{raw: fmt.Sprint(v)}, nil
}

func decimal(d mes.Decimal) protoreflect.Value {
	return protoreflect.ValueOfMessage((&taktv1.Decimal{Coefficient: d.Coefficient, Exponent: d.Exponent}).ProtoReflect())
}

// integer returns n as a field of the kind holds it, and whether it does.
func integer(kind protoreflect.Kind, n int64) (protoreflect.Value, bool) {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind:
		return protoreflect.ValueOfInt32(int32(n)), n >= math.MinInt32 && n <= math.MaxInt32 //nolint:gosec // the bounds stand beside it
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(n)), n >= 0 && n <= math.MaxUint32 //nolint:gosec // the bounds stand beside it
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n)), n >= 0 //nolint:gosec // the bound stands beside it
	default:
		return protoreflect.ValueOfInt64(n), true
	}
}

// whole returns an integer of any type; exact is false where it does not fit.
func whole(v any) (n int64, exact, ok bool) {
	r := reflect.ValueOf(v)
	switch v.(type) {
	case int8, int16, int32, int64:
		return r.Int(), true, true
	case uint8, uint16, uint32, uint64:
		return int64(r.Uint()), r.Uint() <= math.MaxInt64, true //nolint:gosec // exact says so
	}
	return 0, false, false
}

// missing stands where a value is missing; a note says so.
var missing = math.NaN()

// double returns a number of any type as a double, with its digits in raw where
// a double cannot hold it.
func double(v any) (d float64, raw string, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, "", true
	case float32:
		return float64(v), "", true
	case uint64:
		if v > math.MaxInt64 {
			return float64(v), strconv.FormatUint(v, 10), true
		}
	}
	n, _, ok := whole(v)
	if !ok {
		return 0, "", false
	}
	const exact = 1 << 53
	if n > exact || n < -exact {
		raw = strconv.FormatInt(n, 10)
	}
	return float64(n), raw, true
}

// length returns the length of an array; a ByteString is a scalar.
func length(v any) (int, bool) {
	if v == nil {
		return 0, false
	}
	if _, ok := v.([]byte); ok {
		return 0, false
	}
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice {
		return 0, false
	}
	return r.Len(), true
}

// typeName returns the OPC UA name of a value's type.
func typeName(v any) string {
	if v == nil {
		return "empty"
	}
	t, prefix := reflect.TypeOf(v), "a "
	if _, ok := length(v); ok {
		t, prefix = t.Elem(), "an array of "
	}
	names := map[reflect.Type]string{
		reflect.TypeFor[bool]():    "Boolean",
		reflect.TypeFor[int8]():    "SByte",
		reflect.TypeFor[uint8]():   "Byte",
		reflect.TypeFor[int16]():   "Int16",
		reflect.TypeFor[uint16]():  "UInt16",
		reflect.TypeFor[int32]():   "Int32",
		reflect.TypeFor[uint32]():  "UInt32",
		reflect.TypeFor[int64]():   "Int64",
		reflect.TypeFor[uint64]():  "UInt64",
		reflect.TypeFor[float32](): "Float",
		reflect.TypeFor[float64](): "Double",
		reflect.TypeFor[[]byte]():  "ByteString",
	}
	name, ok := names[t]
	switch {
	case ok:
	case t == reflect.TypeFor[time.Time]():
		name = "DateTime"
	default:
		name = strings.TrimPrefix(t.String(), "*ua.")
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	if prefix == "a " && strings.ContainsRune("AEIO", rune(name[0])) {
		prefix = "an "
	}
	return prefix + name
}

// The severities of a status code are its first two bits. A status is never
// compared with good: an overflow, say, sets other bits.
const (
	severityUncertain = 1
	severityBad       = 2
)

func severity(status uint32) uint32 { return status >> 30 }

// likeValue returns n in the type of another value: a PLC refuses a write of a
// number of another width.
func likeValue(like any, n uint64) (*ua.Variant, error) {
	if like == nil {
		return nil, errors.New("is empty, so that its type is not known")
	}
	r := reflect.New(reflect.TypeOf(like)).Elem()
	switch {
	case r.CanUint() && !r.OverflowUint(n):
		r.SetUint(n)
	case r.CanInt() && n <= math.MaxInt64 && !r.OverflowInt(int64(n)):
		r.SetInt(int64(n))
	default:
		return nil, fmt.Errorf("is %s, which does not take %d", typeName(like), n)
	}
	v, err := ua.NewVariant(r.Interface())
	if err != nil {
		return nil, fmt.Errorf("is %s: %w", typeName(like), err)
	}
	return v, nil
}
