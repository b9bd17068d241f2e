package cache

import (
	"context"
	"fmt"

	"m1/cache/remote"
)

// Ticket is the right to keep the answer that a Lookup did not find. It remembers
// how the data stood before the answer is computed. The zero Ticket keeps nothing.
type Ticket struct {
	c      *Cache
	k      *class
	key    Key
	held   []held
	shared bool
}

// Lookup is Get for callers who compute the answer elsewhere: it returns the
// answer to key, or else a Ticket to keep it with. It waits for Redis for at most
// Options.Patience.
func (o *Of[V]) Lookup(_ context.Context, key Key, tags []Tag) (v V, info Info, t Ticket, hit bool) {
	c := o.c
	if key.tenant == nil {
		return v, Info{Tier: None, Why: Absent}, Ticket{}, false
	}
	if a, ok := c.recall(o.k, key, c.now()); ok && a.err == nil && !a.none && a.info.Why != Renewing {
		if v, info, err := o.decoded(a); err == nil {
			o.k.served(info.Why)
			return v, info, Ticket{}, true
		}
	}
	t = Ticket{c: c, k: o.k, key: key}
	hs, settled := c.capture(tags)
	why := Absent
	switch {
	case c.o.Redis == nil && settled:
		t.held = hs
	case c.o.Redis == nil:
		why = Fenced
	default:
		r := c.consult(nil, o.k, key, hs)
		if r.hit && !r.answer.none {
			if v, info, err := o.decoded(r.answer); err == nil {
				return v, info, Ticket{}, true
			}
		}
		if why = r.why; r.usable {
			why, t.held, t.shared = Absent, r.held, true
		} else if settled && why != Fenced && o.k.Isolated > 0 {
			t.held = hs
		}
	}
	if t.held != nil {
		o.k.misses.Add(1)
	} else {
		o.k.bypassed.Add(1)
	}
	return v, Info{Tier: None, Why: why}, t, false
}

// Keep holds v as the answer and reports whether it did: not if it is too large
// or something it depends on changed since the Lookup. Who keeps bytes must not
// change them afterwards.
func (o *Of[V]) Keep(t Ticket, v V) bool {
	if t.c == nil {
		return false
	}
	b, err := o.codec.Encode(v)
	if err != nil || t.held == nil {
		t.k.refused.Add(1)
		return false
	}
	return o.hold(t, b)
}

func (o *Of[V]) hold(t Ticket, b []byte) bool {
	if !t.shared && t.c.o.Redis != nil {
		return t.c.retainOwn(t.k, t.key, t.held, answer{value: b})
	}
	return t.c.retain(t.k, t.key, t.held, answer{value: b}, t.shared)
}

// Request is one question of a GetMany.
type Request struct {
	Key  Key
	Tags []Tag
}

// Result is the answer to one Request.
type Result[V any] struct {
	Value V
	Info  Info
	Err   error
}

// GetMany is Get for several questions: what memory does not have is asked of
// Redis in one go, and what that does not have is computed by one load, which
// gets the positions of the requests that are missing and returns their answers
// in that order. Concurrent calls do not share loads. The error is that of the
// load, or of ctx; the answers that did not need it are there all the same.
func (o *Of[V]) GetMany(ctx context.Context, rs []Request, load func(ctx context.Context, missing []int) ([]V, error)) ([]Result[V], error) {
	c, now := o.c, o.c.now()
	out := make([]Result[V], len(rs))
	set := func(i int, a answer) { out[i].Value, out[i].Info, out[i].Err = o.decoded(a) }
	var missing []int
	plans := make([]plan, len(rs))
	for i, r := range rs {
		if r.Key.tenant == nil {
			out[i].Info, out[i].Err = Info{Tier: None}, ErrNoKey
			continue
		}
		if a, ok := c.recall(o.k, r.Key, now); ok && a.info.Why != Renewing {
			o.k.served(a.info.Why)
			set(i, a)
			continue
		}
		plans[i] = plan{why: Absent}
		if plans[i].held, plans[i].keep = c.capture(r.Tags); !plans[i].keep {
			plans[i].why = Fenced
		}
		missing = append(missing, i)
	}
	if c.o.Redis != nil && len(missing) > 0 {
		missing = o.consultMany(rs, plans, missing, set)
	}
	if len(missing) == 0 {
		return out, nil
	}
	for _, i := range missing {
		if plans[i].why == Absent {
			o.k.misses.Add(1)
		} else {
			o.k.bypassed.Add(1)
		}
	}
	l := loading[V]{done: make(chan struct{}), failed: noReturn(o.k).err}
	go o.loadMany(&l, rs, plans, missing, load)
	select {
	case <-l.done:
	case <-ctx.Done():
		for _, i := range missing {
			out[i].Err = ctx.Err()
		}
		return out, ctx.Err()
	}
	for n, i := range missing {
		out[i].Info = Info{Tier: None, Why: plans[i].why}
		if out[i].Err = l.failed; l.failed != nil {
			out[i].Info.Why = Failed
		} else if out[i].Err = l.bad[n]; out[i].Err == nil {
			out[i].Value = l.vs[n]
		}
	}
	return out, l.failed
}

// loading is the load of a GetMany. What it brings is there once done is closed.
type loading[V any] struct {
	done   chan struct{}
	vs     []V
	bs     [][]byte
	bad    []error // of the codec, for each
	failed error   // all together
}

// loadMany loads what is missing and keeps what may be kept.
func (o *Of[V]) loadMany(l *loading[V], rs []Request, plans []plan, missing []int, load func(ctx context.Context, missing []int) ([]V, error)) {
	defer close(l.done)
	a := o.c.load(o.k, func(ctx context.Context) ([]byte, error) {
		var err error
		if l.vs, err = load(ctx, missing); err != nil {
			return nil, err
		}
		if len(l.vs) != len(missing) {
			return nil, fmt.Errorf("cache: load of class %s returned %d answers for %d questions", o.k.Name, len(l.vs), len(missing))
		}
		l.bs, l.bad = make([][]byte, len(missing)), make([]error, len(missing))
		for n, v := range l.vs { // here, where a panic is an error
			if l.bs[n], err = o.codec.Encode(v); err != nil {
				l.bad[n] = fmt.Errorf("cache: class %s: encode: %w", o.k.Name, err)
			}
		}
		return nil, nil
	})
	if l.failed = a.err; a.none {
		l.failed = ErrNotFound
	}
	if l.failed != nil {
		return
	}
	for n, i := range missing {
		if plans[i].keep && l.bad[n] == nil {
			o.hold(Ticket{c: o.c, k: o.k, key: rs[i].Key, held: plans[i].held, shared: plans[i].shared}, l.bs[n])
		}
	}
}

// plan says how a missing answer may be kept.
type plan struct {
	held         []held
	keep, shared bool
	why          Why // Absent, or why it cannot be kept as an answer of all
}

// consultMany asks Redis for all that is missing at once, and returns what is
// missing still.
func (o *Of[V]) consultMany(rs []Request, plans []plan, missing []int, set func(int, answer)) []int {
	c := o.c
	entries := make([]string, len(missing))
	var ids []string
	for n, i := range missing {
		plans[i].keep = plans[i].keep && o.k.Isolated > 0 // unless Redis answers
		entries[n] = entryName(rs[i].Key.sum)
		ids = append(ids, names(plans[i].held)...)
	}
	found, why := c.askMany(o.k, entries, ids)
	if why != Absent {
		for _, i := range missing {
			if plans[i].why == Absent {
				plans[i].why = why
			}
		}
		return missing
	}
	var still []int
	at := 0
	for n, i := range missing {
		hs := plans[i].held
		one := found
		one.Values, one.Versions = found.Values[n:n+1], found.Versions[at:at+len(hs)]
		at += len(hs)
		r := c.judge(nil, o.k, rs[i].Key, hs, one)
		if r.hit {
			set(i, r.answer)
			continue
		}
		if plans[i] = (plan{held: r.held, keep: r.usable, shared: r.usable, why: r.why}); r.usable {
			plans[i].why = Absent
		}
		still = append(still, i)
	}
	return still
}

// askMany reads entries and versions in one go, and makes those that are missing
// in another. Absent says that found is complete.
func (c *Cache) askMany(k *class, entries, ids []string) (found remote.Found, why Why) {
	if c.journal.pending() {
		return found, Unheard
	}
	p, err := c.o.Redis.Ask(entries, ids)
	if err != nil {
		return found, reason(err)
	}
	if found, err = p.Wait(c.o.Patience + afterPatience); err != nil {
		return found, reason(err)
	}
	if len(found.Values) != len(entries) || len(found.Versions) != len(ids) {
		return found, Unusable
	}
	var lost []string
	for at, v := range found.Versions {
		if v == 0 {
			lost = append(lost, ids[at])
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.o.Patience+afterPatience)
	defer cancel()
	made, err := c.o.Redis.Ensure(ctx, lost, k.versionTTL())
	if err != nil {
		return found, reason(err)
	}
	for at, v := range found.Versions {
		if v == 0 {
			found.Versions[at], made = made[0], made[1:]
		}
	}
	return found, Absent
}
