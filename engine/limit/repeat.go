package limit

import (
	"sync"
	"time"

	"m1/engine/call"
)

// MaxRepeats is the most proposals of one call that Repeats counts.
const MaxRepeats = 1024

// streams holds when each exact call was proposed, per run.
type streams struct {
	mu sync.Mutex
	table[streamKey, times]
}

type streamKey struct {
	holder
	digest call.Digest
}

// Propose notes that who proposed the call with this digest, whatever is decided
// about it. When there is no room, the call that was proposed the longest ago is
// forgotten.
func (b *Book) Propose(who Who, digest call.Digest, now time.Time) {
	s, t := &b.streams, now.UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	key := streamKey{holderOf(PerRun, who), digest}
	e := s.entries[key]
	if e == nil {
		for len(s.entries) >= s.max {
			s.remove(s.first())
		}
		e = s.add(key, key.run(), t)
	}
	q := &e.value
	if q.n == MaxRepeats {
		q.pop()
	}
	e.due = max(e.due, t)
	q.push(e.due)
}

// Repeats is how often the run (without a run: the agent) of who proposed this
// very call in the time within until now, at most MaxRepeats. One that was proposed
// just now counts. within 0 or less counts all that are known.
func (b *Book) Repeats(who Who, d call.Digest, within time.Duration, now time.Time) int {
	s, t := &b.streams, now.UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[streamKey{holderOf(PerRun, who), d}]
	if e == nil {
		return 0
	}
	q := &e.value
	if within <= 0 {
		return q.n
	}
	return q.n - q.upTo(before(max(t, e.due), within))
}

func (s *streams) endRun(run call.RunID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeRun(run)
}

func (s *streams) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}
