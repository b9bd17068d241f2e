package meter

import (
	"math"
	"sync/atomic"
)

// Counter is a sum that only rises, and stays at the greatest int64 rather than
// wrap around. The zero value is ready, and it is safe for concurrent use.
type Counter struct{ n atomic.Int64 }

// Inc adds one.
func (c *Counter) Inc() {
	if c.n.Add(1) < 0 {
		c.n.Store(math.MaxInt64)
	}
}

// Add adds n; a negative n adds nothing.
func (c *Counter) Add(n int64) {
	for n > 0 {
		have := c.n.Load()
		if c.n.CompareAndSwap(have, have+min(n, math.MaxInt64-have)) {
			return
		}
	}
}

// Load is the sum so far.
func (c *Counter) Load() int64 { return c.n.Load() }
