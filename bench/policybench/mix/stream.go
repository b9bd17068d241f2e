package mix

import (
	"encoding/json"
	"fmt"
)

// Calls is the length of a stream.
const Calls = 8192

// Call is one call of a tool.
type Call struct {
	Agent, Tool string
	Path        string  // its arguments
	Amount      float64 // with two decimals
	JSON        []byte  // the arguments as they arrive
	Allowed     bool    // what Allows says
	Kind        Kind
}

// Kind is why a call is answered as it is.
type Kind int

// The kinds, and their share of a stream.
const (
	Exact     Kind = iota // 70 %: allowed by a rule for this tool
	Default               // 10 %: no rule is about it
	Unknown               // 10 %: no rule is about it, and there is no such tool
	Condition             // 10 %: allowed, or denied by default, as the arguments say
	Random                // of Probe only
)

// Stream makes Calls calls in random order.
func (m *Mix) Stream() []Call {
	calls := make([]Call, Calls)
	for i := range calls {
		switch i % 10 {
		case 0:
			calls[i] = m.outside(Default, func() string { return m.tool(false).Head })
		case 1:
			calls[i] = m.outside(Unknown, func() string {
				return fmt.Sprintf("srv%d.%s_other%d", m.rand.Intn(m.servers), verbs[m.rand.Intn(len(verbs))], i)
			})
		case 2:
			calls[i] = m.conditional(i/10%2 == 0)
		default:
			calls[i] = m.exact()
		}
	}
	m.rand.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	return calls
}

// Probe makes n calls in which rules of every kind meet, half of them with deny
// rules. They are for finding differences, and no mix that anybody has.
func (m *Mix) Probe(n int) []Call {
	calls := make([]Call, n)
	for i := range calls {
		r := m.Rules[m.rand.Intn(len(m.Rules))]
		for i%2 == 0 && !r.Deny {
			r = m.Rules[m.rand.Intn(len(m.Rules))]
		}
		tool := m.Tools[m.rand.Intn(len(m.Tools))]
		for tries := 0; i%4 < 3 && tries < 100 && !r.Tools.Match(tool); tries++ {
			tool = m.Tools[m.rand.Intn(len(m.Tools))]
		}
		c := m.call(Random, m.member(r.Agents), tool)
		if r.Path != "" && i%3 > 0 {
			c.Path = r.Path + "x"
		}
		calls[i] = m.finish(c)
	}
	return calls
}

// exact is a call that a rule for this very tool allows.
func (m *Mix) exact() Call {
	for {
		r := &m.Rules[m.rand.Intn(len(m.Rules))]
		if r.Deny || r.Tools.Wild || r.Path != "" || r.Below != 0 {
			continue
		}
		if c := m.finish(m.call(Exact, m.member(r.Agents), r.Tools.Head)); c.Allowed {
			return c
		}
	}
}

// outside is a call that no rule is about, whatever its arguments.
func (m *Mix) outside(k Kind, tool func() string) Call {
	for {
		c := m.finish(m.call(k, m.Agents[m.rand.Intn(agents)], tool()))
		if !c.Allowed && !m.denied(&c) {
			return c
		}
	}
}

func (m *Mix) denied(c *Call) bool {
	for i := range m.Rules {
		if r := &m.Rules[i]; r.Deny && r.Matches(c) {
			return true
		}
	}
	return false
}

// conditional is a call that other arguments would give the other answer.
func (m *Mix) conditional(allowed bool) Call {
	for {
		r := &m.Rules[m.rand.Intn(len(m.Rules))]
		yes := m.call(Condition, m.member(r.Agents), r.Tools.Head)
		no := yes
		switch {
		case r.Path != "":
			yes.Path, no.Path = r.Path+"file7.txt", "/data/q/file7.txt"
			yes.Amount, no.Amount = 9999, 9999 // above every limit
		case r.Below != 0:
			yes.Amount, no.Amount = r.Below/2+0.25, r.Below
		default:
			continue
		}
		if yes, no = m.finish(yes), m.finish(no); !yes.Allowed || no.Allowed {
			continue
		}
		if allowed {
			return yes
		}
		return no
	}
}

// member draws an agent of the pattern.
func (m *Mix) member(p Pattern) string {
	for {
		if a := m.Agents[m.rand.Intn(agents)]; p.Match(a) {
			return a
		}
	}
}

func (m *Mix) call(k Kind, agent, tool string) Call {
	return Call{
		Kind: k, Agent: agent, Tool: tool,
		Path:   fmt.Sprintf("/data/p%d/file%d.txt", m.rand.Intn(prefixes), m.rand.Intn(100)),
		Amount: float64(m.rand.Intn(200_000)) / 100,
	}
}

// finish fills in what follows from the rest.
func (m *Mix) finish(c Call) Call {
	c.Allowed = m.Allows(&c)
	text, err := json.Marshal(struct {
		Amount float64 `json:"amount"`
		Path   string  `json:"path"`
	}{c.Amount, c.Path})
	if err != nil {
		panic(err) // a text and a number that are written here
	}
	c.JSON = text
	return c
}
