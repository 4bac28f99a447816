// Package latency counts how long things took. It is pure: whoever measures
// brings the durations.
package latency

import (
	"math"
	"sync/atomic"
	"time"
)

// Bounds of a Histogram: each bucket ends a twentieth above the one before, the
// first at 50 µs, the last but one beyond half a minute.
const (
	buckets = 276
	first   = 50 * time.Microsecond
	growth  = 1.05
)

// Histogram counts durations. Its zero value is empty; its methods may be called
// at once.
type Histogram struct {
	counts [buckets]atomic.Uint64
	most   atomic.Int64
}

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	if d > first {
		i = min(int(math.Ceil(math.Log(float64(d)/float64(first))/math.Log(growth))), buckets-1)
	}
	h.counts[i].Add(1)
	for most := h.most.Load(); int64(d) > most && !h.most.CompareAndSwap(most, int64(d)); {
		most = h.most.Load()
	}
}

// Snapshot returns what was counted so far.
func (h *Histogram) Snapshot() Snapshot {
	s := Snapshot{max: time.Duration(h.most.Load())}
	for i := range h.counts {
		s.counts[i] = h.counts[i].Load()
	}
	return s
}

// Snapshot is what a Histogram had counted at one time.
type Snapshot struct {
	counts [buckets]uint64
	max    time.Duration
}

// Count returns how many durations were counted.
func (s Snapshot) Count() uint64 {
	n := uint64(0)
	for _, c := range s.counts {
		n += c
	}
	return n
}

// Quantile returns a bound that the share q of all durations is not above, at
// most a twentieth too high; 0 where nothing was counted.
func (s Snapshot) Quantile(q float64) time.Duration {
	all := s.Count()
	if all == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(all))), 1)
	n, i := uint64(0), 0
	for ; i < buckets-1; i++ {
		if n += s.counts[i]; n >= rank {
			break
		}
	}
	if i == buckets-1 {
		return s.max
	}
	return min(time.Duration(float64(first)*math.Pow(growth, float64(i))), s.max)
}

// Max returns the longest duration, exactly.
func (s Snapshot) Max() time.Duration { return s.max }

// Add returns both together.
func (s Snapshot) Add(other Snapshot) Snapshot {
	for i := range s.counts {
		s.counts[i] += other.counts[i]
	}
	s.max = max(s.max, other.max)
	return s
}
