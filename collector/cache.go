package collector

import (
	"cmp"
	"maps"
	"slices"

	"m1/cache"
	"m1/collector/snapshot"
)

func (v view) cache() snapshot.Cache {
	m, d, c := v.meter, v.delta, v.status.Cache
	lookups := d.Count(&m.ResultHits) + d.Count(&m.ResultMisses)
	out := snapshot.Cache{
		Decisions: snapshot.DecisionCache{
			Hits: m.DecisionHits.Load(), Misses: m.DecisionMisses.Load(),
			HitRate: ratio(d.Count(&m.DecisionHits), d.Count(&m.DecisionHits)+d.Count(&m.DecisionMisses)),
		},
		Results: snapshot.ResultCache{
			Hits: m.ResultHits.Load(), Misses: m.ResultMisses.Load(),
			HitRate:        ratio(d.Count(&m.ResultHits), lookups),
			Ceiling:        ceiling(d.Count(&m.ResultIdeal), lookups),
			StalePrevented: c.StalePrevented, Invalidations: c.Invalidations, Bypassed: m.ResultBypassed.Load(),
		},
		Local:     snapshot.LocalTier{Entries: c.Local.Entries, Bytes: c.Local.Bytes, MaxBytes: c.Local.MaxBytes, Evictions: c.Local.Evictions, Tags: c.Local.Tags},
		Redis:     redisTier(c.Redis, latency(d.Distribution(&m.Redis))),
		ByTool:    []snapshot.ToolCache{},
		Classes:   classes(c.Classes),
		Coherence: coherence(c.Redis),
	}
	for _, t := range v.tools {
		if hits, misses := t.Hits.Load(), t.Misses.Load(); hits+misses > 0 {
			out.ByTool = append(out.ByTool, snapshot.ToolCache{
				Tool: t.name, Hits: hits, Misses: misses,
				HitRate: ratio(d.Count(&t.Hits), d.Count(&t.Hits)+d.Count(&t.Misses)),
			})
		}
	}
	slices.SortFunc(out.ByTool, func(a, b snapshot.ToolCache) int {
		return cmp.Or(cmp.Compare(b.Hits+b.Misses, a.Hits+a.Misses), cmp.Compare(a.Tool, b.Tool))
	})
	return out
}

// ceiling is ratio, but at most 1: that a read repeats a known result is seen
// when it is reported, which may be in a later slot than its lookup.
func ceiling(ideal, lookups int64) float64 { return min(ratio(ideal, lookups), 1) }

func redisTier(r cache.RedisStats, l snapshot.Latency) snapshot.RedisTier {
	t := snapshot.RedisTier{
		Configured: r.Configured, State: r.State, Latency: l, UsedMemory: r.UsedMemory, Keys: r.Keys, LastError: r.LastError,
		Mode: r.Mode, Breaker: "none", BreakerOpened: r.BreakerOpened, FillsDropped: r.FillsDropped, Errors: counts(r.Errors),
	}
	if r.Configured {
		since := r.Since.UTC()
		t.Since, t.Breaker = &since, "closed"
		if r.BreakerOpen {
			t.Breaker = "open"
		}
	}
	return t
}

func coherence(r cache.RedisStats) snapshot.Coherence {
	c := snapshot.Coherence{
		State: "alone", Nodes: r.Nodes, SeqLag: r.SeqLag, AckTimeouts: r.AckTimeouts, Journal: r.Journal,
		NotPropagated: r.NotPropagated, Drops: r.Drops, Gaps: r.Gaps, Replayed: r.Replayed, ForeignSecret: r.ForeignSecret,
		AckP50US: micros(r.AckP50), AckP99US: micros(r.AckP99),
	}
	if !r.Configured {
		return c
	}
	c.LeaseMS = millis(r.LeaseLeft)
	if c.State = "isolated"; r.Coherent {
		c.State = "coherent"
	}
	return c
}

func classes(ks []cache.ClassStats) []snapshot.CacheClass {
	out := make([]snapshot.CacheClass, len(ks))
	for i, k := range ks {
		out[i] = snapshot.CacheClass{
			Name: k.Name, Fresh: k.Fresh.String(), HitsLocal: k.LocalHits, HitsRedis: k.RedisHits, Misses: k.Misses,
			StaleServed: k.StaleServed, IsolatedServed: k.IsolatedServed, StalePrevented: k.StalePrevented, Bypassed: k.Bypassed,
			Refused: k.Refused, LoadErrors: k.LoadErrors, Loading: k.Loading, Entries: k.Entries, Bytes: k.Bytes, Broken: counts(k.Broken),
		}
	}
	return out
}

// counts is m as a picture holds it: never null, nobody else's.
func counts(m map[string]int64) map[string]int64 {
	if m == nil {
		return map[string]int64{}
	}
	return maps.Clone(m)
}
