// Package mix makes rules, and a stream of calls to decide by them, for engines
// that are to be compared. It writes the rules in the language of each.
package mix

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
)

// Sizes of what is made.
const (
	agents   = 300
	teams    = 20
	perTool  = 5    // rules of each tool, about
	prefixes = 1000 // of paths, that conditions name
)

// verbs of tools; those from dangerous on are what deny rules are about.
var (
	verbs     = []string{"get", "list", "find", "create", "update", "send", "delete", "drop"}
	dangerous = 6
)

// Mix is a set of rules and what they are about: the same for the same number of
// rules, on every machine.
type Mix struct {
	Rules  []Rule
	Tools  []string // all that there are
	Agents []string

	servers int
	hot     bool
	rand    *rand.Rand
}

// New makes n rules, at least 10: 80 % allow one tool (to one agent 40 %, to a
// team 40 %, to everybody 20 %), 10 % allow one tool under a condition on an
// argument (half on a path, half on an amount), 5 % deny a team the tools of a
// server that begin with a dangerous verb, 5 % allow the tools of a server or of a
// pattern with its wildcard in the middle. Two in three tools are guarded: none of
// those is allowed to everybody without a condition.
//
// No rule is there in vain: an allow that a deny covers whole is not made.
func New(n int) *Mix { return build(n, false) }

// NewHot is New with half of the rules that name one tool on the same two tools,
// one of them guarded.
func NewHot(n int) *Mix { return build(n, true) }

func build(n int, hot bool) *Mix {
	m := &Mix{hot: hot, rand: rand.New(rand.NewSource(int64(n)))}
	tools := n / perTool
	m.servers = min(50, max(1, tools/8))
	for i := range tools {
		m.Tools = append(m.Tools, fmt.Sprintf("srv%d.%s_item%d", i%m.servers, verbs[i/m.servers%len(verbs)], i))
	}
	for i := range agents {
		m.Agents = append(m.Agents, fmt.Sprintf("team-%d/agent-%d", i%teams, i))
	}
	exact, conditional, deny := n*8/10, n/10, (n+10)/20
	for range deny {
		m.add(Rule{Deny: true, Agents: m.team(), Tools: Pattern{
			Head: fmt.Sprintf("srv%d.%s_", m.rand.Intn(m.servers), verbs[dangerous+m.rand.Intn(2)]), Wild: true,
		}})
	}
	for i := range exact {
		switch i % 5 {
		case 0, 1:
			m.allow(func() Rule { return Rule{Agents: m.agent(), Tools: m.tool(false)} })
		case 2, 3:
			m.allow(func() Rule { return Rule{Agents: m.team(), Tools: m.tool(false)} })
		default:
			m.allow(func() Rule { return Rule{Agents: Pattern{Wild: true}, Tools: m.tool(true)} })
		}
	}
	for i := range conditional {
		m.allow(func() Rule {
			r := Rule{Agents: m.team(), Tools: m.tool(false)}
			if i%2 == 0 {
				r.Path = fmt.Sprintf("/data/p%d/", m.rand.Intn(prefixes))
			} else {
				r.Below = float64(10 * (1 + m.rand.Intn(150)))
			}
			return r
		})
	}
	for i := range n - deny - exact - conditional {
		server := fmt.Sprintf("srv%d.", m.rand.Intn(m.servers))
		if i%2 == 0 {
			m.add(Rule{Agents: m.agent(), Tools: Pattern{Head: server, Wild: true}})
		} else {
			m.add(Rule{Agents: m.team(), Tools: Pattern{Head: server + "get_", Tail: fmt.Sprint(m.rand.Intn(10)), Wild: true}})
		}
	}
	m.rand.Shuffle(len(m.Rules), func(i, j int) { m.Rules[i], m.Rules[j] = m.Rules[j], m.Rules[i] })
	for i := range m.Rules {
		m.Rules[i].ID = fmt.Sprintf("r%05d", i)
	}
	return m
}

func (m *Mix) add(r Rule) { m.Rules = append(m.Rules, r) }

// allow adds a rule that no deny covers whole. The denies are there already.
func (m *Mix) allow(propose func() Rule) {
	for {
		r := propose()
		if !slices.ContainsFunc(m.Rules, func(d Rule) bool {
			return d.Deny && d.Tools.Match(r.Tools.Head) && strings.HasPrefix(r.Agents.Head, d.Agents.Head)
		}) {
			m.add(r)
			return
		}
	}
}

func (m *Mix) agent() Pattern { return Pattern{Head: m.Agents[m.rand.Intn(agents)]} }

func (m *Mix) team() Pattern {
	return Pattern{Head: fmt.Sprintf("team-%d/", m.rand.Intn(teams)), Wild: true}
}

// tool draws a tool that is open to everybody, or a guarded one.
func (m *Mix) tool(open bool) Pattern {
	if m.hot && m.rand.Intn(2) == 0 {
		return Pattern{Head: m.Tools[pick(open, 0, 1)]}
	}
	for {
		if i := m.rand.Intn(len(m.Tools)); i%3 == 0 == open {
			return Pattern{Head: m.Tools[i]}
		}
	}
}
