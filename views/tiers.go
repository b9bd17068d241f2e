package views

import (
	"cmp"
	"maps"
	"slices"

	"m1/collector/snapshot"
	"m1/themes"
)

// redisSign is glyph, word and colour of the second tier.
func redisSign(r *snapshot.RedisTier) span {
	switch {
	case !r.Configured || r.State == "disabled":
		return own(themes.Muted, "○ off")
	case r.State == "connected":
		return own(themes.Good, "● connected")
	case r.State == "degraded":
		return own(themes.Warn, "◐ degraded")
	case r.State == "open":
		return own(themes.Bad, "✗ open")
	}
	return theirs(themes.Warn, MakeSafe("◐ "+r.State).Clip(14))
}

// tally is a number and what it counts; only more than nothing has the colour.
func tally[N ~int | ~int64](k themes.Token, n N, what lit) []span {
	if n == 0 {
		k = themes.Muted
	}
	return []span{own(k, count(n)), own(themes.Muted, " "+what)}
}

// named is a figure behind its name.
func named(name lit, value ...span) []span {
	return append([]span{own(themes.Muted, name+" ")}, value...)
}

// tiersCard is where answers are kept: in memory, and in Redis if there is one.
func tiersCard(f *Frame, w int) *card {
	p := &paper{w: w}
	l, r := &f.Snap.Cache.Local, &f.Snap.Cache.Redis
	var bar []span
	used := []span{own(themes.Text, bytes(l.Bytes))}
	if l.MaxBytes > 0 {
		bar = cacheBar(p, themes.SeriesA, float64(l.Bytes)/float64(l.MaxBytes))
		used = append(used, own(themes.Muted, " of "+bytes(l.MaxBytes)))
	}
	p.flow(label("memory"), bar, used, tally(themes.Text, l.Entries, plural(l.Entries, "entry", "entries")),
		tally(themes.Text, l.Evictions, plural(l.Evictions, "eviction", "evictions")), tally(themes.Text, l.Tags, plural(l.Tags, "tag", "tags")))
	if !r.Configured {
		p.flow(label("redis"), []span{redisSign(r)})
		p.prose(themes.Muted, "Start with --redis URL to share the cache between nodes.")
	} else {
		writeRedis(f, p, r)
	}
	return &card{title: "Tiers", paper: p}
}

func writeRedis(f *Frame, p *paper, r *snapshot.RedisTier) {
	var mode, since []span
	if r.Mode != "" {
		mode = []span{theirs(themes.Text, MakeSafe(r.Mode).Clip(16))}
	}
	if r.Since != nil {
		since = []span{own(themes.Muted, "since "+clock(r.Since.In(f.Now.Location()))+", "+age(f.Now.Sub(*r.Since)))}
	}
	p.flow(label("redis"), []span{redisSign(r)}, mode, since)
	if r.Latency.Count == 0 {
		p.flow(label("latency"), []span{own(themes.Muted, none+" nothing asked in this window")})
	} else {
		p.flow(label("latency"), named("p50", own(themes.Text, micros(r.Latency.P50US))),
			append(named("p99", own(themes.Text, micros(r.Latency.P99US))), verdict(promise(f, "redis_p99"))...))
	}
	p.flow(label("holds"), []span{own(themes.Text, bytes(r.UsedMemory))}, tally(themes.Text, r.Keys, plural(r.Keys, "key", "keys")))
	p.flow(label("breaker"), []span{breakerSign(r)}, append([]span{own(themes.Muted, "opened ")}, tally(themes.Text, r.BreakerOpened, plural(r.BreakerOpened, "time", "times"))...))
	p.flow(label("fills"), tally(themes.Warn, r.FillsDropped, "dropped"))
	p.flow(label("errors"), tallies(themes.Warn, r.Errors)...)
	token := themes.Muted // of the past
	if r.State != "connected" {
		token = themes.Bad
	}
	p.text("last error", token, MakeSafe(r.LastError))
}

func breakerSign(r *snapshot.RedisTier) span {
	switch r.Breaker {
	case "closed":
		return own(themes.Good, "✓ closed")
	case "open":
		return own(themes.Bad, "✗ open, not asked now")
	case "", "none":
		return own(themes.Muted, none)
	}
	return theirs(themes.Warn, MakeSafe(r.Breaker).Clip(14))
}

const mostTallies = 8 // kinds of a count by name that are worth the room

// tallies are counts by name, the greatest first.
func tallies(k themes.Token, of map[string]int64) [][]span {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b))
	})
	var parts [][]span
	for i, name := range names {
		if i == mostTallies {
			parts = append(parts, []span{own(themes.Muted, "and "+count(len(names)-i)+" more")})
			break
		}
		parts = append(parts, []span{theirs(themes.Muted, MakeSafe(name).Clip(24)), own(k, " "+count(of[name]))})
	}
	if len(parts) == 0 {
		return [][]span{{own(themes.Muted, "none")}}
	}
	return parts
}

// coherenceSign is how far this node may trust its memory.
func coherenceSign(c *snapshot.Cache) span {
	switch state := c.Coherence.State; {
	case state == "alone", state == "" && !c.Redis.Configured:
		return own(themes.Good, "● alone")
	case state == "coherent":
		return own(themes.Good, "● coherent")
	case isolated(c):
		return own(themes.Bad, "✗ isolated")
	case state == "":
		return own(themes.Muted, "○ unknown")
	}
	return theirs(themes.Warn, MakeSafe("◐ "+c.Coherence.State).Clip(14))
}

// coherenceCard is how this node stands to the others, what that means, and what
// to do about it.
func coherenceCard(f *Frame, w int) *card {
	p := &paper{w: w}
	c := &f.Snap.Cache
	if foreignKey(c) {
		p.add(own(themes.Text, "  "), own(themes.Alarm, " ! ANOTHER CACHE KEY "))
		p.prose(themes.Text, "A node of this Redis uses another cache key: answers are not shared with it, changes are. Give all nodes the same --cache-key-file, or the same password in the URL.")
	}
	switch state := c.Coherence.State; {
	case state == "coherent":
		p.prose(themes.Muted, "This node hears of every change in time: what is in memory may be served.")
	case isolated(c):
		p.prose(themes.Text, "This node may miss what the others change, so it does not serve what they may have made wrong: policies decide anew and tools run. Slower, never wrong.")
		if c.Redis.State == "connected" {
			p.prose(themes.Warn, "Redis answers, and this node catches up. If that takes more than a few seconds, look at the last error.")
		} else {
			p.prose(themes.Warn, "Bring Redis back: its last error says what fails. This node then catches up by itself.")
		}
	case !c.Redis.Configured:
		p.prose(themes.Muted, "There is no other node: what is in memory is always right.")
	case state == "":
		p.prose(themes.Muted, "This engine does not say how it stands to other nodes.")
	}
	if c.Redis.Configured && c.Coherence.State != "" {
		writeCoherence(p, &c.Coherence)
	}
	return &card{title: "Coherence", head: []span{coherenceSign(c)}, paper: p}
}

func writeCoherence(p *paper, c *snapshot.Coherence) {
	lease := []span{own(themes.Bad, "none")}
	if c.LeaseMS > 0 {
		lease = []span{own(themes.Text, micros(c.LeaseMS*1e3)), own(themes.Muted, " left")}
	}
	p.flow(label("lease"), lease, tally(themes.Text, c.Nodes, plural(c.Nodes, "node", "nodes")))
	p.flow(label("sequence lag"), tally(themes.Warn, c.SeqLag, plural(c.SeqLag, "change", "changes")+" not applied yet"))
	late := tally(themes.Warn, c.AckTimeouts, "timed out")
	if c.AckP99US > 0 {
		p.flow(label("acks"), named("p50", own(themes.Text, measured(c.AckP50US))), named("p99", own(themes.Text, measured(c.AckP99US))), late)
	} else {
		p.flow(label("acks"), []span{own(themes.Muted, none+" no change yet")}, late)
	}
	p.flow(label("journal"), tally(themes.Bad, c.Journal, plural(c.Journal, "change waits", "changes wait")+" for Redis"), tally(themes.Warn, c.NotPropagated, "not propagated"))
	p.flow(label("log"), tally(themes.Warn, c.Gaps, plural(c.Gaps, "gap", "gaps")), tally(themes.Text, c.Replayed, "replayed"), tally(themes.Warn, c.Drops, plural(c.Drops, "drop", "drops")+" of everything"))
}
