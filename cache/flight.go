package cache

import (
	"sync"

	"m1/cache/seal"
)

// flight is a fetch under way that later callers may share.
type flight struct {
	done   chan struct{}
	held   []held
	lease  uint64
	answer answer // once done is closed
}

// flights are the fetches under way.
type flights struct {
	mu sync.Mutex
	m  map[seal.Key]*flight
}

// join returns the fetch of key that is under way, if the caller may share it:
// only if nothing has changed since it began, and this node would know. Else it
// returns a new one, for the caller to fly.
func (fs *flights) join(c *Cache, key Key, hs []held, may bool) (f *flight, mine bool) {
	if c.o.fault&faultFlight != 0 {
		may = true
	}
	lease := c.lease.epoch.Load()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if g := fs.m[key.sum]; g != nil && may && (g.lease == lease && current(g.held) || c.o.fault&faultFlight != 0) {
		return g, false
	}
	f = &flight{done: make(chan struct{}), held: hs, lease: lease}
	if may {
		fs.m[key.sum] = f
	}
	return f, true
}

// learn moves the points of f on to what Redis told before the load began. For
// later callers that is one step with f, so that they can share it.
func (fs *flights) learn(f *flight, hs []held, versions []uint64) []held {
	learnt := make([]held, len(hs))
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, h := range hs {
		h.p.learn(versions[i])
		learnt[i] = held{h.p, versions[i]}
	}
	if f != nil {
		f.held = learnt
	}
	return learnt
}

func (fs *flights) flying(key Key) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.m[key.sum] != nil
}

// land gives everybody who joined f its answer.
func (fs *flights) land(key Key, f *flight) {
	fs.mu.Lock()
	if fs.m[key.sum] == f {
		delete(fs.m, key.sum)
	}
	fs.mu.Unlock()
	close(f.done)
}

// renew fetches anew behind the callers' backs, unless that is under way. Redis
// has the old answer too, so only the source is asked.
func (c *Cache) renew(k *class, key Key, tags []Tag, load Load[[]byte]) {
	if c.flights.flying(key) {
		return
	}
	hs, settled := c.capture(tags)
	shared := c.o.Redis != nil && c.lease.holds(c, c.now()) && known(hs)
	if !settled || !shared && c.o.Redis != nil {
		return // what is loaded now could not be kept
	}
	if f, mine := c.flights.join(c, key, hs, true); mine {
		go func() {
			defer c.flights.land(key, f)
			f.answer = noReturn(k) // unless it does
			k.misses.Add(1)
			if f.answer = c.load(k, load); f.answer.err == nil { // an old answer is better than none
				c.retain(k, key, hs, f.answer, shared)
			}
		}()
	}
}
