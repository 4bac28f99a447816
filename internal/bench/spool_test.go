package bench

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/takt-mes/takt/internal/client"
	"github.com/takt-mes/takt/internal/mes"
)

func TestAloneWaitsForEachAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &spool{sender: client.Sender{Gateway: "g", Spool: "s"}}
		records := make([]mes.Record, 3)
		s.take(records)
		a := newAlone(records, nil)
		read := func(want mes.Offset) {
			t.Helper()
			got, err := a.Read(0, 1000, 1<<20)
			if err != nil || want == 0 && len(got) != 0 || want != 0 && (len(got) != 1 || got[0].Provenance.Offset != want) {
				t.Fatalf("Read = %v, %v; want offset %d", got, err, want)
			}
		}
		read(1)
		read(0) // It is not answered yet.
		time.Sleep(time.Millisecond)
		a.acknowledge()
		if err := a.Wait(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		read(2)
		time.Sleep(2 * time.Millisecond)
		a.resume() // The stream has broken; the second one is sent again.
		read(2)
		time.Sleep(3 * time.Millisecond)
		a.acknowledge()
		if err := a.Wait(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		read(3)
		a.acknowledge()
		if err := a.Wait(t.Context(), 3); !errors.Is(err, io.EOF) {
			t.Fatalf("Wait at the end = %v", err)
		}
		want := []time.Duration{time.Millisecond, 5 * time.Millisecond, 0}
		for i := range want {
			if a.took[i] != want[i] {
				t.Errorf("record %d took %s, want %s", i+1, a.took[i], want[i])
			}
		}
	})
}

func TestQueueKeepsItsPaceAndItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := make([]mes.Record, 5)
		for i := range records {
			records[i].Event = make([]byte, 10)
		}
		q := &queue{records: records, batch: 3, paced: every(time.Second, time.Now())}
		var sizes []int
		for {
			batch, err := q.Read(0, 1000, 25)
			if err != nil {
				t.Fatal(err)
			}
			if len(batch) > 0 {
				sizes = append(sizes, len(batch))
				continue
			}
			if err := q.Wait(t.Context(), 0); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
		// Two fit into 25 bytes; what is left of a batch goes with the next one.
		if len(sizes) != 3 || sizes[0] != 2 || sizes[1] != 2 || sizes[2] != 1 {
			t.Errorf("the batches have %v records", sizes)
		}
	})
}
