package views

import (
	"cmp"
	"slices"
	"time"

	"m1/collector/snapshot"
	"m1/themes"
)

// arrangePolicy places the cards of the policy page on w cells, and tells how
// many lines that takes.
func arrangePolicy(f *Frame, w int) (cards []*card, lines int) {
	d := deck{f: f, w: w}
	p := &f.Snap.Policy
	if p.Failure != nil { // what is wrong must be seen without scrolling
		d.place(failureCard)
	}
	if w >= twoColumns {
		d.place(liveCard, answersCard)
	} else {
		d.place(liveCard)
		d.place(answersCard)
	}
	d.place(rulesCard)
	switch {
	case w >= twoColumns:
		d.place(deniedCard, shadowCard)
	default:
		d.place(deniedCard)
		d.place(shadowCard)
	}
	d.place(versionsCard)
	return d.cards, d.lines
}

// drawPolicy draws the page of the policy. What does not fit is scrolled to.
func drawPolicy(f *Frame, a area) {
	cards, lines := arrangePolicy(f, a.w)
	drawDeck(cards, lines, f.PolicyTop, a)
}

// failureCard is the newest try to load a policy, if it failed.
func failureCard(f *Frame, w int) *card {
	p := &paper{w: w}
	x := f.Snap.Policy.Failure
	p.add(own(themes.Text, "  "), own(themes.Alarm, " ! NOT LOADED "), own(themes.Text, " "), theirs(themes.Title, MakeSafe(x.Name).Clip(40)),
		own(themes.Muted, "   at "+clock(x.At.In(f.Now.Location()))+", "+age(f.Now.Sub(x.At))+" ago"))
	p.text("loaded by", themes.Text, MakeSafe(x.By))
	p.add(own(themes.Text, "  The policy before it, "), theirs(themes.Title, shortVersion(f.Snap.Policy.Version)), own(themes.Text, ", goes on deciding."))
	const most = 5 // the file is mended from the first
	for i, problem := range x.Problems {
		if i == most {
			p.pair("", own(themes.Muted, "and "+count(len(x.Problems)-most)+" more: m1 says all when the file is loaded again"))
			break
		}
		p.text(count(i+1)+".", themes.Bad, MakeSafe(problem))
	}
	return &card{title: "Last try to load a policy", head: []span{own(themes.Bad, "✗ failed")}, paper: p}
}

// liveCard is the policy that decides.
func liveCard(f *Frame, w int) *card {
	p := &paper{w: w}
	x := &f.Snap.Policy
	p.text("version", themes.Title, MakeSafe(x.Version))
	p.text("name", themes.Text, MakeSafe(x.Name))
	p.flow(label("holds"), tally(themes.Text, x.Rules, plural(x.Rules, "rule", "rules")))
	if !x.LoadedAt.IsZero() {
		loaded := [][]span{{own(themes.Text, clock(x.LoadedAt.In(f.Now.Location()))), own(themes.Muted, ", "+age(f.Now.Sub(x.LoadedAt))+" ago")}}
		if i := slices.IndexFunc(x.Versions, func(v snapshot.PolicyVersion) bool { return v.Live }); i >= 0 {
			loaded = append(loaded, named("by", theirs(themes.Text, MakeSafe(x.Versions[i].By).Clip(24))))
		}
		p.flow(label("loaded"), loaded...)
	}
	head := []span{own(themes.Good, "● decides")}
	if x.Observe {
		head = []span{own(themes.Warn, "◐ observes")}
		p.prose(themes.Warn, "Nothing is held back: verdicts are counted only. defaults.mode: enforce changes that.")
	}
	return &card{title: "Policy", head: head, paper: p}
}

// answersCard is what it answered, and what came of its questions.
func answersCard(f *Frame, w int) *card {
	p := &paper{w: w}
	x := &f.Snap.Policy
	if x.Checks == 0 {
		p.flow(label("calls"), []span{own(themes.Muted, none+" no call yet")})
	} else {
		p.flow(label("calls"), tally(themes.Text, x.Checks, "checked"), tally(themes.Good, x.Allowed, "allowed"), tally(themes.Bad, x.Denied, "denied"),
			tally(themes.Warn, x.Asked, "asked"), []span{own(themes.Title, percent(x.AllowRate)), own(themes.Muted, " allowed")})
	}
	p.flow(label("scopes"), tally(themes.Text, x.Scopes.Read, "read"), tally(themes.Text, x.Scopes.Write, "write"), tally(themes.Text, x.Scopes.Execute, "execute"))
	a := &x.Approvals
	var wait []span
	if a.MedianWaitMS > 0 {
		wait = named("half within", own(themes.Text, micros(a.MedianWaitMS*1e3)))
	}
	p.flow(label("questions"), tally(themes.Warn, a.Pending, "pending"), tally(themes.Good, a.Approved, "approved"), tally(themes.Bad, a.Rejected, "rejected"), tally(themes.Text, a.Expired, "expired"), wait)
	g := &x.Grants
	p.flow(label("grants"), tally(themes.Text, g.Issued, "issued"), tally(themes.Text, g.Used, plural(g.Used, "use", "uses")), tally(themes.Warn, g.Revoked, "revoked"))
	if len(g.Refused) > 0 {
		p.flow(label("refused"), tallies(themes.Bad, g.Refused)...)
	}
	return &card{title: "Answers", head: []span{own(themes.Muted, "since the start")}, paper: p}
}

// ruleColumns from left to right.
var ruleColumns = []column[*snapshot.RuleCount]{
	{name: "effect", least: 9, cell: func(_ *Frame, r *snapshot.RuleCount) (themes.Token, lit, Safe) {
		token, word := effectSign(r.Effect)
		return token, word, Safe{}
	}},
	{name: "rule", least: 20, most: 60, cell: func(_ *Frame, r *snapshot.RuleCount) (themes.Token, lit, Safe) {
		return themes.Title, "", cellText(r.Rule)
	}},
	{name: "decided", least: 9, right: true, cell: func(_ *Frame, r *snapshot.RuleCount) (themes.Token, lit, Safe) {
		return themes.Text, brief(r.Count), Safe{}
	}},
	{name: "share", least: 7, right: true, cell: func(f *Frame, r *snapshot.RuleCount) (themes.Token, lit, Safe) {
		if f.Snap.Policy.Checks <= 0 {
			return themes.Muted, none, Safe{}
		}
		return themes.Muted, percent(float64(r.Count) / float64(f.Snap.Policy.Checks)), Safe{}
	}},
}

const mostRules = 100 // rows that are worth scrolling through

// rulesCard is one row for each rule that decided a call, the busiest first.
func rulesCard(f *Frame, w int) *card {
	p := &paper{w: w}
	c := &card{title: "Rules", head: []span{own(themes.Muted, "those that decided, most often first")}, paper: p}
	all := f.Snap.Policy.ByRule
	if len(all) == 0 {
		p.prose(themes.Muted, "No rule has decided a call yet.")
		return c
	}
	rows := make([]*snapshot.RuleCount, len(all))
	for i := range all {
		rows[i] = &all[i]
	}
	slices.SortStableFunc(rows, func(a, b *snapshot.RuleCount) int { return cmp.Compare(b.Count, a.Count) })
	if n := len(rows) - mostRules; n > 0 {
		rows, c.note = rows[:mostRules], "+"+count(n)+" more"
	}
	c.rows = 1 + len(rows)
	c.table = func(in area) { drawTable(f, in, ruleColumns, rows, view{selected: -1}) }
	return c
}

// deniedCard is the tools that were denied most.
func deniedCard(f *Frame, w int) *card {
	p := &paper{w: w}
	all := f.Snap.Policy.TopDeniedTools
	if len(all) == 0 {
		p.prose(themes.Muted, "No call was denied.")
	}
	most := int64(1)
	for _, t := range all {
		most = max(most, t.Count)
	}
	for i := range all {
		line := []span{own(themes.Text, "  "), theirs(themes.Title, padSafe(cellText(all[i].Tool), 24)), own(themes.Text, padLeft(brief(all[i].Count), 8)+"  ")}
		p.add(append(line, barSpans(max(min(w-40, 20), 4), themes.Bad, float64(all[i].Count)/float64(most))...)...)
	}
	return &card{title: "Denied most", head: []span{own(themes.Muted, "by tool")}, paper: p}
}

// shadowCard is what the rules in shadow would have changed.
func shadowCard(f *Frame, w int) *card {
	p := &paper{w: w}
	all := f.Snap.Policy.ShadowRules
	if len(all) == 0 {
		p.prose(themes.Muted, "No rule is in shadow. With mode: shadow a rule is counted and decides nothing.")
	}
	for i := range all {
		s := &all[i]
		p.add(own(themes.Text, "  "), theirs(themes.Title, padSafe(cellText(s.Rule), 24)), own(themes.Muted, " would have flipped "), own(themes.Warn, count(s.Would)), own(themes.Muted, " of "+count(s.Matched)))
	}
	return &card{title: "Shadow rules", head: []span{own(themes.Muted, "counted, never decide")}, paper: p}
}

// versionColumns from left to right.
var versionColumns = []column[*snapshot.PolicyVersion]{
	{name: "state", least: 8, cell: func(_ *Frame, v *snapshot.PolicyVersion) (themes.Token, lit, Safe) {
		if v.Live {
			return themes.Good, "● live", Safe{}
		}
		return themes.Muted, "○ before", Safe{}
	}},
	{name: "version", least: 12, cell: func(_ *Frame, v *snapshot.PolicyVersion) (themes.Token, lit, Safe) {
		return themes.Title, "", cellText(trimHash(v.Version))
	}},
	{name: "name", least: 12, most: 30, cell: func(_ *Frame, v *snapshot.PolicyVersion) (themes.Token, lit, Safe) {
		return themes.Text, "", cellText(v.Name)
	}},
	{name: "rules", least: 6, rank: 2, right: true, cell: func(_ *Frame, v *snapshot.PolicyVersion) (themes.Token, lit, Safe) {
		return themes.Text, brief(v.Rules), Safe{}
	}},
	{name: "loaded", least: 12, right: true, cell: func(f *Frame, v *snapshot.PolicyVersion) (themes.Token, lit, Safe) {
		if v.LoadedAt.IsZero() {
			return themes.Muted, none, Safe{}
		}
		return themes.Muted, age(f.Now.Sub(v.LoadedAt).Truncate(time.Second)) + " ago", Safe{}
	}},
	{name: "by", least: 8, most: 20, cell: func(_ *Frame, v *snapshot.PolicyVersion) (themes.Token, lit, Safe) {
		return themes.Text, "", cellText(v.By)
	}},
	{name: "comment", least: 12, most: 60, rank: 1, cell: func(_ *Frame, v *snapshot.PolicyVersion) (themes.Token, lit, Safe) {
		return themes.Muted, "", cellText(v.Comment)
	}},
}

const mostVersions = 10

// versionsCard is the policies that decided, and how to go back to one.
func versionsCard(f *Frame, w int) *card {
	p := &paper{w: w}
	c := &card{title: "Versions", head: []span{own(themes.Muted, "newest first"), further(themes.Muted, " · POST /v1/policy/rollback goes back to one")}, paper: p}
	all := f.Snap.Policy.Versions
	if len(all) == 0 {
		p.prose(themes.Muted, "This engine remembers no versions.")
		return c
	}
	var rows []*snapshot.PolicyVersion
	for i := range all[:min(len(all), mostVersions)] {
		rows = append(rows, &all[i])
	}
	c.rows = 1 + len(rows)
	c.table = func(in area) { drawTable(f, in, versionColumns, rows, view{selected: -1}) }
	return c
}
