package remote

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// States of a Tier.
const (
	Connected = "connected" // all works
	Degraded  = "degraded"  // reads work; the subscription, the control calls or writes do not
	Opened    = "open"      // the breaker keeps everything away
)

// Status is the state of a Tier for people and metrics.
type Status struct {
	State   string    // Connected, Degraded or Opened
	Since   time.Time // of State
	Breaker string    // "closed" or "open"
	Opened  int64     // times the breaker opened
	// LastError is what went wrong last, and Errors how often by class: timeout,
	// refused, reset, readonly, loading, noauth, oom, wrongtype, noscript, ….
	LastError string
	Errors    map[string]int64
	Dropped   int64 // fills
	LostAcks  int64
	Queued    int // fills that wait
	// The server's own figures, at most some seconds old; 0 and "" if unknown. In a
	// Cluster they are those of the one that has the keys.
	UsedMemory int64 // bytes
	Keys       int64
	Server     string // its version
	Mode       string // "standalone", "sentinel" or "cluster"
}

// watch gathers what Status shows.
type watch struct {
	*watched
}

type watched struct {
	mu         sync.Mutex
	open       bool
	subscribed bool
	control    bool // the last control call was good
	full       bool // the last fills found no memory
	state      string
	since      time.Time
	last       string
	errors     map[string]int64
	memory     int64
	keys       int64
}

func newWatch() watch {
	return watch{&watched{open: true, state: Opened, since: time.Now(), errors: map[string]int64{}}}
}

// count remembers err under class; no class is no error.
func (w watch) count(class string, err error) {
	if class == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors[class]++
	w.last = err.Error()
}

// set changes one of the facts and the state that follows. w.mu is held.
func (w watch) set(fact *bool, v bool) (changed bool) {
	if *fact == v {
		return false
	}
	*fact = v
	state := Connected
	switch {
	case w.open:
		state = Opened
	case !w.subscribed || !w.control || w.full:
		state = Degraded
	}
	if state != w.state {
		w.state, w.since = state, time.Now()
	}
	return true
}

func (w watch) setSubscribed(v bool) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.set(&w.subscribed, v)
}

func (w watch) setControl(v bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(&w.control, v)
}

func (w watch) setFull(v bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(&w.full, v)
}

func (w watch) isSubscribed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.subscribed
}

// switched is told by the breaker.
func (t *Tier) switched(open bool, why string) {
	w := t.watch
	w.mu.Lock()
	w.set(&w.open, open)
	last := w.last
	w.mu.Unlock()
	if open {
		t.log.Warn("redis breaker opened", "why", why, "last", last)
	} else {
		t.log.Info("redis breaker closed")
	}
}

// Status returns the state at this moment. It asks no server.
func (t *Tier) Status() Status {
	s := Status{Breaker: "closed", Mode: string(t.target.mode)}
	s.Opened = t.breaker.openings()
	s.Dropped = t.fills.dropped.Load()
	s.Queued = len(t.fills.queue)
	if v := t.version.Load(); v != nil {
		s.Server = *v
	}
	t.acks.mu.Lock()
	s.LostAcks = t.acks.dropped
	t.acks.mu.Unlock()
	w := t.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	s.State, s.Since = w.state, w.since
	if w.open {
		s.Breaker = "open"
	}
	s.LastError, s.Errors = w.last, maps.Clone(w.errors)
	s.UsedMemory, s.Keys = w.memory, w.keys
	return s
}

const measureEvery = 5 * time.Second

// measure asks the server for its own figures until ctx is done.
func (t *Tier) measure(ctx context.Context) {
	tick := time.NewTicker(measureEvery)
	defer tick.Stop()
	for {
		// An error is counted by command, and the figures stay those of before.
		_ = t.command(ctx, func(c redis.UniversalClient) error { return t.figures(ctx, c) })
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (t *Tier) figures(ctx context.Context, c redis.UniversalClient) error {
	if many, ok := c.(*redis.ClusterClient); ok {
		one, err := many.MasterForKey(ctx, t.keys.head)
		if err != nil {
			return err
		}
		c = one
	}
	pipe := c.Pipeline()
	info, size := pipe.Info(ctx, "memory"), pipe.DBSize(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	memory, _ := strconv.ParseInt(readInfo(info.Val())["used_memory"], 10, 64)
	w := t.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.memory, w.keys = memory, size.Val()
	return nil
}
