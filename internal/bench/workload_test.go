package bench

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/takt-mes/takt/internal/mes"
)

func TestWorkloadIsDeterministic(t *testing.T) {
	const cells = 600
	whole := NewWorkload(7, ValuesInstrument, cells)
	want := whole.Next(whole.TicksFor(cells))
	t.Run("in other parts", func(t *testing.T) {
		w := NewWorkload(7, ValuesInstrument, cells)
		var got []Event
		for ticks := w.TicksFor(cells); ticks > 0; ticks = w.TicksFor(cells) {
			got = append(got, w.Next(min(ticks, 17))...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events mismatch (-want +got):\n%s", diff)
		}
	})
	for name, other := range map[string]*Workload{
		"another seed": NewWorkload(8, ValuesInstrument, cells), "other values": NewWorkload(7, ValuesRandom, cells),
	} {
		t.Run(name, func(t *testing.T) {
			if cmp.Equal(want, other.Next(other.TicksFor(cells))) {
				t.Error("the events are the same")
			}
		})
	}
}

func TestWorkload(t *testing.T) {
	const cells = 5000
	w := NewWorkload(1, ValuesInstrument, cells)
	events := w.Next(w.TicksFor(cells))
	if w.Finished() != cells {
		t.Fatalf("%d cells are finished, want %d", w.Finished(), cells)
	}
	type cell struct{ events, attempts, edges int }
	of := make(map[string]*cell)
	sequences := make(map[int]uint64)
	reworked, firsts := 0, 0
	recorder := newRecorder()
	for i := range events {
		e := &events[i]
		if sequences[e.Source]++; e.Sequence != sequences[e.Source] {
			t.Fatalf("source %d has sequence %d where %d was due", e.Source, e.Sequence, sequences[e.Source])
		}
		if record := recorder.record(e); i%100 == 0 {
			decoded, err := mes.DecodeEvent(record.Event)
			if err == nil {
				err = decoded.Validate()
			}
			if err != nil {
				t.Fatalf("event %d: %v", i, err)
			}
		}
		if e.Coil {
			continue
		}
		c := of[e.Thing]
		if c == nil {
			c = new(cell)
			of[e.Thing] = c
		}
		c.events++
		c.edges += len(e.Inputs)
		if e.Attempt == 1 {
			c.attempts++
			firsts++
			if e.Disposition != mes.DispositionConformant {
				reworked++
			}
		} else if e.Disposition != mes.DispositionConformant {
			t.Errorf("the second attempt at %s is %s", e.Thing, e.Disposition)
		}
	}
	for n := range cells {
		c := of[cellName(n)]
		if c == nil || c.attempts != stations || c.events < stations || c.edges != 4 {
			t.Fatalf("%s is %+v; want %d first attempts and 4 edges", cellName(n), c, stations)
		}
	}
	if share := float64(reworked) / float64(firsts); math.Abs(share-reworkShare) > reworkShare/5 {
		t.Errorf("%.4f of the first attempts are not conformant, want about %g", share, reworkShare)
	}
}

func TestInstrumentsReadFewDigits(t *testing.T) {
	for _, values := range []Values{ValuesInstrument, ValuesRandom} {
		w := NewWorkload(1, values, minCells)
		longest := 0
		for _, e := range w.Next(10) {
			for _, v := range e.Values {
				text, _ := strings.CutPrefix(strconv.FormatFloat(v, 'f', -1, 64), "-")
				longest = max(longest, len(text))
			}
		}
		if short := longest <= 10; short != (values == ValuesInstrument) {
			t.Errorf("the longest of %s values has %d characters", values, longest)
		}
	}
}
