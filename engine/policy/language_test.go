package policy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/limit"
	"m1/engine/policy"
	"m1/engine/tool"
)

// try asks for one call of the tool t by the agent a in the run r.
func try(args string, facts policy.Facts) *policy.Request {
	q := ask("a", "t", call.Execute)
	q.Run, q.Args, q.Now, q.Facts = "r", []byte(args), epoch, facts
	q.Digest = call.DigestOf(q.Tool, q.Args)
	return q
}

func book() *limit.Book { return limit.New(limit.Options{}) }

// What an argument can do to a condition: nothing that is not what it says lets a
// call through, and nothing lets it slip past what denies or asks.
func TestArgumentsThatAreNotWhatTheyShouldBeFailClosed(t *testing.T) {
	t.Parallel()
	const tools = `tools: {t: {scope: execute, args: {path: string, amount: double}}}`
	conditions := map[string][]string{
		`within(args.path, "/workspace")`: {
			`{"path":["/workspace/a"],"amount":1}`, `{"amount":1}`, `{"path":null,"amount":1}`, `{"path":"/workspace/../etc","amount":1}`,
			`{"path":"/workspace-evil/x","amount":1}`, `{"path":"/etc/passwd","path":"/workspace/a","amount":1}`, `{"Path":"/etc","path":"/workspace/a","amount":1}`,
			`{"path":"","amount":1}`, `{"path":"workspace/a","amount":1}`,
		},
		`args.amount > 0.0 && args.amount < 100.0`: {
			`{"path":"/a","amount":-5}`, `{"path":"/a","amount":"99"}`, `{"path":"/a","amount":1e400}`, `{"path":"/a"}`, `{"path":"/a","amount":[5]}`, `{"path":"/a","amount":null}`,
			`{"path":"/a","amount":5,"amount":500}`, `{"path":"/a","amount":100}`, `not json`, `[]`,
		},
	}
	for _, typed := range []string{tools, ""} {
		for when, values := range conditions {
			allow := parse(t, fmt.Sprintf("version: 1\n%s\nrules:\n- {id: x, effect: allow, tools: [t], when: '%s'}\n", typed, when))
			strict := func(effect string) *policy.Set {
				return parse(t, fmt.Sprintf("version: 1\n%s\nrules:\n- {id: x, effect: %s, tools: [t], when: '!(%s)'}\n- {id: y, effect: allow, tools: [t]}\n", typed, effect, when))
			}
			deny, asks := strict("deny"), strict("ask")
			for _, args := range values {
				require.Equal(t, call.Deny, allow.Decide(try(args, nil)).Effect, "%s with %s", when, args)
				require.Equal(t, call.Deny, deny.Decide(try(args, nil)).Effect, "%s with %s", when, args)
				require.NotEqual(t, call.Allow, asks.Decide(try(args, nil)).Effect, "%s with %s", when, args)
			}
			good := `{"path":"/workspace/a","amount":99.5}`
			require.Equal(t, call.Allow, allow.Decide(try(good, nil)).Effect)
			require.Equal(t, call.Allow, deny.Decide(try(good, nil)).Effect)
			require.Equal(t, call.Allow, asks.Decide(try(good, nil)).Effect)
		}
	}
	v := parse(t, "version: 1\nrules:\n- {id: x, effect: ask, tools: [t], when: 'args.n < 5'}\n- {id: y, effect: allow, tools: [t]}\n").Decide(try(`{"n":"4"}`, nil))
	require.Equal(t, call.Deny, v.Effect)
	require.Equal(t, "x", v.Rule)
	require.EqualValues(t, policy.PolicyError, v.Code)
	require.True(t, strings.HasPrefix(v.Reason, `policy error in rule "x": `), v.Reason)
}

// A rule that asks and cannot be read denies even after another one has asked: else
// the names of rules would decide.
func TestABrokenAskRuleDeniesWhateverItsName(t *testing.T) {
	t.Parallel()
	for _, ids := range [][2]string{{"a", "b"}, {"b", "a"}} {
		s := parse(t, fmt.Sprintf("version: 1\nrules:\n- {id: %s, effect: ask, tools: [t]}\n- {id: %s, effect: ask, tools: [t], when: 'args.n > 1'}\n", ids[0], ids[1]))
		v := s.Decide(try(`{}`, nil))
		require.Equal(t, call.Deny, v.Effect)
		require.Equal(t, ids[1], v.Rule)
		require.Equal(t, call.Ask, s.Decide(try(`{"n":1}`, nil)).Effect)
	}
}

func TestWithoutFactsLimitsRefuseAndHistoryCountsAgainstTheAgent(t *testing.T) {
	t.Parallel()
	for rules, want := range map[string]string{
		"- {id: x, effect: allow, tools: [t], limit: 5/m}":                                                                                         "deny x rate_limit",
		"- {id: x, effect: ask, tools: [t], limit: 5/m}":                                                                                           "deny x rate_limit",
		"- {id: x, effect: allow, tools: [t], total: {of: args.n, max: 5, per: day}}":                                                              "deny x rate_limit",
		"- {id: x, effect: allow, tools: [t], requires: {tool: u, within: 1m}}":                                                                    "deny default default",
		"- {id: x, effect: deny, tools: [t], after: {tool: u, within: 1m}}\n- {id: y, effect: allow, tools: [t]}":                                  "deny x rule",
		"- {id: x, effect: ask, tools: [t], repeated: {same: args, times: 2, within: 1m}}\n- {id: y, effect: allow, tools: [t]}":                   "ask x rule",
		"- {id: x, effect: allow, tools: [t], after: {tool: u, within: 1m}}":                                                                       "deny default default",
		"- {id: x, effect: allow, tools: [t], repeated: {times: 2, within: 1m}}":                                                                   "deny default default",
		"- {id: x, effect: allow, tools: [t], expires: 2030-01-01T00:00:00Z}":                                                                      "deny default default",
		"- {id: x, effect: allow, tools: [t], expires: 2030-01-01T00:00:01Z}":                                                                      "allow x rule",
		"- {id: x, effect: deny, tools: [t], mode: shadow}\n- {id: y, effect: allow, tools: [t], mode: enforce}":                                   "allow y rule",
		"- {id: x, effect: allow, tools: [t], limit: 5/m}\n- {id: y, effect: allow, tools: [t], limit: 1/m}\n- {id: z, effect: allow, tools: [t]}": "allow z rule",
	} {
		v := parse(t, "version: 1\nrules:\n"+rules+"\n").Decide(try(`{"n":1}`, nil))
		require.Equal(t, want, fmt.Sprint(v.Effect, " ", v.Rule, " ", v.Code), rules)
	}
	s := parse(t, "version: 1\nrules:\n- {id: x, effect: allow, tools: [t], expires: 2030-01-01T00:00:00Z}\n- {id: y, effect: deny, tools: [u], expires: 2030-01-01T00:00:00Z}\n")
	q := try(`{}`, nil)
	q.Now = time.Time{}
	require.Equal(t, call.Deny, s.Decide(q).Effect, "nobody says what time it is")
	q.Tool = "u"
	require.Equal(t, "y", s.Decide(q).Rule)
}

func TestALimitIsTakenByTheRuleThatDecidesAndByNoOther(t *testing.T) {
	t.Parallel()
	s := parse(t, `
version: 1
rules:
- {id: a, effect: allow, tools: [t], when: args.n < 10, limit: 2/m}
- {id: b, effect: allow, tools: [t], when: args.n < 5, total: {of: args.n, max: 6, per: day, key: all}}
- {id: d, effect: deny, tools: [t], when: args.n == 7}
`)
	facts := book()
	step := func(n string) string {
		v := s.Decide(try(`{"n":`+n+`}`, facts))
		return fmt.Sprint(v.Effect, " ", v.Rule, " ", v.Amount)
	}
	require.Equal(t, "deny d 0", step("7"))
	require.Equal(t, "allow a 0", step("9"))
	dry := try(`{"n":9}`, facts)
	dry.Dry = true
	for range 3 {
		require.Equal(t, "a", s.Decide(dry).Rule)
	}
	require.Equal(t, "allow a 0", step("9"))
	require.Equal(t, "deny a 0", step("9"), "a denied call takes nothing, a dry one neither: two were let through")
	require.Equal(t, "allow b 4000000", step("4"))
	require.Equal(t, "deny a 0", step("4"))
	require.Equal(t, "allow b 2000000", step("2"))
	v := s.Decide(try(`{"n":9}`, facts))
	require.EqualValues(t, policy.RateLimit, v.Code)
	require.Equal(t, time.Minute, v.Retry)
	require.Equal(t, `the limit of rule "a" is used up (at most 2 in 1m per agent); try again in 1m`, v.Reason)

	counted := s.Decide(try(`{"n":0}`, book()))
	require.Equal(t, 2, counted.Counted.Rate.N, "whoever gives it back needs to know what was taken")
	require.Len(t, s.Limits(), 2)
}

func TestAnAskOnlyLooksAtItsLimit(t *testing.T) {
	t.Parallel()
	s := parse(t, "version: 1\nrules:\n- {id: x, effect: ask, tools: [t], limit: 1/m}\n- {id: y, effect: allow, tools: [t]}\n")
	facts := book()
	for range 3 {
		v := s.Decide(try(`{}`, facts))
		require.Equal(t, call.Ask, v.Effect)
		require.NotNil(t, v.Counted)
	}
	q := try(`{}`, facts)
	ok, _ := facts.Take(s.Decide(q).Counted, limit.Who{Agent: "a", Run: "r"}, 0, epoch)
	require.True(t, ok)
	v := s.Decide(q)
	require.Equal(t, call.Deny, v.Effect, "what nobody may ask for any more is not allowed instead")
	require.EqualValues(t, policy.RateLimit, v.Code)
}

func TestRunsEndAtTheStricterLimit(t *testing.T) {
	t.Parallel()
	s := parse(t, `
version: 1
limits: {max_tool_calls: 10, max_steps: 5, max_runtime: 1h}
rules: [{id: x, effect: allow, tools: [t]}, {id: d, effect: deny, tools: [u]}, {id: k, effect: ask, tools: [v]}]
`)
	for name, c := range map[string]struct {
		run  policy.RunState
		want string
	}{
		"no run":                 {policy.RunState{}, ""},
		"the last call":          {policy.RunState{Calls: 10, Steps: 5, Started: epoch.Add(-time.Hour)}, ""},
		"one call more":          {policy.RunState{Calls: 11}, "max_tool_calls"},
		"its own limit":          {policy.RunState{Calls: 4, Limits: call.RunLimits{MaxToolCalls: 3}}, "max_tool_calls"},
		"its own laxer limit":    {policy.RunState{Calls: 11, Limits: call.RunLimits{MaxToolCalls: 30}}, "max_tool_calls"},
		"one step more":          {policy.RunState{Calls: 1, Steps: 6}, "max_steps"},
		"too long":               {policy.RunState{Calls: 1, Started: epoch.Add(-time.Hour - time.Second)}, "max_runtime"},
		"too long for itself":    {policy.RunState{Calls: 1, Started: epoch.Add(-time.Minute), Limits: call.RunLimits{MaxRuntime: time.Second}}, "max_runtime"},
		"a clock that went back": {policy.RunState{Calls: 1, Started: epoch.Add(time.Hour)}, ""},
	} {
		q := try(`{}`, nil)
		q.RunState = c.run
		v := s.Decide(q)
		if c.want == "" {
			require.Equal(t, "x", v.Rule, name)
			continue
		}
		require.Equal(t, call.Deny, v.Effect, name)
		require.Equal(t, policy.RunLimit, v.Rule, name)
		require.Contains(t, v.Reason, c.want, name)
		q.Tool = "u"
		require.Equal(t, "d", s.Decide(q).Rule, "what a rule denies it denies first")
		q.Tool = "v"
		require.Equal(t, policy.RunLimit, s.Decide(q).Rule, "nobody is asked for what cannot be")
	}
}

func TestTheLoopGuardRaisesAndNeverWeakens(t *testing.T) {
	t.Parallel()
	const rules = "rules: [{id: x, effect: allow, tools: [t], limit: 1/m}, {id: d, effect: deny, tools: [u]}, {id: k, effect: ask, tools: [v], approvers: [lead]}]"
	try5 := func(s *policy.Set, tool string, streak int, facts policy.Facts) policy.Verdict {
		q := try(`{}`, facts)
		q.Tool, q.Streak = tool, streak
		return s.Decide(q)
	}
	s := parse(t, "version: 1\n"+rules)
	facts := book()
	for range 2 {
		v := try5(s, "t", 5, facts)
		require.Equal(t, call.Ask, v.Effect)
		require.Equal(t, policy.Loop, v.Rule)
		require.Equal(t, 5*time.Minute, v.Ask.TTL)
		require.NotNil(t, v.Counted, "taken when the grant is spent")
	}
	require.Equal(t, "x", try5(s, "t", 4, facts).Rule, "a call that was held back took nothing")
	require.Equal(t, "d", try5(s, "u", 9, nil).Rule)
	require.Equal(t, "k", try5(s, "v", 9, nil).Rule)
	require.Equal(t, []string{"lead"}, try5(s, "v", 9, nil).Ask.Approvers)

	s = parse(t, "version: 1\nlimits: {loop: {streak: 2, effect: deny}}\n"+rules)
	v := try5(s, "v", 2, nil)
	require.Equal(t, call.Deny, v.Effect)
	require.Nil(t, v.Ask)
	require.Equal(t, "d", try5(s, "u", 9, nil).Rule)

	s = parse(t, "version: 1\nlimits: {loop: {streak: 0}}\n"+rules)
	require.Equal(t, "x", try5(s, "t", 900, book()).Rule)
}

func TestHistoryIsOfTheRunAndOfTheTime(t *testing.T) {
	t.Parallel()
	s := parse(t, `
version: 1
rules:
- {id: base, effect: allow, tools: ["*"]}
- {id: leak, effect: deny, tools: [send], after: {tool: "read*", matching: 'args.path == "/private"', within: 10m}}
- {id: merge, effect: ask, tools: [send], when: args.big, requires: {tool: test, within: 10m}}
`)
	facts := book()
	did := func(tool, args string) []bool {
		q := try(args, facts)
		q.Tool = tool
		var oks []bool
		for _, p := range s.Past(q, nil) {
			oks = append(oks, p.OK)
			facts.Remember(p, limit.Who{Agent: "a", Run: "r"}, epoch)
		}
		return oks
	}
	send := func(after time.Duration, run call.RunID, args string) string {
		q := try(args, facts)
		q.Tool, q.Run, q.Now = "send", run, epoch.Add(after)
		return s.Decide(q).Rule
	}
	require.Empty(t, did("read_file", `{"path":"/public"}`))
	require.Equal(t, "base", send(0, "r", `{"big":true}`))
	require.Equal(t, []bool{true}, did("test", `{}`))
	require.Equal(t, "merge", send(time.Minute, "r", `{"big":true}`))
	require.Equal(t, "base", send(time.Minute, "other", `{"big":true}`))
	require.Equal(t, "base", send(11*time.Minute, "r", `{"big":true}`))
	require.Equal(t, []bool{false}, did("read_file", `{"path":"/private"}`))
	require.Equal(t, "leak", send(10*time.Minute-time.Second, "r", `{"big":false}`))
	require.Equal(t, "base", send(10*time.Minute+time.Second, "r", `{"big":false}`))
	require.Equal(t, []bool{false}, did("read_file", `{"path":5`), "what cannot be read counts against the agent")

	s = parse(t, `{version: 1, rules: [{id: x, effect: allow, tools: [send], after: {tool: "read*", matching: 'args.path == "/private"', within: 10m}}]}`)
	require.Empty(t, did("read_file", `{"path":5`), "and never for it")
}

func TestATotalPerRunCountsForTheRun(t *testing.T) {
	t.Parallel()
	s := parse(t, "version: 1\nrules:\n- {id: x, effect: allow, tools: [t], total: {of: args.n, max: 2.5, per: run}}\n")
	require.Equal(t, &limit.Total{Max: 2_500_000, Period: limit.Run, For: limit.PerRun}, s.Limits()[0].Total)
	facts := book()
	require.Equal(t, call.Allow, s.Decide(try(`{"n":2}`, facts)).Effect)
	require.Equal(t, call.Deny, s.Decide(try(`{"n":1}`, facts)).Effect)
	other := try(`{"n":1}`, facts)
	other.Run = "r2"
	require.Equal(t, call.Allow, s.Decide(other).Effect)
}

func TestAskSaysWhoAnswersAndWhatItOpens(t *testing.T) {
	t.Parallel()
	s := parse(t, `
version: 1
defaults: {unknown_tool: ask, ask: {ttl: 4m, on_timeout: deny, bind: args}}
rules:
- {id: plain, effect: ask, tools: [t]}
- {id: full, effect: ask, tools: [u], approvers: [oncall, lead], approvals: 2, grant: {max: 15m, uses: 3}}
- {id: no, effect: deny, tools: [v]}
`)
	q := try(`{}`, nil)
	require.Equal(t, &policy.AskRule{TTL: 4 * time.Minute, Approvals: 1, MaxTTL: 4 * time.Minute, MaxUses: 1}, s.Decide(q).Ask)
	q.Tool = "u"
	require.Equal(t, &policy.AskRule{TTL: 4 * time.Minute, Approvers: []string{"lead", "oncall"}, Approvals: 2, MaxTTL: 15 * time.Minute, MaxUses: 3}, s.Decide(q).Ask)
	q.Tool = "v"
	require.Nil(t, s.Decide(q).Ask)
	q.Tool, q.Known = "w", false
	require.Equal(t, 4*time.Minute, s.Decide(q).Ask.TTL)
}

// A rule that can never match is believed in by its author.
func TestRulesThatCanNeverMatchAreRefused(t *testing.T) {
	t.Parallel()
	const head = "version: 1\nagents:\n  r: {match: [r-*], max_scope: read}\n  w: {match: [w-*], max_scope: write}\ntools:\n  get: {scope: read, args: {path: string, n: optional(int)}}\n  put: {scope: write}\n  run: {scope: execute}\nrules:\n"
	for rules, want := range map[string]string{
		"- {id: a, effect: allow, tools: [run], agents: [r, w]}":                                                                                                     "p.yaml:10:48: rules[0].agents: can never match: these agents may go no further than write, and \"run\" has scope execute; raise max_scope, or remove the rule",
		"- {id: a, effect: allow, tools: [run]}":                                                                                                                     "p.yaml:10:3: rules[0]: can never match: these agents may go no further than write",
		"- {id: a, effect: allow, tools: [get], agents: [x-1]}":                                                                                                      "p.yaml:10:48: rules[0].agents: can never match: no entry under agents matches these agents",
		"- {id: a, effect: deny, tools: [gett]}":                                                                                                                     "p.yaml:10:33: rules[0].tools[0]: can never match: no tool of the catalogue has this name; did you mean \"get\"?",
		"- {id: a, effect: deny, tools: [get], when: '1 > 2'}":                                                                                                       "p.yaml:10:45: rules[0].when: is false whatever the call, so the rule can never match",
		"- {id: a, effect: allow, tools: [get], when: 'args.pth == \"x\"'}":                                                                                          "p.yaml:10:51: rules[0].when: undefined field 'pth'; did you mean \"path\"?",
		"- {id: a, effect: allow, tools: [get], when: \"args.path == \\\"x\\\" && args.n > 1\"}":                                                                     "p.yaml:10:73: rules[0].when: ",
		"- {id: a, effect: allow, tools: [get], when: 'args.path < 5'}":                                                                                              "p.yaml:10:",
		"- {id: a, effect: allow, tools: [get], requires: {tool: testt, within: 1m}}":                                                                                "p.yaml:10:57: rules[0].requires.tool: can never match",
		"- id: a\n  effect: allow\n  tools: [get]\n  when: |\n    args.path == \"\" &&\n      args.q":                                                                "p.yaml:15:",
		"- {id: a, effect: allow, tools: [get]}\ntests:\n- {agent: r-1, call: get, args: {path: x}, want: ask}\n":                                                    "p.yaml:12:3: tests[0]: the test fails: want ask, got allow by a: the rule \"a\" allows this call",
		"- {id: a, effect: allow, tools: [get], when: 'args.path == \"x\"'}\ntests:\n- {agent: r-1, call: get, args: {path: z}, want: allow}\n":                      "p.yaml:12:3: tests[0]: the test fails: want allow, got deny by default: no rule lets this agent use this tool; use another tool, or ask the operator to add a rule",
		"- {id: a, effect: allow, tools: [get]}\ntests:\n- {agent: r-1, call: get, args: {path: 5}, want: allow}\n":                                                  "p.yaml:12:3: tests[0]: the test fails: want allow, got deny by bad_arguments: ",
		"- {id: a, effect: allow, tools: [get], when: '''x'' == args.pth'}":                                                                                          "p.yaml:10:60: rules[0].when: undefined field 'pth'",
		"- {id: a, effect: allow, tools: [get]}\n- {id: b, effect: allow, tools: [put]}\ntests:\n- {agent: r-1, call: get, args: {path: x}, want: allow, rule: b}\n": "tests[0]: the test fails: want allow by b, got allow by a: ",
	} {
		_, err := policy.Parse("p.yaml", []byte(head+rules+"\n"), nil)
		require.Error(t, err, rules)
		require.Contains(t, err.Error(), want, rules)
	}
	for _, rules := range []string{
		"- {id: a, effect: allow, tools: [get], agents: [r]}\n- {id: b, effect: deny, tools: [get], agents: [r-1]}",
		"- {id: a, effect: allow, tools: [get]}\n- {id: b, effect: deny, tools: [get], when: 'args.path == \"x\"'}",
		"- {id: a, effect: allow, tools: [get], agents: [w-1, r]}",
		"- {id: a, effect: allow, tools: [get], agents: [r]}\n- {id: b, effect: deny, tools: [get], agents: ['w-*']}",
		"- {id: a, effect: allow, tools: [\"got*\"]}",
		"- {id: a, effect: allow, tools: [get], when: 'has(args.n) && args.n > 1'}",
	} {
		_, err := policy.Parse("p.yaml", []byte(head+rules+"\n"), nil)
		require.NoError(t, err, rules)
	}
}

// A condition over many tools is typed for each; what is wrong is told once.
func TestConditionsAreTypedForEveryToolThatTheirRuleNames(t *testing.T) {
	t.Parallel()
	base, err := tool.Parse("tools.yaml", []byte("version: 1\ntools:\n  fs.get: {scope: read, args: {path: string}}\n  fs.put: {scope: write, args: {path: string, text: string}}\n  fs.count: {scope: read, args: {n: int}}\n"))
	require.NoError(t, err)
	s, err := policy.Parse("p.yaml", []byte("version: 1\nrules:\n- {id: a, effect: allow, tools: [fs.get, fs.put], when: 'args.path == \"x\"'}\n- {id: b, effect: deny, tools: ['*'], when: 'mentions(call, [\"**/.env\"])'}\n"), base)
	require.NoError(t, err)
	for _, name := range []string{"fs.get", "fs.put"} {
		q := try(`{"path":"x","text":"y"}`, nil)
		q.Tool = name
		require.Equal(t, "a", s.Decide(q).Rule)
		q.Args = []byte(`{"path":"a/.env"}`)
		require.Equal(t, "b", s.Decide(q).Rule)
	}
	_, err = policy.Parse("p.yaml", []byte("version: 1\nrules:\n- {id: a, effect: allow, tools: ['fs.*'], when: 'args.path == \"x\"'}\n"), base)
	require.EqualError(t, err, `p.yaml:3:54: rules[0].when: for the tool "fs.count": undefined field 'path'; there are n`)
}

func TestExpiredRulesAreAWarning(t *testing.T) {
	t.Parallel()
	s := parse(t, "version: 1\nrules:\n- {id: x, effect: allow, tools: [t], expires: 2030-01-01T00:00:00Z}\n")
	require.Empty(t, s.Warnings(epoch.Add(-time.Second)))
	require.EqualError(t, s.Warnings(epoch), "p.yaml:3:47: rules[0].expires: has passed: the rule matches nothing any more; remove the rule")
}

// A rule that is written anew starts empty, one that stays keeps what it counted.
func TestACounterBelongsToTheTextOfItsRule(t *testing.T) {
	t.Parallel()
	id := func(rules string) string { return parse(t, "version: 1\nrules:\n"+rules).Limits()[0].ID }
	a := id("- {id: x, effect: allow, tools: [t], limit: 2/m}")
	require.Equal(t, a, id("- {id: w, effect: deny, tools: [u]}\n- id: x\n  effect: \"allow\"\n  tools: [t]\n  limit: 2/m"))
	require.NotEqual(t, a, id("- {id: x, effect: allow, tools: [t], limit: 3/m}"))
	require.NotEqual(t, a, id("- {id: y, effect: allow, tools: [t], limit: 2/m}"))
}

// The attack: an agent with a thousand tool names fills the memory of pairs, and
// the answer for one becomes that of another.
func TestManyPairsNeverAnswerForEachOther(t *testing.T) {
	t.Parallel()
	s := parse(t, "version: 1\nrules:\n- {id: even, effect: allow, tools: ['t*'], agents: ['*0', '*2', '*4', '*6', '*8']}\n- {id: odd, effect: ask, tools: ['t*'], agents: ['*1', '*3', '*5', '*7', '*9']}\n")
	for round := range 2 {
		for i := range 60_000 {
			q := ask(fmt.Sprint("a", i), fmt.Sprint("t", i/7), call.Read)
			want := call.Allow
			if i%2 == 1 {
				want = call.Ask
			}
			if v := s.Decide(q); v.Effect != want {
				require.Failf(t, "another pair's answer", "round %d call %d: %v", round, i, v)
			}
		}
	}
	long := ask(strings.Repeat("a", 1000)+"0", "t", call.Read)
	require.False(t, s.Decide(long).Memo)
	require.False(t, s.Decide(long).Memo, "long names are not kept")
	q := ask("z0", "t", call.Read)
	s.Decide(q)
	require.True(t, s.Decide(q).Memo)
}

func TestOneSetAnswersManyGoroutinesAtOnce(t *testing.T) {
	t.Parallel()
	s := parse(t, "version: 1\nrules:\n- {id: even, effect: allow, tools: [t], agents: ['*0'], when: args.n < 5, limit: 10000/m}\n- {id: odd, effect: ask, tools: [t], agents: ['*1']}\n")
	facts := book()
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			q := try(`{"n":1}`, facts)
			for i := range 500 {
				q.Agent = call.AgentID(fmt.Sprint(g, "-", i))
				want := map[int]call.Effect{0: call.Allow, 1: call.Ask}[i%10]
				if v := s.Decide(q); v.Effect != want {
					t.Errorf("%s: got %s, want %s", q.Agent, v.Effect, want)
				}
				s.Explain(q)
			}
		})
	}
	group.Wait()
}

// An operator denies a tool in an emergency: the rules for it stay where they are.
func TestADenyRuleMayBeatOthersAndIsTold(t *testing.T) {
	t.Parallel()
	const head = "version: 1\nagents:\n  r: {match: [r-*], max_scope: read}\ntools:\n  get: {scope: read}\nrules:\n"
	for rules, want := range map[string]string{
		"- {id: a, effect: allow, tools: [get]}\n- {id: b, effect: deny, tools: [g*]}":                                 `p.yaml:7:3: rules[0]: can never decide: the rule "b" denies all that it is for`,
		"- {id: a, effect: ask, tools: [get], agents: [r-1]}\n- {id: b, effect: deny, tools: [get], agents: [r]}":      `p.yaml:7:3: rules[0]: can never decide: the rule "b" denies all that it is for`,
		"- {id: a, effect: allow, tools: [get]}\n- {id: b, effect: deny, tools: [get], agents: [r-1]}":                 "",
		"- {id: a, effect: allow, tools: [get]}\n- {id: b, effect: deny, tools: [get], when: 'call.agent == \"r-1\"'}": "",
	} {
		s, err := policy.Parse("p.yaml", []byte(head+rules+"\n"), nil)
		require.NoError(t, err, rules)
		if want == "" {
			require.Empty(t, s.Warnings(epoch), rules)
			continue
		}
		warnings := s.Warnings(epoch)
		require.ErrorContains(t, warnings.Err(), want, rules)
	}
}
