package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/limit"
	"m1/engine/policy"
	"m1/engine/tool"
)

const shop = `
version: 1
agents:
  support: {match: [bot-*], max_scope: execute}
  reader: {match: ["*"], max_scope: read}
tools:
  refund: {scope: execute, args: {order: string, amount: double}}
  check: {scope: read, args: {order: string}}
rules:
- {id: small, effect: allow, agents: [support], tools: [refund], when: args.amount < 100.0, limit: 2/m}
- {id: large, effect: ask, agents: [support], tools: [refund], when: args.amount >= 100.0 && args.amount <= 1000.0, requires: {tool: check, within: 1h}}
- {id: never, effect: deny, tools: [refund], when: args.order == "0"}
- {id: soon, effect: deny, tools: ["ref*"], mode: shadow}
`

func refund(amount string, facts policy.Facts) *policy.Request {
	q := ask("bot-1", "refund", call.Execute)
	q.Run, q.Now, q.Facts, q.Args = "r", epoch, facts, []byte(`{"order":"1","amount":`+amount+`}`)
	return q
}

func TestAnExplanationShowsEverythingThatWasLookedAt(t *testing.T) {
	t.Parallel()
	s := parse(t, shop)
	x := s.Explain(refund("50", book()))
	require.Equal(t, call.Allow, x.Effect)
	require.Equal(t, "small", x.Rule)
	require.Equal(t, "support", x.Entry)
	require.Equal(t, call.Execute, x.MaxScope)
	require.Equal(t, s.Version(), x.Version)
	var ids []string
	by := map[string]snapshot.Candidate{}
	for _, c := range x.Candidates {
		ids = append(ids, c.Rule)
		by[c.Rule] = c
	}
	require.Equal(t, []string{"never", "soon", "large", "small"}, ids, "the strongest first")
	small := by["small"]
	require.True(t, small.Matched)
	require.True(t, small.Decides)
	require.Equal(t, 10, small.Line)
	require.Equal(t, "support (bot-*)", small.Agents)
	require.Equal(t, "refund", small.Tools)
	require.Equal(t, "args.amount < 100.0", small.When)
	require.Len(t, small.Terms, 1)
	require.Equal(t, "true", small.Terms[0].Value)
	require.Equal(t, "at most 2 in 1m per agent", small.Counters[0].Text)
	require.Equal(t, 2.0, small.Counters[0].Max)
	require.True(t, by["soon"].Shadow)
	require.True(t, by["soon"].Matched)
	require.False(t, by["soon"].Decides)
	require.Equal(t, "its condition is false", by["never"].Why)
	require.Equal(t, "refund by bot-1 is allowed (small): the rule \"small\" allows this call", x.ForPerson)
}

func TestAnExplanationNamesTheNearestMiss(t *testing.T) {
	t.Parallel()
	s := parse(t, shop)
	x := s.Explain(refund("5000", book()))
	require.Equal(t, policy.Default, x.Rule)
	require.Equal(t, "would be allowed if args.amount < 100.0 (rule small)", x.NearestMiss)
	require.Contains(t, x.ForModel, x.NearestMiss)

	facts := book()
	for range 2 {
		require.Equal(t, call.Allow, s.Decide(refund("5", facts)).Effect)
	}
	for range 3 {
		x = s.Explain(refund("5", facts))
		require.Equal(t, "would be let through in 1m by small", x.NearestMiss)
		require.Equal(t, "its limit is used up", x.Candidates[3].Why)
		require.True(t, x.Candidates[3].Counters[0].Holds)
	}

	waits := parse(t, strings.Replace(shop, "args.amount < 100.0", "args.amount < 0.0", 1))
	x = waits.Explain(refund("250", book()))
	require.Equal(t, "a person could be asked after check ended well: wait for check to finish (rule large)", x.NearestMiss)
	facts = book()
	q := refund("250", facts)
	q.Tool, q.Args = "check", []byte(`{"order":"1"}`)
	for _, p := range waits.Past(q, nil) {
		facts.Remember(p, limit.Who{Agent: "bot-1", Run: "r"}, epoch)
	}
	require.Equal(t, call.Ask, waits.Explain(refund("250", facts)).Effect)
}

func TestAnExplanationOfWhatNoRuleCanLiftNamesNoRules(t *testing.T) {
	t.Parallel()
	s := parse(t, shop)
	q := refund("5", nil)
	q.Agent = "someone"
	x := s.Explain(q)
	require.Equal(t, policy.MaxScope, x.Rule)
	require.Equal(t, "reader", x.Entry)
	require.Empty(t, x.Candidates)
	require.Empty(t, x.NearestMiss)
	q.Agent, q.Args = "bot-1", []byte(`{"order":5}`)
	x = s.Explain(q)
	require.Contains(t, x.Candidates[0].Why, "so it denies: ")
	require.Equal(t, "never", x.Rule)
}

func TestExplainingCountsNothing(t *testing.T) {
	t.Parallel()
	s := parse(t, shop)
	facts := book()
	q := refund("5", facts)
	for range 5 {
		require.Equal(t, call.Allow, s.Explain(q).Effect)
	}
	require.False(t, q.Dry)
	require.Equal(t, call.Allow, s.Decide(q).Effect)
}

func TestADiffComparesEveryPair(t *testing.T) {
	t.Parallel()
	old := parse(t, shop)
	same := policy.Diff(old, old, nil, nil, []string{"bot-7"})
	require.Zero(t, same.Flipped)
	require.Equal(t, []string{}, same.Changed)

	next := parse(t, strings.NewReplacer(
		"- {id: never, effect: deny, tools: [refund], when: args.order == \"0\"}", "- {id: reads, effect: allow, tools: [check]}",
		"limit: 2/m", "limit: 3/m",
		"  check: ", "  list: {scope: read}\n  check: ",
	).Replace(shop))
	d := policy.Diff(old, next, nil, nil, []string{"bot-7"})
	require.Equal(t, []string{"reads"}, d.Added)
	require.Equal(t, []string{"never"}, d.Removed)
	require.Equal(t, []string{"small"}, d.Changed)
	require.Equal(t, 9, d.Pairs, "bot-7, one bot and anybody, with check, list and refund")
	require.Equal(t, 3, d.Flipped)
	require.Equal(t, snapshot.Flip{Agent: "any", Tool: "check", Before: "deny", After: "allow", Rules: "default → reads"}, d.Flips[0])

	allowed := parse(t, "version: 1\nrules: [{id: x, effect: allow, tools: ['*']}]\n")
	cat, err := tool.New(tool.Entry{Name: "check", Scope: call.Read}, tool.Entry{Name: "refund", Scope: call.Execute})
	require.NoError(t, err)
	d = policy.Diff(old, allowed, old.Tools(), cat, nil)
	for _, f := range d.Flips {
		if f.Agent == "botany" || f.Agent == "bot-any" {
			require.Equal(t, map[string]string{"check": "deny", "refund": "depends"}[f.Tool], f.Before, f)
		}
		require.Equal(t, "allow", f.After)
	}
	require.Equal(t, 4, d.Flipped)

	edit := "version: 1\nagents: {a: {match: [x], max_scope: %s}}\ntools:\n  edit: {scope: write, scope_by_arg: {arg: c, values: {view: {scope: read}}}}\nrules: [{id: x, effect: allow, tools: [edit]}]\n"
	d = policy.Diff(parse(t, fmt.Sprintf(edit, "read")), parse(t, fmt.Sprintf(edit, "write")), nil, nil, nil)
	require.Equal(t, []snapshot.Flip{{Agent: "x", Tool: "edit", Before: "depends", After: "allow", Rules: "x → x"}}, d.Flips, "some calls of the tool reach too far")
}

// The pairs of a diff say what deciding says, wherever it does not depend.
func TestADiffAgreesWithDeciding(t *testing.T) {
	t.Parallel()
	old, base := loadedSource(t, 300)
	next, err := policy.Parse("q.yaml", []byte(strings.ReplaceAll(old.Source(), "team-1/*", "team-2/*")), base)
	require.NoError(t, err)
	var agents []string
	for i := range 40 {
		agents = append(agents, fmt.Sprintf("team-%d/agent-%d", i%20, i))
	}
	d := policy.Diff(old, next, nil, nil, agents)
	require.Positive(t, d.Flipped)
	for _, f := range d.Flips {
		for want, s := range map[string]*policy.Set{f.Before: old, f.After: next} {
			q := ask(f.Agent, f.Tool, call.Read)
			q.Args, q.Now = []byte(`{"path":"/","amount":1e6}`), time.Time{}
			if v := s.Decide(q); want != "depends" {
				require.Equal(t, want, v.Effect.String(), f)
			}
		}
	}
}

func loadedSource(t testing.TB, n int) (*policy.Set, *tool.Catalogue) {
	t.Helper()
	src, base, _ := mix(n, false)
	s, err := policy.Parse("p.yaml", src, base)
	require.NoError(t, err)
	return s, base
}
