package app

import (
	"sync"
	"time"

	"m1/views"
)

// settled is the shortest time over which a share of a core means anything.
const settled = 500 * time.Millisecond

// self measures what this process costs: between two readings, not since start.
type self struct {
	clock   func() time.Time
	written func() int64

	mu    sync.Mutex // guards all below
	at    time.Time
	cpu   time.Duration
	bytes int64
	last  views.Self
}

func newSelf(clock func() time.Time, written func() int64) *self {
	return &self{clock: clock, written: written}
}

// read returns the cost since the reading before. It repeats the last answer
// when asked again too soon, and is safe for concurrent use.
func (s *self) read() views.Self {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	over := now.Sub(s.at)
	if over < settled {
		return s.last
	}
	cpu, bytes := cpuTime(), s.written()
	if !s.at.IsZero() {
		s.last = views.Self{
			CPU:       (cpu - s.cpu).Seconds() / over.Seconds(),
			BytesPerS: float64(bytes-s.bytes) / over.Seconds(),
		}
	}
	s.at, s.cpu, s.bytes = now, cpu, bytes
	return s.last
}
