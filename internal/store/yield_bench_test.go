package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// BenchmarkYieldDay counts what was tested in a day in which each of several
// process segments tested 86,400 items on four machines. Beside it stands what
// reading every first attempt takes.
func BenchmarkYieldDay(b *testing.B) {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	s, tested := fillDay(b, day)
	defer func() { _ = s.Close() }()
	const short = 17*time.Minute + 23456*time.Millisecond
	for _, bounds := range []struct {
		name     string
		from, to time.Time
	}{
		{"hour-aligned", day, day.Add(24 * time.Hour)},
		{"arbitrary", day.Add(short), day.Add(24*time.Hour - short)},
	} {
		want := map[uint32]testedSum{}
		b.Run(bounds.name+"/attempts", func(b *testing.B) {
			for b.Loop() {
				err := s.View(b.Context(), 0, func(v *View) error {
					return v.segments("", func(n uint32, _ string) (bool, error) {
						q := testedQuery{view: v, segment: n, counts: make(map[uint32]*testedSum)}
						err := q.addAttempts(bounds.from, bounds.to, 1)
						for equipment, c := range q.counts {
							want[equipment] = *c
						}
						return true, err
					})
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bounds.name+"/counters", func(b *testing.B) {
			for b.Loop() {
				got, rows := uint64(0), 0
				err := s.View(b.Context(), 0, func(v *View) error {
					for c, err := range v.Tested("", bounds.from, bounds.to) {
						if err != nil {
							return err
						}
						got += c.Tested
						rows++
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				sum := uint64(0)
				for _, c := range want {
					sum += uint64(c.tested)
				}
				if len(want) > 0 && (got != sum || rows != len(want)) || got > tested {
					b.Fatalf("%d tested in %d rows; want %d in %d", got, rows, sum, len(want))
				}
			}
		})
	}
}

// fillDay returns a store with a day of attempts, sealed, and how many they are.
func fillDay(b *testing.B, day time.Time) (*Store, uint64) {
	b.Helper()
	const segments, perDay, batch, machines = 4, 86_400, 960, 4
	dir := b.TempDir()
	s, err := Open(Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	offset := mes.Offset(1)
	add := func(records ...mes.Record) {
		_, err := s.Append(context.Background(), Batch{Gateway: "g", Spool: "s", First: offset, Records: records})
		if err != nil {
			b.Fatal(err)
		}
		offset += mes.Offset(len(records))
	}
	var records []mes.Record
	for i := range perDay {
		for segment := range segments {
			e := mes.Event{
				EventTime: day.Add(time.Duration(i)*time.Second + time.Duration(i%1000)*time.Millisecond),
				Equipment: mes.EquipmentID(fmt.Sprintf("L1.S%d.%02d", segment, i%machines)), ProcessSegment: fmt.Sprintf("s%d", segment),
				Fact: &mes.Work{
					Subjects:    []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(fmt.Sprintf("C%08d", i))}}},
					Disposition: mes.DispositionConformant,
				},
			}
			if (i+segment)%50 == 0 {
				e.Fact.(*mes.Work).Disposition = mes.DispositionScrap
			}
			source := mes.Source(fmt.Sprintf("P%d", segment))
			records = append(records, mes.Record{
				Identity: mes.Identity{Source: source, Epoch: 1, Sequence: mes.Sequence(i + 1)},
				Event:    mes.AppendEvent(nil, &e),
			})
		}
		if len(records) >= batch {
			add(records...)
			records = records[:0]
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	if s, err = Open(Config{Dir: dir, SealBytes: 1}); err != nil {
		b.Fatal(err)
	}
	// Each layer waits for the one before it to be sealed.
	for i := range 3 {
		add(mes.Record{
			Identity: mes.Identity{Source: "state", Epoch: 1, Sequence: mes.Sequence(i + 1)},
			Event:    mes.AppendEvent(nil, &mes.Event{EventTime: day, Fact: &mes.EquipmentReport{Topic: mes.EquipmentState, Code: "RUN"}}),
		})
	}
	return s, segments * perDay
}
