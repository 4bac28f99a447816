package cli

import (
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// timeForm is how people read a time: with its offset, to the millisecond that
// PLCs have.
const timeForm = "2006-01-02 15:04:05.000Z07:00"

// showTime returns a time in a zone; empty where there is none.
func (q *query) showTime(t *timestamppb.Timestamp, zone *time.Location) string {
	if t == nil {
		return ""
	}
	if q.csv() {
		return t.AsTime().In(zone).Format(time.RFC3339Nano)
	}
	return t.AsTime().In(zone).Format(timeForm)
}

// eventZone returns the zone of an event: the offset that it came with, the
// site's where it came with none.
func eventZone(e *taktv1.Event, site *time.Location) *time.Location {
	if offset := int(e.GetUtcOffsetSeconds()); offset != 0 {
		return time.FixedZone("", offset)
	}
	return site
}

// word returns the name of an enumeration's value as people read it: `scrap`
// for DISPOSITION_SCRAP, and nothing for what was not said.
func word(e protoreflect.Enum) string {
	if e.Number() == 0 {
		return ""
	}
	d := e.Descriptor().Values().ByNumber(e.Number())
	if d == nil {
		return strconv.Itoa(int(e.Number()))
	}
	return words(d)
}

func words(v protoreflect.EnumValueDescriptor) string {
	unspecified := string(v.Parent().(protoreflect.EnumDescriptor).Values().ByNumber(0).Name())
	name := strings.TrimPrefix(string(v.Name()), strings.TrimSuffix(unspecified, "UNSPECIFIED"))
	return strings.ToLower(strings.ReplaceAll(name, "_", "-"))
}

// enumOf returns the number of the enumeration's value that a word names, and
// all words where it names none.
func enumOf(e protoreflect.Enum, s string) (n protoreflect.EnumNumber, all []string, ok bool) {
	values := e.Descriptor().Values()
	for i := range values.Len() {
		v := values.Get(i)
		if v.Number() == 0 {
			continue
		}
		if words(v) == s {
			return v.Number(), nil, true
		}
		all = append(all, words(v))
	}
	return 0, all, false
}

// id returns exact bytes as they are shown.
func id(b []byte) string { return mes.Escape(string(b)) }

func decimal(d *taktv1.Decimal) string {
	if e := d.GetExponent(); e < -18 || e > 18 {
		return strconv.FormatInt(d.GetCoefficient(), 10) + "e" + strconv.Itoa(int(e))
	}
	return mes.Decimal{Coefficient: d.GetCoefficient(), Exponent: d.GetExponent()}.String()
}

func quantity(q *taktv1.Quantity) string {
	if q == nil {
		return ""
	}
	return strings.TrimSpace(decimal(q.GetValue()) + " " + q.GetUnit())
}

func quantities(list []*taktv1.Quantity) string {
	var shown []string
	for _, q := range list {
		shown = append(shown, quantity(q))
	}
	return strings.Join(shown, " + ")
}

// interval returns metres as `lane 4 [1200.000000, 1260.000000) m`.
func interval(i *taktv1.Interval) string {
	if i == nil {
		return ""
	}
	return mes.Interval{
		Lane: i.GetLane(), From: mes.Micrometres(i.GetFromMicrometres()), To: mes.Micrometres(i.GetToMicrometres()),
		Delta: mes.Micrometres(i.GetDeltaMicrometres()),
	}.String()
}

// number returns a measured value in the fewest digits that mean it to the bit.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case v == 0, math.Abs(v) >= 1e-6 && math.Abs(v) < 1e15:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func count[T ~int | ~int32 | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

func ucount[T ~uint32 | ~uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }

// unzero returns a count, and nothing for 0.
func unzero[T ~uint32 | ~uint64](n T) string {
	if n == 0 {
		return ""
	}
	return ucount(n)
}

func positions(list []uint64) string {
	var shown []string
	for _, p := range list {
		shown = append(shown, ucount(p))
	}
	return strings.Join(shown, " ")
}

// plural returns a count of things, as `1 record` or `2 records`.
func plural(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return ucount(n) + " " + thing + "s"
}

func isEmpty(s string) bool { return s == "" }
