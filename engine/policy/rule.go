package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"m1/engine/call"
	"m1/engine/condition"
	"m1/engine/limit"
	"m1/engine/source"
)

// rule is a rule with all its parts read.
type rule struct {
	// What deciding looks at stands together.
	effect   call.Effect
	shadow   bool
	when     variants[condition.Condition]
	expires  time.Time // zero: never
	requires *past
	after    *past
	repeated *repeated
	counted  *limit.Rule // nil: nothing is counted
	verdict  Verdict     // when it decides and nothing is counted
	amount   variants[condition.Amount]

	id, reason string
	agents     []who
	tools      []mention
	ask        *AskRule        // nil unless the effect is ask
	expired    *source.Problem // what to say when it has expired
	line, n    int             // where it stands: rules[n]
	sum        uint64          // of its text
}

// who is a pattern of agents, and the entry under agents that it comes from.
type who struct {
	agents pattern
	entry  string // empty: the rule names it itself
}

// open reports whether anything but agent and tool decides whether the rule matches.
func (r *rule) open() bool {
	return r.when.some || !r.expires.IsZero() || r.history()
}

func (r *rule) history() bool {
	return r.requires != nil || r.after != nil || r.repeated != nil || r.counted != nil
}

func (r *reader) rule(n int, f *fileRule) {
	if f.At.IsZero() {
		return
	}
	r.checkID(n, f)
	if !f.At.Has("effect") {
		r.ps.Add(f.At.In("effect", "missing", "want allow, ask or deny"))
	}
	if len(f.Tools) == 0 && (!f.At.Has("tools") || f.At.Field("tools").IsList()) {
		r.ps.Add(f.At.In("tools", "names no tool", `write ["*"] for every tool`))
	}
	if len(f.Agents) == 0 && f.At.Field("agents").IsList() {
		r.ps.Add(f.At.In("agents", "names nobody", "leave it out for every agent"))
	}
	r.oneOf(f.Mode, "enforce", "shadow")
	out := &rule{
		id: f.ID, effect: f.Effect, reason: reason(f.ID, f.Effect, f.Reason), line: f.At.Line(), n: n, sum: f.At.Sum(),
		shadow: f.Mode.Text() == "shadow",
	}
	if len(f.Tools) > 0 {
		out.tools = make([]mention, 0, len(f.Tools))
		for i, at := range f.At.Field("tools").Items() {
			if p, good := r.pattern(at, f.Tools[i]); good {
				out.tools = append(out.tools, mention{tools: p, text: f.Tools[i], at: placed(at, n, i)})
			}
		}
	}
	out.agents = r.ruleAgents(f)
	out.when = r.when(f.When, out.tools)
	r.settle(out, f)
	r.clauses(out, f)
	if f.At.Field("effect").Text() == f.Effect.String() { // else what follows may not be meant
		r.never(out, f)
	}
	out.verdict = Verdict{Effect: out.effect, Rule: out.id, Reason: out.reason, Code: Rule, Ask: out.ask}
	r.read = append(r.read, out)
}

var reserved = []string{
	Default, UnknownTool, UnknownAgent, MaxScope, RunLimit, Loop, PolicyError, RateLimit, BadArguments,
}

func (r *reader) checkID(n int, f *fileRule) {
	first, taken := r.ids[f.ID]
	switch {
	case !f.At.Has("id"):
		r.ps.Add(f.At.In("id", "missing", "every rule needs a name of its own"))
	case !f.At.Field("id").IsText():
		// told by Decode
	case f.ID == "" || strings.TrimSpace(f.ID) != f.ID || strings.ContainsFunc(f.ID, unicode.IsControl):
		r.ps.Add(f.At.In("id", fmt.Sprintf("%q cannot be the id of a rule", f.ID), "want a short name"))
	case slices.Contains(reserved, f.ID):
		r.ps.Add(f.At.In("id", fmt.Sprintf("%q says that no rule decided", f.ID), "choose another id"))
	case taken:
		r.ps.Add(f.At.In("id", fmt.Sprintf("%q is the id of rules[%d] already", f.ID, first), "choose another id"))
	}
	if !taken {
		r.ids[f.ID] = n
	}
}

var anyAgent = []who{{agents: everybody}}

// ruleAgents are the patterns of the agents that a rule is for. A word is the
// name of an entry under agents, or else the id of an agent.
func (r *reader) ruleAgents(f *fileRule) []who {
	if len(f.Agents) == 0 && !f.At.Has("agents") {
		return anyAgent
	}
	var out []who
	for i, at := range f.At.Field("agents").Items() {
		text := f.Agents[i]
		if c, ok := r.entries[text]; ok && at.IsText() {
			for _, p := range c.match {
				out = append(out, who{p, text})
			}
			continue
		}
		p, good := r.pattern(at, text)
		if !good {
			continue
		}
		if hint := source.DidYouMean(text, r.names); hint != "" && p.glob == nil && !r.expected(text) {
			r.ps.Add(at.Problem("no entry under agents has this name", hint+" (if it is an agent's id, name it under agents)"))
		}
		out = append(out, who{agents: p})
	}
	return out
}

// expected reports whether an entry, other than one for everybody, matches id.
func (r *reader) expected(id string) bool {
	for _, c := range r.entries {
		if slices.ContainsFunc(c.match, func(p pattern) bool { return !p.all() && p.match(id) }) {
			return true
		}
	}
	return false
}

// settle folds a condition that comes to one value whatever the call.
func (r *reader) settle(out *rule, f *fileRule) {
	if !out.when.some {
		return
	}
	yes, no := 0, 0
	each := []*condition.Condition{out.when.all}
	for _, c := range out.when.by {
		each = append(each, c)
	}
	n := 0
	for _, c := range each {
		if c == nil {
			continue
		}
		n++
		if value, is := c.Constant(); is && value {
			yes++
		} else if is {
			no++
		}
	}
	switch {
	case n == 0: // told by when
	case yes == n && (out.when.by == nil || len(out.when.by) == n):
		out.when = variants[condition.Condition]{}
	case no == n:
		r.ps.Add(f.When.Problem("is false whatever the call, so the rule can never match", "remove the rule, or correct the condition"))
	}
}
