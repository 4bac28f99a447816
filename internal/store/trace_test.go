package store_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/genealogy"
	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// The lots of a tracedLine: one that is consumed by name, and one that a slot is
// loaded with.
var (
	electrolyte = mes.Thing{Kind: mes.RefLot, ID: "ELY-2611-04"}
	separator   = mes.Thing{Kind: mes.RefLot, ID: "SEP-2611-01"}
)

func cellID(n int) mes.ID { return mes.ID(fmt.Sprintf("CEL-26327-%06d", n)) }

// tracedLine calls fn with the records of so many cells that go through twelve
// stations one behind the other, some hundred cells between them; in between
// they lie in trays of 16.
func tracedLine(cells int, fn func(mes.Record)) {
	const stations, apart, tray = 12, 200, 16
	sequences := make([]int, stations+1)
	now := t0
	emit := func(station int, fact mes.Fact) {
		sequences[station]++
		fn(record(fmt.Sprintf("L1/ST%02d", station), sequences[station], &mes.Event{
			EventTime: now, Equipment: mes.EquipmentID(fmt.Sprintf("L1.ST.%02d", station)), ProcessSegment: fmt.Sprintf("segment-%02d", station), Fact: fact,
		}))
	}
	item := func(n int) mes.Ref {
		return mes.Ref{Thing: mes.Thing{Kind: mes.RefItem, ID: cellID(n)}, MaterialDefinition: "cell"}
	}
	emit(0, &mes.SlotChange{Slot: "separator", Action: mes.SlotLoad, Material: mes.Ref{Thing: separator, MaterialDefinition: "separator"}})
	for tick := range cells + stations*apart {
		now = now.Add(100 * time.Millisecond)
		for station := range stations {
			n := tick - station*apart
			if n < 0 || n >= cells {
				continue
			}
			work := &mes.Work{Subjects: []mes.Ref{item(n)}, Disposition: mes.DispositionConformant}
			switch station {
			case 0:
				work.Consumed = []mes.Actual{{Slot: "separator", Quantity: &mes.Quantity{Value: mes.NewDecimal(1, 0), Unit: "m"}}}
			case 5:
				work.Consumed = []mes.Actual{{
					Ref:      mes.Ref{Thing: electrolyte, MaterialDefinition: "electrolyte"},
					Quantity: &mes.Quantity{Value: mes.NewDecimal(int64(4500+n%100), -3), Unit: "g"},
				}}
			}
			emit(station, work)
			if (station == 6 || station == 9) && n%tray == tray-1 {
				parent := mes.Ref{Thing: mes.Thing{Kind: mes.RefCarrier, ID: mes.ID(fmt.Sprintf("TRY-%04d", n/tray%200))}}
				if n/tray >= 200 || station == 9 {
					emit(station, &mes.Placement{Parent: parent, Action: mes.PlacementDelete})
				}
				add := &mes.Placement{Parent: parent, Action: mes.PlacementAdd}
				for i := n - tray + 1; i <= n; i++ {
					add.Children = append(add.Children, mes.Child{Ref: item(i), Place: strconv.Itoa(n - i)})
				}
				emit(station, add)
			}
		}
	}
}

// fillTraced appends the records of a tracedLine, and returns how many they were.
func fillTraced(tb testing.TB, s *store.Store, cells int) (n int) {
	tb.Helper()
	var records []mes.Record
	flush := func() {
		_, err := s.Append(context.Background(), store.Batch{Gateway: "g", Spool: "s", First: mes.Offset(n - len(records) + 1), Records: records})
		if err != nil {
			tb.Fatal(err)
		}
		records = records[:0]
	}
	tracedLine(cells, func(r mes.Record) {
		records, n = append(records, r), n+1
		if len(records) == 1000 {
			flush()
		}
	})
	flush()
	return n
}

const tracedCells = 100_000

// BenchmarkTraceForward traces a lot to 100,000 cells, most of them sealed: by
// name, and through a slot.
func BenchmarkTraceForward(b *testing.B) {
	s := benchTraced(b)
	for _, lot := range []mes.Thing{electrolyte, separator} {
		b.Run(string(lot.ID[:3]), func(b *testing.B) {
			for b.Loop() {
				if n := countEdges(b, s, lot, genealogy.Forward); n != tracedCells {
					b.Fatalf("%d edges; want %d", n, tracedCells)
				}
			}
			b.ReportMetric(float64(tracedCells*b.N)/b.Elapsed().Seconds(), "edges/s")
		})
	}
}

// BenchmarkTraceBackward traces one cell after the other, each in a view of its
// own, as the service does.
func BenchmarkTraceBackward(b *testing.B) {
	s := benchTraced(b)
	n := 0
	for b.Loop() {
		n = (n + 7919) % tracedCells
		if n := countEdges(b, s, mes.Thing{Kind: mes.RefItem, ID: cellID(n)}, genealogy.Backward); n != 2 {
			b.Fatalf("%d edges; want 2", n)
		}
	}
}

func benchTraced(b *testing.B) *store.Store {
	b.Helper()
	s, err := store.Open(store.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	fillTraced(b, s, tracedCells)
	return s
}

func countEdges(tb testing.TB, s *store.Store, start mes.Thing, way genealogy.Direction) (n int) {
	tb.Helper()
	err := s.View(context.Background(), 0, func(v *store.View) error {
		for _, err := range v.Trace(start, way, 0) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// TestTracePause lets go of the files in the middle of a trace, while more is
// appended and sealed: the answer is what it was.
func TestTracePause(t *testing.T) {
	t.Parallel()
	const cells = 60 // 1,400 events, which are sealed in many pieces
	s, err := store.Open(store.Config{Dir: t.TempDir(), SealBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	fillTraced(t, s, cells)
	late := 0
	for _, lot := range []mes.Thing{electrolyte, separator} {
		want := trace(t, s, lot, func(*store.View, int) error { return nil })
		if len(want) != cells {
			t.Fatalf("%s: %d edges; want %d", lot, len(want), cells)
		}
		got := trace(t, s, lot, func(v *store.View, i int) error {
			if i%20 != 7 {
				return nil
			}
			return v.Pause(func() error {
				for range 50 {
					late++
					mustAppend(t, s, late, record("LATE", late, &mes.Event{EventTime: t0, Equipment: "L1.ST.05", Fact: &mes.Work{
						Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: "LATE"}}},
						Consumed: []mes.Actual{{Ref: mes.Ref{Thing: lot}}},
					}}))
				}
				return nil
			})
		})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Trace(%s) mismatch (-want +paused):\n%s", lot, diff)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// trace returns the edges forward from a thing, and calls between with how many
// there were after each.
func trace(t *testing.T, s *store.Store, start mes.Thing, between func(*store.View, int) error) (edges []genealogy.Edge) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		for e, err := range v.Trace(start, genealogy.Forward, 0) {
			if err != nil {
				return err
			}
			edges = append(edges, e)
			if err := between(v, len(edges)); err != nil {
				return err
			}
		}
		return nil
	})
	return edges
}
