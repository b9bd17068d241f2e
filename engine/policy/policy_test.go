package policy_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/policy"
	"m1/engine/tool"
)

var update = flag.Bool("update", false, "write the golden files")

func read(t testing.TB, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return src
}

func parse(t testing.TB, src string) *policy.Set {
	t.Helper()
	s, err := policy.Parse("p.yaml", []byte(src), nil)
	require.NoError(t, err)
	return s
}

func ask(agent, tool string, scope call.Scope) *policy.Request {
	return &policy.Request{Agent: call.AgentID(agent), Tool: tool, Known: true, Scope: scope}
}

func TestDecideAnswersForATeam(t *testing.T) {
	t.Parallel()
	s, err := policy.Parse("team.yaml", read(t, "team.yaml"), nil)
	require.NoError(t, err)
	require.Equal(t, 5, s.Rules())
	require.Equal(t, 7, s.Tools().Len())
	require.False(t, s.Observe())
	require.Equal(t, "team.yaml", s.Name())
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, s.Version())
	require.Empty(t, s.Unlisted(s.Tools()))

	for name, c := range map[string]struct {
		agent, tool string
		effect      call.Effect
		rule        string
	}{
		"a rule for an entry reaches all that its patterns match": {"claude-code/s1", "fs.read_file", call.Allow, "read-files"},
		"the most specific entry sets max_scope":                  {"claude-code/s1", "fs.write_file", call.Allow, "write-files"},
		"a glob of tools":                                         {"team-a-7", "shell.run", call.Ask, "shell"},
		"max_scope comes before the rules":                        {"support-bot-1", "shell.run", call.Deny, policy.MaxScope},
		"the catch-all entry is for all others":                   {"someone", "orders.cancel", call.Deny, policy.MaxScope},
		"deny beats allow":                                        {"claude-code/s1", "pay.refund", call.Deny, "no-refunds"},
		"what no rule allows is denied":                           {"claude-code/s1", "orders.get", call.Deny, policy.Default},
		"an unknown tool is denied":                               {"claude-code/s1", "fs.delete", call.Deny, policy.UnknownTool},
		"a glob for another agent":                                {"support-bot-9", "orders.cancel", call.Allow, "orders"},
		"a name near a pattern does not match":                    {"support-bot", "orders.get", call.Deny, policy.Default},
		"an empty agent is nobody in particular":                  {"", "fs.search", call.Allow, "read-files"},
	} {
		e, known := s.Tools().Lookup(c.tool)
		r := policy.Request{Agent: call.AgentID(c.agent), Tool: c.tool, Known: known}
		if known {
			r.Scope = e.Scope
		}
		v := s.Decide(&r)
		require.Equal(t, c.effect, v.Effect, name)
		require.Equal(t, c.rule, v.Rule, name)
		require.NotEmpty(t, v.Reason, name)
	}
}

func TestDecideFailsClosed(t *testing.T) {
	t.Parallel()
	require.Equal(t, call.Deny, policy.Verdict{}.Effect)

	s := parse(t, `{version: 1, agents: {a: {match: [bot-*], max_scope: write}}, rules: [{id: all, effect: allow, tools: ["*"]}]}`)
	require.Equal(t, policy.UnknownAgent, s.Decide(ask("someone", "x", call.Read)).Rule)
	require.Equal(t, policy.MaxScope, s.Decide(ask("bot-1", "x", call.NoScope)).Rule, "no scope counts as execute")
	require.Equal(t, policy.MaxScope, s.Decide(ask("bot-1", "x", call.Scope(9))).Rule)
	require.Equal(t, "all", s.Decide(ask("bot-1", "x", call.Write)).Rule)

	require.Equal(t, policy.Default, parse(t, "{version: 1, rules: []}").Decide(ask("a", "x", call.Read)).Rule)
}

func TestUnknownToolsMayBeAskedForButNotWavedThroughByARule(t *testing.T) {
	t.Parallel()
	const rules = `rules: [{id: all, effect: allow, tools: ["*"]}, {id: no, effect: deny, tools: [bad.*]}, {id: maybe, effect: ask, tools: [odd.*]}]`
	for _, c := range []struct {
		unknown, tool string
		effect        call.Effect
		rule          string
	}{
		{"deny", "new", call.Deny, policy.UnknownTool},
		{"ask", "new", call.Ask, policy.UnknownTool},
		{"ask", "bad.x", call.Deny, "no"},
		{"ask", "odd.x", call.Ask, "maybe"},
		{"allow", "new", call.Allow, "all"},
		{"allow", "odd.x", call.Ask, "maybe"},
	} {
		s := parse(t, "{version: 1, defaults: {unknown_tool: "+c.unknown+"}, "+rules+"}")
		v := s.Decide(&policy.Request{Agent: "a", Tool: c.tool})
		require.Equal(t, c.effect, v.Effect, c)
		require.Equal(t, c.rule, v.Rule, c)
	}
	s := parse(t, `{version: 1, defaults: {unknown_tool: allow}, agents: {r: {match: ["*"], max_scope: write}}, `+rules+"}")
	require.Equal(t, policy.MaxScope, s.Decide(&policy.Request{Tool: "new", Scope: call.Read}).Rule, "an unknown tool counts as execute")
}

func TestTheMostSpecificEntrySetsMaxScope(t *testing.T) {
	t.Parallel()
	s := parse(t, `
version: 1
agents:
  all: {match: ["*"], max_scope: read}
  team: {match: ["team-*"], max_scope: execute}
  lead: {match: [team-a], max_scope: write}
  intern: {match: ["team-a*"], max_scope: read}
  left: {match: ["x*y"], max_scope: execute}
  right: {match: ["x*z", "x*yy"], max_scope: write}
rules: [{id: all, effect: allow, tools: ["*"]}]
`)
	for agent, most := range map[string]call.Scope{
		"nobody": call.Read, "team-b": call.Execute, "team-a": call.Write, "team-ab": call.Read,
		"x1y": call.Execute, "x1z": call.Write, "x1yy": call.Write,
	} {
		for scope := call.Read; scope <= call.Execute; scope++ {
			require.Equal(t, scope <= most, s.Decide(ask(agent, "t", scope)).Effect == call.Allow, "%s %s", agent, scope)
		}
	}
}

func TestPatternsKnowOneWildcard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"fs.read", []string{"fs.read"}, []string{"fs_read", "fs.read2", "FS.read"}},
		{"fs.*", []string{"fs.", "fs.a", "fs.a.b/c"}, []string{"fs", "xfs.a"}},
		{"*.read", []string{".read", "a.b.read"}, []string{"read", "a.read."}},
		{"a*b*c", []string{"abc", "aXbYc", "abbc", "abcbc"}, []string{"ac", "acb", "abcd"}},
		{"ab*ba", []string{"abba", "abxba"}, []string{"aba", "ab"}},
		{"**", []string{"", "x"}, nil},
		{"mcp__*__delete_*", []string{"mcp__x__delete_y", "mcp__a__b__delete_"}, []string{"mcp__delete_y"}},
	} {
		s := parse(t, `{version: 1, rules: [{id: r, effect: allow, tools: ["`+c.pattern+`"]}]}`)
		for _, n := range c.yes {
			require.Equal(t, call.Allow, s.Decide(ask("a", n, call.Read)).Effect, "%s %s", c.pattern, n)
		}
		for _, n := range c.no {
			require.Equal(t, call.Deny, s.Decide(ask("a", n, call.Read)).Effect, "%s %s", c.pattern, n)
		}
	}
}

func TestReasonsTellAnAgentWhatToDo(t *testing.T) {
	t.Parallel()
	s := parse(t, `{version: 1, agents: {a: {match: ["*"], max_scope: write}}, rules: [
  {id: plain, effect: deny, tools: [x]}, {id: told, effect: deny, tools: [y], reason: open a PR}, {id: person, effect: ask, tools: [z]}]}`)
	for tool, want := range map[string]string{
		"x": `the rule "plain" denies this call; do not repeat it, do it another way or ask the operator`,
		"y": "open a PR",
		"z": `the rule "person" wants a person to decide; wait for the answer`,
		"u": "no rule lets this agent use this tool; use another tool, or ask the operator to add a rule",
	} {
		require.Equal(t, want, s.Decide(ask("b", tool, call.Write)).Reason)
	}
	require.Equal(t, "this call has scope execute, but this agent may go no further than write; do it with a tool of scope write, or ask the operator",
		s.Decide(ask("b", "x", call.Execute)).Reason)
}

func TestParseTellsEveryMistakeOfAPolicy(t *testing.T) {
	t.Parallel()
	s, err := policy.Parse("mistakes.yaml", read(t, "mistakes.yaml"), nil)
	require.Error(t, err)
	require.Nil(t, s)
	if *update {
		require.NoError(t, os.WriteFile("testdata/mistakes.golden", []byte(err.Error()+"\n"), 0o644))
	}
	require.Equal(t, string(read(t, "mistakes.golden")), err.Error()+"\n")
}

// What the language has and this version does not read is refused as such.
func TestParseRefusesWhatIsNotSupportedYet(t *testing.T) {
	t.Parallel()
	refused := func(src string) string {
		_, err := policy.Parse("p.yaml", []byte(src), nil)
		require.Error(t, err, src)
		return err.Error()
	}
	for _, f := range strings.Fields("budget cache args cost") {
		told := refused("version: 1\nrules:\n- id: a\n  effect: allow\n  tools: [x]\n  " + f + ": x\n")
		require.Contains(t, told, "p.yaml:6:", f)
		require.Contains(t, told, "rules[0]."+f+": not supported by this version", f)
	}
	for _, f := range strings.Fields("budgets approvals cache") {
		require.Contains(t, refused("version: 1\nrules: []\n"+f+": []\n"), "p.yaml:3:", f)
		require.Contains(t, refused("version: 1\nrules: []\n"+f+": []\n"), f+": not supported by this version", f)
	}
	require.Contains(t, refused("version: 1\nrules: []\nagents: {a: {match: [x], max_scope: read, budget: {usd: 5/day}}}\n"), "agents.a.budget: not supported by this version")
}

func TestUnlistedFindsRulesThatWaitForNoTool(t *testing.T) {
	t.Parallel()
	s := parse(t, "version: 1\nrules:\n- {id: a, effect: deny, tools: [fs.raed, fs.*, db.*]}\n")
	cat, err := tool.New(tool.Entry{Name: "fs.read", Scope: call.Read})
	require.NoError(t, err)
	require.EqualError(t, s.Unlisted(cat), `p.yaml:3:33: rules[0].tools[0]: no tool of the catalogue has this name; did you mean "fs.read"?
p.yaml:3:48: rules[0].tools[2]: no tool of the catalogue has this name`)
}

func TestBuiltinPolicies(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"observe", "read-only"}, policy.Builtins())
	_, ok := policy.Builtin("nothing")
	require.False(t, ok)

	s, ok := policy.Builtin("observe")
	require.True(t, ok)
	require.True(t, s.Observe())
	require.Equal(t, call.Allow, s.Decide(ask("a", "x", call.Execute)).Effect)
	require.Equal(t, policy.UnknownTool, s.Decide(&policy.Request{Agent: "a", Tool: "x"}).Rule)

	s, ok = policy.Builtin("read-only")
	require.True(t, ok)
	require.False(t, s.Observe())
	require.Equal(t, call.Allow, s.Decide(ask("a", "x", call.Read)).Effect)
	require.Equal(t, policy.MaxScope, s.Decide(ask("a", "x", call.Write)).Rule)
	require.Equal(t, policy.MaxScope, s.Decide(ask("a", "x", call.Execute)).Rule)
}

func FuzzParseNeverPanicsAndRepeatsItself(f *testing.F) {
	for _, name := range []string{"team.yaml", "mistakes.yaml", "example.yaml"} {
		f.Add(read(f, name), "claude-code/s1", "fs.read_file")
	}
	f.Fuzz(func(t *testing.T, src []byte, agent, tool string) {
		s, err := policy.Parse("f.yaml", src, nil)
		again, errAgain := policy.Parse("f.yaml", src, nil)
		if err != nil {
			require.Nil(t, s)
			require.EqualError(t, errAgain, err.Error())
			return
		}
		require.NoError(t, errAgain)
		for scope := call.NoScope; scope <= call.Execute; scope++ {
			r := ask(agent, tool, scope)
			r.Args = []byte(`{"path":"/workspace/a","amount":3}`)
			v := s.Decide(r)
			require.Equal(t, v, again.Decide(r))
			x := s.Explain(r)
			require.Equal(t, v.Effect, x.Effect)
			require.Equal(t, v.Rule, x.Rule)
			s.Shadow(r, v, nil)
			s.Past(r, nil)
		}
		d := policy.Diff(s, again, nil, nil, []string{agent})
		require.Zero(t, d.Flipped)
		require.Empty(t, d.Changed)
	})
}
