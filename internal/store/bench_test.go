package store_test

import (
	"context"
	"testing"

	"github.com/takt-mes/takt/internal/line"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// BenchmarkAppendLine appends the records of a simulated line, 1,000 a batch,
// from one sender: encoding, checks, indexes and fsync.
func BenchmarkAppendLine(b *testing.B) {
	l, err := line.New(line.Config{Name: "L1", Seed: 1, Start: t0, Dwell: line.Short(100)})
	if err != nil {
		b.Fatal(err)
	}
	const n = 400_000
	records := make([]mes.Record, 0, n)
	for r := range l.Records() {
		records = append(records, mes.Record{Identity: r.Identity, Event: mes.AppendEvent(nil, r.Event)})
		if len(records) == n {
			break
		}
	}
	for b.Loop() {
		s, err := store.Open(store.Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		for first := 0; first < n; first += 1000 {
			_, err := s.Append(context.Background(), store.Batch{
				Gateway: "g", Spool: "s", First: mes.Offset(first + 1), Records: records[first : first+1000],
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		size, err := s.Size()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(size)/n, "B/event")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
}
