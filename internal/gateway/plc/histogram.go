package plc

import (
	"math"
	"sync/atomic"
	"time"
)

// Bounds of a Histogram: each bucket ends a fifth above the one before, the
// first at 50 µs, the last but one beyond half a minute.
const (
	histogramBuckets = 76
	histogramFirst   = 50 * time.Microsecond
	histogramGrowth  = 1.2
)

// Histogram counts durations. Its methods may be called at once.
type Histogram struct {
	counts [histogramBuckets]atomic.Uint64
}

func (h *Histogram) observe(d time.Duration) {
	i := 0
	if d > histogramFirst {
		i = min(int(math.Ceil(math.Log(float64(d)/float64(histogramFirst))/math.Log(histogramGrowth))), histogramBuckets-1)
	}
	h.counts[i].Add(1)
}

func (h *Histogram) latency() Latency {
	var l Latency
	for i := range h.counts {
		l.counts[i] = h.counts[i].Load()
	}
	return l
}

// Latency is what a Histogram had counted at one time.
type Latency struct {
	counts [histogramBuckets]uint64
}

// Count returns how many durations were counted.
func (l Latency) Count() uint64 {
	n := uint64(0)
	for _, c := range l.counts {
		n += c
	}
	return n
}

// Quantile returns the duration that the share q of all is not above, to a
// fifth; 0 where nothing was counted.
func (l Latency) Quantile(q float64) time.Duration {
	all := l.Count()
	if all == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(all))), 1)
	n, i := uint64(0), 0
	for ; i < histogramBuckets-1; i++ {
		if n += l.counts[i]; n >= rank {
			break
		}
	}
	return time.Duration(float64(histogramFirst) * math.Pow(histogramGrowth, float64(i)))
}

// Add returns both together.
func (l Latency) Add(other Latency) Latency {
	for i := range l.counts {
		l.counts[i] += other.counts[i]
	}
	return l
}
