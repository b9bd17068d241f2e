package policy

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"m1/engine/call"
	"m1/engine/tool"
)

// compile makes a Set of a file without mistakes.
func (r *reader) compile(own *tool.Catalogue) *Set {
	unknown := call.Deny
	if u := r.file.Defaults.UnknownTool; u != nil {
		unknown = *u
	}
	s := &Set{
		observe:   r.file.Defaults.Mode.Text() == "observe",
		written:   len(r.read),
		catalogue: own,
		all:       r.tools.all,
		kinds:     r.tools.kinds,
		classes:   r.classes,
		run:       r.run,
		loop:      r.loop,
		ask:       r.ask,
		pasts:     r.pasts,
		unknown:   Verdict{Effect: unknown, Rule: UnknownTool, Reason: unknownToolReasons[unknown], Code: UnknownTool},
	}
	if unknown == call.Ask {
		s.unknown.Ask = r.ask
	}
	s.pasts.line(r.tools)
	s.memo.seed = maphash.MakeSeed()
	// A rank is a rule's strength: the lowest of all that match decides.
	slices.SortFunc(r.read, (*rule).compare)
	s.rules = make([]*rule, 0, len(r.read))
	for _, rule := range r.read {
		s.unlisted = append(s.unlisted, rule.tools...)
		s.history = s.history || rule.history()
		if rule.shadow {
			s.shadows = append(s.shadows, rule)
		} else {
			s.rules = append(s.rules, rule)
		}
	}
	s.cut = cuts(s.rules)
	names := interned{}
	s.enforce = lineUp(s.rules, r.tools.names, names)
	s.shadow = lineUp(s.shadows, r.tools.names, names)
	return s
}

// compare puts the stronger rule first, of equals the one with the smaller id.
func (r *rule) compare(o *rule) int {
	if r.effect != o.effect {
		return cmp.Compare(r.effect, o.effect)
	}
	return strings.Compare(r.id, o.id)
}

// cuts says for each rank how far ranks matter once its rule matches: behind a
// deny none does, behind an ask all others that ask may still be broken, behind an
// allow none does. What is open cuts nothing.
func cuts(rules []*rule) []int32 {
	out := make([]int32, len(rules))
	allows := int32(len(rules))
	for i := len(rules) - 1; i >= 0; i-- {
		if rules[i].effect == call.Allow {
			allows = int32(i)
		}
		switch {
		case rules[i].open():
			out[i] = none
		case rules[i].effect == call.Ask:
			out[i] = allows
		default:
			out[i] = int32(i) + 1
		}
	}
	return out
}

func lineUp(rules []*rule, known []string, names interned) lineups {
	all := make(map[string]*toolRules, len(rules)/4+1)
	for i := range rules {
		for _, m := range rules[i].tools {
			key := m.tools.head
			if m.tools.glob != nil {
				key = m.tools.String()
			}
			t := all[key]
			if t == nil {
				t = &toolRules{tools: m.tools}
				all[key] = t
			}
			for _, a := range rules[i].agents {
				t.agents = append(t.agents, ranked{names.pattern(a.agents), int32(i)})
			}
		}
	}
	if len(all) == 0 {
		return lineups{}
	}
	return newLineups(all, known)
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
