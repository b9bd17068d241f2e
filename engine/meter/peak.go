package meter

import "sync/atomic"

// Peak is the greatest value seen. The zero value is ready, and it is safe for
// concurrent use.
type Peak struct{ n atomic.Int64 }

// Observe raises the peak to n if n is greater.
func (p *Peak) Observe(n int64) {
	for {
		have := p.n.Load()
		if n <= have || p.n.CompareAndSwap(have, n) {
			return
		}
	}
}

// Load is the greatest value so far, and 0 before the first.
func (p *Peak) Load() int64 { return p.n.Load() }
