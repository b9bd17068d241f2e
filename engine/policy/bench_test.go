package policy_test

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/policy"
)

// load makes n rules, about five for a tool: four fifths allow exact tools (for
// one agent, a team or everybody), the rest deny and allow by patterns. With hot,
// half of the rules are for one tool.
func load(n int, hot bool) (*model, []policy.Request) {
	r := rand.New(rand.NewSource(int64(n)))
	tools := max(1, n/5)
	tool := func() string {
		if hot && r.Intn(2) == 0 {
			return "server0.tool0"
		}
		i := r.Intn(tools)
		return fmt.Sprintf("server%d.tool%d", i%50, i)
	}
	agent := func() string { i := r.Intn(300); return fmt.Sprintf("team-%d/agent-%d", i%20, i) }
	m := &model{}
	for i := range n {
		rule := modelRule{id: fmt.Sprintf("r%05d", i), effect: call.Allow, tools: []string{tool()}}
		switch k := r.Intn(20); {
		case k < 8:
			rule.agents = []string{agent()}
		case k < 15:
			rule.agents = []string{fmt.Sprintf("team-%d/*", r.Intn(20))}
		case k < 18:
			// everybody
		case k < 19:
			rule.effect, rule.tools = call.Deny, []string{fmt.Sprintf("server%d.delete%d*", r.Intn(50), r.Intn(n))}
		default:
			rule.tools = []string{fmt.Sprintf("server%d.*read%d", r.Intn(50), r.Intn(n))}
		}
		m.rules = append(m.rules, rule)
	}
	var qs []policy.Request
	for i := range 8192 {
		q := ask(agent(), tool(), call.Read)
		if i%10 == 0 {
			q.Tool = fmt.Sprintf("server%d.other%d", r.Intn(50), i)
		}
		qs = append(qs, q)
	}
	return m, qs
}

func BenchmarkDecide(b *testing.B) {
	for _, hot := range []bool{false, true} {
		for _, n := range []int{10, 100, 1000, 10_000} {
			name := fmt.Sprintf("uniform/%d", n)
			if hot {
				name = fmt.Sprintf("hot/%d", n)
			}
			b.Run(name, func(b *testing.B) {
				m, qs := load(n, hot)
				s := parse(b, m.yaml())
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					_ = s.Decide(qs[i%len(qs)])
					i++
				}
			})
		}
	}
}

func BenchmarkParse(b *testing.B) {
	m, _ := load(10_000, false)
	src := []byte(m.yaml())
	for b.Loop() {
		_, err := policy.Parse("p.yaml", src)
		require.NoError(b, err)
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	for _, hot := range []bool{false, true} {
		m, qs := load(2000, hot)
		m.groups = map[string]group{"everybody-else": {match: []string{"*"}, limit: call.Write}, "some-of-them": {match: []string{"team-1*"}, limit: call.Execute}}
		s := parse(t, m.yaml())
		i := 0
		require.Zero(t, testing.AllocsPerRun(2000, func() {
			q := qs[i%len(qs)]
			q.Known, q.Scope = i%7 > 0, call.Scope(i%4)
			_ = s.Decide(q)
			i++
		}))
	}
}
