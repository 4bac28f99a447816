package latency_test

import (
	"testing"
	"time"

	"github.com/takt-mes/takt/internal/latency"
)

func TestHistogram(t *testing.T) {
	var h latency.Histogram
	if got := h.Snapshot().Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %s", got)
	}
	for i := range 1000 {
		h.Observe(time.Duration(i+1) * time.Millisecond)
	}
	h.Observe(time.Hour)
	l := h.Snapshot()
	if l.Max() != time.Hour || l.Quantile(1) != time.Hour {
		t.Errorf("the longest is %s, the last quantile %s; want %s", l.Max(), l.Quantile(1), time.Hour)
	}
	if l.Count() != 1001 || l.Add(l).Count() != 2002 {
		t.Errorf("%d durations were counted, %d twice", l.Count(), l.Add(l).Count())
	}
	for q, want := range map[float64]time.Duration{0.5: 500 * time.Millisecond, 0.99: 990 * time.Millisecond, 0: time.Millisecond} {
		if got := l.Quantile(q); got < want || float64(got) > 1.051*float64(want) {
			t.Errorf("quantile %v is %s, want %s or up to a twentieth more", q, got, want)
		}
	}
}
