package limit

import (
	"sync"
	"time"

	"m1/engine/call"
)

// facts holds when the calls that rules ask about happened last.
type facts struct {
	mu sync.Mutex
	table[factKey, int64]
	seen int64 // the latest time there was
	// lost is when the newest forgotten call of each Past happened. There are as
	// many as policies name.
	lost map[pastKey]int64
}

type pastKey struct {
	id string
	ok bool
}

func keyOf(p *Past) pastKey { return pastKey{p.ID, p.OK} }

type factKey struct {
	past pastKey
	holder
}

// Remember notes that a call of who happened that p describes.
func (b *Book) Remember(p *Past, who Who, now time.Time) {
	f, t := &b.facts, now.UnixNano()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = max(f.seen, t)
	key := factKey{keyOf(p), holderOf(PerRun, who)}
	e := f.entries[key]
	if e == nil {
		for len(f.entries) >= f.max {
			f.forget(f.first())
		}
		e = f.add(key, key.run(), t)
		e.value = t
	}
	e.value = max(e.value, t)
	e.due = max(e.due, p.end(e.value))
}

// Last is when the newest call of who's run (without a run: of the agent) happened
// that p describes, and whether it still counts.
func (b *Book) Last(p *Past, who Who, now time.Time) (time.Time, bool) {
	f, t := &b.facts, now.UnixNano()
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok := int64(0), false
	if e := f.entries[factKey{keyOf(p), holderOf(PerRun, who)}]; e != nil {
		at, ok = e.value, true
	} else if p.Closed {
		at, ok = f.lost[keyOf(p)]
	}
	if !p.Closed {
		// A clock that stepped back must not make an old call count again.
		t = max(t, f.seen)
	}
	if !ok || t >= p.end(at) {
		return time.Time{}, false
	}
	return time.Unix(0, at), true
}

// end is when a call that happened at t stops counting.
func (p *Past) end(t int64) int64 {
	if p.Within <= 0 {
		return never
	}
	return after(t, p.Within)
}

// forget drops a fact for want of room.
func (f *facts) forget(e *entry[factKey, int64]) {
	if at, ok := f.lost[e.key.past]; !ok || at < e.value {
		f.lost[e.key.past] = e.value
	}
	f.remove(e)
}

func (f *facts) endRun(run call.RunID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removeRun(run)
}

func (f *facts) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.entries)
}
