package store_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/statistics"
	"github.com/takt-mes/takt/internal/store"
)

// measuredLine returns events of a line, of which some were changed so that all
// that matters to statistics happens: other modes, notes, values that are no
// numbers, values that are left out, late ones, a second schema, corrections.
func measuredLine(t *testing.T, n int) (schemas []mes.Schema, records []mes.Record) {
	t.Helper()
	l, err := line.New(line.Config{Name: "L1", Seed: 7, Start: t0, Dwell: line.Short(100)})
	if err != nil {
		t.Fatal(err)
	}
	second := make(map[mes.SchemaID]mes.Schema)
	for _, b := range l.Blocks() {
		if b.Schema == nil || second[b.Schema.ID()].Columns != nil {
			continue
		}
		s := mes.Schema{Columns: slices.Clone(b.Schema.Columns)}
		slices.Reverse(s.Columns)
		s.Columns = append(s.Columns, mes.Column{Characteristic: "added", Unit: "1"})
		second[b.Schema.ID()] = s
		schemas = append(schemas, *b.Schema, s)
	}
	r := rand.New(rand.NewPCG(5, 6))
	var corrections []mes.Record
	for rec := range l.Records() {
		e := *rec.Event
		if w, ok := e.Fact.(*mes.Work); ok && w.Measurements != nil && len(w.Measurements.Values) > 0 {
			w, m := *w, *w.Measurements
			m.Values = slices.Clone(m.Values)
			i := r.IntN(len(m.Values))
			switch r.IntN(40) {
			case 0:
				e.Mode = mes.ModeReference
			case 1:
				m.Notes = []mes.Note{{Index: uint32(i), Quality: mes.Quality(1 + r.IntN(3))}}
			case 2:
				m.Values[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(3)]
			case 3:
				m.Values = m.Values[:i+1]
			case 4, 5, 6:
				e.EventTime = e.EventTime.Add(-time.Duration(r.Int64N(int64(time.Hour))))
			case 7, 8, 9, 10:
				slices.Reverse(m.Values)
				other := second[m.Schema]
				m.Schema = other.ID()
				m.Values = append(m.Values, float64(i))
			case 11:
				corrections = append(corrections, record("corrections", len(corrections)+1, &mes.Event{
					EventTime: e.EventTime, Fact: &mes.Correction{Withdraws: rec.Identity, Reason: "a test"},
				}))
				if len(corrections)%2 == 0 { // the other half comes before its target
					records = append(records, corrections[len(corrections)-1])
				}
			}
			w.Measurements = &m
			e.Fact = &w
		}
		records = append(records, mes.Record{Identity: rec.Identity, Event: mes.AppendEvent(nil, &e)})
		if len(corrections)%2 == 1 && r.IntN(200) == 0 {
			records = append(records, corrections[len(corrections)-1])
		}
		if len(records) >= n {
			return schemas, records
		}
	}
	return schemas, records
}

// fill appends records, 500 a batch.
func fill(t *testing.T, s *store.Store, schemas []mes.Schema, records []mes.Record) {
	t.Helper()
	first := mes.Offset(1)
	for batch := range slices.Chunk(records, 500) {
		if _, err := s.Append(context.Background(), store.Batch{Gateway: "g", Spool: "s", First: first, Schemas: schemas, Records: batch}); err != nil {
			t.Fatal(err)
		}
		first += mes.Offset(len(batch))
	}
}

// naive answers a question from every event up to a position.
func naive(v *store.View, events []store.Event, upTo mes.Position, q store.StatisticsQuery) (store.Sample, error) {
	var s store.Sample
	segments := make(map[string]bool)
	for _, ev := range events {
		if ev.Position > upTo || !store.Below(ev.Event.Equipment, q.Equipment) || ev.Event.EventTime.Before(q.From) ||
			!ev.Event.EventTime.Before(q.To) || q.ProcessSegment != "" && ev.Event.ProcessSegment != q.ProcessSegment {
			continue
		}
		w, ok := ev.Event.Fact.(*mes.Work)
		if !ok || w.Measurements == nil {
			continue
		}
		schema, _, err := v.Schema(w.Measurements.Schema)
		if err != nil {
			return s, err
		}
		i := slices.IndexFunc(schema.Columns, func(c mes.Column) bool { return c.Characteristic == q.Characteristic })
		switch {
		case i < 0:
		case ev.WithdrawnBy != 0 && ev.WithdrawnBy <= upTo:
			s.Excluded.Withdrawn++
		case ev.Event.Mode != mes.ModeProduction && !q.AllModes:
			s.Excluded.OtherModes++
		case i >= len(w.Measurements.Values) || w.Measurements.Quality(i) == mes.QualityMissing:
			s.Excluded.Missing++
		case math.IsNaN(w.Measurements.Values[i]) || math.IsInf(w.Measurements.Values[i], 0):
			s.Excluded.NotFinite++
		case w.Measurements.Quality(i) == mes.QualityBad:
			s.Excluded.Bad++
		default:
			if w.Measurements.Quality(i) == mes.QualityUncertain {
				s.Uncertain++
			}
			s.Values = append(s.Values, w.Measurements.Values[i])
			s.Unit = schema.Columns[i].Unit
			segments[ev.Event.ProcessSegment] = true
		}
	}
	slices.Sort(s.Values)
	s.ProcessSegments = slices.Sorted(maps.Keys(segments))
	return s, nil
}

// TestStatisticsAreThoseOfEveryEvent compares with a computation over all events,
// for logs that are in memory, in blocks, or half in either.
func TestStatisticsAreThoseOfEveryEvent(t *testing.T) {
	const n = 8_000
	schemas, records := measuredLine(t, n)
	end := t0.Add(365 * 24 * time.Hour)
	for _, sealBytes := range []int{1, 2 << 20, 1 << 30} {
		t.Run(fmt.Sprintf("sealed at %d bytes", sealBytes), func(t *testing.T) {
			dir := t.TempDir()
			s, err := store.Open(store.Config{Dir: dir, Now: func() time.Time { return t0 }, SealBytes: sealBytes})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				checkDir(t, dir)
			})
			fill(t, s, schemas, records)
			var sum store.Sample
			view(t, s, func(v *store.View) error {
				var events []store.Event
				for e, err := range v.Events(0, store.Filter{}) {
					if err != nil {
						return err
					}
					if e.Event != nil {
						events = append(events, e)
					}
				}
				for _, of := range []string{"added", "solids", "web_tension", "burr_height", "jr_thickness", "cycle_time"} {
					all, err := naive(v, events, v.Position(), store.StatisticsQuery{Characteristic: of, From: t0.Add(-48 * time.Hour), To: end})
					if err != nil {
						return err
					}
					for _, q := range []store.StatisticsQuery{
						{From: t0.Add(-48 * time.Hour), To: end},
						{From: t0.Add(-48 * time.Hour), To: end, AllModes: true},
						{From: t0.Add(time.Hour), To: t0.Add(2*time.Hour + 17*time.Second)},
						{From: t0.Add(90 * time.Minute), To: t0.Add(91 * time.Minute), AllModes: true},
						{From: t0.Add(time.Hour), To: end, ProcessSegment: firstOf(all.ProcessSegments)},
						{From: t0, To: end, Equipment: "L1.WND"},
						{From: t0, To: end, Equipment: "L1.MIX.01"},
						{From: t0, To: end, Equipment: "L1.M"},
						{From: end, To: end.Add(time.Hour)},
					} {
						q.Characteristic = of
						for _, upTo := range []mes.Position{v.Position(), 1, n/2 + 137} {
							want, err := naive(v, events, upTo, q)
							if err != nil {
								return err
							}
							got, err := v.AsOf(upTo).Statistics(q)
							if err != nil {
								return err
							}
							slices.Sort(got.Values)
							if len(want.Values) == 0 {
								got.Unit, want.Unit = "", ""
							}
							if diff := cmp.Diff(want, got); diff != "" {
								t.Errorf("%+v as of %d mismatch (-want +got):\n%s", q, upTo, diff)
							}
							sum.Values = append(sum.Values, got.Values...)
							sum.Uncertain += got.Uncertain
							sum.Excluded.Bad += got.Excluded.Bad
							sum.Excluded.Missing += got.Excluded.Missing
							sum.Excluded.NotFinite += got.Excluded.NotFinite
							sum.Excluded.OtherModes += got.Excluded.OtherModes
							sum.Excluded.Withdrawn += got.Excluded.Withdrawn
						}
					}
				}
				return nil
			})
			if x := sum.Excluded; len(sum.Values) == 0 || sum.Uncertain == 0 || x.Bad == 0 || x.Missing == 0 || x.NotFinite == 0 || x.OtherModes == 0 || x.Withdrawn == 0 {
				t.Errorf("the questions together excluded %+v of %d values; want some for each reason", x, len(sum.Values))
			}
		})
	}
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return list[0]
}

func measured(sequence int, schema *mes.Schema, values ...float64) mes.Record {
	return record("P1", sequence, &mes.Event{
		EventTime: t0.Add(time.Duration(sequence) * time.Second), Equipment: "L1.OCV.01", ProcessSegment: "ocv",
		Fact: &mes.Work{
			Subjects:     []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(fmt.Sprintf("C%d", sequence))}}},
			Measurements: &mes.Measurements{Schema: schema.ID(), Values: values},
		},
	})
}

func TestStatisticsRefuses(t *testing.T) {
	volts := mes.Schema{Columns: []mes.Column{{Characteristic: "ocv1", Unit: "V"}, {Characteristic: "ocv2", Unit: "V"}}}
	millivolts := mes.Schema{Columns: []mes.Column{{Characteristic: "ocv1", Unit: "mV"}}}
	s := open(t, t.TempDir())
	fill(t, s, []mes.Schema{volts, millivolts}, []mes.Record{measured(1, &volts, 3.3, 3.2), measured(2, &millivolts, 3301)})
	millivolt, ampere := "mV", "A"
	for _, tc := range []struct {
		name   string
		query  store.StatisticsQuery
		code   mes.Code
		says   string
		values []float64
	}{
		{"two units", store.StatisticsQuery{Characteristic: "ocv1"}, mes.CodeInvalid, `in "V" and in "mV"`, nil},
		{"one of two units", store.StatisticsQuery{Characteristic: "ocv1", Unit: &millivolt}, 0, "", []float64{3301}},
		{"a time with one of two units", store.StatisticsQuery{Characteristic: "ocv1", To: t0.Add(2 * time.Second)}, 0, "", []float64{3.3}},
		{"a unit that it never had", store.StatisticsQuery{Characteristic: "ocv1", Unit: &ampere}, mes.CodeNotFound, `in "A", but in "V" and "mV"`, nil},
		{"a characteristic that nobody measured", store.StatisticsQuery{Characteristic: "OCV"}, mes.CodeNotFound, "there is ocv1, ocv2", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.query.From = t0
			if tc.query.To.IsZero() {
				tc.query.To = t0.Add(time.Hour)
			}
			view(t, s, func(v *store.View) error {
				got, err := v.Statistics(tc.query)
				if tc.code == 0 && err != nil || tc.code != 0 && (mes.CodeOf(err) != tc.code || !strings.Contains(err.Error(), tc.says)) {
					t.Errorf("Statistics = %v; want code %v and %q", err, tc.code, tc.says)
				}
				if diff := cmp.Diff(tc.values, got.Values); tc.code == 0 && diff != "" {
					t.Errorf("values mismatch (-want +got):\n%s", diff)
				}
				return nil
			})
		})
	}
}

// BenchmarkStatistics describes a day of one cell a second, 86,400 values, from
// the sealed log: of one station that sees every cell, and of twelve that share
// them. Two other events come with each cell.
func BenchmarkStatistics(b *testing.B) {
	const cells = 86_400
	ocv := mes.Schema{Columns: []mes.Column{{Characteristic: "ocv1", Unit: "V"}, {Characteristic: "acir1", Unit: "mOhm"}, {Characteristic: "temp", Unit: "Cel"}}}
	wound := mes.Schema{Columns: []mes.Column{{Characteristic: "tension", Unit: "N"}, {Characteristic: "cathode_length", Unit: "m"}}}
	s, err := store.Open(store.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	r := rand.New(rand.NewPCG(1, 2))
	round := func(v, decimals float64) float64 { p := math.Pow(10, decimals); return math.Round(v*p) / p }
	sequences := make(map[string]int)
	at := func(cell int, source, segment string, m *mes.Measurements) mes.Record {
		sequences[source]++
		return record(source, sequences[source], &mes.Event{
			EventTime: t0.Add(time.Duration(cell)*time.Second + time.Duration(r.IntN(1e6))*time.Microsecond), Equipment: mes.EquipmentID("L1." + source), ProcessSegment: segment,
			Fact: &mes.Work{
				Subjects:    []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(fmt.Sprintf("C%08d", cell))}, MaterialDefinition: "cell"}},
				Disposition: mes.DispositionConformant, Attempt: 1, Measurements: m,
			},
		})
	}
	var records []mes.Record
	first := mes.Offset(1)
	for cell := range cells {
		records = append(records,
			at(cell, "OCV.01", "ocv", &mes.Measurements{Schema: ocv.ID(), Values: []float64{
				round(3.3+0.002*r.NormFloat64(), 5), round(0.41+0.01*r.NormFloat64(), 3), round(25+r.NormFloat64(), 1),
			}}),
			at(cell, fmt.Sprintf("WND.%02d", cell%12), "winding", &mes.Measurements{Schema: wound.ID(), Values: []float64{
				round(5+0.1*r.NormFloat64(), 2), round(6.2+0.01*r.NormFloat64(), 3),
			}}))
		for i := range 2 {
			records = append(records, at(cell, fmt.Sprintf("STN.%02d", i), "other", nil))
		}
		if len(records) >= 992 || cell == cells-1 {
			batch := store.Batch{Gateway: "g", Spool: "s", First: first, Schemas: []mes.Schema{ocv, wound}, Records: records}
			if _, err := s.Append(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
			first += mes.Offset(len(records))
			records = records[:0]
		}
	}
	for _, of := range []string{"ocv1", "tension"} {
		for _, part := range []string{"read", "described"} {
			b.Run(of+" "+part, func(b *testing.B) {
				for b.Loop() {
					err := s.View(context.Background(), 0, func(v *store.View) error {
						sample, err := v.Statistics(store.StatisticsQuery{Characteristic: of, From: t0, To: t0.Add(24 * time.Hour)})
						if err == nil && len(sample.Values) != cells {
							err = fmt.Errorf("%d values; want %d", len(sample.Values), cells)
						}
						if part == "described" {
							statistics.Summarize(sample.Values)
							statistics.Quantiles(sample.Values, []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99})
							statistics.Histogram(sample.Values, 0)
						}
						return err
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/day")
			})
		}
	}
}
