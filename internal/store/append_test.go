package store_test

import (
	"context"
	"runtime"
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
