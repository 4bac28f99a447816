package sim

import (
	"fmt"
	"math/bits"
	"time"
)

// Latency is how long something took, over many times.
type Latency struct {
	// Count is how many times.
	Count uint64
	// P50 and P99 are quantiles, at most 3 % too high; Max is exact.
	P50, P99, Max time.Duration
}

// String returns the latency as `1200 records, p50 96ms, p99 201ms, max 230ms`.
func (l Latency) String() string {
	return fmt.Sprintf("%d records, p50 %s, p99 %s, max %s", l.Count,
		l.P50.Round(time.Millisecond), l.P99.Round(time.Millisecond), l.Max.Round(time.Millisecond))
}

// Histogram counts durations in buckets that are 3 % wide. Its zero value is
// empty.
type Histogram struct {
	counts []uint64
	count  uint64
	max    time.Duration
}

// subBuckets divide each power of two, of microseconds.
const subBuckets = 32

// Add counts a duration; a negative one counts as none.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	b := bucketOf(d)
	for len(h.counts) <= b {
		h.counts = append(h.counts, 0)
	}
	h.counts[b]++
	h.count++
	h.max = max(h.max, d)
}

// Merge adds all that other has counted.
func (h *Histogram) Merge(other *Histogram) {
	for len(h.counts) < len(other.counts) {
		h.counts = append(h.counts, 0)
	}
	for b, n := range other.counts {
		h.counts[b] += n
	}
	h.count += other.count
	h.max = max(h.max, other.max)
}

// Latency returns the figures.
func (h *Histogram) Latency() Latency {
	return Latency{Count: h.count, P50: h.quantile(50), P99: h.quantile(99), Max: h.max}
}

// quantile returns an upper bound of the percentile.
func (h *Histogram) quantile(percent uint64) time.Duration {
	rank := (h.count*percent + 99) / 100
	seen := uint64(0)
	for b, n := range h.counts {
		if seen += n; n > 0 && seen >= rank {
			return min(upperBound(b), h.max)
		}
	}
	return 0
}

func bucketOf(d time.Duration) int {
	us := uint64(d / time.Microsecond) //nolint:gosec // not negative
	if us < subBuckets {
		return int(us)
	}
	shift := bits.Len64(us) - 6              // Leaves 32 to 63.
	return subBuckets*shift + int(us>>shift) //nolint:gosec // less than 64
}

func upperBound(b int) time.Duration {
	if b < 2*subBuckets {
		return time.Duration(b+1) * time.Microsecond
	}
	shift := b/subBuckets - 1
	return time.Duration(uint64(b-subBuckets*shift+1)<<shift) * time.Microsecond //nolint:gosec // as bucketOf made it
}
