package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"m1/engine/call"
	"m1/engine/source"
	"m1/engine/tool"
)

// Parse reads a policy file, called name in problems. The error is
// source.Problems with every mistake of the file; there is no Set then.
func Parse(name string, src []byte) (*Set, error) {
	r := reader{ids: map[string]int{}}
	r.ps.Add(source.Decode(name, src, &r.file))
	if r.file.At.IsZero() {
		return nil, r.ps.Err()
	}
	r.header()
	r.agents()
	for i := range r.file.Rules {
		r.rule(i, &r.file.Rules[i])
	}
	catalogue, err := tool.Read(r.file.Tools)
	r.ps.Add(err)
	if err := r.ps.Err(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(src)
	s := r.compile(catalogue)
	s.name, s.version = name, "sha256:"+hex.EncodeToString(sum[:])
	return s, nil
}

// reader checks what the types of the file cannot.
type reader struct {
	file    file
	ps      source.Problems
	ids     map[string]int // index of the rule that has the id
	classes map[string]class
	entries []string // names of classes, sorted
	rules   []rule
}

// class is an entry under agents.
type class struct {
	match []pattern
	limit call.Scope
}

// rule is a rule with its patterns read.
type rule struct {
	id     string
	effect call.Effect
	reason string
	agents []pattern
	tools  []mention
}

func (r *reader) header() {
	f := &r.file
	if f.Version.IsText() || f.Version.Text() != "1" {
		r.ps.Add(f.At.In("version", "the version of a policy must be 1", "write version: 1"))
	}
	if !f.At.Has("rules") {
		r.ps.Add(f.At.In("rules", "missing", "write rules: [] to deny everything"))
	}
	d := &f.Defaults
	if d.Decision != call.Deny {
		r.ps.Add(d.At.In("decision", "must be deny: what nobody thought of must not pass",
			"write a rule that allows what should pass"))
	}
	if !d.Mode.IsZero() && d.Mode.Text() != "enforce" && d.Mode.Text() != "observe" {
		r.ps.Add(d.Mode.Problem("must be enforce or observe", source.DidYouMean(d.Mode.Text(), []string{"enforce", "observe"})))
	}
}

func (r *reader) agents() {
	f := &r.file
	if f.At.Field("agents").IsMapping() && len(f.Agents) == 0 {
		r.ps.Add(f.At.In("agents", "names nobody, so nobody could do anything", "leave it out to know no agents apart"))
	}
	r.classes = make(map[string]class, len(f.Agents))
	for name, a := range f.Agents {
		if a.At.IsZero() {
			continue
		}
		if p, err := parsePattern(name); err != nil || p.glob != nil {
			r.ps.Add(a.At.Problem("the name of an entry must be a word", "patterns stand under match"))
		}
		if !a.At.Has("max_scope") {
			r.ps.Add(a.At.In("max_scope", "missing", "want read, write or execute"))
		}
		if len(a.Match) == 0 && (!a.At.Has("match") || a.At.Field("match").IsList()) {
			r.ps.Add(a.At.In("match", "names nobody", `want agent ids or patterns such as team-a/*`))
		}
		c := class{limit: a.MaxScope}
		for i, at := range a.At.Field("match").Items() {
			if p, good := r.pattern(at, a.Match[i]); good {
				c.match = append(c.match, p)
			}
		}
		r.classes[name] = c
	}
	r.entries = slices.Sorted(maps.Keys(r.classes))
}

// pattern reads the text at a place; one with a mistake is told and not good.
func (r *reader) pattern(at source.Node, text string) (p pattern, good bool) {
	if !at.IsText() {
		return p, false // told by Decode
	}
	p, err := parsePattern(text)
	if err != nil {
		r.ps.Add(at.Problem("the pattern "+err.Error(), ""))
	}
	return p, err == nil
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
	out := rule{id: f.ID, effect: f.Effect, reason: reason(f.ID, f.Effect, f.Reason)}
	for i, at := range f.At.Field("tools").Items() {
		if p, good := r.pattern(at, f.Tools[i]); good {
			out.tools = append(out.tools, mention{tools: p, text: f.Tools[i], at: at})
		}
	}
	out.agents = r.ruleAgents(f)
	r.rules = append(r.rules, out)
}

func (r *reader) checkID(n int, f *fileRule) {
	reserved := []string{Default, UnknownTool, UnknownAgent, MaxScope}
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

// ruleAgents are the patterns of the agents that a rule is for. A word is the
// name of an entry under agents, or else the id of an agent.
func (r *reader) ruleAgents(f *fileRule) []pattern {
	if !f.At.Has("agents") {
		return []pattern{everybody}
	}
	var out []pattern
	for i, at := range f.At.Field("agents").Items() {
		text := f.Agents[i]
		if c, ok := r.classes[text]; ok && at.IsText() {
			out = append(out, c.match...)
			continue
		}
		p, good := r.pattern(at, text)
		if !good {
			continue
		}
		if hint := source.DidYouMean(text, r.entries); hint != "" && p.glob == nil && !r.expected(text) {
			r.ps.Add(at.Problem("no entry under agents has this name", hint+" (if it is an agent's id, name it under agents)"))
		}
		out = append(out, p)
	}
	return out
}

// expected reports whether an entry, other than one for everybody, matches id.
func (r *reader) expected(id string) bool {
	for _, c := range r.classes {
		if slices.ContainsFunc(c.match, func(p pattern) bool { return !p.all() && p.match(id) }) {
			return true
		}
	}
	return false
}
