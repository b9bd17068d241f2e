// Package policy owns the rules: it reads a policy file strictly and decides, as
// a pure function, what an agent may do with a tool.
package policy

import (
	"m1/engine/call"
	"m1/engine/source"
	"m1/engine/tool"
)

// What Verdict.Rule says when no rule of the file decided. Rules cannot have
// these ids.
const (
	Default      = "default"       // no rule matches: denied
	UnknownTool  = "unknown_tool"  // the tool is not in the catalogue
	UnknownAgent = "unknown_agent" // the file has agents, and this is none of them
	MaxScope     = "max_scope"     // the tool reaches further than the agent may
)

// Set is a compiled policy. It is immutable and safe for concurrent use.
type Set struct {
	name, version string
	observe       bool
	rules         int
	catalogue     *tool.Catalogue
	named         []mention // tools that rules name, for Unlisted

	agents  *index       // ranks into classes; nil if the file has no agents
	classes []call.Scope // the most that agents may do
	unknown Verdict      // for tools that are not in the catalogue
	tools   lineups
	ranked  []Verdict // of the rules, the strongest first
}

// mention is a tool or a pattern of tools in a rule, and where it stands.
type mention struct {
	tools pattern
	text  string
	at    source.Node
}

// Request asks what an agent may do with a tool.
type Request struct {
	Agent call.AgentID // as the way in has proved it
	Tool  string
	Known bool       // the tool is in the catalogue
	Scope call.Scope // of the tool with these arguments; NoScope counts as Execute
}

// Verdict answers a Request. The zero value denies.
//
// In this version arguments change an answer through the scope of the tool only:
// a Verdict may be remembered for its Request as long as the Set is in force.
type Verdict struct {
	Effect call.Effect
	Rule   string // id of the rule that decided, or Default, UnknownTool, UnknownAgent, MaxScope
	Reason string // a sentence for the agent: what was refused, and what to do
}

// Name is the name that was given to Parse, or that of the built-in policy.
func (s *Set) Name() string { return s.name }

// Version is "sha256:" and the digest of the file in hexadecimal.
func (s *Set) Version() string { return s.version }

// Observe reports whether verdicts are only counted: the engine then releases
// every call. Decide answers the same in both modes.
func (s *Set) Observe() bool { return s.observe }

// Rules is the number of rules.
func (s *Set) Rules() int { return s.rules }

// Tools is the catalogue in the policy's own file. It may be empty.
func (s *Set) Tools() *tool.Catalogue { return s.catalogue }

// Unlisted tells, with their places, the tools that rules name and cat does not
// have. Such a rule is no mistake, but mostly a misspelling: it waits for a tool
// that never comes.
func (s *Set) Unlisted(cat *tool.Catalogue) source.Problems {
	var ps source.Problems
	names := cat.Names()
	for _, m := range s.named {
		if m.tools.matchesAny(names) {
			continue
		}
		ps.Add(m.at.Problem("no tool of the catalogue has this name", source.DidYouMean(m.text, names)))
	}
	ps.Sort()
	return ps
}
