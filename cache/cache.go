// Package cache answers repeated questions from memory and from a Redis that
// several nodes share, without ever giving an answer that an acknowledged change
// has made wrong: also while Redis hangs, loses its data or is out of reach.
//
// Answers belong to classes, which are registered at the start and say how long
// and how fresh they are kept. Tags name the data that an answer depends on;
// Invalidate, Write and Begin declare that such data changes. DESIGN.md has the
// protocol and why it holds.
package cache

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"m1/cache/local"
	"m1/cache/remote"
	"m1/cache/seal"
)

// Options configure a Cache. Zero fields take the default named beside them.
type Options struct {
	MaxBytes    int64         // in memory, over all classes and tags; 64 MiB, of which tags have a quarter
	TenantBytes int64         // in memory, of one tenant; no bound of its own
	MaxTags     int           // points that changes pass through, told apart in memory; as many as fit a quarter of MaxBytes, 131,072 of 64 MiB, at least 4096
	MaxChange   time.Duration // after which an open change no longer keeps answers of other nodes away, in case its node has died; 1 h

	// Redis is the second tier, shared with the nodes that use the same space.
	// Without it this node is alone, and always coherent.
	Redis    *remote.Tier
	Lease    time.Duration // how long memory may be served without a word from Redis; 200 ms
	Patience time.Duration // how long a lookup waits for Redis before the source is asked beside it; 3 ms
	Journal  Journal       // keeps what Redis has not seen; in memory only
	Secret   seal.Secret   // names and seals entries; the nodes of a space must share it

	Now    func() time.Time
	Logger *slog.Logger // none

	fault fault
}

func (o *Options) fill() error {
	for _, n := range []struct {
		name string
		v    int64
	}{{"MaxBytes", o.MaxBytes}, {"TenantBytes", o.TenantBytes}, {"MaxTags", int64(o.MaxTags)}, {"MaxChange", int64(o.MaxChange)}, {"Patience", int64(o.Patience)}, {"Lease", int64(o.Lease)}} {
		if n.v < 0 {
			return fmt.Errorf("cache: %s must not be negative, got %d", n.name, n.v)
		}
	}
	o.MaxBytes = cmp.Or(o.MaxBytes, 64<<20)
	o.MaxTags = cmp.Or(o.MaxTags, max(int(o.MaxBytes/4/pointBytes), 4096))
	o.MaxChange = cmp.Or(o.MaxChange, time.Hour)
	o.Lease = cmp.Or(o.Lease, 200*time.Millisecond)
	o.Patience = cmp.Or(o.Patience, 3*time.Millisecond)
	if o.Lease < 20*time.Millisecond {
		return fmt.Errorf("cache: Lease must be at least 20ms, got %s", o.Lease)
	}
	if o.Journal == nil {
		o.Journal = noJournal{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Cache keeps answers of several classes in one budget of memory and, with Redis,
// shares them with other nodes. Every method is safe for concurrent use.
//
// The promise: after a change has been acknowledged (Invalidate, Write, Begin and
// Done without an error), no Get of any node that begins later returns an answer
// that was computed before it from what the change touched. And while a change
// made by Write or Begin is open, no Get returns an answer from what it touches
// at all.
type Cache struct {
	o     Options
	root  id
	node  string // this process, for the others
	start time.Time
	store *local.Store[seal.Key, *entry]

	points  *points
	flights flights
	lease   lease
	acks    acks
	journal journal
	open    openChanges
	nonces  atomic.Uint64

	swept atomic.Int64 // when sweep ran last; on the clock of now

	mu      sync.Mutex
	classes []*class
	tenants map[string]*tenant

	invalidations, notPropagated, evictions atomic.Int64
}

// New returns an empty cache. With Redis it serves nothing from memory before Run
// has got a lease.
func New(o Options) (*Cache, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	c := &Cache{o: o, start: o.Now(), tenants: map[string]*tenant{}}
	c.root = c.point(kindRoot)
	c.points = newPoints(o.MaxTags, c.root)
	c.nonces.Store(uint64(c.start.UnixMicro())) // another one than before a restart
	var err error
	c.store, err = local.New(local.Options[seal.Key, *entry]{MaxBytes: o.MaxBytes - min(o.MaxBytes/4, int64(o.MaxTags)*pointBytes), Weigh: weigh[seal.Key], Gone: c.left})
	if err != nil {
		return nil, err
	}
	c.lease.init(o.Redis == nil)
	c.flights.m = map[seal.Key]*flight{}
	c.acks.waiting = map[uint64]*ackWait{}
	c.open.m = map[*Change]struct{}{}
	if c.o.Redis != nil {
		c.node = o.Redis.Node()
		o.Redis.SetMark(o.Secret.Fingerprint())
		o.Redis.Retain(nameOf(c.root))
		if err := c.journal.open(o.Journal, nameOf(c.root)); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Run keeps the lease, hears of changes elsewhere and sends what Redis has not
// seen, until ctx ends. It blocks. Without Redis it only waits.
func (c *Cache) Run(ctx context.Context) error {
	if c.o.Redis == nil {
		<-ctx.Done()
		return nil
	}
	// The lease is given back before the connections are closed.
	listening, stop := context.WithCancel(context.WithoutCancel(ctx))
	renewing, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() {
		c.keepLease(renewing)
		stop()
	})
	err := c.o.Redis.Run(listening, c)
	cancel()
	loop.Wait()
	return err
}

// Shared says whether other nodes see what is kept.
func (c *Cache) Shared() bool { return c.o.Redis != nil }

// Secret says whether entries are sealed with a secret: else whoever can write to
// Redis can also forge them.
func (c *Cache) Secret() bool { return !c.o.Secret.IsZero() }

// now is the time since New, on the clock that ages and leases are counted by.
func (c *Cache) now() time.Duration { return c.o.Now().Sub(c.start) }

// Fresh says what a class promises of its answers while Redis cannot be asked.
type Fresh struct {
	kind  string
	bound time.Duration
}

var (
	// AckFresh answers are never older than the last acknowledged change.
	AckFresh = Fresh{kind: "ack"}
	// Linear answers are besides never older than any answer that any node gave
	// before, if every change of their data is made inside Write or Begin.
	Linear = Fresh{kind: "linear"}
)

// Bounded answers may be served from memory for at most d after the lease was
// lost: they are at most so much older than the last acknowledged change.
func Bounded(d time.Duration) Fresh { return Fresh{kind: "bounded", bound: d} }

// String returns "ack", "linear" or "bounded 5s".
func (f Fresh) String() string {
	if f.bound > 0 {
		return f.kind + " " + f.bound.String()
	}
	return f.kind
}

// tenant is whom an answer belongs to.
type tenant struct {
	name  string
	box   *seal.Box
	bytes atomic.Int64 // in memory
}

func (c *Cache) tenant(name string) (*tenant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.tenants[name]; t != nil {
		return t, nil
	}
	box, err := c.o.Secret.Box(name)
	if err != nil {
		return nil, fmt.Errorf("cache: tenant %q: %w", name, err)
	}
	t := &tenant{name: strings.Clone(name), box: box}
	c.tenants[t.name] = t
	return t, nil
}
