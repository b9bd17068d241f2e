package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/policy"
)

const desk = `
version: 1
tools:
  read: {scope: read, args: {path: string}}
  merge: {scope: execute, args: {n: int}}
  send: {scope: execute}
rules:
- {id: reads, effect: allow, tools: [read], when: 'args.path != "/etc"'}
- {id: merges, effect: allow, tools: [merge], requires: {tool: read, within: 1h}}
- {id: sends, effect: ask, tools: [send], limit: 1/h}
tests:
`

// A test that names a call which no agent could ever make proves nothing: it stays
// green whatever becomes of the rules.
func TestATestOfACallThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"{agent: a, call: raed, want: deny}":                                                          `p.yaml:12:20: tests[0].call: no tool of the catalogue has this name; did you mean "read"? (to test that it is denied, write want: deny and rule: unknown_tool)`,
		"{agent: a, call: launch, want: deny, rule: default}":                                         `p.yaml:12:20: tests[0].call: no tool of the catalogue has this name; to test that it is denied, write want: deny and rule: unknown_tool`,
		"{agent: a, call: launch, want: deny, rule: unknown_tool}":                                    "",
		"{agent: a, call: merge, args: {n: 1}, after: [{call: tests}], want: deny}":                   `p.yaml:12:56: tests[0].after[0].call: no tool of the catalogue has this name; a call that is denied never runs before another`,
		"{agent: a, call: read, args: {path: 5}, want: deny}":                                         `p.yaml:12:3: tests[0]: the test fails: want deny, got deny by bad_arguments: the arguments do not fit: args.path: want text, got a whole number; correct them, or write want: deny and rule: bad_arguments`,
		"{agent: a, call: read, want: deny, rule: default}":                                           `got deny by bad_arguments: the arguments do not fit`,
		"{agent: a, call: read, args: {path: 5}, want: deny, rule: bad_arguments}":                    "",
		"{agent: a, call: merge, args: {n: 1}, want: deny, rule: bad_arguments}":                      `want deny by bad_arguments, got deny by default`,
		"{agent: a, call: merge, args: {n: 1}, after: [{call: read}], want: deny}":                    `p.yaml:12:3: tests[0]: the test fails: after[0] in line 12 could not have run: the arguments do not fit: args`,
		"{agent: a, call: merge, args: {n: 1}, after: [{call: read, args: {path: /a}}], want: allow}": "",
		"\n    agent: a\n    call: merge\n    args: {n: 1}\n    want: allow\n    after:\n    - {call: read, args: {path: /a}}\n    - {call: read, args: {path: /etc}}": `p.yaml:13:5: tests[0]: the test fails: after[1] in line 19 could not have run: deny by default: no rule lets this agent use this tool`,
		"{agent: a, call: read, args: {path: /a}, after: [{call: merge, args: {n: 1}}], want: allow}":                                                                  `after[0] in line 12 could not have run: deny by default: `,
		"{agent: a, call: read, args: {path: /a}, after: [{call: send}], want: allow}":                                                                                 "",
		"{agent: a, call: read, args: {path: /a}, after: [{call: send}, {call: send}], want: allow}":                                                                   `after[1] in line 12 could not have run: deny by sends: the limit of rule "sends" is used up`,
	} {
		_, err := policy.Parse("p.yaml", []byte(desk+"- "+written+"\n"), nil)
		if want == "" {
			require.NoError(t, err, written)
			continue
		}
		require.ErrorContains(t, err, want, written)
		require.Len(t, err, 1, written)
	}
}

// Where unlisted tools may be called, tests may call them too.
func TestATestMayCallAnUnlistedToolWhereAgentsMay(t *testing.T) {
	t.Parallel()
	for _, effect := range []string{"ask", "allow"} {
		_, err := policy.Parse("p.yaml", []byte("version: 1\ndefaults: {unknown_tool: "+effect+"}\ntools: {read: {scope: read}}\nrules: []\ntests:\n- {agent: a, call: launch, after: [{call: other}], want: "+effect+"}\n"), nil)
		require.NoError(t, err)
	}
}

func TestToolsThatRunWithoutARuleAreAWarning(t *testing.T) {
	t.Parallel()
	const rest = "\ntools: {read: {scope: read}}\nrules: []\n"
	s := parse(t, "version: 1\ndefaults: {unknown_tool: allow}"+rest)
	require.EqualError(t, s.Warnings(epoch), "p.yaml:2:26: defaults.unknown_tool: allow lets tools that nobody listed run without any rule; write deny, or ask")
	for _, defaults := range []string{"{unknown_tool: ask}", "{unknown_tool: deny}", "{}"} {
		require.Empty(t, parse(t, "version: 1\ndefaults: "+defaults+rest).Warnings(epoch))
	}
}

func TestOneMistakeIsToldOnce(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		"rules: [{id: a, effect: permit, tools: [t], limit: 5/m, approvers: [x]}]":                                            `p.yaml:2:25: rules[0].effect: effect "permit" is none of deny, ask, allow`,
		"rules: [{id: a, tools: [t], limit: 5/m, approvers: [x]}]":                                                            `p.yaml:2:9: rules[0].effect: missing; want allow, ask or deny`,
		"rules: [{id: a, effect: ask, tools: [t], approvals: two}]":                                                           `p.yaml:2:53: rules[0].approvals: found the text "two", want a whole number from 1 to 10`,
		"rules: [{id: a, effect: ask, tools: [t], grant: {max: 15}}]":                                                         `p.yaml:2:55: rules[0].grant.max: found the number 15, want a duration; write it like 250ms, 30s or 1h30m`,
		"rules: [{id: a, effect: allow, tools: [t], limit: {n: x, per: m}}]":                                                  `p.yaml:2:55: rules[0].limit.n: found the text "x", want a whole number from 1 to 10000`,
		"rules: [{id: a, effect: allow, tools: [t], total: {of: args.n, max: x, per: day}}]":                                  `p.yaml:2:69: rules[0].total.max: found the text "x", want a number`,
		"limits: {max_steps: x}\nrules: []":                                                                                   `p.yaml:2:21: limits.max_steps: found the text "x", want a whole number of at least 1`,
		"limits: {loop: {streak: x}}\nrules: []":                                                                              `p.yaml:2:25: limits.loop.streak: found the text "x", want a whole number from 0 to 1000000`,
		"agents: {r: {match: [r], max_scope: wirte}}\ntools: {t: {scope: read}}\nrules: [{id: a, effect: allow, tools: [t]}]": `p.yaml:2:37: agents.r.max_scope: scope "wirte" is none of read, write, execute`,
		"rules: [{id: a, effect: allow, tools: get}]":                                                                         `p.yaml:2:39: rules[0].tools: found the text "get", want a list; write [get]`,
		"agents: {r: {match: \"*\", max_scope: read}}\nrules: []":                                                             `p.yaml:2:21: agents.r.match: found the text "*", want a list; write ["*"]`,
		"rules: [{id: a, effect: allow, tools: [t], when: 'args.id = 1'}]":                                                    `p.yaml:2:59: rules[0].when: a single = means nothing here; equality is ==`,
	} {
		_, err := policy.Parse("p.yaml", []byte("version: 1\n"+written+"\n"), nil)
		require.EqualError(t, err, want, written)
	}
}
