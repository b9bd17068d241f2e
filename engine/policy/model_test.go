package policy_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/policy"
)

// model is a policy as the document describes it, decided the slow way: every
// rule in turn, every pattern by a table.
type model struct {
	groups map[string]group
	rules  []modelRule
	listed []string // tools in the file's own catalogue
}

type group struct {
	match []string
	limit call.Scope
}

type modelRule struct {
	id            string
	effect        call.Effect
	agents, tools []string
}

// matches fills the table of which beginnings of s the beginnings of p match.
func matches(p, s string) bool {
	row := make([]bool, len(s)+1)
	row[0] = true
	for i := range len(p) {
		next := make([]bool, len(s)+1)
		for j := range next {
			if p[i] == '*' {
				next[j] = row[j] || j > 0 && next[j-1]
			} else {
				next[j] = j > 0 && row[j-1] && s[j-1] == p[i]
			}
		}
		row = next
	}
	return row[len(s)]
}

func (m *model) decide(r policy.Request) (call.Effect, string) {
	limit := call.Execute
	if m.groups != nil {
		limit = call.NoScope
		most := -1
		for _, g := range m.groups {
			for _, p := range g.match {
				if !matches(p, string(r.Agent)) {
					continue
				}
				special := 2 * strings.Index(p+"*", "*")
				if !strings.Contains(p, "*") {
					special++
				}
				if special > most || special == most && g.limit < limit {
					most, limit = special, g.limit
				}
			}
		}
		if most < 0 {
			return call.Deny, policy.UnknownAgent
		}
	}
	if !r.Known {
		return call.Deny, policy.UnknownTool
	}
	if r.Scope > limit {
		return call.Deny, policy.MaxScope
	}
	var best *modelRule
	for i := range m.rules {
		rule := &m.rules[i]
		if !m.applies(rule, r) {
			continue
		}
		if best == nil || rule.effect < best.effect || rule.effect == best.effect && rule.id < best.id {
			best = rule
		}
	}
	if best == nil {
		return call.Deny, policy.Default
	}
	return best.effect, best.id
}

func (m *model) applies(rule *modelRule, r policy.Request) bool {
	agent := rule.agents == nil
	for _, a := range rule.agents {
		if g, ok := m.groups[a]; ok {
			agent = agent || slices.ContainsFunc(g.match, func(p string) bool { return matches(p, string(r.Agent)) })
			continue
		}
		agent = agent || matches(a, string(r.Agent))
	}
	return agent && slices.ContainsFunc(rule.tools, func(p string) bool { return matches(p, r.Tool) })
}

func (m *model) yaml() string {
	var b strings.Builder
	b.WriteString("version: 1\n")
	if m.groups != nil {
		b.WriteString("agents:\n")
		for name, g := range m.groups {
			fmt.Fprintf(&b, "  %s: {match: [%s], max_scope: %s}\n", name, quoted(g.match), g.limit)
		}
	}
	if len(m.listed) > 0 {
		b.WriteString("tools:\n")
		for _, t := range m.listed {
			fmt.Fprintf(&b, "  %q: {scope: read}\n", t)
		}
	}
	b.WriteString("rules:\n")
	for _, r := range m.rules {
		fmt.Fprintf(&b, "- {id: %s, effect: %s, tools: [%s]", r.id, r.effect, quoted(r.tools))
		if r.agents != nil {
			fmt.Fprintf(&b, ", agents: [%s]", quoted(r.agents))
		}
		b.WriteString("}\n")
	}
	if len(m.rules) == 0 {
		b.WriteString("  []\n")
	}
	return b.String()
}

func quoted(ss []string) string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

// word makes short names of few letters, so that patterns meet names often.
func word(r *rand.Rand, letters string, stars bool) string {
	if stars && r.Intn(12) == 0 {
		return "*"
	}
	b := make([]byte, 1+r.Intn(4))
	for i := range b {
		b[i] = letters[r.Intn(len(letters))]
		if stars && r.Intn(4) == 0 {
			b[i] = '*'
		}
	}
	return string(b)
}

func randomModel(r *rand.Rand) *model {
	m := &model{}
	if r.Intn(3) > 0 {
		m.groups = map[string]group{}
		for i := range 1 + r.Intn(4) {
			g := group{limit: call.Read + call.Scope(r.Intn(3))}
			for range 1 + r.Intn(3) {
				g.match = append(g.match, word(r, "xy/", true))
			}
			m.groups[fmt.Sprintf("group-number-%d", i)] = g
		}
	}
	seen := map[string]bool{}
	for range r.Intn(6) {
		if w := word(r, "ab.", false); !seen[w] {
			seen[w] = true
			m.listed = append(m.listed, w)
		}
	}
	for i := range r.Intn([]int{4, 30, 200}[r.Intn(3)]) {
		rule := modelRule{id: fmt.Sprintf("r%d", i), effect: call.Effect(r.Intn(3))}
		for range 1 + r.Intn(3) {
			rule.tools = append(rule.tools, word(r, "ab.", r.Intn(2) == 0))
		}
		for range r.Intn(4) {
			switch n := r.Intn(5); {
			case n == 0 && len(m.groups) > 0:
				rule.agents = append(rule.agents, fmt.Sprintf("group-number-%d", r.Intn(len(m.groups))))
			default:
				rule.agents = append(rule.agents, word(r, "xy/", n < 3))
			}
		}
		m.rules = append(m.rules, rule)
	}
	return m
}

func randomRequest(r *rand.Rand) policy.Request {
	return policy.Request{
		Agent: call.AgentID(word(r, "xy/", false)), Tool: word(r, "ab.", false),
		Known: r.Intn(20) > 0, Scope: call.Read + call.Scope(r.Intn(3)),
	}
}

// An index that answers differently than the rules in turn has changed the
// policy without anybody writing it.
func TestTheIndexAnswersLikeEveryRuleInTurn(t *testing.T) {
	matched := 0
	for seed := range int64(150) {
		r := rand.New(rand.NewSource(seed))
		m := randomModel(r)
		src := m.yaml()
		s := parse(t, src)
		for range 60 {
			q := randomRequest(r)
			effect, rule := m.decide(q)
			if v := s.Decide(q); v.Effect != effect || v.Rule != rule {
				require.Failf(t, "another answer", "seed %d, %+v: got %s by %q, want %s by %q\n%s",
					seed, q, v.Effect, v.Rule, effect, rule, src)
			}
			if strings.HasPrefix(rule, "r") {
				matched++
			}
		}
	}
	require.Greater(t, matched, 1500, "most requests must meet a rule, or the test shows little")
}

func TestRulesKeepTheirPromisesWhateverTheirOrder(t *testing.T) {
	t.Parallel()
	for seed := range int64(60) {
		r := rand.New(rand.NewSource(1000 + seed))
		m := randomModel(r)
		if len(m.rules) == 0 {
			continue
		}
		s := parse(t, m.yaml())

		shuffled := *m
		shuffled.rules = slices.Clone(m.rules)
		r.Shuffle(len(shuffled.rules), func(i, j int) {
			shuffled.rules[i], shuffled.rules[j] = shuffled.rules[j], shuffled.rules[i]
		})
		other := parse(t, shuffled.yaml())

		fewer, denied := *m, *m
		fewer.rules = slices.DeleteFunc(slices.Clone(m.rules), func(x modelRule) bool {
			return x.effect == call.Allow && r.Intn(2) == 0
		})
		less := parse(t, fewer.yaml())
		denied.rules = append(slices.Clone(m.rules), modelRule{id: "extra", effect: call.Deny, tools: []string{word(r, "ab.", true)}})
		stricter := parse(t, denied.yaml())

		for range 60 {
			q := randomRequest(r)
			v := s.Decide(q)
			require.Equal(t, v, other.Decide(q), "shuffling changed an answer, seed %d", seed)
			require.LessOrEqual(t, less.Decide(q).Effect, v.Effect, "fewer allow rules allow more, seed %d", seed)
			require.LessOrEqual(t, stricter.Decide(q).Effect, v.Effect, "one more deny rule allows more, seed %d", seed)
		}
	}
}

// More patterns match one tool than are lined up when the policy is loaded.
func TestManyPatternsForOneToolAnswerLikeEveryRuleInTurn(t *testing.T) {
	m := &model{listed: []string{"aaaaaaaaaa"}}
	for i := range 150 {
		m.rules = append(m.rules, modelRule{
			id: fmt.Sprintf("r%d", i), effect: call.Effect(i % 3), agents: []string{fmt.Sprintf("x%d", i), "y*" + fmt.Sprint(i)},
			tools: []string{strings.Repeat("a", i%10) + "*" + strings.Repeat("a*", i/10)},
		})
	}
	m.rules = append(m.rules, modelRule{id: "every", effect: call.Ask, agents: []string{"z"}, tools: []string{"*"}})
	s := parse(t, m.yaml())
	for i := range 160 {
		for _, agent := range []string{fmt.Sprintf("x%d", i), fmt.Sprintf("yy%d", i), "z"} {
			for _, tool := range []string{"aaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaa", "b"} {
				q := ask(agent, tool, call.Read)
				effect, rule := m.decide(q)
				v := s.Decide(q)
				require.Equal(t, effect, v.Effect, q)
				require.Equal(t, rule, v.Rule, q)
			}
		}
	}
}
