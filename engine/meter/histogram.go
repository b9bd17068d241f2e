package meter

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A duration falls into one of 32 equal buckets per power of two nanoseconds.
// Below 64 ns every nanosecond has its own. What takes 39 hours or longer falls
// into the overflow bucket: agent runs last hours, so the range ends late.
const (
	subBits  = 5
	sub      = 1 << subBits
	topBits  = 47 // 1<<47 ns are 39 h
	overflow = (topBits - subBits + 1) << subBits
	buckets  = overflow + 1
)

// Histogram counts durations in buckets at most 3.2 % wide. The zero value is
// ready. Observe may be called from any number of goroutines; it takes no lock
// and allocates nothing.
type Histogram struct {
	max    atomic.Int64
	sum    atomic.Int64
	counts [buckets]atomic.Int64
}

// Observe counts d; a negative d counts as 0.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	// The maximum goes first: whoever sees the count sees a maximum that covers it.
	for high := h.max.Load(); int64(d) > high; high = h.max.Load() {
		if h.max.CompareAndSwap(high, int64(d)) {
			break
		}
	}
	h.sum.Add(int64(d))
	h.counts[bucketOf(d)].Add(1)
}

// Read copies what was observed so far. Observations that happen meanwhile may
// be in or not.
func (h *Histogram) Read() Distribution {
	d := Distribution{counts: make([]int64, buckets)}
	for i := range h.counts {
		d.counts[i] = h.counts[i].Load()
		d.count += d.counts[i]
	}
	d.sum, d.max = time.Duration(h.sum.Load()), time.Duration(h.max.Load())
	return d
}

// bucketOf is the bucket that d falls into.
func bucketOf(d time.Duration) int {
	if d < sub {
		return int(d)
	}
	shift := bits.Len64(uint64(d)) - subBits - 1
	// The leading bit of d>>shift is bit subBits: it carries into the next 32.
	return min(shift<<subBits+int(d>>shift), overflow)
}

// lowerBound is the least duration that falls into bucket i.
func lowerBound(i int) time.Duration {
	if i < 2*sub {
		return time.Duration(i)
	}
	shift := i>>subBits - 1
	return time.Duration(i-shift<<subBits) << shift
}
