package views

import (
	"m1/collector/snapshot"
	"m1/themes"
)

// card is one box of the cache page: lines of text, with a table above them or
// not.
type card struct {
	title lit
	head  []span
	note  lit // in the lower border
	paper *paper
	rows  int           // lines of the table, its headings included
	table func(in area) // nil for none
	at    area          // where it stands on the page
}

func (c *card) lines() int { return 2 + c.rows + len(c.paper.lines) }

// draw draws the card into a.
func (c *card) draw(a area) {
	in := a.box(c.title, c.head...)
	if c.table != nil {
		c.table(in.sub(0, 0, in.w, c.rows))
	}
	a.mark(themes.Muted, c.note)
	for i, l := range c.paper.lines {
		in.spans(0, c.rows+i, l)
	}
}

// arrangeCache places the cards on a page of w cells, side by side where two fit,
// and tells how many lines that takes.
func arrangeCache(f *Frame, w int) (cards []*card, lines int) {
	place := func(row ...func(f *Frame, w int) *card) {
		h := 0
		for i, write := range row {
			left, right := w*i/len(row), w*(i+1)/len(row)
			c := write(f, right-left-4)
			c.at = area{x: left, y: lines, w: right - left}
			h = max(h, c.lines())
			cards = append(cards, c)
		}
		for _, c := range cards[len(cards)-len(row):] {
			c.at.h = h
		}
		lines += h
	}
	c := &f.Snap.Cache
	switch {
	case w >= twoColumns:
		place(hitsCard)
		place(tiersCard, coherenceCard)
	case foreignKey(c) || cutOff(c): // what is wrong must be seen without scrolling
		place(coherenceCard)
		place(hitsCard)
		place(tiersCard)
	default:
		place(hitsCard)
		place(tiersCard)
		place(coherenceCard)
	}
	if len(c.Classes) > 0 {
		place(classesCard)
	}
	place(toolsCard)
	return cards, lines
}

// drawCache draws the page of the cache. What does not fit is scrolled to.
func drawCache(f *Frame, a area) {
	cards, lines := arrangeCache(f, a.w)
	cards[len(cards)-1].at.h += max(a.h-lines, 0)
	a.scrolled(lines, f.CacheTop, func(page area) {
		for _, c := range cards {
			c.draw(page.sub(c.at.x, c.at.y, c.at.w, c.at.h))
		}
	})
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
