package store_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/takt-mes/takt/internal/mes"
	"github.com/takt-mes/takt/internal/store"
)

// TestBusyIsCounted sends a batch back because another one waits: it is refused,
// and the ledger says so.
func TestBusyIsCounted(t *testing.T) {
	committing, goOn := make(chan struct{}, 1), make(chan struct{})
	metrics := prometheus.NewRegistry()
	s, err := store.Open(store.Config{Dir: t.TempDir(), QueueEvents: 1, Metrics: metrics, Now: func() time.Time {
		select {
		case committing <- struct{}{}:
		default:
		}
		<-goOn
		return t0
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	first, second := make(chan error, 1), make(chan error, 1)
	send := func(gateway mes.Gateway, source string, result chan<- error) {
		_, err := s.Append(context.Background(), store.Batch{
			Gateway: gateway, Spool: "s", First: 1, Records: []mes.Record{work(source, 1, "C1", mes.DispositionConformant)},
		})
		result <- err
	}
	go send("g1", "P1", first)
	<-committing // the first batch waits for its commit, and fills the queue
	go send("g2", "P2", second)
	for busy(t, metrics) == 0 {
		runtime.Gosched()
	}
	close(goOn)
	if err := <-first; err != nil {
		t.Errorf("the first batch: %v", err)
	}
	if err := <-second; mes.CodeOf(err) != mes.CodeBusy {
		t.Errorf("the second batch: %v; want CodeBusy", err)
	}
	var sum store.LedgerEntry
	view(t, s, func(v *store.View) error {
		for e, err := range v.Ledger() {
			if err != nil {
				return err
			}
			sum = sum.Add(e)
		}
		return nil
	})
	if sum.Stored != 1 || sum.Refused != 1 {
		t.Errorf("ledger = %+v; want 1 stored and 1 refused", sum)
	}
}

// busy returns how many batches were sent back.
func busy(t *testing.T, metrics *prometheus.Registry) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "takt_store_busy_total" {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatal("the store has no metric of busy batches")
	return 0
}

// TestLargeBatchesArePushedBack sends more than may wait in batches as large as
// they may be: what is beyond is sent back as busy, and stored when it comes
// again.
func TestLargeBatchesArePushedBack(t *testing.T) {
	s := open(t, t.TempDir())
	const batches = 80
	event := make([]byte, mes.MaxEventBytes) // goes to quarantine as it is
	var mu sync.Mutex
	var pushedBack, kept int
	send := func(n int) {
		var records []mes.Record
		for i := range store.MaxBatchBytes / mes.MaxEventBytes {
			records = append(records, mes.Record{Identity: mes.Identity{Source: "P1", Epoch: 1, Sequence: mes.Sequence(4*n + i + 1)}, Event: event})
		}
		for {
			a, err := s.Append(context.Background(), store.Batch{Gateway: mes.Gateway(fmt.Sprint("g", n)), Spool: "s", First: 1, Records: records})
			mu.Lock()
			kept += len(a.Quarantined)
			busy := mes.CodeOf(err) == mes.CodeBusy
			if busy {
				pushedBack++
			}
			mu.Unlock()
			if !busy {
				if err != nil {
					t.Errorf("batch %d: %v", n, err)
				}
				return
			}
			runtime.Gosched()
		}
	}
	var all sync.WaitGroup
	for n := range batches {
		all.Go(func() { send(n) })
	}
	all.Wait()
	if want := batches * store.MaxBatchBytes / mes.MaxEventBytes; kept != want || pushedBack == 0 {
		t.Errorf("%d records are kept, want %d; %d batches were pushed back, want some", kept, want, pushedBack)
	}
}

// TestFilesOutgrowTheirMapping has files become larger than the address space that
// they were mapped in, again and again, while others read and nothing else comes.
func TestFilesOutgrowTheirMapping(t *testing.T) {
	store.SmallMapping(t)
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: dir, SealBytes: 1 << 18})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			if err := s.View(context.Background(), 0, func(v *store.View) error { _, err := v.Search("C1"); return err }); err != nil {
				t.Error(err)
				return
			}
		}
	})
	const batch = 100
	for n := range 100 {
		records := make([]mes.Record, batch)
		for i := range records {
			records[i] = work("P1", n*batch+i+1, fmt.Sprintf("C%d", n*batch+i), mes.DispositionConformant)
		}
		mustAppend(t, s, n*batch+1, records...)
	}
	stop()
	reading.Wait()
	size, err := s.Size()
	if err != nil || size < 1<<20 {
		t.Errorf("the files have %d bytes, %v: too few to outgrow anything", size, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	checkDir(t, dir)
}
