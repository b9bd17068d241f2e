package cache

import (
	"sync"
	"sync/atomic"
)

// Everything as a Collection stands for all data of a scope.
const Everything = "*"

// Tag names data that an answer depends on, or that a change touches: one item
// of a collection, or with an empty Item the whole collection. Two tags overlap
// when the collection is the same and either is whole or the items are equal;
// Everything overlaps all.
type Tag struct {
	Collection string
	Item       string
}

// Bounds of one scope's tag table; Options.MaxItems bounds all of them together.
// What comes after is coarsened: an item to its whole collection, a collection to
// Everything. That can only cost hits.
const (
	maxCollections = 1 << 10
	maxItems       = 1 << 14
)

// room is what the tables of all scopes may hold together.
type room struct {
	max   int64
	taken atomic.Int64
}

// take takes one place and reports whether there was one.
func (r *room) take() bool {
	if r.taken.Add(1) <= r.max {
		return true
	}
	r.taken.Add(-1)
	return false
}

func (r *room) give(n int) { r.taken.Add(-int64(n)) }

// version is a point that changes pass through. It moves on when a change begins
// and again when it ends; open counts those in between. An answer that depends
// on an open version is neither given nor kept.
type version struct {
	at   atomic.Uint64
	open atomic.Int64
}

// begin and end keep this order: whoever reads at before open can take no number
// for settled that a change is about to move.
func (v *version) begin() { v.open.Add(1); v.at.Add(1) }
func (v *version) end()   { v.at.Add(1); v.open.Add(-1) }

// settled returns the number to hold, and false while a change is open.
func (v *version) settled() (uint64, bool) {
	at := v.at.Load()
	return at, v.open.Load() == 0
}

// held is a version as it stood before an answer was computed.
type held struct {
	v  *version
	at uint64
}

// current says that nothing the answer depends on has changed or is changing.
func current(hs []held) bool {
	for _, h := range hs {
		if at, ok := h.v.settled(); !ok || at != h.at {
			return false
		}
	}
	return true
}

// space is the tag table of one scope. Each collection has two versions, so that
// whole answers and single items can tell the changes apart that matter to them:
//
//	a change of …       moves
//	item i of c         items[c i]           c.any   any
//	c as a whole                    c.whole  c.any   any
//	Everything          all                          any
//	an answer from …    holds
//	item i of c         items[c i]  c.whole          all
//	c as a whole                             c.any   all
//	Everything                                       all, any
type space struct {
	all, any version
	room     *room // for items; shared with the other scopes

	mu          sync.Mutex // guards what follows, not the versions
	collections map[string]*collection
	items       map[Tag]*version
	open        int    // changes that have begun and not ended
	used        uint64 // the cache's clock when it was last looked up
}

type collection struct{ whole, any version }

func (s *space) collection(name string) *collection {
	c := s.collections[name]
	if c == nil && len(s.collections) < maxCollections {
		c = &collection{}
		s.collections[name] = c
	}
	return c
}

func (s *space) item(t Tag) *version {
	v := s.items[t]
	if v == nil && len(s.items) < maxItems && s.room.take() {
		v = &version{}
		s.items[t] = v
	}
	return v
}

// dependsOn lists the versions that an answer with these tags holds. s.mu is held.
func (s *space) dependsOn(tags []Tag) []*version {
	vs := make([]*version, 0, 1+2*len(tags))
	vs = append(vs, &s.all)
	for _, t := range tags {
		if t.Collection == Everything {
			vs = append(vs, &s.any)
			continue
		}
		c := s.collection(t.Collection)
		if c == nil {
			vs = append(vs, &s.any)
			continue
		}
		if t.Item != "" {
			if v := s.item(t); v != nil {
				vs = append(vs, v, &c.whole)
				continue
			}
		}
		vs = append(vs, &c.any)
	}
	return vs
}

// movedBy lists the versions that a change of these tags moves. s.mu is held.
func (s *space) movedBy(tags []Tag) []*version {
	vs := make([]*version, 0, 1+2*len(tags))
	vs = append(vs, &s.any)
	for _, t := range tags {
		if t.Collection == Everything {
			vs = append(vs, &s.all)
			continue
		}
		c := s.collection(t.Collection)
		if c == nil {
			vs = append(vs, &s.all)
			continue
		}
		vs = append(vs, &c.any)
		if t.Item != "" {
			if v := s.item(t); v != nil {
				vs = append(vs, v)
				continue
			}
		}
		vs = append(vs, &c.whole)
	}
	return vs
}
