package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/limit"
	"m1/engine/policy"
	"m1/engine/schema"
	"m1/engine/tool"
)

// mix makes n rules, about five for a tool: four fifths allow exact tools (for one
// agent, a team or everybody), a tenth allow with a condition on one argument, the
// rest deny and allow by patterns. With hot, half of the rules are for one tool.
// The calls are 70 % of tools that rules name, 20 % of others and 10 % that a
// condition decides.
func mix(n int, hot bool) (src []byte, base *tool.Catalogue, qs []*policy.Request) {
	r := rand.New(rand.NewSource(int64(n)))
	tools := max(1, n/5)
	name := func() string {
		if hot && r.Intn(2) == 0 {
			return "server0.tool0"
		}
		i := r.Intn(tools)
		return fmt.Sprintf("server%d.tool%d", i%50, i)
	}
	agent := func() string { i := r.Intn(300); return fmt.Sprintf("team-%d/agent-%d", i%20, i) }
	var b strings.Builder
	b.WriteString("version: 1\nlimits: {loop: {streak: 0}}\nrules:\n")
	var conditional []string
	for i := range n {
		t, who, effect, when := name(), "", call.Allow, ""
		switch k := r.Intn(20); {
		case k < 16:
			switch j := r.Intn(10); {
			case j < 4:
				who = agent()
			case j < 8:
				who = fmt.Sprintf("team-%d/*", r.Intn(20))
			}
		case k < 18:
			who = fmt.Sprintf("team-%d/*", r.Intn(20))
			when = fmt.Sprintf(`args.path.startsWith("/workspace/%d/")`, r.Intn(750))
			if k == 17 {
				when = fmt.Sprintf(`args.amount < %d.0`, 1+r.Intn(750))
			}
			conditional = append(conditional, t)
		case k == 18:
			effect, t = call.Deny, fmt.Sprintf("server%d.delete%d*", r.Intn(50), i)
		default:
			t = fmt.Sprintf("server%d.*read%d", r.Intn(50), i)
		}
		fmt.Fprintf(&b, "- {id: r%05d, effect: %s, tools: [%q]", i, effect, t)
		if who != "" {
			fmt.Fprintf(&b, ", agents: [%q]", who)
		}
		if when != "" {
			fmt.Fprintf(&b, ", when: '%s'", when)
		}
		b.WriteString("}\n")
	}
	args, err := schema.FromJSONSchema(json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"},"amount":{"type":"number"},"body":{"type":"string"}},"required":["path","amount"],"additionalProperties":false}`))
	if err != nil {
		panic(err)
	}
	var entries []tool.Entry
	for i := range tools {
		entries = append(entries, tool.Entry{Name: fmt.Sprintf("server%d.tool%d", i%50, i), Scope: call.Read, Args: args})
	}
	base, err = tool.New(entries...)
	if err != nil {
		panic(err)
	}
	raw := fmt.Appendf(nil, `{"amount":250,"body":%q,"path":"/workspace/17/src/main.go"}`, strings.Repeat("x", 70))
	for i := range 8192 {
		q := ask(agent(), name(), call.Read)
		switch i % 10 {
		case 0, 1:
			q.Tool = fmt.Sprintf("server%d.other%d", r.Intn(50), i)
		case 2:
			if len(conditional) > 0 {
				q.Tool = conditional[r.Intn(len(conditional))]
			}
		}
		q.Args, q.Now = raw, epoch
		qs = append(qs, q)
	}
	return []byte(b.String()), base, qs
}

func loaded(t testing.TB, n int, hot bool) (*policy.Set, []*policy.Request) {
	t.Helper()
	src, base, qs := mix(n, hot)
	s, err := policy.Parse("p.yaml", src, base)
	require.NoError(t, err)
	for _, q := range qs {
		s.Decide(q)
	}
	return s, qs
}

func BenchmarkDecide(b *testing.B) {
	for _, hot := range []bool{false, true} {
		for _, n := range []int{10, 100, 1000, 10_000} {
			name := fmt.Sprintf("uniform/%d", n)
			if hot {
				name = fmt.Sprintf("hot/%d", n)
			}
			b.Run(name, func(b *testing.B) {
				s, qs := loaded(b, n, hot)
				var calls []one
				for _, q := range qs {
					calls = append(calls, one{q.Agent, q.Tool})
				}
				q := qs[0]
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					c := &calls[i%len(calls)]
					q.Agent, q.Tool = c.agent, c.tool
					_ = s.Decide(q)
					i++
				}
			})
		}
	}
}

// The floor: two lookups in maps, and no policy.
func BenchmarkFloor(b *testing.B) {
	_, qs := loaded(b, 10_000, false)
	var calls []one
	tools, agents := map[string]int{}, map[call.AgentID]int{}
	for i, q := range qs {
		calls = append(calls, one{q.Agent, q.Tool})
		tools[q.Tool], agents[q.Agent] = i, i
	}
	i, sum := 0, 0
	for b.Loop() {
		c := &calls[i%len(calls)]
		sum += tools[c.tool] + agents[c.agent]
		i++
	}
}

// one call of a stream; whoever decides uses a Request again and again.
type one struct {
	agent call.AgentID
	tool  string
}

// The median over calls, which a mean hides: each call is timed in a row of its own.
func BenchmarkDecideMedian(b *testing.B) {
	s, qs := loaded(b, 10_000, false)
	const row = 64
	for b.Loop() {
		times := make([]time.Duration, 0, len(qs))
		for _, q := range qs {
			start := time.Now()
			for range row {
				_ = s.Decide(q)
			}
			times = append(times, time.Since(start)/row)
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)/2]), "p50-ns")
		b.ReportMetric(float64(times[len(times)*99/100]), "p99-ns")
	}
}

func BenchmarkFirstSeen(b *testing.B) {
	src, base, qs := mix(10_000, false)
	s, err := policy.Parse("p.yaml", src, base)
	require.NoError(b, err)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		q := *qs[i%len(qs)]
		q.Agent += call.AgentID(fmt.Sprint(i))
		_ = s.Decide(&q)
		i++
	}
}

func BenchmarkParse(b *testing.B) {
	src, base, _ := mix(10_000, false)
	for b.Loop() {
		_, err := policy.Parse("p.yaml", src, base)
		require.NoError(b, err)
	}
}

func BenchmarkExplain(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, qs := loaded(b, n, false)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				_ = s.Explain(qs[i%len(qs)])
				i++
			}
		})
	}
}

func BenchmarkDiff(b *testing.B) {
	src, base, _ := mix(10_000, false)
	old, err := policy.Parse("p.yaml", src, base)
	require.NoError(b, err)
	changed, err := policy.Parse("q.yaml", []byte(strings.ReplaceAll(string(src), "team-1/*", "team-2/*")), base)
	require.NoError(b, err)
	var agents []string
	for i := range 300 {
		agents = append(agents, fmt.Sprintf("team-%d/agent-%d", i%20, i))
	}
	for b.Loop() {
		d := policy.Diff(old, changed, nil, nil, agents)
		b.ReportMetric(float64(d.Pairs), "pairs")
		b.ReportMetric(float64(d.Flipped), "flips")
	}
}

func TestDecideDoesNotAllocate(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	for _, hot := range []bool{false, true} {
		s, qs := loaded(t, 2000, hot)
		i := 0
		require.Zero(t, testing.AllocsPerRun(8192, func() {
			q := qs[i%len(qs)]
			q.Known, q.Scope = i%7 > 0, call.Scope(i%4)
			_ = s.Decide(q)
			i++
		}))
	}
	s := parse(t, `{version: 1, agents: {a: {match: [bot-*], max_scope: write}}, rules: [
  {id: a, effect: allow, tools: [x], when: 'args.a < 5 && args.p.startsWith("/w")', limit: 10000/d},
  {id: b, effect: deny, tools: ["*"], after: {tool: y, within: 1h}}]}`)
	q := ask("bot-1", "x", call.Read)
	q.Args, q.Now, q.Facts, q.Run = []byte(`{"a":1,"p":"/work"}`), epoch, limit.New(limit.Options{}), "r"
	require.Equal(t, call.Allow, s.Decide(q).Effect)
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = s.Decide(q) }))
}
