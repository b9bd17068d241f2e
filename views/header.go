package views

import (
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
)

// health is glyph, word and colour of the engine's own word on itself. While no
// word comes from it, the last one is not repeated.
func health(f *Frame) span {
	if f.Snap.Source.Err != "" {
		return own(themes.Warn, "○ UNKNOWN")
	}
	h := &f.Snap.Health
	switch h.Status {
	case "healthy":
		return own(themes.Good, "● HEALTHY")
	case "degraded":
		return own(themes.Warn, "◐ DEGRADED")
	case "critical":
		return own(themes.Bad, "✗ CRITICAL")
	case "":
		return own(themes.Muted, "○ UNKNOWN")
	}
	return theirs(themes.Warn, MakeSafe(h.Status).Clip(12))
}

// badges are the marks that must be seen on every page and size: what kind of
// screen this is, and what is unusual about it.
func badges(f *Frame) []span {
	if f.Snap == nil {
		return nil
	}
	var out []span
	badge := func(k themes.Token, s lit) { out = append(out, own(themes.Text, " "), own(k, " "+s+" ")) }
	switch f.Snap.Source.Mode {
	case "demo":
		badge(themes.Badge, "DEMO")
	case "replay":
		badge(themes.Badge, "REPLAY")
	case "attached":
		badge(themes.Badge, "ATTACHED")
		switch f.Snap.Health.Mode { // simulated and recorded calls are marked from afar too
		case "demo":
			badge(themes.Badge, "DEMO")
		case "replay":
			badge(themes.Badge, "REPLAY")
		}
	}
	if f.Snap.Source.NoAuth {
		badge(themes.Alarm, "NO AUTH")
	}
	if f.Snap.Policy.Observe {
		badge(themes.Badge, "OBSERVE")
	}
	if f.Frozen {
		badge(themes.Alarm, "FROZEN at "+clock(f.FrozenAt.In(f.Now.Location())))
	}
	return out
}

// piece is a part of the header; those of higher rank give way first.
type piece struct {
	rank  int
	spans []span
}

// drawHeader draws the first line: who this is, how it is, what goes on.
func drawHeader(f *Frame, a area) {
	left := append([]span{own(themes.Title, " m1")}, badges(f)...)
	left = append(left, own(themes.Text, " "), health(f))
	x := a.spans(0, 0, left)

	right := own(themes.Accent, "LIVE ")
	switch {
	case f.Frozen:
		right = own(themes.Muted, "HELD ")
	case f.Snap.Source.Err != "":
		right = own(themes.Warn, "◌ STALE ")
	case f.Snap.Source.Ended:
		right = own(themes.Muted, "ENDED ")
	}
	window := own(themes.Title, windowName(f))
	end := a.w - 1 - right.width() - window.width()
	if end <= x {
		return
	}
	a.spans(end, 0, []span{right, window})
	drawPieces(a.sub(x, 0, end-x-1, 1), headerPieces(f))
}

func headerPieces(f *Frame) []piece {
	h, m, p := &f.Snap.Health, &f.Snap.Metrics, &f.Snap.Policy
	agents := activeAgents(f.Snap)
	muted := func(s lit) span { return own(themes.Muted, s) }
	version := shortVersion(p.Version)
	uptime := 4
	if f.Snap.Cache.Redis.Configured { // among several nodes the name says more
		uptime = 6
	}
	return []piece{
		{5, []span{theirs(themes.Text, MakeSafe(h.Node).Clip(20))}},
		{uptime, []span{muted("↑" + span2(time.Duration(min(max(h.UptimeS, 0), 1<<33))*time.Second))}},
		{2, []span{
			own(themes.Text, brief(agents)), muted(plural(agents, " agent · ", " agents · ")),
			own(themes.Text, brief(f.Snap.Runs.Active)), muted(plural(f.Snap.Runs.Active, " run", " runs")),
		}},
		{1, []span{own(themes.Text, rate(m.Operations.CallsPerS)), muted(" calls/s")}},
		redisPiece(&f.Snap.Cache),
		{3, []span{muted("policy "), theirs(themes.Text, version), muted(" (" + brief(p.Rules) + plural(p.Rules, " rule)", " rules)"))}},
		{1, moneySpans(f, themes.Text)},
	}
}

// redisPiece is how Redis is. In trouble it gives way last: what this node serves
// depends on it.
func redisPiece(c *snapshot.Cache) piece {
	r, name := &c.Redis, own(themes.Muted, "redis ")
	switch {
	case !r.Configured || r.State == "disabled":
		return piece{7, []span{own(themes.Muted, "redis off")}}
	case isolated(c):
		return piece{0, []span{name, redisSign(r), own(themes.Bad, " ! isolated")}}
	case r.State == "connected":
		return piece{4, []span{name, own(themes.Good, "● "), own(themes.Text, measured(r.Latency.P50US))}}
	}
	return piece{0, []span{name, redisSign(r)}}
}

// drawPieces draws as many pieces as fit, in order, and … where some had to go.
func drawPieces(a area, pieces []piece) {
	const gap = 2
	limit := 0
	for _, p := range pieces {
		limit = max(limit, p.rank)
	}
	dropped := false
	for ; limit >= 0; limit-- {
		need := 0
		for _, p := range pieces {
			if n := width(p.spans); p.rank <= limit && n > 0 {
				need += gap + n
			}
		}
		if dropped {
			need += 2
		}
		if need <= a.w {
			break
		}
		dropped = true
	}
	x := 0
	for _, p := range pieces {
		if p.rank <= limit && width(p.spans) > 0 {
			x = a.spans(x+gap, 0, p.spans)
		}
	}
	if dropped {
		a.lit(x+1, 0, themes.Muted, "…")
	}
}

// shortVersion is a version as people tell it from others: "9f3c".
func shortVersion(version string) Safe {
	version = trimHash(version)
	for i := range version {
		if i >= 4 {
			return MakeSafe(version[:i])
		}
	}
	return MakeSafe(version)
}

// trimHash leaves out the name of the hash: "sha256:9f3c…" is known as 9f3c….
func trimHash(version string) string {
	const name = "sha256:"
	if len(version) > len(name) && version[:len(name)] == name {
		return version[len(name):]
	}
	return version
}

// activeAgents counts who has a run going on.
func activeAgents(s *snapshot.Dashboard) int {
	runs := s.Runs.All
	if len(runs) == 0 {
		runs = s.Runs.Recent
	}
	seen := make(map[call.AgentID]struct{})
	for i := range runs {
		if runs[i].Status == "active" {
			seen[runs[i].Agent] = struct{}{}
		}
	}
	return len(seen)
}

// tabs are the pages that exist.
var tabs = [...]struct {
	page Page
	name lit
}{{Overview, "Overview"}, {Calls, "Calls"}, {Approvals, "Approvals"}, {Policy, "Policy"}, {Cache, "Cache"}, {Runs, "Runs"}}

// drawTabs draws the second line. The open page stands in brackets, so that it
// is seen without colour too. Where not all names fit, only the open page has one.
func drawTabs(f *Frame, a area) {
	hint := []span{own(themes.Accent, "?"), own(themes.Muted, " help")}
	room := a.w - 2 - width(hint)
	if f.Still {
		room = a.w
	}
	line := tabSpans(f, " ", true)
	if width(line) > room {
		line = tabSpans(f, "", true)
	}
	if width(line) > a.w {
		line = tabSpans(f, "", false)
	}
	x := a.spans(0, 0, line)
	if !f.Still && x < a.w-1-width(hint) {
		a.spans(a.w-1-width(hint), 0, hint)
	}
}

// tabSpans writes the tabs, set apart by gap, with or without the names of the
// pages that are not open.
func tabSpans(f *Frame, gap lit, named bool) []span {
	var line []span
	for _, t := range tabs {
		open := t.page == f.Page || t.page == Overview && f.Page == 0
		name, token := count(int(t.page)), themes.Muted
		if named || open {
			name += " " + t.name
		}
		if open {
			name, token = "["+name+"]", themes.Accent
		} else {
			name = " " + name + " "
		}
		line = append(line, own(token, name))
		n := 0
		switch t.page {
		case Overview:
			n = needsCount(f)
		case Approvals:
			n = pendingCount(f)
		}
		if n > 0 {
			if open {
				line = append(line, own(themes.Text, " "))
			}
			line = append(line, own(themes.Bad, count(n)+"! "))
		}
		if gap != "" {
			line = append(line, own(themes.Text, gap))
		}
	}
	return line
}

// hasBanner tells whether the feed has more to say than the header holds.
func hasBanner(f *Frame) bool {
	s := &f.Snap.Source
	return s.Mode == "replay" || s.Mode == "attached" || s.Err != ""
}

// drawBanner draws the third line: the progress of a replay, the address of a
// remote engine, or why no new picture comes.
func drawBanner(f *Frame, a area) {
	s := &f.Snap.Source
	if s.Err != "" {
		a.fill(0, 0, a.w, themes.Alarm, ' ')
		a.spans(1, 0, []span{
			own(themes.Alarm, "✗ No new data for "+age(f.Now.Sub(f.Snap.Timestamp))+": "),
			theirs(themes.Alarm, MakeSafe(s.Err)),
		})
		return
	}
	if s.Mode == "attached" {
		a.spans(1, 0, []span{
			own(themes.Muted, "Attached to "), theirs(themes.Text, MakeSafe(s.Title)),
			own(themes.Muted, "   lag "), own(themes.Text, age(s.Lag)),
		})
		return
	}
	x := a.spans(1, 0, []span{own(themes.Muted, "Replay of "), theirs(themes.Text, MakeSafe(s.Title).Clip(max(a.w-58, 8)))}) + 2
	if s.Total > 0 {
		done := float64(s.Done) / float64(s.Total)
		w := min(max(a.w-x-36, 6), 40)
		a.bar(x, 0, w, themes.Accent, done)
		x = a.lit(x+w+1, 0, themes.Text, percent(done)) + 2
		x = a.lit(x, 0, themes.Muted, bytes(s.Done)+" of "+bytes(s.Total))
	} else {
		x = a.lit(x, 0, themes.Muted, bytes(s.Done))
	}
	if s.Ended {
		a.lit(x+2, 0, themes.Good, "✓ ended")
	}
}

// drawFooter draws the last line: what watching costs, how old the data is, and
// the answer to the last key or what the next one can do.
func drawFooter(f *Frame, a area) {
	old := f.Now.Sub(f.Snap.Timestamp)
	token := themes.Muted
	if old > 5*time.Second && old > 3*f.Refresh && !f.Snap.Source.Ended {
		token = themes.Warn
	}
	x := a.spans(1, 0, []span{
		own(themes.Muted, "self "+percent(f.Self.CPU)+" cpu · "+bytes(int64(f.Self.BytesPerS))+"/s · "),
		own(token, "data "+age(old)+" old"),
	})
	if f.Notice != "" {
		token, sign := themes.Good, lit("✓ ")
		switch {
		case f.Bad:
			token, sign = themes.Bad, "✗ "
		case f.Remark:
			token, sign = themes.Muted, "· "
		}
		notice := MakeSafe(f.Notice).Clip(max(a.w-x-5, 0))
		a.spans(max(a.w-3-notice.Width(), x+2), 0, []span{own(token, sign), theirs(themes.Text, notice)})
		return
	}
	drawHints(f, a.sub(x+2, 0, a.w-x-3, 1))
}

// drawHints lists keys as far as there is room, and … if there are more. Where
// not even the first has room, one from the end stands alone: help is the last,
// and it shows the others.
func drawHints(f *Frame, a area) {
	var hints [][]span
	for _, action := range f.Actions {
		if action.Footer {
			hints = append(hints, []span{theirs(themes.Accent, MakeSafe(action.Keys)), own(themes.Muted, " "), theirs(themes.Muted, MakeSafe(action.Title))})
		}
	}
	for len(hints) > 1 && width(hints[0])+2 > a.w {
		hints = [][]span{hints[len(hints)-1]}
	}
	var line []span
	for _, hint := range hints {
		if len(line) > 0 {
			hint = append([]span{own(themes.Muted, "  ")}, hint...)
		}
		if width(line)+width(hint)+2 > a.w {
			line = append(line, own(themes.Muted, " …"))
			break
		}
		line = append(line, hint...)
	}
	a.spans(max(a.w-width(line), 0), 0, line)
}
