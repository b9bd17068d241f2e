package cache

import (
	"maps"
	"time"
)

// Stats is what the cache says of itself. Counts are since New.
type Stats struct {
	Hits           int64 // over all classes, as all the counts below
	Misses         int64
	StalePrevented int64 // entries found and not used: a change had made them wrong
	Invalidations  int64 // changes that this node made
	Refused        int64 // answers not kept: too large, over a quota, or changed while they were computed

	Classes []ClassStats // as registered
	Local   LocalStats
	Redis   RedisStats
}

// ClassStats is one class's share.
type ClassStats struct {
	Name  string
	Fresh Fresh

	LocalHits, RedisHits int64
	Misses               int64
	StaleServed          int64 // past their age, served while they were renewed
	IsolatedServed       int64 // own loads served while Redis is out of reach
	StalePrevented       int64
	Bypassed             int64 // lookups that could not be trusted or kept: no lease, an open change, Redis slow
	Refused              int64
	Joined               int64            // callers that shared another caller's load
	LoadErrors           int64            // loads that failed
	Broken               map[string]int64 // entries of Redis that could not be used, by reason
	Loading              int64            // loads under way
	Entries, Bytes       int64            // in memory
}

// LocalStats is the memory tier.
type LocalStats struct {
	Entries, Bytes, MaxBytes int64
	Tags                     int64 // points that changes pass through, told apart in memory
	Evictions                int64
}

// RedisStats is the second tier and how this node stands to the others.
type RedisStats struct {
	Configured bool
	Mode       string // "standalone", "sentinel" or "cluster"
	State      string // "connected", "degraded", "open" (not used now) or "disabled"
	Since      time.Time
	LastError  string
	Errors     map[string]int64 // by class
	UsedMemory int64            // bytes
	Keys       int64

	Coherent       bool // holds the lease: what is in memory may be served
	LeaseLeft      time.Duration
	Quiet          time.Duration // until answers of Linear classes are kept: nodes may have to fence again
	Nodes          int           // registered when this node last asked, itself included
	SeqLag         int64         // changes announced and not yet applied here
	Drops          int64         // times everything was forgotten: the server lost data or was another one
	Gaps           int64         // messages that were lost and read again from the log
	Replayed       int64         // changes read from the log
	BreakerOpen    bool
	BreakerOpened  int64
	Journal        int // changes of this node that Redis has not seen yet
	NotPropagated  int64
	AckTimeouts    int64 // changes that waited out the lease of a silent node
	FillsDropped   int64
	ForeignSecret  bool // a node of this space uses another key: answers are not shared with it
	AckP50, AckP99 time.Duration
}

// Stats returns the state at this moment. While the log of Redis is being read it
// waits for that, for at most a few of Redis's timeouts.
func (c *Cache) Stats() Stats {
	l := c.store.Stats()
	s := Stats{
		Invalidations: c.invalidations.Load(),
		Local:         LocalStats{Entries: l.Entries, MaxBytes: c.o.MaxBytes, Tags: int64(c.points.len()), Evictions: c.evictions.Load()},
	}
	s.Local.Bytes = l.Bytes + s.Local.Tags*pointBytes
	s.Redis = RedisStats{State: "disabled", Coherent: true}
	if c.o.Redis != nil {
		s.Redis = c.redisStats()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.classes {
		one := k.stats()
		s.Classes = append(s.Classes, one)
		s.Hits += one.LocalHits + one.RedisHits + one.IsolatedServed
		s.Misses += one.Misses
		s.StalePrevented += one.StalePrevented
		s.Refused += one.Refused
	}
	return s
}

func (k *class) stats() ClassStats {
	k.mu.Lock()
	defer k.mu.Unlock()
	return ClassStats{
		Name: k.Name, Fresh: k.Fresh,
		LocalHits: k.localHits.Load(), RedisHits: k.redisHits.Load(), Misses: k.misses.Load(),
		StaleServed: k.staleServed.Load(), IsolatedServed: k.ownServed.Load(), StalePrevented: k.prevented.Load(),
		Bypassed: k.bypassed.Load(), Refused: k.refused.Load(), Joined: k.joined.Load(), LoadErrors: k.loadErrors.Load(),
		Broken: maps.Clone(k.broken), Loading: k.inLoad.Load(), Entries: k.entries.Load(), Bytes: k.bytes.Load(),
	}
}

func (c *Cache) redisStats() RedisStats {
	r, l, took := c.o.Redis.Status(), &c.lease, c.acks.took.Read()
	now := c.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	return RedisStats{
		Configured: true, Mode: r.Mode, State: r.State, Since: r.Since, LastError: r.LastError, Errors: r.Errors,
		UsedMemory: r.UsedMemory, Keys: r.Keys,
		Coherent: l.holds(c, now), LeaseLeft: max(l.end()-now, 0), Quiet: max(time.Duration(l.quiet.Load())-now, 0), Nodes: l.nodes, SeqLag: int64(l.told - l.seq),
		Drops: l.drops.Load(), Gaps: l.gaps.Load(), Replayed: l.replayed.Load(), AckTimeouts: l.ackTimeouts.Load(),
		BreakerOpen: c.o.Redis.Open(), BreakerOpened: r.Opened, FillsDropped: r.Dropped,
		Journal: int(c.journal.n.Load()), NotPropagated: c.notPropagated.Load(),
		ForeignSecret: l.foreign.Load(),
		AckP50:        took.Quantile(0.5), AckP99: took.Quantile(0.99),
	}
}
