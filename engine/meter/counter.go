package meter

import "sync/atomic"

// Counter is a sum that only rises. The zero value is ready, and it is safe for
// concurrent use.
type Counter struct{ n atomic.Int64 }

// Inc adds one.
func (c *Counter) Inc() { c.n.Add(1) }

// Add adds n, which must not be negative.
func (c *Counter) Add(n int64) { c.n.Add(n) }

// Load is the sum so far.
func (c *Counter) Load() int64 { return c.n.Load() }
