package policy

import (
	"cmp"
	"slices"
	"strings"

	"m1/engine/call"
	"m1/engine/tool"
)

// compile makes a Set of a file without mistakes.
func (r *reader) compile(catalogue *tool.Catalogue) *Set {
	unknown := call.Deny
	if u := r.file.Defaults.UnknownTool; u != nil {
		unknown = *u
	}
	s := &Set{
		observe:   r.file.Defaults.Mode.Text() == "observe",
		rules:     len(r.rules),
		catalogue: catalogue,
		unknown:   Verdict{unknown, UnknownTool, unknownToolReasons[unknown]},
	}
	if r.file.At.Has("agents") {
		s.agents, s.classes = rankClasses(r.classes)
	}
	// A rank is a rule's strength: the lowest of all that match decides.
	slices.SortFunc(r.rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.effect, b.effect), strings.Compare(a.id, b.id))
	})
	all := map[string]*toolRules{}
	names := interned{}
	for i, rule := range r.rules {
		s.ranked = append(s.ranked, Verdict{rule.effect, rule.id, rule.reason})
		for _, m := range rule.tools {
			s.named = append(s.named, m)
			key := m.tools.String()
			if all[key] == nil {
				all[key] = &toolRules{tools: m.tools}
			}
			for _, a := range rule.agents {
				all[key].agents = append(all[key].agents, ranked{names.pattern(a), int32(i)})
			}
		}
	}
	s.tools = newLineups(all, catalogue.Names())
	return s
}

// interned holds one copy of each text: rules repeat a few agents over and over,
// and what is shared stays in the processor's cache.
type interned map[string]string

func (in interned) pattern(p pattern) pattern {
	if one, ok := in[p.head]; ok {
		p.head = one
	} else {
		in[p.head] = p.head
	}
	return p
}

// rankClasses ranks the patterns of all entries, the most specific first, so
// that the lowest rank that matches an agent is its entry. Where two are equally
// specific the stricter comes first.
func rankClasses(classes map[string]class) (*index, []call.Scope) {
	type entry struct {
		pattern
		limit call.Scope
	}
	var all []entry
	for _, c := range classes {
		for _, p := range c.match {
			all = append(all, entry{p, c.limit})
		}
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(b.specificity(), a.specificity()),
			cmp.Compare(a.limit, b.limit),
		)
	})
	patterns := make([]ranked, len(all))
	limits := make([]call.Scope, len(all))
	for i, e := range all {
		patterns[i], limits[i] = ranked{e.pattern, int32(i)}, e.limit
	}
	return newIndex(patterns), limits
}

// specificity grows with the text before the first "*"; a whole name is more
// specific than any pattern that matches it.
func (p *pattern) specificity() int {
	if p.glob == nil {
		return 2*len(p.head) + 1
	}
	return 2 * len(p.head)
}
