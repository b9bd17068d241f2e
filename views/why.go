package views

import (
	"strconv"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
)

// writeWhy writes how the policy comes to its answer: everything it looked at.
func writeWhy(f *Frame, p *paper) {
	w := f.Detail.Why
	switch {
	case w.Err != "":
		p.add(own(themes.Bad, "✗ "), own(themes.Title, "There is no explanation."))
		p.text("because", themes.Text, MakeSafe(w.Err))
		return
	case w.Explanation == nil:
		p.add(own(themes.Muted, "… the engine is asked"))
		return
	}
	e := w.Explanation
	token, word := effectSign(e.Effect)
	p.add(theirs(themes.Title, MakeSafe(e.Tool)), own(themes.Muted, "   "), own(token, word), own(themes.Muted, "   by "), theirs(themes.Text, MakeSafe(string(e.Agent))))
	writeThen(f, p, e)
	p.heading("Decision")
	p.pair("effect", own(token, word))
	if e.Observe {
		p.pair("", own(themes.Warn, "observe mode: nothing is held back"))
	}
	p.text("rule", themes.Text, MakeSafe(e.Rule))
	p.text("reason", themes.Text, MakeSafe(e.Reason))
	p.text("policy", themes.Muted, MakeSafe(e.Version))
	writeReach(p, e)
	if e.NearestMiss != "" {
		p.text("nearest miss", themes.Accent, MakeSafe(e.NearestMiss))
	}
	p.heading("Rules that name the agent and the tool ─ " + count(len(e.Candidates)))
	if len(e.Candidates) == 0 {
		p.prose(themes.Muted, "None: what no rule allows is denied.")
	}
	for i := range e.Candidates {
		writeCandidate(p, &e.Candidates[i])
	}
	p.heading("In words")
	p.text("for you", themes.Text, MakeSafe(e.ForPerson))
	p.text("for the model", themes.Text, MakeSafe(e.ForModel))
	p.pair("took", own(themes.Muted, measured(e.TookUS)))
	p.heading("Arguments")
	pairs, ok := argsOf(e.Args)
	if !ok {
		p.text("json", themes.Text, MakeSafe(string(e.Args)))
	}
	for _, m := range pairs {
		p.argument(m.name, m.value)
	}
}

// writeThen sets the answer of now apart from the one that was given: counters
// and rules may have changed since.
func writeThen(f *Frame, p *paper, e *snapshot.Explanation) {
	then := f.Detail.KeptCall
	if then == nil || f.Detail.Call == "" {
		p.add(own(themes.Muted, "As it would be decided now."))
		return
	}
	if then.Would == e.Effect && then.Version == e.Version && then.Rule == e.Rule {
		p.add(own(themes.Muted, "As it would be decided now, and as it was decided then."))
		return
	}
	token, word := effectSign(then.Would)
	p.add(own(themes.Warn, "! "), own(themes.Muted, "As it would be decided now: it may have been decided otherwise then."))
	p.pair("then", own(token, word), own(themes.Muted, " by rule "), theirs(themes.Text, MakeSafe(then.Rule).Clip(32)), own(themes.Muted, " of policy "), theirs(themes.Text, shortVersion(then.Version)))
}

// writeReach sets how far the tool reaches beside how far the agent may.
func writeReach(p *paper, e *snapshot.Explanation) {
	tool := []span{scopeSpan(e.Scope)}
	if !e.Known {
		tool = append(tool, own(themes.Warn, "   not in the catalogue"))
	}
	p.pair("tool's scope", tool...)
	switch {
	case e.Entry == "" && e.MaxScope == call.NoScope:
		p.pair("agent", own(themes.Muted, "agents are not told apart"))
	default:
		entry := []span{theirs(themes.Text, MakeSafe(e.Entry).Clip(32)), own(themes.Muted, ", at most "), theirs(themes.Text, MakeSafe(e.MaxScope.String()))}
		if e.Scope > e.MaxScope {
			entry = append(entry, own(themes.Bad, "   ✗ the tool reaches further"))
		}
		p.pair("agent entry", entry...)
	}
}

func writeCandidate(p *paper, c *snapshot.Candidate) {
	token, word := effectSign(c.Effect)
	mark := own(themes.Muted, "  ")
	state := own(themes.Muted, "does not match")
	switch {
	case c.Decides:
		mark, state = own(themes.Accent, "▸ "), own(themes.Accent, "decides")
	case c.Matched:
		state = own(themes.Text, "matches")
	}
	line := []span{mark, own(token, pad(word, 9)), theirs(themes.Title, MakeSafe(c.Rule).Clip(40)), own(themes.Muted, "  "), state}
	if c.Shadow {
		line = append(line, own(themes.Warn, "  shadow: counted, never decides"))
	}
	if c.Line > 0 {
		line = append(line, own(themes.Muted, "  line "+count(c.Line)))
	}
	p.add(line...)
	p.pair("  names", theirs(themes.Muted, MakeSafe(c.Agents)), own(themes.Muted, " · "), theirs(themes.Muted, MakeSafe(c.Tools)))
	p.text("  why", themes.Text, MakeSafe(c.Why))
	if c.When != "" {
		p.text("  when", themes.Muted, MakeSafe(c.When))
	}
	for i := range c.Terms {
		writeTerm(p, &c.Terms[i])
	}
	for i := range c.Counters {
		writeCounter(p, &c.Counters[i])
	}
}

// writeTerm is one part of a condition: what it came to, and from what.
func writeTerm(p *paper, t *snapshot.Term) {
	value := theirs(themes.Bad, MakeSafe("! "+t.Value)) // an error, which denies or does not allow
	switch t.Value {
	case "true":
		value = own(themes.Good, "✓ true")
	case "false":
		value = own(themes.Warn, "✗ false")
	}
	p.text("", themes.Text, MakeSafe(t.Text))
	p.flow(own(themes.Text, pad("", keyCells)), []span{value}, inputs(t.Inputs))
}

func inputs(s string) []span {
	if s == "" {
		return nil
	}
	return []span{theirs(themes.Muted, MakeSafe(s).Clip(120))}
}

func writeCounter(p *paper, c *snapshot.Counter) {
	sign := own(themes.Bad, "✗ ")
	if c.Holds {
		sign = own(themes.Good, "✓ ")
	}
	line := []span{sign, own(themes.Text, figure(c.Used)+" of "+figure(c.Max))}
	if c.Retry != "" {
		line = append(line, own(themes.Muted, "   again in "), theirs(themes.Text, MakeSafe(c.Retry)))
	}
	p.text("", themes.Text, MakeSafe(c.Text))
	p.pair("", line...)
}

// figure writes an amount that may have a fraction.
func figure(v float64) lit {
	if !finite(v) || v > 1e15 || v < -1e15 {
		return none
	}
	return lit(strconv.FormatFloat(v, 'f', -1, 64))
}
