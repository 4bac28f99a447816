package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h, first, second Histogram
	var all []time.Duration
	for i := range 5000 {
		d := time.Duration(random.ExpFloat64() * float64(100*time.Millisecond))
		all = append(all, d)
		h.Add(d)
		if i%3 == 0 {
			first.Add(d)
		} else {
			second.Add(d)
		}
	}
	first.Merge(&second)
	slices.Sort(all)
	got := h.Latency()
	if merged := first.Latency(); merged != got {
		t.Errorf("merged %v, want %v", merged, got)
	}
	if got.Count != 5000 || got.Max != all[4999] {
		t.Errorf("count %d, max %s; want 5000, %s", got.Count, got.Max, all[4999])
	}
	for _, q := range []struct {
		name        string
		got, wanted time.Duration
	}{{"p50", got.P50, all[2499]}, {"p99", got.P99, all[4949]}} {
		if q.got < q.wanted || float64(q.got) > 1.04*float64(q.wanted) {
			t.Errorf("%s = %s, want %s or up to 4 %% more", q.name, q.got, q.wanted)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	for us := range 100_000 {
		d := time.Duration(us) * time.Microsecond
		if b := bucketOf(d); upperBound(b) <= d || b > 0 && upperBound(b-1) > d {
			t.Fatalf("%s is in bucket %d, which ends at %s", d, b, upperBound(b))
		}
	}
	if got := new(Histogram).Latency(); got != (Latency{}) {
		t.Errorf("Latency of nothing = %v", got)
	}
}
