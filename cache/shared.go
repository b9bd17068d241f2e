package cache

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"

	"m1/cache/remote"
	"m1/cache/seal"
)

// reply is what Redis said of an answer.
type reply struct {
	hit     bool
	answer  answer
	usable  bool   // there is none, and what is computed now may be kept
	held    []held // at the versions that Redis told
	why     Why    // if neither
	pending *remote.Pending
}

// known says that Redis has told the version of every point.
func known(hs []held) bool {
	for _, h := range hs {
		if h.at == 0 {
			return false
		}
	}
	return true
}

// consult asks Redis for an answer and the versions of its points at once.
func (c *Cache) consult(f *flight, k *class, key Key, hs []held) reply {
	if c.journal.pending() {
		return reply{why: Unheard}
	}
	found, p, err := c.o.Redis.Read([]string{entryName(key.sum)}, names(hs), c.o.Patience)
	if p != nil {
		return reply{why: Slow, pending: p, held: hs}
	}
	if err != nil {
		return reply{why: reason(err)}
	}
	return c.judge(f, k, key, hs, found)
}

// versionTTL is how long Redis remembers a version that it makes for an answer of
// k. Classes share points: short-lived answers must not end those of long life.
func (k *class) versionTTL() time.Duration { return max(versionTTL, 2*(k.TTL+k.StaleTTL)) }

func reason(err error) Why {
	switch {
	case errors.Is(err, remote.ErrOpen):
		return NoLease
	case errors.Is(err, remote.ErrBusy), errors.Is(err, remote.ErrSlow):
		return Slow
	}
	return Unusable
}

// judge says what a reply is worth. hs are the points as they were captured
// before Redis was asked.
func (c *Cache) judge(f *flight, k *class, key Key, hs []held, found remote.Found) reply {
	versions := found.Versions
	for _, v := range versions {
		if v == 0 {
			ctx, cancel := context.WithTimeout(context.Background(), c.o.Patience+afterPatience)
			defer cancel()
			var err error
			if versions, err = c.o.Redis.Ensure(ctx, names(hs), k.versionTTL()); err != nil {
				return reply{why: reason(err)}
			}
			break
		}
	}
	if len(versions) != len(hs) {
		return reply{why: Unusable}
	}
	learnt := c.flights.learn(f, hs, versions)
	if !current(learnt) || k.Fresh == Linear && int64(c.now()) < c.lease.quiet.Load() {
		return reply{why: Fenced}
	}
	if len(found.Values) == 0 || found.Values[0] == nil {
		return reply{usable: true, held: learnt}
	}
	if !seal.Matches(found.Values[0], versions) {
		if _, ok := seal.Versions(found.Values[0]); ok {
			k.prevented.Add(1)
		} else {
			_, _, err := key.tenant.box.Open(c.place(k, key), found.Values[0], k.MaxValue, seal.Options{Encrypt: k.Encrypt})
			k.foundBroken(err)
		}
		return reply{usable: true, held: learnt}
	}
	head, value, err := key.tenant.box.Open(c.place(k, key), found.Values[0], k.MaxValue, seal.Options{Encrypt: k.Encrypt})
	if err != nil {
		k.foundBroken(err)
		return reply{usable: true, held: learnt}
	}
	ttl := k.TTL
	if head.Negative {
		ttl = k.NegTTL
	}
	now := c.now()
	age := max(c.lease.redisTime(c.o.Now()).Sub(head.Created), 0)
	if age > ttl {
		return reply{usable: true, held: learnt}
	}
	k.redisHits.Add(1)
	e := &entry{class: k, tenant: key.tenant, value: value, none: head.Negative, since: now - age, until: now - age + ttl, held: learnt}
	if e.renewed = e.until; !e.none {
		e.renewed += k.StaleTTL
	}
	c.keep(key, e)
	return reply{hit: true, answer: answer{value: value, none: head.Negative, info: Info{Tier: Redis, Age: age, Why: Held}}}
}

// race asks the source beside a Redis that is slow to answer. What the source
// says is not kept: how the data stood before is not known.
func (c *Cache) race(k *class, key Key, r reply, f Load[[]byte]) answer {
	loaded, late := make(chan answer, 1), make(chan reply, 1)
	go func() {
		a := noReturn(k) // unless it does
		defer func() { loaded <- a }()
		a = c.load(k, f)
	}()
	go func() {
		found, err := r.pending.Wait(afterPatience)
		if err != nil {
			late <- reply{why: reason(err)}
			return
		}
		late <- c.judge(nil, k, key, r.held, found)
	}()
	select {
	case a := <-loaded:
		k.bypassed.Add(1)
		return slow(a)
	case r := <-late:
		if r.hit {
			return r.answer
		}
	}
	k.bypassed.Add(1)
	return slow(<-loaded)
}

func slow(a answer) answer {
	if a.err == nil {
		a.info.Why = Slow
	}
	return a
}

// takeTurns lets one node load while the others wait for what it keeps, for at
// most Class.Wait.
func (c *Cache) takeTurns(f *flight, k *class, key Key, hs []held, load Load[[]byte]) answer {
	ctx, cancel := context.WithTimeout(context.Background(), k.Wait)
	defer cancel()
	name, token := entryName(key.sum), rand.Text()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		mine, err := c.o.Redis.Take(ctx, name, token, k.Wait)
		if err != nil {
			break // without the other nodes: load
		}
		if mine {
			// It may have been kept since this node looked.
			if r := c.consult(f, k, key, hs); r.hit {
				c.release(name, token)
				return r.answer
			} else if r.usable {
				hs = r.held
			}
			a := c.compute(k, key, hs, true, true, load)
			sent, done := context.WithTimeout(context.Background(), c.o.Patience+afterPatience)
			_ = c.Sync(sent) // waiters must find it once they are let in; at worst they load too
			done()
			c.release(name, token)
			return a
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		r := c.consult(f, k, key, hs)
		if r.hit {
			return r.answer
		}
		if !r.usable || ctx.Err() != nil {
			break
		}
		hs = r.held
	}
	return c.compute(k, key, hs, true, true, load)
}

func (c *Cache) release(name, token string) {
	ctx, cancel := context.WithTimeout(context.Background(), c.o.Patience+afterPatience)
	defer cancel()
	_ = c.o.Redis.Release(ctx, name, token) // else it ends by itself
}

// publish gives Redis a copy of an answer, behind the caller's back.
func (c *Cache) publish(k *class, key Key, hs []held, a answer, ttl time.Duration) {
	head := seal.Header{Created: c.lease.redisTime(c.o.Now()), Negative: a.none, Versions: make([]uint64, len(hs))}
	for i, h := range hs {
		head.Versions[i] = h.at
	}
	b, err := key.tenant.box.Seal(c.place(k, key), head, a.value, seal.Options{Encrypt: k.Encrypt, CompressFrom: k.Compress})
	if err != nil {
		c.o.Logger.Error("cache: seal an answer", "class", k.Name, "error", err)
		return
	}
	c.o.Redis.Fill(entryName(key.sum), b, ttl)
}

// Sync waits until what was kept so far can be found by the other nodes, or was
// dropped because Redis could not take it.
func (c *Cache) Sync(ctx context.Context) error {
	if c.o.Redis == nil {
		return nil
	}
	return c.o.Redis.Sync(ctx)
}

// place binds an entry to its class and key.
func (c *Cache) place(k *class, key Key) []byte {
	return append(key.sum[:len(key.sum):len(key.sum)], k.Name...)
}

func entryName(k seal.Key) string { return base64.RawURLEncoding.EncodeToString(k[:]) }

func names(hs []held) []string {
	out := make([]string, len(hs))
	for i, h := range hs {
		out[i] = h.p.name
	}
	return out
}
