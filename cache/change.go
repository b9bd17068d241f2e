package cache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"m1/cache/remote"
)

// ErrNotPropagated says that a change holds on this node, but that the others may
// serve older answers until Redis is back: it is in the journal, and they are
// told before this node trusts Redis again.
var ErrNotPropagated = errors.New("cache: the other nodes have not heard of the change yet")

// Ack says who has confirmed a change.
type Ack struct {
	Nodes  int           // other nodes that were told
	Waited time.Duration // for them
}

// Invalidate declares that what tags name has changed. When it returns without an
// error, no node gives an answer from before any more. It blocks until every live
// node has confirmed, or its lease has ended.
func (c *Cache) Invalidate(ctx context.Context, tags ...Tag) (Ack, error) {
	ids := c.movedBy(tags)
	c.invalidations.Add(1)
	ps := make([]*point, len(ids))
	for i, n := range ids {
		ps[i] = c.points.get(n)
	}
	if c.o.Redis == nil {
		for _, p := range ps {
			p.at.Add(2)
		}
		return Ack{}, nil
	}
	ack, _, err := c.bump(ctx, remote.Bump{IDs: pointNames(ps)}, "")
	if err != nil {
		c.unheard(ps, "")
	}
	return ack, err
}

// Write runs fn, which changes what tags name, with Begin before and Done after
// it. fn runs also where the other nodes cannot be told; then the error says so,
// joined with fn's own.
func (c *Cache) Write(ctx context.Context, tags []Tag, fn func(ctx context.Context) error) error {
	ch, before := c.Begin(ctx, tags...)
	defer func() { _ = ch.Done(context.WithoutCancel(ctx)) }() // also if fn panics; the second time it does nothing
	err := fn(ctx)
	after := ch.Done(context.WithoutCancel(ctx))
	if after == nil && before != nil {
		before = fmt.Errorf("%w: %w", ErrUnfenced, errors.Unwrap(before))
	}
	return errors.Join(err, before, after)
}

// Change is a change of data that has begun. Done must be called once it has
// ended, whether it succeeded or not.
type Change struct {
	c     *Cache
	ps    []*point
	fence string // its name in Redis

	mu    sync.Mutex // held while Redis is asked
	began time.Duration
	life  int64  // the life of Redis's data that knows of the fence; 0 is none
	epoch string // the same by its name; empty if not all nodes have confirmed
	asked bool   // Redis may know, or still come to know
	sure  bool   // it knew at the first time of asking
	done  bool
}

// ErrUnfenced says that a change of Write is known everywhere by now, but was not
// when it began: meanwhile a reader may have seen the new state and another one
// after it the old.
var ErrUnfenced = errors.New("cache: the other nodes did not know that the change had begun")

// openChanges are those that have begun and not ended: Redis must be told of them
// when it did not hear, or has forgotten.
type openChanges struct {
	mu sync.Mutex
	m  map[*Change]struct{}
}

func (u *openChanges) add(ch *Change) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.m[ch] = struct{}{}
}

func (u *openChanges) remove(ch *Change) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.m, ch)
}

func (u *openChanges) list() []*Change {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.m))
}

// Begin declares that what tags name is about to change: from its return to Done
// no answer that depends on it is given or kept, and those held are forgotten. It
// always returns a Change; with an error only this node keeps to it. It blocks
// until every live node has confirmed, or its lease has ended.
func (c *Cache) Begin(ctx context.Context, tags ...Tag) (*Change, error) {
	ids := c.movedBy(tags)
	ch := &Change{c: c, ps: make([]*point, len(ids))}
	for i, n := range ids {
		p := c.points.begin(n)
		if ch.ps[i] = p; c.o.Redis == nil {
			p.at.Add(2)
		}
	}
	if c.o.Redis == nil {
		return ch, nil
	}
	ch.fence = c.node + ":" + strconv.FormatUint(c.nonces.Add(1), 36)
	if c.o.fault&faultFence != 0 {
		ch.fence = "fence"
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	c.open.add(ch)
	life := c.lease.life()
	ch.began = c.now()
	_, epoch, err := c.bump(ctx, remote.Bump{IDs: pointNames(ch.ps), Fence: ch.fence, For: c.o.MaxChange}, "")
	ch.asked = !errors.Is(err, remote.ErrUnsent)
	if err != nil {
		c.unheard(ch.ps, "")
		return ch, err
	}
	ch.life, ch.epoch, ch.sure = life, epoch, true
	return ch, nil
}

// Done ends the change. It blocks as Begin does, but only for nodes that were not
// told at the beginning. Calls after the first do nothing. With an error this
// node has ended the change, and the others keep no answer from what it touched
// until they hear of it.
func (ch *Change) Done(ctx context.Context) error {
	c := ch.c
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.done {
		return nil
	}
	ch.done = true
	c.open.remove(ch)
	c.invalidations.Add(1)
	defer func() {
		for _, p := range ch.ps {
			c.points.end(p)
		}
	}()
	if c.o.Redis == nil {
		for _, p := range ch.ps {
			p.at.Add(2)
		}
		return nil
	}
	b := remote.Bump{IDs: pointNames(ch.ps)}
	if ch.asked {
		b.Fence, b.For, b.Bury = ch.fence, -1, !ch.sure && c.o.fault&faultFence == 0
	}
	known := ch.epoch
	if ch.life != c.lease.life() || c.now()-ch.began > c.o.MaxChange-c.o.MaxChange/8 { // the fence may have run out
		known = ""
	}
	_, _, err := c.bump(ctx, b, known)
	if err != nil {
		c.unheard(ch.ps, b.Fence)
	}
	return err
}

// bump moves points in Redis and here, and returns the epoch of Redis's data. It
// waits for the other nodes unless they all have confirmed a fence there in the
// epoch known.
func (c *Cache) bump(ctx context.Context, b remote.Bump, known string) (Ack, string, error) {
	b.Nonce, b.TTL = c.nonces.Add(1), versionTTL
	b.Until = c.lease.redisTime(c.o.Now()).Add(2 * c.o.Redis.Timeout())
	w := c.acks.expect(b.Nonce)
	defer c.acks.forget(b.Nonce)
	start := c.now()
	done, err := c.o.Redis.Bump(ctx, b, false)
	if err != nil {
		return Ack{}, "", fmt.Errorf("%w: %w", ErrNotPropagated, err)
	}
	c.apply(done.Versions)
	if known == done.Epoch || c.o.fault&faultAcks != 0 {
		return Ack{}, done.Epoch, nil
	}
	ack, err := c.awaitAcks(ctx, w, done)
	if err != nil {
		return ack, "", fmt.Errorf("%w: %w", ErrNotPropagated, err)
	}
	c.acks.took.Observe(c.now() - start)
	return ack, done.Epoch, nil
}

// versionTTL is how long Redis remembers a version that nobody asks for. A lost
// one can only cost hits.
const versionTTL = 24 * time.Hour

// apply moves the points that are in the table on to their new versions.
func (c *Cache) apply(vs []remote.Version) {
	for _, v := range vs {
		if n, ok := parseID(v.ID); ok {
			if p := c.points.known(n); p != nil {
				p.learn(v.At)
			}
		}
	}
}

// unheard makes a change hold on this node alone, and puts it down for later.
func (c *Cache) unheard(ps []*point, lift string) {
	c.notPropagated.Add(1)
	for _, p := range ps {
		p.disown()
	}
	if c.o.fault&faultJournal != 0 {
		return
	}
	if err := c.journal.add(pointNames(ps), lift, c.points.get(c.root).name); err != nil {
		c.o.Logger.Error("cache: the journal cannot be written: a change that Redis has not seen would be lost with this process", "error", err)
	}
	c.lease.nudge()
}

func pointNames(ps []*point) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.name
	}
	return out
}
