package policy

import (
	"slices"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// Explain says how the answer to r comes about: every rule that is for this agent
// and tool, what made it match or not, and the nearest miss. It counts nothing.
// TookUS is left to the caller, who has the clock.
func (s *Set) Explain(r *Request) snapshot.Explanation {
	dry := r.Dry
	r.Dry = true
	v := s.Decide(r)
	limit, entry := s.MaxScope(r.Agent)
	x := snapshot.Explanation{
		Effect: v.Effect, Rule: v.Rule, Reason: v.Reason, Version: s.version,
		Agent: r.Agent, Entry: entry, MaxScope: limit,
		Tool: r.Tool, Known: r.Known, Scope: r.Scope, Args: r.Args, Observe: s.observe,
	}
	final := v.Code
	if final == UnknownTool && v.Effect != call.Deny {
		final = ""
	}
	if final != UnknownAgent && final != MaxScope && final != UnknownTool {
		steps := s.steps(r)
		x.Candidates = make([]snapshot.Candidate, len(steps))
		for i := range steps {
			x.Candidates[i] = steps[i].candidate(r, v)
		}
		if v.Effect != call.Allow {
			x.NearestMiss = nearest(r, v, steps, x.Candidates)
		}
	}
	x.ForModel = v.Reason
	if v.Effect == call.Deny && x.NearestMiss != "" && v.Code == Default {
		x.ForModel += "; " + x.NearestMiss
	}
	x.ForPerson = forPerson(r, v, &x)
	r.Dry = dry
	return x
}

func forPerson(r *Request, v Verdict, x *snapshot.Explanation) string {
	verb := [...]string{call.Deny: " is denied ", call.Ask: " waits for a person ", call.Allow: " is allowed "}[v.Effect]
	s := r.Tool + " by " + string(r.Agent) + verb + "(" + v.Rule + "): " + v.Reason
	if x.NearestMiss != "" {
		s += "; " + x.NearestMiss
	}
	return s
}

// steps are all rules whose patterns match, in shadow mode or not, the strongest
// first.
func (s *Set) steps(r *Request) []step {
	kind := s.kinds[r.Tool]
	f := finding{bound: none}
	f.ranks = f.few[:0]
	s.enforce.find(r.Tool, string(r.Agent), &f)
	ranks := f.sorted()
	out := make([]step, 0, len(ranks)+len(s.shadows)/8)
	for _, rank := range ranks {
		out = append(out, s.rules[rank].step(kind))
	}
	if len(s.shadows) == 0 {
		return out
	}
	f.ranks = f.few[:0]
	s.shadow.find(r.Tool, string(r.Agent), &f)
	for _, rank := range f.sorted() {
		out = append(out, s.shadows[rank].step(kind))
	}
	slices.SortFunc(out, func(a, b step) int { return a.rule.compare(b.rule) })
	return out
}

func (st *step) candidate(r *Request, v Verdict) snapshot.Candidate {
	rule := st.rule
	c := snapshot.Candidate{
		Rule: rule.id, Effect: rule.effect, Shadow: rule.shadow, Line: rule.line,
		Decides: !rule.shadow && v.Rule == rule.id,
	}
	for i := range rule.agents {
		if w := &rule.agents[i]; w.agents.match(string(r.Agent)) {
			c.Agents = w.agents.String()
			if w.entry != "" {
				c.Agents = w.entry + " (" + c.Agents + ")"
			}
			break
		}
	}
	for i := range rule.tools {
		if m := &rule.tools[i]; m.tools.match(r.Tool) {
			c.Tools = m.text
			break
		}
	}
	if rule.when.some && st.when != nil {
		c.When = st.when.Source()
		c.Terms = st.when.Terms(r.input())
	}
	a := st.ask(r)
	counted := yes
	if rule.counted != nil {
		c.Counters = st.counters(r)
		if a == yes {
			_, counted, _ = st.count(r, true)
		}
	}
	c.Counters = append(c.Counters, st.pastCounters(r)...)
	c.Matched = a == yes && counted == yes
	c.Why = st.why(r, a, counted)
	return c
}
