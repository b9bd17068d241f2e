package views

import (
	"m1/collector/snapshot"
	"m1/themes"
)

// needs are the lines of "Needs you" in w cells, of which h are seen; what is not
// seen may be left empty. The most pressing come first: questions that wait for an
// answer, a policy that could not be loaded, alerts, which loops
// that go on are among, then what ails the cache, then promises that are broken.
func needs(f *Frame, w, h int) [][]span {
	var lines [][]span
	for i, a := range PendingApprovals(*f) {
		if i >= h {
			lines = append(lines, nil)
			continue
		}
		lines = append(lines, questionSpans(f, a, w))
	}
	if p := f.Snap.Policy.Failure; p != nil {
		lines = append(lines, notLoadedSpans(f, p))
	}
	for i := range f.Snap.Alerts {
		if a := &f.Snap.Alerts[i]; !told(f, a) {
			lines = append(lines, alertSpans(f, a))
		}
	}
	if foreignKey(&f.Snap.Cache) {
		lines = append(lines, foreignKeySpans())
	}
	if cutOff(&f.Snap.Cache) {
		lines = append(lines, cutOffSpans(f))
	}
	for i := range f.Snap.Metrics.SLO {
		if s := &f.Snap.Metrics.SLO[i]; !s.OK && !s.NoData {
			lines = append(lines, brokenSpans(s))
		}
	}
	return lines
}

// needsCount is how many there are, without writing them.
func needsCount(f *Frame) int {
	n := pendingCount(f)
	for i := range f.Snap.Alerts {
		if !told(f, &f.Snap.Alerts[i]) {
			n++
		}
	}
	for _, is := range [...]bool{f.Snap.Policy.Failure != nil, foreignKey(&f.Snap.Cache), cutOff(&f.Snap.Cache)} {
		if is {
			n++
		}
	}
	for i := range f.Snap.Metrics.SLO {
		if s := &f.Snap.Metrics.SLO[i]; !s.OK && !s.NoData {
			n++
		}
	}
	return n
}

// questionSpans is one question in w cells. When it expires is never left out,
// what it wants gets the room that remains.
func questionSpans(f *Frame, a *snapshot.Approval, w int) []span {
	tool, agent, by := 24, 20, lit("  agent ")
	switch {
	case w < 50:
		tool, agent, by = 12, 8, "  "
	case w < 76:
		tool, agent = 16, 12
	}
	line := []span{
		own(themes.Warn, "? "), theirs(themes.Title, MakeSafe(a.Tool).Clip(tool)),
		own(themes.Muted, by), theirs(themes.Text, MakeSafe(string(a.Agent)).Clip(agent)), own(themes.Muted, "  "),
	}
	tail := []span{own(themes.Muted, "  expires "), countdownSpan(f, a)}
	if keys := questionKeys(f); width(line)+width(tail)+width(keys)+20 <= w {
		tail = append(tail, keys...)
	}
	line = append(line, theirs(themes.Text, wants(a).Clip(max(w-width(line)-width(tail), 0))))
	return append(line, tail...)
}

// questionKeys are the keys that open a question from the overview.
func questionKeys(f *Frame) []span {
	if f.Still {
		return nil
	}
	line := []span{own(themes.Text, "   ")}
	key := func(k, does lit) {
		if len(line) > 1 {
			line = append(line, own(themes.Muted, " · "))
		}
		line = append(line, own(themes.Accent, k), own(themes.Muted, does))
	}
	if f.Answers {
		key("a", " approve")
		key("d", " deny")
	}
	if f.Calls.Selected == "" { // else Enter opens the selected call
		key("Enter", " details")
	}
	return line
}

// told says that an alert has a line of its own already.
func told(f *Frame, a *snapshot.Alert) bool {
	return a.ID == snapshot.AlertPolicyLoad && f.Snap.Policy.Failure != nil
}

func notLoadedSpans(f *Frame, p *snapshot.PolicyFailure) []span {
	line := []span{own(themes.Bad, "! "), own(themes.Title, "Policy not loaded"), own(themes.Muted, "  "), theirs(themes.Text, MakeSafe(p.Name).Clip(24))}
	if len(p.Problems) > 1 {
		line = append(line, own(themes.Text, ": "+count(len(p.Problems))+" problems"))
	}
	return append(line, own(themes.Muted, "; "), theirs(themes.Text, shortVersion(f.Snap.Policy.Version)), own(themes.Muted, " goes on deciding   page 4"))
}

func alertSpans(f *Frame, a *snapshot.Alert) []span {
	token := themes.Warn
	if a.Severity == "P1" || a.Severity == "P2" {
		token = themes.Bad
	}
	return []span{
		own(token, "! "), theirs(token, MakeSafe(a.Severity).Clip(8)), own(token, " "),
		theirs(themes.Title, MakeSafe(a.Title).Clip(48)), own(themes.Muted, "  "),
		theirs(themes.Text, MakeSafe(a.Detail)),
		own(themes.Muted, "   since "+clock(a.Since.In(f.Now.Location()))),
	}
}

func foreignKeySpans() []span {
	return []span{
		own(themes.Bad, "! "), own(themes.Title, "Another cache key"),
		own(themes.Text, "  nothing is shared: give all nodes the same"), own(themes.Muted, "   page 5"),
	}
}

// cutOffSpans is one line, whatever of it is so: it has one cause.
func cutOffSpans(f *Frame) []span {
	c := &f.Snap.Cache
	open, waiting := c.Redis.Breaker == "open", c.Coherence.Journal
	title, what := lit("Changes not passed on"), lit("")
	add := func(part lit) {
		if what != "" {
			what += " · "
		}
		what += part
	}
	switch {
	case isolated(c):
		title = "Cache isolated"
		add("memory is not served")
	case open:
		title = "Redis is not asked"
	}
	if open {
		add("breaker open")
	}
	if waiting > 0 {
		add(count(waiting) + plural(waiting, " change waits", " changes wait"))
	}
	s := []span{own(themes.Bad, "! "), own(themes.Title, title), own(themes.Text, "  "+what)}
	if r := &c.Redis; r.Since != nil && r.State != "connected" {
		s = append(s, own(themes.Muted, "   since "+clock(r.Since.In(f.Now.Location()))))
	}
	return append(s, own(themes.Muted, "   page 5"))
}

// promises are the promised levels in plain words.
var promises = map[string]lit{
	snapshot.SLOPolicy:       "policy check p99",
	"cache_read_p99":         "cache read p99",
	"cache_write_p99":        "cache write p99",
	"redis_p99":              "Redis p99",
	snapshot.SLOErrors:       "M1's own errors",
	snapshot.SLODecisions:    "decisions from the cache",
	"dashboard_metrics_p99":  "dashboard metrics p99",
	"dashboard_snapshot_p99": "whole snapshot p99",
}

func brokenSpans(s *snapshot.SLO) []span {
	actual := percent(s.Actual)
	switch s.Unit {
	case "us":
		actual = micros(s.Actual)
	case "ms":
		actual = micros(s.Actual * 1e3)
	}
	name := theirs(themes.Title, MakeSafe(s.Name).Clip(40))
	if words, ok := promises[s.Name]; ok {
		name = own(themes.Title, words)
	}
	return []span{
		own(themes.Bad, "✗ promise "), name,
		own(themes.Muted, "  at "), own(themes.Bad, actual), own(themes.Muted, ", promised "+bound(s)),
	}
}

// drawNeeds draws what wants a person's eyes, or says that nothing does.
func drawNeeds(f *Frame, a area) {
	in := a.box("Needs you")
	lines := needs(f, in.w, in.h)
	if len(lines) == 0 {
		x := in.lit(0, 0, themes.Good, "✓ ")
		in.lit(x, 0, themes.Muted, "Nothing needs you.")
		return
	}
	for y := range min(in.h, len(lines)) {
		in.spans(0, y, lines[y])
	}
	if n := len(lines) - in.h; n > 0 {
		a.mark(themes.Warn, "+"+count(n)+" more")
	}
}
