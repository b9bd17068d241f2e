// Package policy owns the rules: it reads a policy file strictly and decides, as
// a pure function, what an agent may do with a tool.
package policy

import (
	"fmt"
	"slices"

	"m1/engine/call"
	"m1/engine/limit"
	"m1/engine/source"
	"m1/engine/tool"
)

// Set is a compiled policy. It is immutable, but for what it remembers to be
// fast, and safe for concurrent use.
type Set struct {
	name, version, source string

	observe   bool
	history   bool
	written   int // rules of the file
	catalogue *tool.Catalogue
	all       *tool.Catalogue  // with the tools known from elsewhere
	kinds     map[string]int32 // of the arguments of known tools; others have 0
	unlisted  []mention        // tools that rules name, for Unlisted
	loose     source.Problems  // for Warnings, whatever the time
	cases     []test
	run       runLimits
	loop      loopGuard
	ask       *AskRule // of questions that no rule asks

	classes *classes // nil if the file has no agents
	unknown Verdict  // for tools that are not in the catalogue
	rules   []*rule  // the strongest first; an index into it is a rank
	cut     []int32  // by rank: no rank from here on can decide once the rule is met
	shadows []*rule  // counted, never deciding; sorted like rules
	enforce lineups  // ranks into rules
	shadow  lineups  // ranks into shadows
	pasts   pasts
	memo    memo
}

// mention is a tool or a pattern of tools in a rule, and where it stands.
type mention struct {
	tools pattern
	text  string
	at    place
}

// place is where a part of a rule stands. A Set keeps places and not nodes, which
// would hold the whole document.
type place struct {
	line, col int32
	rule, n   int32 // rules[rule].tools[n]
}

func placed(at source.Node, rule, n int) place {
	p := at.Problem("", "")
	return place{int32(p.Line), int32(p.Col), int32(rule), int32(n)}
}

// Name is the name that was given to Parse, or that of the built-in policy.
func (s *Set) Name() string { return s.name }

// Version is "sha256:" and the digest of the file in hexadecimal.
func (s *Set) Version() string { return s.version }

// Source is the file as it was read.
func (s *Set) Source() string { return s.source }

// Observe reports whether verdicts are only counted: the engine then releases
// every call. Decide answers the same in both modes.
func (s *Set) Observe() bool { return s.observe }

// Rules is the number of rules, those in shadow mode included.
func (s *Set) Rules() int { return s.written }

// Shadows is the number of rules in shadow mode.
func (s *Set) Shadows() int { return len(s.shadows) }

// History reports whether a rule looks at what happened before: at counters, at
// earlier calls or at repetitions.
func (s *Set) History() bool { return s.history }

// Limits are the counters of all rules, for keeping those whose text stays the
// same over a reload.
func (s *Set) Limits() []*limit.Rule {
	var out []*limit.Rule
	for i := range s.rules {
		if c := s.rules[i].counted; c != nil {
			out = append(out, c)
		}
	}
	return out
}

// Tools is the catalogue in the policy's own file. It may be empty.
func (s *Set) Tools() *tool.Catalogue { return s.catalogue }

// Unlisted tells, with their places, the tools that rules name and cat does not
// have. Such a rule is no mistake, but mostly a misspelling: it waits for a tool
// that never comes.
func (s *Set) Unlisted(cat *tool.Catalogue) source.Problems {
	var ps source.Problems
	names := cat.Names()
	for _, m := range s.unlisted {
		if m.tools.matchesAny(names) {
			continue
		}
		ps.Add(source.Problem{
			File: s.name, Line: int(m.at.line), Col: int(m.at.col), Field: fmt.Sprintf("rules[%d].tools[%d]", m.at.rule, m.at.n),
			Msg: "no tool of the catalogue has this name", Hint: source.DidYouMean(m.text, names),
		})
	}
	ps.Sort()
	return ps
}

// Approvers are the names and groups of operators that rules name, sorted.
func (s *Set) Approvers() []string {
	var out []string
	for i := range s.rules {
		if a := s.rules[i].ask; a != nil {
			out = append(out, a.Approvers...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// MaxScope is the most that an agent may do, and the entry under agents that says
// so. An agent that the file does not know has NoScope; in a file without agents
// everybody has Execute and no entry.
func (s *Set) MaxScope(agent call.AgentID) (limit call.Scope, entry string) {
	return s.classes.of(string(agent))
}

// Pasts are the kinds of earlier calls that rules look for.
func (s *Set) Pasts() []*limit.Past {
	out := make([]*limit.Past, len(s.pasts.all))
	for i, p := range s.pasts.all {
		out[i] = &p.key
	}
	return out
}
