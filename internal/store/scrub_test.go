package store

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/mes"
)

// TestScrubReadsAll reads a store in long stretches and in short ones: nothing is
// left out in between, and nothing is read twice.
func TestScrubReadsAll(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), SealBytes: 1}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 9, 1, 6, 0, 0, 0, time.UTC)
	for n := mes.Offset(1); n <= 300; n++ {
		event := mes.Event{EventTime: at, Equipment: "L1.WND.01", ProcessSegment: "winding", Fact: &mes.Work{
			Subjects: []mes.Ref{{Thing: mes.Thing{Kind: mes.RefItem, ID: mes.ID(fmt.Sprintf("C%04d", n))}}}, Disposition: mes.DispositionConformant,
		}}
		_, err := s.Append(t.Context(), Batch{Gateway: "g1", Spool: "s1", First: n, Records: []mes.Record{{
			Identity: mes.Identity{Source: "P1", Epoch: 1, Sequence: mes.Sequence(n)}, Event: mes.AppendEvent(nil, &event),
		}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Opened again, nothing is sealed meanwhile.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(cfg); err != nil {
		t.Fatal(err)
	}
	var passed []int64
	for _, stretch := range []int64{math.MaxInt64, 4096, 100, 1} {
		c := scrubber{store: s, rate: math.MaxInt64, stretch: stretch, found: func(problem string) { t.Error(problem) }}
		if err := c.all(t.Context()); err != nil {
			t.Fatal(err)
		}
		if passed = append(passed, c.passed); c.passed < 20_000 || c.passed != passed[0] {
			t.Errorf("in stretches of %d bytes %d are read; in one, %d", stretch, c.passed, passed[0])
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
