package views

import (
	"slices"

	"m1/collector/snapshot"
	"m1/themes"
)

type (
	classCell = func(f *Frame, c *snapshot.CacheClass) (themes.Token, lit, Safe)
	toolCell  = func(f *Frame, t *snapshot.ToolCache) (themes.Token, lit, Safe)
)

// classNumber is a count that is only worth a colour when it is not zero.
func classNumber(k themes.Token, of func(*snapshot.CacheClass) int64) classCell {
	return func(_ *Frame, c *snapshot.CacheClass) (themes.Token, lit, Safe) {
		if of(c) == 0 {
			return themes.Muted, "0", Safe{}
		}
		return k, brief(of(c)), Safe{}
	}
}

// classColumns from left to right. What has no room stands below the table.
var classColumns = []column[*snapshot.CacheClass]{
	{name: "class", least: 9, most: 24, cell: func(_ *Frame, c *snapshot.CacheClass) (themes.Token, lit, Safe) {
		return themes.Title, "", cellText(c.Name)
	}},
	{name: "fresh", least: 11, most: 14, rank: 6, cell: func(_ *Frame, c *snapshot.CacheClass) (themes.Token, lit, Safe) {
		return themes.Muted, "", cellText(c.Fresh)
	}},
	{name: "local", least: 6, right: true, cell: classNumber(themes.Good, func(c *snapshot.CacheClass) int64 { return c.HitsLocal })},
	{name: "redis", least: 6, right: true, cell: classNumber(themes.Good, func(c *snapshot.CacheClass) int64 { return c.HitsRedis })},
	{name: "misses", least: 6, right: true, cell: classNumber(themes.Text, func(c *snapshot.CacheClass) int64 { return c.Misses })},
	{name: "rate", least: 6, right: true, cell: func(_ *Frame, c *snapshot.CacheClass) (themes.Token, lit, Safe) {
		hits := c.HitsLocal + c.HitsRedis + c.IsolatedServed
		if hits+c.Misses <= 0 {
			return themes.Muted, none, Safe{}
		}
		return themes.Title, percent(float64(hits) / float64(hits+c.Misses)), Safe{}
	}},
	{name: "stale", least: 6, rank: 2, right: true, cell: classNumber(themes.Text, func(c *snapshot.CacheClass) int64 { return c.StalePrevented })},
	{name: "bypass", least: 6, rank: 3, right: true, cell: classNumber(themes.Warn, func(c *snapshot.CacheClass) int64 { return c.Bypassed })},
	{name: "refused", least: 7, rank: 7, right: true, cell: classNumber(themes.Text, func(c *snapshot.CacheClass) int64 { return c.Refused })},
	{name: "failed", least: 6, rank: 4, right: true, cell: classNumber(themes.Bad, func(c *snapshot.CacheClass) int64 { return c.LoadErrors })},
	{name: "loading", least: 7, rank: 5, right: true, cell: classNumber(themes.Text, func(c *snapshot.CacheClass) int64 { return c.Loading })},
	{name: "entries", least: 7, right: true, cell: classNumber(themes.Text, func(c *snapshot.CacheClass) int64 { return c.Entries })},
	{name: "bytes", least: 8, rank: 1, right: true, cell: func(_ *Frame, c *snapshot.CacheClass) (themes.Token, lit, Safe) {
		return themes.Text, bytes(c.Bytes), Safe{}
	}},
}

// classesCard is one row for each kind of answer that is kept.
func classesCard(f *Frame, w int) *card {
	p := &paper{w: w}
	all := f.Snap.Cache.Classes
	c := &card{title: "Classes", head: []span{own(themes.Muted, "hits by tier"), further(themes.Muted, " · since the start")}, paper: p}
	rows := make([]*snapshot.CacheClass, len(all))
	for i := range all {
		rows[i] = &all[i]
		writeClass(f, p, rows[i])
	}
	if _, hidden := fitColumns(classColumns, w-2); len(hidden) > 0 {
		c.note = more(w+4, 0, 0, hidden) + ": below where not 0"
	}
	c.rows = 1 + len(rows)
	c.table = func(in area) { drawTable(f, in, classColumns, rows, view{selected: -1}) }
	return c
}

// writeClass writes what the row of a class has no room for, and what is seldom;
// nothing of what is 0.
func writeClass(f *Frame, p *paper, c *snapshot.CacheClass) {
	var parts [][]span
	_, hidden := fitColumns(classColumns, p.w-2)
	for i := range classColumns {
		if col := &classColumns[i]; slices.Contains(hidden, col.heading()) {
			token, ours, other := col.cell(f, c)
			if ours == "0" || ours == "0 B" {
				continue
			}
			parts = append(parts, named(col.heading(), own(token, ours), theirs(token, other.Clip(24))))
		}
	}
	if c.Name == "decisions" { // else its rate seems to be that of all decisions
		parts = append(parts, []span{own(themes.Muted, "asked for what this node did not remember")})
	}
	if c.StaleServed > 0 {
		parts = append(parts, tally(themes.Text, c.StaleServed, "served while renewed"))
	}
	if c.IsolatedServed > 0 {
		parts = append(parts, tally(themes.Warn, c.IsolatedServed, "own loads served while isolated"))
	}
	if len(c.Broken) > 0 {
		broken := tallies(themes.Bad, c.Broken)
		broken[0] = append([]span{own(themes.Muted, "broken in Redis: ")}, broken[0]...)
		parts = append(parts, broken...)
	}
	p.flow(theirs(themes.Title, padSafe(cellText(c.Name).Clip(keyCells-1), keyCells)), parts...)
}

func toolNumber(k themes.Token, of func(*snapshot.ToolCache) int64) toolCell {
	return func(_ *Frame, t *snapshot.ToolCache) (themes.Token, lit, Safe) {
		if of(t) == 0 {
			return themes.Muted, "0", Safe{}
		}
		return k, brief(of(t)), Safe{}
	}
}

// toolColumns from left to right.
var toolColumns = []column[*snapshot.ToolCache]{
	{name: "tool", least: 24, most: 48, cell: func(_ *Frame, t *snapshot.ToolCache) (themes.Token, lit, Safe) {
		return themes.Title, "", cellText(t.Tool)
	}},
	{name: "hits", least: 7, right: true, cell: toolNumber(themes.Good, func(t *snapshot.ToolCache) int64 { return t.Hits })},
	{name: "misses", least: 7, right: true, cell: toolNumber(themes.Text, func(t *snapshot.ToolCache) int64 { return t.Misses })},
	{name: "rate", least: 7, right: true, cell: func(_ *Frame, t *snapshot.ToolCache) (themes.Token, lit, Safe) {
		return themes.Text, percent(t.HitRate), Safe{}
	}},
}

// toolsCard is one row for each tool whose results are asked for in the cache.
func toolsCard(f *Frame, w int) *card {
	p := &paper{w: w}
	all := f.Snap.Cache.ByTool
	c := &card{title: "Tools", head: []span{own(themes.Muted, "most asked first"), further(themes.Muted, " · rate over "+windowName(f))}, paper: p}
	if len(all) == 0 {
		p.prose(themes.Text, "No cacheable read yet.")
		p.prose(themes.Muted, "A line of the catalogue that lets answers be kept:")
		p.add(own(themes.Accent, `    get_order: { scope: read, cacheable: true, reads: ["orders/{order_id}"] }`))
		return c
	}
	rows := make([]*snapshot.ToolCache, len(all))
	for i := range all {
		rows[i] = &all[i]
	}
	c.rows = 1 + len(rows)
	c.table = func(in area) { drawTable(f, in, toolColumns, rows, view{selected: -1}) }
	return c
}
