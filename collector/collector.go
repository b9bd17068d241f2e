// Package collector samples the engine, keeps the history and streams snapshots
// to whoever watches.
package collector

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/meter"
)

// Source is what the collector reads; *engine.Engine is one. Neither method may
// wait for anything.
type Source interface {
	Meter() *meter.Meter
	Status() engine.Status
}

// Options of a Collector; the zero value is usable.
type Options struct {
	// Every is the time between two samples; 0 means 250 ms.
	Every time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Describe says where the picture comes from. It is called with each sample;
	// nil means the engine of this process, live.
	Describe func() snapshot.Source
	// Version is that of the program, for the health part.
	Version string
	// Node names this machine; empty means its host name.
	Node string
}

// Collector turns what the engine counts into pictures. Its methods are safe for
// concurrent use. It samples: what it costs depends on time, not on the number
// of calls, and nobody who watches can hold up the engine or another watcher.
type Collector struct {
	src Source
	o   Options

	latest atomic.Pointer[snapshot.Dashboard]
	subs   subscribers

	mu      sync.Mutex // over what follows; held for a sample or a build, both short
	record  *record
	process process
	judge   judge
	now     sample
	built   []*snapshot.Dashboard // of the sample now, one per window; nil until asked for
}

// New returns a Collector that has taken its first sample of src; further ones
// are taken by Run.
func New(src Source, o Options) *Collector {
	if o.Every <= 0 {
		o.Every = 250 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Describe == nil {
		o.Describe = func() snapshot.Source { return snapshot.Source{Mode: "live"} }
	}
	if o.Node == "" {
		// Without a host name the node has none: it is shown, nothing depends on it.
		o.Node, _ = os.Hostname()
	}
	started := src.Status().Started
	if started.IsZero() {
		started = o.Now()
	}
	c := &Collector{
		src:    src,
		o:      o,
		record: newRecord(src.Meter(), started),
		judge:  newJudge(started),
		built:  make([]*snapshot.Dashboard, len(snapshot.Windows)),
	}
	c.sample()
	return c
}

// Run samples and publishes until ctx ends, then closes every subscription and
// returns nil. It starts no goroutine. Call it once.
func (c *Collector) Run(ctx context.Context) error {
	defer c.subs.end()
	tick := time.NewTicker(c.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.sample()
			c.subs.publish(c.Dashboard)
		}
	}
}

// Latest is the newest picture of the default window. It never waits and is
// never nil.
func (c *Collector) Latest() *snapshot.Dashboard { return c.latest.Load() }

// Dashboard is the newest picture of another window. A window that is none of
// snapshot.Windows is answered with the next longer one.
func (c *Collector) Dashboard(window time.Duration) *snapshot.Dashboard {
	i := windowIndex(window)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dashboard(i)
}

// Subscribe returns a channel that holds one snapshot, the newest unread one of
// that window; the first is there at once. It is closed when ctx ends or Run
// returns.
func (c *Collector) Subscribe(ctx context.Context, window time.Duration) <-chan *snapshot.Dashboard {
	window = snapshot.Windows[windowIndex(window)]
	return c.subs.add(ctx, window, c.Dashboard(window))
}

// Dropped is how many snapshots were replaced in a subscription before they were
// read.
func (c *Collector) Dropped() int64 { return c.subs.dropped.Load() }

// sample takes one look at the engine and builds the default picture of it.
func (c *Collector) sample() {
	began := time.Now()
	status, source := c.src.Status(), c.o.Describe()

	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.o.Now()
	c.record.sample(at)
	c.process.sample(at)
	c.now = c.look(at, status, source)
	clear(c.built)
	c.latest.Store(c.dashboard(windowIndex(snapshot.DefaultWindow)))
	c.record.snapshotTime.Observe(time.Since(began))
}

// windowIndex finds the shortest of snapshot.Windows that covers window.
func windowIndex(window time.Duration) int {
	for i, w := range snapshot.Windows {
		if window <= w {
			return i
		}
	}
	return len(snapshot.Windows) - 1
}
