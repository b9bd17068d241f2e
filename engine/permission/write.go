package permission

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"m1/engine/call"
)

const exampleAgent = "claude-code/example"

// example is a call that shows a statement, and one that it is not about.
type example struct {
	effect     call.Effect
	text       string
	tool, args string
	other      string // empty: none
	otherArgs  string
}

func (t *translator) show(effect call.Effect, text, name, args, other, otherArgs string) {
	t.example = append(t.example, example{t.stricter(effect), text, name, args, other, otherArgs})
}

func member(name, value string) string { return "{" + quote(name) + ": " + quote(value) + "}" }

// test is one test of the policy.
type test struct {
	tool, args string
	want       call.Effect
	text       string
}

// tests are the examples on which the rules agree with their statement: where a
// stricter statement is about the same call, its own test says so.
func (t *translator) tests(rules []rule) []test {
	var out []test
	put := func(x test) {
		if !slices.ContainsFunc(out, func(o test) bool { return o.tool == x.tool && o.args == x.args }) {
			out = append(out, x)
		}
	}
	for _, e := range t.example {
		if got := t.decide(rules, e.tool, e.args); got == e.effect {
			put(test{e.tool, e.args, got, e.text})
		}
		if e.other == "" {
			continue
		}
		if got := t.decide(rules, e.other, e.otherArgs); got != e.effect {
			put(test{e.other, e.otherArgs, got, "not " + e.text})
		}
	}
	return out
}

// yaml writes the policy.
func (t *translator) yaml(rules []rule, tests []test) []byte {
	var b strings.Builder
	b.WriteString("# From the permissions of Claude Code. Use it with --tools claude-code.\nversion: 1\ndefaults:\n  decision: deny\n")
	if t.asks == call.Ask {
		b.WriteString("  unknown_tool: ask\n")
	}
	if len(t.extra) > 0 {
		b.WriteString("tools: # nobody said what they reach, so they count as execute\n")
		slices.Sort(t.extra)
		for _, name := range t.extra {
			fmt.Fprintf(&b, "  %s: { scope: execute }\n", quote(name))
		}
	}
	b.WriteString("rules:\n")
	for _, r := range rules {
		for _, f := range r.from {
			fmt.Fprintf(&b, "  # %s\n", f)
		}
		fmt.Fprintf(&b, "  - id: %s\n    effect: %s\n    tools: %s\n", quote(r.id), r.effect, list(r.tools))
		if r.when != "" {
			fmt.Fprintf(&b, "    when: %s\n", plain(r.when))
		}
		if r.reason != "" {
			fmt.Fprintf(&b, "    reason: %s\n", quote(r.reason))
		}
	}
	if len(tests) > 0 {
		b.WriteString("tests:\n")
	}
	for _, x := range tests {
		fmt.Fprintf(&b, "  # %s\n  - { agent: %s, call: %s, args: %s, want: %s }\n", x.text, exampleAgent, quote(x.tool), x.args, x.want)
	}
	return []byte(b.String())
}

// quote writes text so that YAML, JSON and conditions all read it back the same.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plain writes a condition so that its quotes need no backslashes.
func plain(when string) string { return "'" + strings.ReplaceAll(when, "'", "''") + "'" }

func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
