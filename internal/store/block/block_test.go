package block_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store/block"
)

var t0 = time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)

// lineRows are entries of simulated lines, as a gateway sends them.
func lineRows(tb testing.TB, n, lines int) []block.Row {
	tb.Helper()
	rows := make([]block.Row, 0, n)
	random := rand.New(rand.NewPCG(1, 2))
	var nexts []func() (line.Record, bool)
	for k := range lines {
		l, err := line.New(line.Config{Name: "L" + string(rune('1'+k)), Seed: uint64(k + 1), Start: t0, Dwell: line.Short(24)})
		if err != nil {
			tb.Fatal(err)
		}
		next, stop := pull(l)
		defer stop()
		nexts = append(nexts, next)
	}
	offset := mes.Offset(1)
	for len(rows) < n {
		for k, next := range nexts {
			for range 8 {
				r, ok := next()
				if !ok || len(rows) == n {
					break
				}
				read := r.Due.Add(time.Duration(random.IntN(20_000_000)))
				p := mes.Provenance{
					Gateway: "gw-" + mes.Gateway(rune('1'+k)), Spool: "8f14e45f", Offset: offset,
					PLCTime: r.Event.EventTime, SourceTime: r.Due, ServerTime: r.Due.Add(time.Millisecond), GatewayTime: read,
					ClockOffset: 1_234_567, ClockQuality: mes.ClockGood,
				}
				offset++
				rows = append(rows, block.Row{
					Source: []byte(r.Identity.Source), Epoch: uint64(r.Identity.Epoch), Sequence: uint64(r.Identity.Sequence),
					Event: mes.AppendEvent(nil, r.Event), Provenance: mes.AppendProvenance(nil, &p),
				})
			}
		}
	}
	return rows
}

// roundTrip packs rows and reads each again.
func roundTrip(tb testing.TB, rows []block.Row) {
	tb.Helper()
	directory, packed := block.Pack(rows)
	d, err := block.OpenDirectory(directory)
	if err != nil {
		tb.Fatal(err)
	}
	if d.Len() != len(rows) || d.Blocks() != len(packed) {
		tb.Fatalf("the directory has %d entries in %d blocks, want %d in %d", d.Len(), d.Blocks(), len(rows), len(packed))
	}
	blocks := make([]*block.Block, len(packed))
	count := 0
	for i, b := range packed {
		if blocks[i], err = block.Open(b); err != nil {
			tb.Fatal(err)
		}
		count += blocks[i].Rows()
	}
	if count != len(rows) {
		tb.Errorf("the blocks have %d rows, want %d", count, len(rows))
	}
	for i := range rows {
		k, row, err := d.Place(i)
		if err != nil {
			tb.Fatal(err)
		}
		got, err := blocks[k].Row(row)
		if err != nil {
			tb.Fatal(err)
		}
		if !same(got, rows[i]) {
			tb.Fatalf("row %d mismatch (-want +got):\n%s", i, cmp.Diff(rows[i], got))
		}
	}
}

func same(a, b block.Row) bool {
	return a.Reason == b.Reason && a.Epoch == b.Epoch && a.Sequence == b.Sequence && bytes.Equal(a.Source, b.Source) &&
		bytes.Equal(a.Event, b.Event) && bytes.Equal(a.Provenance, b.Provenance) && bytes.Equal(a.Detail, b.Detail)
}

func TestLineComesBack(t *testing.T) {
	rows := lineRows(t, 100_000, 1)
	for first := 0; first < len(rows); first += 1 << 15 {
		roundTrip(t, rows[first:min(first+1<<15, len(rows))])
	}
}

func TestManyLinesComeBack(t *testing.T) {
	roundTrip(t, lineRows(t, 1<<14, 8))
}

// twenty are events with twenty doubles; random says whether their mantissas
// are.
func twenty(n int, random bool) []block.Row {
	r := rand.New(rand.NewPCG(3, 4))
	schema := mes.SchemaID("0123456789abcdef")
	rows := make([]block.Row, n)
	for i := range rows {
		m := &mes.Measurements{Schema: schema}
		for k := range 20 {
			v := float64(10*k) + 5 + r.NormFloat64()
			if !random {
				v = math.Round(v*1000) / 1000
			}
			m.Values = append(m.Values, v)
		}
		at := t0.Add(time.Duration(i) * 100 * time.Millisecond)
		station := string(rune('A' + i%12))
		e := mes.Event{
			EventTime: at, StartTime: at.Add(-time.Second), Equipment: mes.EquipmentID("L1." + station + ".01"), ProcessSegment: "step-" + station,
			Fact: &mes.Work{
				Subjects:    []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(serial(i / 12))}, MaterialDefinition: "cell"}},
				Disposition: mes.DispositionConformant, Measurements: m,
			},
		}
		p := mes.Provenance{Gateway: "bench", Spool: "s", Offset: mes.Offset(i + 1), GatewayTime: at.Add(time.Millisecond)}
		rows[i] = block.Row{
			Source: []byte("L1/" + station), Epoch: 1, Sequence: uint64(i/12 + 1),
			Event: mes.AppendEvent(nil, &e), Provenance: mes.AppendProvenance(nil, &p),
		}
	}
	return rows
}

func serial(i int) string {
	digits := []byte("L1-C-000000000")
	for k := len(digits) - 1; i > 0; k-- {
		digits[k] += byte(i % 10)
		i /= 10
	}
	return string(digits)
}

func TestTwentyDoublesComeBack(t *testing.T) {
	roundTrip(t, twenty(5000, false))
	roundTrip(t, twenty(5000, true))
}

func BenchmarkPack(b *testing.B) {
	for _, shape := range []struct {
		name string
		rows []block.Row
	}{
		{"line-65k", lineRows(b, 100_000, 1)[100_000-65_536:]},
		{"line-16k", lineRows(b, 100_000, 1)[100_000-16_384:]},
		{"8-lines-65k", lineRows(b, 65_536, 8)},
		{"8-lines-16k", lineRows(b, 65_536, 8)[65_536-16_384:]},
		{"twenty-decimals", twenty(16_384, false)},
		{"twenty-random", twenty(16_384, true)},
	} {
		b.Run(shape.name, func(b *testing.B) {
			b.ReportAllocs()
			size, raw, count := 0, 0, 0
			for b.Loop() {
				directory, blocks := block.Pack(shape.rows)
				size, count = len(directory), len(blocks)
				for _, block := range blocks {
					size += len(block)
				}
			}
			for _, r := range shape.rows {
				raw += 8 + len(r.Source) + len(r.Event) + len(r.Provenance)
			}
			n := float64(len(shape.rows))
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n/float64(b.N), "ns/event")
			b.ReportMetric(float64(size)/n, "B/event")
			b.ReportMetric(float64(raw)/n, "raw-B/event")
			b.ReportMetric(n/float64(count), "rows/block")
		})
	}
}

func BenchmarkRow(b *testing.B) {
	rows := lineRows(b, 1<<15, 1)
	directory, packed := block.Pack(rows)
	d, err := block.OpenDirectory(directory)
	if err != nil {
		b.Fatal(err)
	}
	blocks := make([]*block.Block, len(packed))
	for i := range packed {
		if blocks[i], err = block.Open(packed[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("row", func(b *testing.B) {
		i := 0
		for b.Loop() {
			k, row, err := d.Place(i)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := blocks[k].Row(row); err != nil {
				b.Fatal(err)
			}
			i = (i + 7919) % len(rows)
		}
	})
	b.Run("place", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, _, err := d.Place(i); err != nil {
				b.Fatal(err)
			}
			i = (i + 7919) % len(rows)
		}
	})
	b.Run("open", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, err := block.Open(packed[i]); err != nil {
				b.Fatal(err)
			}
			i = (i + 1) % len(packed)
		}
	})
}

// BenchmarkValues reads one characteristic of every block, with the times and
// the equipment that a statistic filters by; Open is part of it.
func BenchmarkValues(b *testing.B) {
	_, packed := block.Pack(lineRows(b, 1<<15, 1))
	n := 0
	for b.Loop() {
		n = 0
		for _, p := range packed {
			blk, err := block.Open(p)
			if err != nil {
				b.Fatal(err)
			}
			all, err := blk.Samples()
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range all {
				values, err := s.Values(0)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.EventTimes(); err != nil {
					b.Fatal(err)
				}
				if _, err := s.Equipment(); err != nil {
					b.Fatal(err)
				}
				n += values.Len()
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/float64(b.N), "ns/value")
}
