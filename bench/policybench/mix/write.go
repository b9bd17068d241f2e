package mix

import (
	"fmt"
	"strconv"
	"strings"
)

// M1 is the policy file of M1, catalogue included.
func (m *Mix) M1() []byte {
	var s strings.Builder
	s.WriteString("version: 1\ntools:\n")
	for _, t := range m.Tools {
		fmt.Fprintf(&s, "  %s: { scope: execute, args: { path: string, amount: double } }\n", t)
	}
	s.WriteString("rules:\n")
	for i := range m.Rules {
		r := &m.Rules[i]
		fmt.Fprintf(&s, "  - { id: %s, effect: %s, ", r.ID, pick(r.Deny, "deny", "allow"))
		if !r.Agents.Everything() {
			fmt.Fprintf(&s, "agents: [%q], ", r.Agents)
		}
		fmt.Fprintf(&s, "tools: [%q]", r.Tools)
		if c := r.condition("args."); c != "" {
			fmt.Fprintf(&s, ", when: '%s'", c)
		}
		s.WriteString(" }\n")
	}
	return []byte(s.String())
}

// condition is what CEL says of the arguments, or "".
func (r *Rule) condition(args string) string {
	switch {
	case r.Path != "":
		return fmt.Sprintf("%spath.startsWith(%q)", args, r.Path)
	case r.Below != 0:
		return fmt.Sprintf("%samount < %s.0", args, number(r.Below))
	}
	return ""
}

// CEL is the whole rule as one expression over agent, tool, path and amount.
func (r *Rule) CEL() string {
	all := matchCEL("tool", r.Tools)
	if !r.Agents.Everything() {
		all = append(all, matchCEL("agent", r.Agents)...)
	}
	if c := r.Condition(); c != "" {
		all = append(all, c)
	}
	return strings.Join(all, " && ")
}

// Condition is what CEL says of path and amount, or "".
func (r *Rule) Condition() string { return r.condition("") }

func matchCEL(name string, p Pattern) []string {
	if !p.Wild {
		return []string{fmt.Sprintf("%s == %q", name, p.Head)}
	}
	all := []string{fmt.Sprintf("%s.startsWith(%q)", name, p.Head)}
	if p.Tail != "" {
		all = append(all, fmt.Sprintf("%s.endsWith(%q)", name, p.Tail))
	}
	return all
}

// Cedar is the rule as a policy. Teams are groups that agents are in; a pattern of
// tools is about the text in context.tool, because names of actions cannot be
// taken apart; amounts are whole cents, because Cedar has no fractions that are as
// fast.
func (r *Rule) Cedar() string {
	var s strings.Builder
	fmt.Fprintf(&s, "@id(%q)\n%s(", r.ID, pick(r.Deny, "forbid", "permit"))
	switch {
	case r.Agents.Everything():
		s.WriteString("principal, ")
	case r.Agents.Wild:
		fmt.Fprintf(&s, "principal in Team::%q, ", r.Agents.Team())
	default:
		fmt.Fprintf(&s, "principal == Agent::%q, ", r.Agents.Head)
	}
	when := ""
	if r.Tools.Wild {
		s.WriteString("action, resource)")
		when = fmt.Sprintf("context.tool like %q", r.Tools)
	} else {
		fmt.Fprintf(&s, "action == Action::%q, resource)", r.Tools.Head)
	}
	switch {
	case r.Path != "":
		when = fmt.Sprintf("context.path like %q", r.Path+"*")
	case r.Below != 0:
		when = fmt.Sprintf("context.cents < %s", number(100*r.Below))
	}
	if when != "" {
		fmt.Fprintf(&s, " when { %s }", when)
	}
	s.WriteString(";\n")
	return s.String()
}

// Cedar is all rules as policies.
func (m *Mix) Cedar() []byte {
	var s strings.Builder
	for i := range m.Rules {
		s.WriteString(m.Rules[i].Cedar())
	}
	return []byte(s.String())
}

// Rego is a module with one rule for each rule and the answer in
// data.mix.released. Its input has agent, team, tool, server, path and amount: what
// is equal to a text can be found by OPA's index of rules, what begins with it
// cannot.
func (m *Mix) Rego() string {
	var s strings.Builder
	s.WriteString("package mix\n\ndefault released := false\n\nreleased if {\n\tallow\n\tnot deny\n}\n\n")
	for i := range m.Rules {
		r := &m.Rules[i]
		fmt.Fprintf(&s, "%s if {\n", pick(r.Deny, "deny", "allow"))
		if r.Tools.Wild {
			fmt.Fprintf(&s, "\tinput.server == %q\n", r.Tools.Server())
		} else {
			fmt.Fprintf(&s, "\tinput.tool == %q\n", r.Tools.Head)
		}
		switch {
		case r.Agents.Everything():
		case r.Agents.Wild:
			fmt.Fprintf(&s, "\tinput.team == %q\n", r.Agents.Team())
		default:
			fmt.Fprintf(&s, "\tinput.agent == %q\n", r.Agents.Head)
		}
		if r.Tools.Wild && r.Tools.Head != r.Tools.Server()+"." {
			fmt.Fprintf(&s, "\tstartswith(input.tool, %q)\n", r.Tools.Head)
		}
		if r.Tools.Tail != "" {
			fmt.Fprintf(&s, "\tendswith(input.tool, %q)\n", r.Tools.Tail)
		}
		switch {
		case r.Path != "":
			fmt.Fprintf(&s, "\tstartswith(input.path, %q)\n", r.Path)
		case r.Below != 0:
			fmt.Fprintf(&s, "\tinput.amount < %s\n", number(r.Below))
		}
		s.WriteString("}\n\n")
	}
	return s.String()
}

// CasbinModel compares a team or an agent by its name and leaves patterns,
// prefixes and limits to the functions glob, prefix and below.
const CasbinModel = `
[request_definition]
r = agent, team, tool, path, amount

[policy_definition]
p = agent, tool, path, below, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = (p.agent == "*" || p.agent == r.agent || p.agent == r.team) && (p.tool == r.tool || glob(r.tool, p.tool)) && (p.path == "" || prefix(r.path, p.path)) && (p.below == "" || below(r.amount, p.below))
`

// Casbin is all rules for CasbinModel.
func (m *Mix) Casbin() [][]string {
	rules := make([][]string, len(m.Rules))
	for i := range m.Rules {
		r := &m.Rules[i]
		who, below := r.Agents.Head, ""
		switch {
		case r.Agents.Everything():
			who = "*"
		case r.Agents.Wild:
			who = r.Agents.Team()
		}
		if r.Below != 0 {
			below = number(r.Below)
		}
		rules[i] = []string{who, r.Tools.String(), r.Path, below, pick(r.Deny, "deny", "allow")}
	}
	return rules
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func pick[T any](yes bool, a, b T) T {
	if yes {
		return a
	}
	return b
}
