package views

import (
	"m1/collector/snapshot"
	"m1/themes"
)

// arrangeCache places the cards on a page of w cells, side by side where two fit,
// and tells how many lines that takes.
func arrangeCache(f *Frame, w int) (cards []*card, lines int) {
	d := deck{f: f, w: w}
	c := &f.Snap.Cache
	switch {
	case w >= twoColumns:
		d.place(hitsCard)
		d.place(tiersCard, coherenceCard)
	case foreignKey(c) || cutOff(c): // what is wrong must be seen without scrolling
		d.place(coherenceCard)
		d.place(hitsCard)
		d.place(tiersCard)
	default:
		d.place(hitsCard)
		d.place(tiersCard)
		d.place(coherenceCard)
	}
	if len(c.Classes) > 0 {
		d.place(classesCard)
	}
	d.place(toolsCard)
	return d.cards, d.lines
}

// drawCache draws the page of the cache. What does not fit is scrolled to.
func drawCache(f *Frame, a area) {
	cards, lines := arrangeCache(f, a.w)
	drawDeck(cards, lines, f.CacheTop, a)
}

// cacheBar is a bar on the cache page.
func cacheBar(p *paper, k themes.Token, ratio float64) []span {
	cells := 20
	if p.w < twoColumns {
		cells = 14
	}
	return append(barSpans(cells, k, ratio), own(themes.Title, padLeft(percent(ratio), 7)))
}

// hitsCard is what the two caches answered, beside what was promised of one and
// what was possible for the other.
func hitsCard(f *Frame, w int) *card {
	p := &paper{w: w}
	number := func(n int64, what lit) []span { return []span{own(themes.Text, count(n)), own(themes.Muted, " "+what)} }
	if d := &f.Snap.Cache.Decisions; d.Hits+d.Misses == 0 {
		p.flow(label("decisions"), []span{own(themes.Muted, none+" no call yet")})
	} else {
		p.flow(label("decisions"), append(cacheBar(p, themes.SeriesA, d.HitRate), verdict(promise(f, snapshot.SLODecisions))...), number(d.Hits, "hits"), number(d.Misses, "misses"))
	}
	r := &f.Snap.Cache.Results
	extra := [][]span{number(r.StalePrevented, "stale prevented"), number(r.Invalidations, "invalidations"), number(r.Bypassed, "bypassed")}
	if r.Hits+r.Misses == 0 {
		if r.StalePrevented+r.Invalidations+r.Bypassed == 0 {
			extra = nil
		}
		p.flow(label("results"), append([][]span{{own(themes.Muted, none+" no cacheable read yet")}}, extra...)...)
		p.prose(themes.Muted, "A read is kept if the catalogue says of its tool: cacheable: true.")
	} else {
		bar := append(cacheBar(p, themes.SeriesB, r.HitRate), own(themes.Muted, " of "+percent(r.Ceiling)+" possible"))
		p.flow(label("results"), append([][]span{bar, number(r.Hits, "hits"), number(r.Misses, "misses")}, extra...)...)
	}
	return &card{title: "Hit rate", head: []span{own(themes.Muted, "rates over "+windowName(f)), further(themes.Muted, " · counts since the start")}, paper: p}
}

// foreignKey tells whether the other nodes cannot read what this one writes.
func foreignKey(c *snapshot.Cache) bool { return c.Coherence.ForeignSecret }

// isolated tells whether this node must not serve what is in its memory.
func isolated(c *snapshot.Cache) bool { return c.Coherence.State == "isolated" }

// cutOff tells whether this node and the others may not hear of each other.
func cutOff(c *snapshot.Cache) bool {
	return isolated(c) || c.Redis.Breaker == "open" || c.Coherence.Journal > 0
}
