package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Tier says where an answer was held.
type Tier string

// Tiers of an answer; None was loaded.
const (
	None  Tier = "none"
	Local Tier = "local" // the memory of this process
	Redis Tier = "redis"
)

// Why says how an answer came about.
type Why string

// Reasons. Only Held and Renewing answers were held; with the ones from NoLease
// on the answer was not kept either.
const (
	Held     Why = "held"
	Renewing Why = "renewing" // past its age, and a load is under way
	Isolated Why = "isolated" // Redis is out of reach, and the class allows it
	Absent   Why = "absent"
	Changed  Why = "changed" // was held, but what it depends on has changed
	Expired  Why = "expired"
	NoLease  Why = "no_lease" // memory may not be served, and Redis cannot be asked
	Fenced   Why = "fenced"   // what it depends on is changing
	Slow     Why = "slow"     // Redis did not answer in time
	Unheard  Why = "unheard"  // Redis has not heard of a change of this node yet
	Unusable Why = "unusable" // Redis answered with an error
	Failed   Why = "load_failed"
)

// Info says where an answer came from.
type Info struct {
	Tier  Tier
	Age   time.Duration // since it was computed
	Stale bool          // older than its TTL; never older than a change
	Why   Why
}

// afterPatience is how much longer a late answer of Redis is of use.
const afterPatience = 7 * time.Millisecond

// Load computes an answer. It runs apart from the caller's context, with the
// class's LoadTimeout; a panic comes back as an error.
type Load[V any] func(ctx context.Context) (V, error)

// Get returns the answer to key: from memory, from Redis, or from load. tags say
// what the answer depends on and must be a function of key. Callers that ask for
// the same at once share one load, but never one that began before a change. It
// blocks until there is an answer or ctx ends; the load goes on.
func (o *Of[V]) Get(ctx context.Context, key Key, tags []Tag, load Load[V]) (V, Info, error) {
	c, now := o.c, o.c.now()
	if a, ok := c.recall(o.k, key, now); ok {
		if o.k.served(a.info.Why); a.info.Why == Renewing {
			c.renew(o.k, key, tags, o.encoded(load))
		}
		return o.decoded(a)
	}
	err := ctx.Err()
	if key.tenant == nil {
		err = ErrNoKey
	}
	if err != nil {
		var zero V
		return zero, Info{Tier: None}, err
	}
	if c.outOfReach(o.k, now) {
		return o.direct(ctx, load)
	}
	hs, settled := c.capture(tags)
	f, mine := c.flights.join(c, key, hs, settled && c.lease.holds(c, now))
	if mine {
		var r reply
		if c.o.Redis != nil { // here, because it is bounded; the load is not
			r = c.consult(f, o.k, key, hs)
		}
		if r.hit {
			f.answer = r.answer
			c.flights.land(key, f)
			return o.decoded(r.answer)
		}
		go func() {
			defer c.flights.land(key, f)
			f.answer = noReturn(o.k) // unless it does
			f.answer = c.fetch(f, o.k, key, hs, settled, r, o.encoded(load))
		}()
	} else {
		o.k.joined.Add(1)
	}
	select {
	case <-f.done:
		return o.decoded(f.answer)
	case <-ctx.Done():
		var zero V
		return zero, Info{Tier: None}, ctx.Err()
	}
}

// outOfReach says that Redis can neither be asked nor heard, so that nothing may be
// served, shared or kept.
func (c *Cache) outOfReach(k *class, now time.Duration) bool {
	return c.o.Redis != nil && k.Isolated == 0 && c.o.Redis.Open() && !c.lease.holds(c, now)
}

// direct asks the source and nobody else. A caller that cannot be cancelled needs
// no other goroutine for it.
func (o *Of[V]) direct(ctx context.Context, load Load[V]) (V, Info, error) {
	o.k.bypassed.Add(1)
	run := func() answer {
		a := o.c.load(o.k, o.encoded(load))
		if a.err == nil {
			a.info.Why = NoLease
		}
		return a
	}
	if ctx.Done() == nil {
		return o.decoded(run())
	}
	done := make(chan answer, 1)
	go func() {
		a := noReturn(o.k) // unless it does
		defer func() { done <- a }()
		a = run()
	}()
	select {
	case a := <-done:
		return o.decoded(a)
	case <-ctx.Done():
		var zero V
		return zero, Info{Tier: None}, ctx.Err()
	}
}

// answer is an encoded answer on its way to the callers.
type answer struct {
	value []byte
	none  bool
	err   error
	info  Info
}

func (o *Of[V]) decoded(a answer) (V, Info, error) {
	var zero V
	switch {
	case a.err != nil:
		return zero, a.info, a.err
	case a.none:
		return zero, a.info, ErrNotFound
	}
	v, err := o.codec.Decode(a.value)
	if err != nil {
		return zero, a.info, fmt.Errorf("cache: class %s: decode: %w", o.k.Name, err)
	}
	return v, a.info, nil
}

// encoded turns a load of values into one of bytes.
func (o *Of[V]) encoded(load Load[V]) Load[[]byte] {
	return func(ctx context.Context) ([]byte, error) {
		v, err := load(ctx)
		if err != nil {
			return nil, err
		}
		b, err := o.codec.Encode(v)
		if err != nil {
			return nil, fmt.Errorf("cache: class %s: encode: %w", o.k.Name, err)
		}
		return b, nil
	}
}

// recall answers from memory, if what is there may be served now. Who uses the
// answer counts it as served.
func (c *Cache) recall(k *class, key Key, now time.Duration) (answer, bool) {
	e, ok := c.store.Get(key.sum)
	if !ok {
		return answer{info: Info{Tier: None, Why: Absent}}, false
	}
	info := Info{Tier: Local, Age: now - e.since, Why: Held}
	switch holds := c.lease.holds(c, now); {
	case !current(e.held):
		k.prevented.Add(1)
		c.store.RemoveIf(key.sum, func(have *entry) bool { return have == e })
		return answer{info: Info{Tier: None, Why: Changed}}, false
	case !holds && now < e.own:
		info.Why = Isolated
		return answer{e.value, e.none, e.err, info}, true
	case !holds && e.own == 0 && now <= e.until && now < c.lease.end()+k.Fresh.bound:
		info.Why = Isolated
		return answer{e.value, e.none, e.err, info}, true
	case !holds || e.own != 0:
		return answer{info: Info{Tier: None, Why: NoLease}}, false
	case now <= e.until:
	case now <= e.renewed:
		info.Stale, info.Why = true, Renewing
	default:
		return answer{info: Info{Tier: None, Why: Expired}}, false
	}
	return answer{e.value, e.none, e.err, info}, true
}

// capture notes where the points of an answer stand; false if one is changing.
func (c *Cache) capture(tags []Tag) ([]held, bool) {
	ids := c.dependsOn(tags)
	hs, all := make([]held, len(ids)), true
	for i, n := range ids {
		p := c.points.get(n)
		at, ok := p.settled()
		hs[i], all = held{p, at}, all && ok
	}
	return hs, all
}

// noReturn is the answer of a load that ended its goroutine instead of returning,
// as the FailNow of a test does.
func noReturn(k *class) answer {
	return answer{err: fmt.Errorf("cache: load of class %s did not return", k.Name), info: Info{Tier: None, Why: Failed}}
}

// load runs f apart from every caller.
func (c *Cache) load(k *class, f Load[[]byte]) (a answer) {
	a.info = Info{Tier: None, Why: Absent}
	ctx, cancel := context.WithTimeout(context.Background(), k.LoadTimeout)
	defer cancel()
	k.inLoad.Add(1)
	defer k.inLoad.Add(-1)
	returned := false
	defer func() {
		if p := recover(); p == nil && !returned {
			a = noReturn(k) // nobody gets it, but it counts
		} else if p != nil {
			a.err = fmt.Errorf("cache: load of class %s panicked: %v\n%s", k.Name, p, debug.Stack())
		}
		if a.none = errors.Is(a.err, ErrNotFound); a.none {
			a.err = nil
		}
		if a.err != nil {
			k.loadErrors.Add(1)
			a.info.Why = Failed
		}
	}()
	a.value, a.err = f(ctx)
	returned = true
	return a
}

// fetch gets an answer that neither memory nor Redis has. r is what Redis said.
func (c *Cache) fetch(fl *flight, k *class, key Key, hs []held, settled bool, r reply, f Load[[]byte]) answer {
	switch {
	case c.o.Redis == nil:
		return c.compute(k, key, hs, settled, false, f)
	case r.pending != nil:
		return c.race(k, key, r, f)
	case r.usable && k.Wait > 0:
		return c.takeTurns(fl, k, key, r.held, f)
	case r.usable:
		return c.compute(k, key, r.held, true, true, f)
	}
	a := c.compute(k, key, hs, settled && r.why != Fenced, false, f)
	if a.err == nil && !a.none {
		a.info.Why = r.why
	}
	return a
}

// compute loads and keeps what may be kept: nothing if a change is open, only own
// loads for a moment if Redis could not be asked.
func (c *Cache) compute(k *class, key Key, hs []held, settled, shared bool, f Load[[]byte]) answer {
	trusted := settled && (shared || c.o.Redis == nil)
	if trusted {
		k.misses.Add(1)
	} else {
		k.bypassed.Add(1)
	}
	a := c.load(k, f)
	if c.o.fault&faultLate != 0 {
		hs, trusted = c.recapture(hs, shared)
	}
	switch {
	case trusted:
		c.retain(k, key, hs, a, shared)
	case settled && k.Isolated > 0 && a.err == nil:
		c.retainOwn(k, key, hs, a)
	default:
		if a.info.Why == Absent {
			a.info.Why = Fenced
		}
	}
	return a
}

// retain keeps an answer whose points stood at hs before it was computed, unless
// one has moved since.
func (c *Cache) retain(k *class, key Key, hs []held, a answer, shared bool) bool { //nolint:unparam // Keep says it
	ttl := k.age(a.none)
	if a.err != nil {
		ttl, shared = k.FailTTL, false
	}
	if ttl <= 0 {
		return false
	}
	if len(a.value) > k.MaxValue || !current(hs) {
		k.refused.Add(1)
		return false
	}
	now := c.now()
	e := &entry{class: k, tenant: key.tenant, value: a.value, none: a.none, err: a.err, since: now, until: now + ttl, held: hs}
	if e.renewed = e.until; a.err == nil && !a.none {
		e.renewed += k.StaleTTL
	}
	kept := c.keep(key, e)
	if !kept {
		k.refused.Add(1)
	}
	if shared {
		c.publish(k, key, hs, a, ttl)
	}
	return kept || shared
}

// retainOwn keeps an answer that this node loaded while Redis is out of reach.
func (c *Cache) retainOwn(k *class, key Key, hs []held, a answer) bool {
	now := c.now()
	if len(a.value) <= k.MaxValue && current(hs) && c.keep(key, &entry{class: k, tenant: key.tenant, value: a.value, none: a.none, since: now, own: now + min(k.Isolated, k.TTL), held: hs}) {
		return true
	}
	k.refused.Add(1)
	return false
}
