package cache

import (
	"encoding/base64"
	"math"
	"sync"
	"sync/atomic"
)

// point is a place that changes pass through. An answer remembers where its
// points stood before it was computed, and is good as long as they stand there.
//
// Without Redis at counts this node's changes. With Redis it is the version that
// Redis keeps for the point: it only grows, is even while no change is open, and
// 0 as long as it is not known. A change that Redis has not heard of makes it odd.
type point struct {
	id   id
	name string // of the version in Redis
	at   atomic.Uint64
	open atomic.Int64 // changes of this node that have begun and not ended

	asked bool // for since it was last looked at; guarded by its shard
}

// pointBytes is what a point takes, with its place in the table, as measured by
// BenchmarkEntrySize.
const pointBytes = 128

// gone is where a point stands that was forgotten: no answer was computed there.
const gone = math.MaxUint64

// settled returns the version to hold, and false while a change is open. at is
// read first: a change adds to open before it moves at.
func (p *point) settled() (uint64, bool) {
	at := p.at.Load()
	return at, at&1 == 0 && p.open.Load() == 0
}

// learn moves p on to a version that Redis told.
func (p *point) learn(version uint64) {
	for {
		at := p.at.Load()
		if version <= at || p.at.CompareAndSwap(at, version) {
			return
		}
	}
}

// disown moves p on without Redis, to a version that Redis never gives: nothing
// held stays good, and nothing is kept until Redis tells a later one.
func (p *point) disown() {
	for {
		at := p.at.Load()
		next := at | 1
		if next == at {
			next = at + 2
		}
		if at == gone || p.at.CompareAndSwap(at, next) {
			return
		}
	}
}

// held is a point as it stood before an answer was computed.
type held struct {
	p  *point
	at uint64
}

// current says that nothing the answer depends on has changed or is changing.
func current(hs []held) bool {
	for _, h := range hs {
		if at, ok := h.p.settled(); !ok || at != h.at {
			return false
		}
	}
	return true
}

// points is the table of points, bounded in number: the answers of a point that
// was given up for another are lost, which can only cost hits. root is never given
// up, because every answer holds it.
type points struct {
	root   id
	shards [16]shard
}

type shard struct {
	mu  sync.Mutex
	max int
	m   map[id]*point
}

func newPoints(limit int, root id) *points {
	ps := &points{root: root}
	for i := range ps.shards {
		ps.shards[i] = shard{max: max(limit/len(ps.shards), 1), m: map[id]*point{}}
	}
	return ps
}

func (ps *points) shard(n id) *shard { return &ps.shards[n[0]%16] }

// get returns the point n.
func (ps *points) get(n id) *point {
	s := ps.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(n, ps.root)
}

// begin opens a change at n. The point stays in the table until end.
func (ps *points) begin(n id) *point {
	s := ps.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.get(n, ps.root)
	p.open.Add(1)
	return p
}

// end ends a change at p. If the version of p is one that Redis does not give, p
// is forgotten, so that it is asked for anew.
func (ps *points) end(p *point) {
	s := ps.shard(p.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.open.Add(-1) == 0 && p.at.Load()&1 == 1 && s.m[p.id] == p {
		p.at.Store(gone)
		delete(s.m, p.id)
	}
}

// known returns the point n if it is in the table.
func (ps *points) known(n id) *point {
	s := ps.shard(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[n]
}

func (s *shard) get(n, root id) *point {
	if p := s.m[n]; p != nil {
		p.asked = true
		return p
	}
	if len(s.m) >= s.max {
		s.giveUpOne(root)
	}
	p := &point{id: n, name: nameOf(n)}
	s.m[n] = p
	return p
}

// giveUpOne forgets some point that no change is open at: of a few, in the random
// order of the map, one that was not asked for since it was last looked at.
func (s *shard) giveUpOne(root id) {
	var found *point
	looked := 0
	for n, p := range s.m {
		if p.open.Load() != 0 || n == root {
			continue
		}
		if found == nil || !p.asked {
			found = p
		}
		if looked++; !p.asked || looked == 16 {
			break
		}
		p.asked = false
	}
	if found != nil {
		found.at.Store(gone)
		delete(s.m, found.id)
	}
}

// forget makes every answer invalid. Points that a change is open at stay.
func (ps *points) forget() {
	for i := range ps.shards {
		s := &ps.shards[i]
		s.mu.Lock()
		for n, p := range s.m {
			if p.open.Load() == 0 {
				p.at.Store(gone)
				delete(s.m, n)
			} else {
				p.disown()
			}
		}
		s.mu.Unlock()
	}
}

func (ps *points) len() int {
	n := 0
	for i := range ps.shards {
		s := &ps.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

// nameOf is the name of a point for Redis.
func nameOf(n id) string { return base64.RawURLEncoding.EncodeToString(n[:]) }

func parseID(name string) (n id, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(name)
	// The decoder skips line ends, and a name must be the one that Redis knows.
	if err != nil || len(b) != len(n) || base64.RawURLEncoding.EncodeToString(b) != name {
		return n, false
	}
	return id(b), true
}
