package cache

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"m1/cache/local"
)

// Key names one question within a scope; equal keys are the same question.
type Key [32]byte

// Tier says where an answer was held.
type Tier string

// Local is the memory of this process.
const Local Tier = "local"

// Options configure a Cache. Zero fields take the default named beside them.
type Options struct {
	MaxBytes  int64         // over all answers; 64 MiB
	MaxValue  int           // of one answer in bytes; 1 MiB
	MaxAge    time.Duration // of an answer; 15 min
	MaxScopes int           // scopes remembered; 4096, the one longest unused goes first
	// MaxItems is how many items of collections are told apart, over all scopes;
	// 262,144. What comes after is taken for its whole collection until a scope is
	// forgotten, which can only cost hits.
	MaxItems int
	Now      func() time.Time
}

func (o *Options) fill() error {
	for _, n := range []struct {
		name string
		v    int64
	}{{"MaxBytes", o.MaxBytes}, {"MaxValue", int64(o.MaxValue)}, {"MaxAge", int64(o.MaxAge)}, {"MaxScopes", int64(o.MaxScopes)}, {"MaxItems", int64(o.MaxItems)}} {
		if n.v < 0 {
			return fmt.Errorf("cache: %s must not be negative, got %d", n.name, n.v)
		}
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 64 << 20
	}
	if o.MaxValue == 0 {
		o.MaxValue = 1 << 20
	}
	if o.MaxAge == 0 {
		o.MaxAge = 15 * time.Minute
	}
	if o.MaxScopes == 0 {
		o.MaxScopes = 4096
	}
	if o.MaxItems == 0 {
		o.MaxItems = 1 << 18
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Cache keeps answers per scope. Every method is safe for concurrent use and
// none waits for anything but memory.
//
// The promise: after Change.Done has returned, no Get returns an answer that was
// computed before it from what the change touched; and while a change is open,
// no Get returns an answer from what it touches at all.
type Cache struct {
	o     Options
	store *local.Store[place, *entry]

	mu     sync.Mutex // guards spaces and clock; taken before a space's own lock
	spaces map[string]*space
	clock  uint64
	items  room

	hits, misses, stale, changes, refused atomic.Int64
}

type place struct {
	scope string
	key   Key
}

type entry struct {
	value []byte
	since time.Time
	held  []held
}

// New returns an empty cache.
func New(o Options) (*Cache, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	store, err := local.New(o.MaxBytes, func(p place, e *entry) uint32 {
		// 160 bytes of table and bookkeeping an entry and 24 a tag, as measured.
		return uint32(len(p.scope) + len(p.key) + len(e.value) + 160 + 24*len(e.held))
	})
	if err != nil {
		return nil, err
	}
	c := &Cache{o: o, store: store, spaces: map[string]*space{}}
	c.items.max = int64(o.MaxItems)
	return c, nil
}

// Answer is a held value. Nobody may change Value.
type Answer struct {
	Value []byte
	Tier  Tier
	Age   time.Duration
}

// Ticket is the right to keep the answer that a Get did not find. It remembers
// how the data stood before the answer is computed. The zero Ticket keeps nothing.
type Ticket struct {
	c    *Cache
	at   place
	held []held
}

// Get returns the answer to key in scope if one is held and nothing that tags
// name has changed since. Otherwise it returns a Ticket for the answer that the
// caller will compute; tags say what that answer will depend on.
func (c *Cache) Get(scope string, key Key, tags []Tag) (Answer, Ticket, bool) {
	at := place{scope, key}
	if e, ok := c.store.Get(at); ok {
		age := c.o.Now().Sub(e.since)
		if !current(e.held) {
			c.stale.Add(1)
		} else if age <= c.o.MaxAge {
			c.hits.Add(1)
			return Answer{Value: e.value, Tier: Local, Age: age}, Ticket{}, true
		}
		c.store.RemoveIf(at, func(have *entry) bool { return have == e })
	}
	c.misses.Add(1)
	return Answer{}, Ticket{c: c, at: at, held: c.hold(scope, tags)}, false
}

// hold captures the versions of tags, or nil while a change of them is open.
func (c *Cache) hold(scope string, tags []Tag) []held {
	s := c.lockSpace(scope)
	defer s.mu.Unlock()
	vs := s.dependsOn(tags)
	hs := make([]held, len(vs))
	for i, v := range vs {
		at, ok := v.settled()
		if !ok {
			return nil
		}
		hs[i] = held{v, at}
	}
	return hs
}

// Keep holds value as the answer and reports whether it did: not if it is too
// large or something it depends on changed since the Get. The caller must not
// change value afterwards.
func (t Ticket) Keep(value []byte) bool {
	if t.c == nil {
		return false
	}
	if t.held == nil || len(value) > t.c.o.MaxValue || !current(t.held) {
		t.c.refused.Add(1)
		return false
	}
	t.c.store.Set(t.at, &entry{value: value, since: t.c.o.Now(), held: t.held})
	return true
}

// Change is a change of data that has begun. Done must be called once it has
// ended, whether it succeeded or not.
type Change struct {
	c    *Cache
	s    *space
	vs   []*version
	once sync.Once
}

// Begin declares that what tags name is about to change: from here to Done no
// answer that depends on it is given or kept, and those held are forgotten.
func (c *Cache) Begin(scope string, tags ...Tag) *Change {
	s := c.lockSpace(scope)
	defer s.mu.Unlock()
	ch := &Change{c: c, s: s, vs: s.movedBy(tags)}
	s.open++
	for _, v := range ch.vs {
		v.begin()
	}
	return ch
}

// Done ends the change. Calls after the first do nothing.
func (ch *Change) Done() {
	ch.once.Do(func() {
		for _, v := range ch.vs {
			v.end()
		}
		ch.s.mu.Lock()
		ch.s.open--
		ch.s.mu.Unlock()
		ch.c.changes.Add(1)
	})
}

// Drop forgets every answer of scope, for example because the run has ended.
func (c *Cache) Drop(scope string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.spaces[scope]; s != nil {
		c.forget(scope, s)
	}
}

// forget makes every answer of s invalid and gives up its table, unless a change
// is open: its versions must stay the ones that later answers look at. c.mu is held.
func (c *Cache) forget(scope string, s *space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.at.Add(1)
	if s.open == 0 {
		delete(c.spaces, scope)
		c.items.give(len(s.items))
	}
}

// lockSpace returns scope's table with its lock held, so that it cannot be given
// up before the caller has entered what it came for.
func (c *Cache) lockSpace(scope string) *space {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	s := c.spaces[scope]
	if s == nil {
		if len(c.spaces) >= c.o.MaxScopes {
			c.forgetOldest()
		}
		s = &space{collections: map[string]*collection{}, items: map[Tag]*version{}, room: &c.items}
		c.spaces[scope] = s
	}
	s.mu.Lock()
	s.used = c.clock
	return s
}

// forgetOldest gives up the table longest unused that no change is open on.
func (c *Cache) forgetOldest() {
	var oldest string
	var found *space
	for scope, s := range c.spaces {
		s.mu.Lock()
		if s.open == 0 && (found == nil || s.used < found.used) {
			oldest, found = scope, s
		}
		s.mu.Unlock()
	}
	if found != nil {
		c.forget(oldest, found)
	}
}

// Stats returns the state at this moment.
func (c *Cache) Stats() Stats {
	l := c.store.Stats()
	return Stats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), StalePrevented: c.stale.Load(),
		Invalidations: c.changes.Load(), Refused: c.refused.Load(),
		Items: c.items.taken.Load(), Entries: l.Entries, Bytes: l.Bytes, MaxBytes: l.MaxBytes, Evictions: l.Evictions,
	}
}
