package mes_test

import (
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

// TestSchemaValidate refuses names and limits that nothing can be judged by.
func TestSchemaValidate(t *testing.T) {
	low, high, nan := 3.0, 4.0, math.NaN()
	column := func(name string, lsl, usl *float64) mes.Column {
		return mes.Column{Characteristic: name, LSL: mes.SpecLimitOf(lsl), USL: mes.SpecLimitOf(usl)}
	}
	for _, c := range []struct {
		columns []mes.Column
		refused bool
	}{
		{[]mes.Column{column("a", nil, nil), column("b", &low, nil), column("c", nil, &low), column("d", &low, &low)}, false},
		{[]mes.Column{column("", nil, nil)}, true},
		{[]mes.Column{column("a", nil, nil), column("a", nil, nil)}, true},
		{[]mes.Column{column("a", &high, &low)}, true},
		{[]mes.Column{column("a", &nan, nil)}, true},
	} {
		s := mes.Schema{Columns: c.columns}
		if err := s.Validate(); (mes.CodeOf(err) == mes.CodeInvalid) != c.refused || (err != nil) != c.refused {
			t.Errorf("%+v: %v; want it refused: %t", c.columns, err, c.refused)
		}
	}
}

// TestSpecLimitForm compares the form of limits, none and zero among them, with that
// of protobuf.
func TestSpecLimitForm(t *testing.T) {
	zero, some := 0.0, -1.5
	for _, limits := range [][2]*float64{{nil, nil}, {&zero, nil}, {nil, &some}, {&some, &zero}} {
		s := mes.Schema{Columns: []mes.Column{{Characteristic: "a", LSL: mes.SpecLimitOf(limits[0]), USL: mes.SpecLimitOf(limits[1])}}}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(&taktv1.Schema{Columns: []*taktv1.Schema_Column{
			{Characteristic: "a", LowerSpecLimit: limits[0], UpperSpecLimit: limits[1]},
		}})
		if err != nil {
			t.Fatal(err)
		}
		got := mes.AppendSchema(nil, &s)
		if string(got) != string(want) {
			t.Errorf("limits %v are written as %x; protobuf writes %x", limits, got, want)
		}
		again, err := mes.DecodeSchema(got)
		if err != nil || again.Columns[0] != s.Columns[0] {
			t.Errorf("%x is read as %+v, %v; want %+v", got, again, err, s)
		}
	}
}
