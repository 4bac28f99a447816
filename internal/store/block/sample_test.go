package block_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

// sample is one value as a statistic sees it.
type sample struct {
	Source          string
	Epoch, Sequence uint64
	Time            int64
	Equipment       mes.EquipmentID
	Segment         string
	Mode            mes.Mode
	Disposition     mes.Disposition
	Attempt         uint32
	Bits            uint64
	Quality         mes.Quality
}

// TestSamplesAreWhatTheEventsSay compares the columns with the decoded events,
// for rows of all kinds: plain, with notes, of rare shapes, in quarantine.
func TestSamplesAreWhatTheEventsSay(t *testing.T) {
	rows := lineRows(t, 6_000, 2)
	schema := mes.SchemaID("0123456789abcdef")
	for i := range 40 {
		e := mes.Event{
			EventTime: t0, Mode: mes.Mode(i % 4), Equipment: "E", ProcessSegment: "s",
			Fact: &mes.Work{Attempt: uint32(i), Measurements: &mes.Measurements{Schema: schema, Values: []float64{1.5, math.NaN(), 0.1}}},
		}
		w := e.Fact.(*mes.Work)
		switch {
		case i%5 == 0:
			w.Measurements.Notes = []mes.Note{{Index: 2, Quality: mes.QualityUncertain}}
		case i%7 == 0:
			w.Measurements.Values = w.Measurements.Values[:i%3+1]
		case i == 11:
			w.Measurements = nil
		}
		rows = append(rows, block.Row{Source: []byte("made"), Epoch: 1, Sequence: uint64(i + 1), Event: mes.AppendEvent(nil, &e)})
	}
	rows = append(rows, block.Row{Reason: 1, Source: []byte("made"), Epoch: 1, Sequence: 99, Event: rows[0].Event})

	want := make(map[mes.SchemaID]map[sample]int)
	for _, r := range rows {
		e, err := mes.DecodeEvent(r.Event)
		if err != nil {
			t.Fatal(err)
		}
		w, ok := e.Fact.(*mes.Work)
		if !ok || w.Measurements == nil || r.Reason != 0 {
			continue
		}
		m := w.Measurements
		if want[m.Schema] == nil {
			want[m.Schema] = make(map[sample]int)
		}
		for i, v := range m.Values {
			want[m.Schema][sample{
				string(r.Source), r.Epoch, r.Sequence, e.EventTime.UnixNano(), e.Equipment, e.ProcessSegment, e.Mode, w.Disposition,
				w.Attempt, math.Float64bits(v), m.Quality(i),
			}]++
		}
	}

	got := make(map[mes.SchemaID]map[sample]int)
	_, packed := block.Pack(rows)
	for _, p := range packed {
		b, err := block.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		all, err := b.Samples()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if got[s.Schema()] == nil {
				got[s.Schema()] = make(map[sample]int)
			}
			collect(t, s, got[s.Schema()])
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples mismatch (-want +got):\n%s", diff)
	}
}

func collect(t *testing.T, s *block.Samples, to map[sample]int) {
	t.Helper()
	sources, epochs, sequences := column(t, s.Sources), column(t, s.Epochs), column(t, s.Sequences)
	times, equipment, segments := column(t, s.EventTimes), column(t, s.Equipment), column(t, s.ProcessSegments)
	modes, dispositions, attempts := column(t, s.Modes), column(t, s.Dispositions), column(t, s.Attempts)
	for index := range 64 {
		values, err := s.Values(index)
		if err != nil {
			t.Fatal(err)
		}
		qualities, err := s.Qualities(index)
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Rows() {
			if q := qualities.At(i); q != mes.QualityMissing {
				to[sample{
					sources.At(i), epochs.At(i), sequences.At(i), times.At(i).UnixNano(), equipment.At(i), segments.At(i), modes.At(i),
					dispositions.At(i), attempts.At(i), math.Float64bits(values.At(i)), q,
				}]++
			} else if !math.IsNaN(values.At(i)) {
				t.Errorf("a value that a row has not is %v, want NaN", values.At(i))
			}
		}
	}
}

func column[T any](t *testing.T, read func() (block.Column[T], error)) block.Column[T] {
	t.Helper()
	c, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
