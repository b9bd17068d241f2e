package cache

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"m1/cache/remote"
)

// lease is the right to serve from memory. It ends by itself: whoever changes
// something waits for every node to confirm, or for its lease to end.
type lease struct {
	// until is on the clock of Cache.now: the end of time without Redis, and a
	// negative number, never the same twice, after the lease was taken away.
	until  atomic.Int64
	taken  atomic.Int64  // how often it was
	epoch  atomic.Uint64 // grows whenever a lease was regained after a gap
	offset atomic.Int64  // Redis's clock minus this node's, in ns
	kick   chan struct{}

	servers atomic.Int64 // how often another server answered than before
	lives   atomic.Int64 // how often everything was forgotten
	quiet   atomic.Int64 // until then fences may be missing in Redis
	settled atomic.Int64 // from then on the list of live nodes is complete

	mu     sync.Mutex // held while the log is read
	server string     // the epoch of the data that seq counts in; empty is not known
	seen   int64      // what servers was when that was learnt
	seq    uint64     // all changes up to here are applied
	told   uint64     // the highest seq heard of
	nodes  int

	foreign atomic.Bool // a node of the space uses another secret

	drops, gaps, replayed, ackTimeouts atomic.Int64
}

func (l *lease) init(alone bool) {
	l.kick = make(chan struct{}, 1)
	if alone {
		l.until.Store(math.MaxInt64)
	}
}

// holds says whether memory may be served at now.
func (l *lease) holds(c *Cache, now time.Duration) bool {
	return int64(now) < l.until.Load() || c.o.fault&faultLease != 0
}

func (l *lease) end() time.Duration { return time.Duration(l.until.Load()) }

// redisTime is what Redis's clock shows when this node's shows t: ages are told
// by one clock.
func (l *lease) redisTime(t time.Time) time.Time { return t.Add(time.Duration(l.offset.Load())) }

// nudge makes the loop that keeps the lease look at once.
func (l *lease) nudge() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

// life tells one life of Redis's data from another, as far as this node has
// noticed; it is never 0.
func (l *lease) life() int64 { return 1 + l.lives.Load() + l.servers.Load() }

// applied is the last change that nothing before is missing of.
func (l *lease) applied() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seq
}

// revoke ends the lease now. A renewal that was asked for before cannot bring it
// back.
func (l *lease) revoke() { l.until.Store(-l.taken.Add(1)) }

// unsettle says that the list of live nodes may lack some for as long as any of
// them can hold a lease from before.
func (c *Cache) unsettle() {
	until := int64(c.now() + c.o.Lease + c.o.Lease/4)
	for at := c.lease.settled.Load(); at < until && !c.lease.settled.CompareAndSwap(at, until); at = c.lease.settled.Load() {
	}
}

// retry is how often a Redis that does not answer is asked: often, so that it is
// back in use soon; it costs next to nothing.
const retry = 25 * time.Millisecond

func (c *Cache) keepLease(ctx context.Context) {
	defer c.leave()
	timer := time.NewTimer(0)
	defer timer.Stop()
	coherent := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-c.lease.kick:
		}
		again := c.renewLease(ctx)
		switch had := coherent; {
		case !had && c.lease.holds(c, c.now()):
			coherent = true
			c.o.Logger.Info("cache: coherent: memory is served", "node", c.node)
		case had && !c.lease.holds(c, c.now()):
			coherent = false
			c.o.Logger.Warn("cache: isolated: memory is not served until Redis answers again", "journal", c.journal.n.Load(), "error", c.o.Redis.Status().LastError)
		}
		switch again {
		case now:
			timer.Reset(0)
		case soon:
			timer.Reset(retry + time.Duration(rand.Int64N(int64(retry/5)))) //nolint:gosec // spreads load
		default:
			timer.Reset(c.o.Lease / 4)
		}
	}
}

// when the lease must be looked after again.
type when uint8

const (
	inTime when = iota
	soon
	now
)

// renewLease asks Redis for another lease and takes it, if nothing stands against
// that: what this node changed is told first, and what it missed is applied.
func (c *Cache) renewLease(ctx context.Context) when {
	if err := c.tell(ctx); err != nil {
		return soon
	}
	l := &c.lease
	before, servers, seq := l.until.Load(), l.servers.Load(), l.applied()
	asked, wall := c.now(), c.o.Now()
	r, err := c.o.Redis.Renew(ctx, c.o.Lease+c.o.Lease/4)
	if err != nil {
		return soon
	}
	l.foreign.Store(r.Others > 0)
	l.offset.Store(int64(r.Now.Sub(wall.Add((c.now() - asked) / 2))))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes, l.told = r.Nodes, max(l.told, r.Seq)
	if l.server != r.Epoch || l.seen != servers || r.Seq < seq {
		none := -l.taken.Add(1)
		if !l.until.CompareAndSwap(before, none) {
			return now
		}
		c.startOver(r, servers)
		return now // with the fences that this node has opened
	}
	if l.seq < r.Seq && !c.catchUp(ctx, r.Seq) {
		return soon
	}
	if l.seq < l.told {
		return now
	}
	if !c.o.Redis.Admit() {
		return now // more good answers are needed
	}
	if c.now() >= l.end() {
		l.epoch.Add(1)
	}
	if !l.until.CompareAndSwap(before, int64(asked+c.o.Lease)) {
		return now // something came up meanwhile
	}
	return inTime
}

// startOver forgets everything: what was learnt from a server says nothing about
// another one, or about one that lost its data. There is no lease, and l.mu is held.
func (c *Cache) startOver(r remote.Renewed, servers int64) {
	l := &c.lease
	if l.server != "" {
		l.drops.Add(1)
	}
	c.points.forget()
	c.unsettle()
	// Other nodes have as long to fence again what they have opened.
	quiet := c.o.Lease + c.o.Lease/4
	if l.seen != servers {
		l.quiet.Store(int64(c.now() + quiet))
	} else if r.Age < quiet {
		l.quiet.Store(int64(c.now() + quiet - r.Age))
	}
	l.lives.Add(1)
	l.server, l.seen, l.seq, l.told = r.Epoch, servers, r.Seq, r.Seq
}

// catchUp applies the changes up to seq: those under way arrive in a moment, the
// others are in the log. l.mu is held.
func (c *Cache) catchUp(ctx context.Context, seq uint64) bool {
	l := &c.lease
	for range 4 {
		l.mu.Unlock()
		time.Sleep(500 * time.Microsecond)
		l.mu.Lock()
		if l.seq >= seq {
			return true
		}
	}
	return c.replay(ctx) && l.seq >= seq
}

// replay applies what the log has and this node missed. l.mu is held.
func (c *Cache) replay(ctx context.Context) bool {
	l := &c.lease
	if c.o.fault&faultGap != 0 {
		l.seq = max(l.seq, l.told)
		return true
	}
	l.gaps.Add(1)
	changes, whole, err := c.o.Redis.Since(ctx, l.server, l.seq)
	if err != nil {
		return false
	}
	if !whole {
		l.revoke()
		l.drops.Add(1)
		l.server = "" // the next answer to a renewal starts over
		return false
	}
	for _, ch := range changes {
		c.apply(ch.Versions)
		c.confirm(ch)
		l.seq = ch.Seq
		l.replayed.Add(1)
	}
	return true
}

// Changed implements remote.Handler.
func (c *Cache) Changed(ch remote.Change) {
	c.apply(ch.Versions)
	l := &c.lease
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.server == "" || l.seen != l.servers.Load(): // nothing is trusted yet
	case ch.Epoch != l.server: // the server lost its data
		l.revoke()
		l.nudge()
	case ch.Seq == l.seq+1:
		l.seq = ch.Seq
	case ch.Seq > l.seq: // something was lost on the way
		l.told = max(l.told, ch.Seq)
		ctx, cancel := context.WithTimeout(context.Background(), c.o.Lease/2)
		defer cancel()
		if !c.replay(ctx) || l.seq < ch.Seq {
			l.revoke()
			l.nudge()
		}
	}
	l.told = max(l.told, l.seq)
	c.confirm(ch)
}

// NewServer implements remote.Handler. It takes no lock: it may be called by
// whoever calls Redis with the lock held.
func (c *Cache) NewServer() {
	c.unsettle()
	c.lease.servers.Add(1)
	c.lease.revoke()
	c.lease.nudge()
}

func (c *Cache) confirm(ch remote.Change) {
	if ch.Origin != c.node {
		c.o.Redis.Ack(ch.Origin, ch.Nonce)
	}
}

// tell sends Redis what it has not seen: changes from while it was away, and the
// fences of those that are still open.
func (c *Cache) tell(ctx context.Context) error {
	if c.journal.pending() {
		list, added := c.journal.list()
		for fence, ids := range list {
			for from := 0; from < len(ids); from += 500 {
				part := ids[from:min(from+500, len(ids))]
				b := remote.Bump{IDs: part, Fence: fence, Bury: fence != ""}
				if fence != "" {
					b.For = -1
				}
				if err := c.tellOne(ctx, b); err != nil {
					return err
				}
				if err := c.journal.told(fence, part, added); err != nil {
					c.o.Logger.Error("cache: the journal cannot be cleared: its changes are told again", "error", err)
				}
			}
		}
	}
	var errs []error
	for _, ch := range c.open.list() {
		errs = append(errs, ch.reopen(ctx))
	}
	return errors.Join(errs...)
}

func (c *Cache) tellOne(ctx context.Context, b remote.Bump) error {
	b.Nonce, b.TTL = c.nonces.Add(1), versionTTL
	done, err := c.o.Redis.Bump(ctx, b, true)
	if err != nil {
		return err
	}
	c.apply(done.Versions)
	return nil
}

// reopen fences an open change that Redis does not know of. One that is beginning
// or ending right now tells Redis itself.
func (ch *Change) reopen(ctx context.Context) error {
	if !ch.mu.TryLock() {
		return nil
	}
	defer ch.mu.Unlock()
	c := ch.c
	life := c.lease.life()
	if ch.done || ch.life == life {
		return nil
	}
	ch.asked, ch.sure = true, false
	if err := c.tellOne(ctx, remote.Bump{IDs: pointNames(ch.ps), Fence: ch.fence, For: c.o.MaxChange}); err != nil {
		return err
	}
	ch.life, ch.epoch = life, "" // not all nodes have confirmed
	return nil
}

// leave tells the others not to wait for this node.
func (c *Cache) leave() {
	c.lease.revoke()
	ctx, cancel := context.WithTimeout(context.Background(), c.o.Lease/2)
	defer cancel()
	_ = c.o.Redis.Leave(ctx) // else its lease runs out
}
