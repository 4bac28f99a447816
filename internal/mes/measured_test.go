package mes_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// FuzzMeasured reads events both ways: what MeasuredOf makes out of an
// event as the log has it, DecodeEvent says too.
func FuzzMeasured(f *testing.F) {
	schema := mes.SchemaID("0123456789abcdef")
	for _, w := range []*mes.Work{
		{},
		{Attempt: 2, Measurements: &mes.Measurements{Schema: schema}},
		{Carrier: "T1", Measurements: &mes.Measurements{Schema: schema, Values: []float64{3.3, math.NaN(), math.Copysign(0, -1)}}},
		{Measurements: &mes.Measurements{Schema: schema, Values: []float64{1}, Notes: []mes.Note{{Quality: mes.QualityBad}}}, Defects: []mes.Defect{{Code: "D"}}},
	} {
		f.Add(mes.AppendEvent(nil, &mes.Event{
			EventTime: time.Date(2026, 11, 23, 6, 0, 0, 5, time.UTC), UTCOffset: -3600, Equipment: "E", ProcessSegment: "ocv", Mode: mes.ModeReference, Fact: w,
		}))
		f.Add(mes.AppendEvent(nil, &mes.Event{EventTime: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), Fact: w}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = mes.MeasuredOf(b)
		e, err := mes.DecodeEvent(b)
		if err != nil {
			return
		}
		canonical := mes.AppendEvent(nil, e)
		if e, err = mes.DecodeEvent(canonical); err != nil {
			return
		}
		m, ok := mes.MeasuredOf(canonical)
		w, isWork := e.Fact.(*mes.Work)
		measured := isWork && w.Measurements != nil && len(w.Measurements.Schema) > 0
		if ok != measured {
			t.Fatalf("mes.MeasuredOf(%x) = %t; want %t", canonical, ok, measured)
		}
		if !ok {
			return
		}
		var values []uint64
		for i := range m.Count() {
			values = append(values, math.Float64bits(m.Value(i)))
		}
		var want []uint64
		for _, v := range w.Measurements.Values {
			want = append(want, math.Float64bits(v))
		}
		if !m.EventTime.Equal(e.EventTime) || string(m.Equipment) != string(e.Equipment) || string(m.ProcessSegment) != e.ProcessSegment || m.Mode != e.Mode ||
			string(m.Schema) != string(w.Measurements.Schema) || m.Noted != (len(w.Measurements.Notes) > 0) || !slices.Equal(values, want) {
			t.Errorf("mes.MeasuredOf(%x) = %+v; want what %+v says", canonical, m, e)
		}
	})
}
