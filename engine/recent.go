package engine

import (
	"sync"
	"unicode/utf8"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// recent keeps the newest calls for the screen. What it hands out never changes:
// a report puts a changed copy in the place of the old picture.
type recent struct {
	mu   sync.Mutex
	ring []*snapshot.Call
	next int // where the following call goes
	at   map[call.ID]int
	seen []*snapshot.Call // the last answer of newest; nil once something has moved
}

func (r *recent) init(size int) {
	r.ring = make([]*snapshot.Call, size)
	r.at = make(map[call.ID]int, size)
}

func (r *recent) add(c *snapshot.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = nil
	if old := r.ring[r.next]; old != nil {
		delete(r.at, old.ID)
	}
	r.ring[r.next] = c
	r.at[c.ID] = r.next
	r.next = (r.next + 1) % len(r.ring)
}

// update changes the picture of id if it is still kept.
func (r *recent) update(id call.ID, change func(*snapshot.Call)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.at[id]; ok {
		r.seen = nil
		c := *r.ring[i]
		change(&c)
		r.ring[i] = &c
	}
}

// newest returns all that is kept, newest first. Nobody may change it.
func (r *recent) newest() []*snapshot.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen != nil {
		return r.seen
	}
	out := make([]*snapshot.Call, 0, len(r.at))
	for i := range len(r.ring) {
		c := r.ring[(r.next-1-i+2*len(r.ring))%len(r.ring)]
		if c == nil {
			break
		}
		out = append(out, c)
	}
	r.seen = out
	return out
}

// preview cuts a value for the screen, at a whole character.
func preview(b []byte) string {
	const limit = 1 << 10
	if len(b) <= limit {
		return string(b)
	}
	b = b[:limit]
	for len(b) > 0 && !utf8.RuneStart(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return string(b[:max(len(b)-1, 0)])
}
