package limit

import (
	"time"

	"m1/engine/call"
)

// Options of a Book. A field that is not positive means its default.
type Options struct {
	// MaxKeys bounds the counters, and once more the streams of proposals; default
	// 65,536. Beyond it the counter that has been empty the longest makes room. If
	// none is empty, a Take that needs a new counter is refused: no counter that
	// still holds somebody back is ever dropped.
	MaxKeys int
	// MaxFacts bounds the remembered calls; default 262,144. Beyond it the one that
	// ends first is forgotten; see Past.Closed for who is then told what.
	MaxFacts int
}

// Book keeps what rules count and remember, in memory. It has no clock: time is an
// argument, and one that steps back never opens a limit. It starts no goroutines.
// All methods are safe for concurrent use and wait for nothing but each other.
type Book struct {
	counters counters
	facts    facts
	streams  streams
}

// New returns an empty Book.
func New(o Options) *Book {
	if o.MaxKeys <= 0 {
		o.MaxKeys = 1 << 16
	}
	if o.MaxFacts <= 0 {
		o.MaxFacts = 1 << 18
	}
	b := &Book{}
	b.counters.table, b.counters.floor = newTable[counterKey, counter](o.MaxKeys), -never
	b.facts.table, b.facts.lost = newTable[factKey, int64](o.MaxFacts), map[pastKey]int64{}
	b.facts.seen = -never
	b.streams.table = newTable[streamKey, times](o.MaxKeys)
	return b
}

// EndRun forgets the counters, the facts and the proposals of a run. Those of its
// agents stay.
func (b *Book) EndRun(run call.RunID) {
	b.counters.endRun(run)
	b.facts.endRun(run)
	b.streams.endRun(run)
}

// Len is how many counters, facts and streams of proposals the book holds.
func (b *Book) Len() int { return b.counters.len() + b.facts.len() + b.streams.len() }

// holder is whose counter, fact or stream it is. Keys are made of whole values:
// texts that are joined can collide.
type holder struct {
	scope Scope
	name  string
}

// holderOf finds the holder. A call without a run counts for its agent.
func holderOf(s Scope, who Who) holder {
	switch {
	case s == PerRule:
		return holder{scope: PerRule}
	case s == PerRun && who.Run != "":
		return holder{PerRun, string(who.Run)}
	default:
		return holder{PerAgent, string(who.Agent)}
	}
}

// run is the run whose end ends what the holder has; empty if there is none.
func (h holder) run() call.RunID {
	if h.scope == PerRun {
		return call.RunID(h.name)
	}
	return ""
}

// never is a time that does not come, or a wait that does not end.
const never = int64(1<<63 - 1)

// after is t+d, at most never. d is not negative.
func after(t int64, d time.Duration) int64 {
	if sum := t + int64(d); sum >= t {
		return sum
	}
	return never
}

// before is t-d, at least the first time there is. d is not negative.
func before(t int64, d time.Duration) int64 {
	if diff := t - int64(d); diff <= t {
		return diff
	}
	return -never
}

// wait is the time from now until t; negative if t never comes.
func wait(now, t int64) time.Duration {
	if t == never {
		return -1
	}
	if d := t - now; d >= 0 || t < now {
		return time.Duration(max(d, 0))
	}
	return time.Duration(never)
}
