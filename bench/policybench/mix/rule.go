package mix

import "strings"

// Rule allows or denies tools to agents, at most under one condition.
type Rule struct {
	ID     string
	Deny   bool
	Agents Pattern
	Tools  Pattern
	Path   string  // if not empty: only if the argument path begins with it
	Below  float64 // if not 0: only if the argument amount is less, a whole number
}

// Pattern is a name, or with Wild what begins with Head and ends with Tail.
type Pattern struct {
	Head, Tail string
	Wild       bool
}

// Match reports whether the pattern stands for name.
func (p Pattern) Match(name string) bool {
	if !p.Wild {
		return p.Head == name
	}
	return len(name) >= len(p.Head)+len(p.Tail) && strings.HasPrefix(name, p.Head) && strings.HasSuffix(name, p.Tail)
}

// Everything reports whether the pattern stands for every name.
func (p Pattern) Everything() bool { return p == Pattern{Wild: true} }

// Server is the part of the tool's name before the dot. Every pattern of tools in
// a Mix has one.
func (p Pattern) Server() string { return Server(p.Head) }

// Team is "team-1" of the agents team-1/agent-7 and team-1/*.
func (p Pattern) Team() string { return Team(p.Head) }

// Server is the part of a tool's name before the dot.
func Server(tool string) string { s, _, _ := strings.Cut(tool, "."); return s }

// Team is the part of an agent's name before the slash.
func Team(agent string) string { s, _, _ := strings.Cut(agent, "/"); return s }

// String is the pattern with a star in it.
func (p Pattern) String() string {
	if !p.Wild {
		return p.Head
	}
	return p.Head + "*" + p.Tail
}

// Matches reports whether the rule is about the call.
func (r *Rule) Matches(c *Call) bool {
	return r.Tools.Match(c.Tool) && r.Agents.Match(c.Agent) &&
		(r.Path == "" || strings.HasPrefix(c.Path, r.Path)) && (r.Below == 0 || c.Amount < r.Below)
}

// Allows is the answer that every engine must give: some rule allows the call and
// none denies it. It looks at every rule.
func (m *Mix) Allows(c *Call) bool {
	allowed := false
	for i := range m.Rules {
		if r := &m.Rules[i]; r.Matches(c) {
			if r.Deny {
				return false
			}
			allowed = true
		}
	}
	return allowed
}
