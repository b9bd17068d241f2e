package permission

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"m1/engine/call"
	"m1/engine/condition"
)

// rule is one rule of the policy.
type rule struct {
	id     string
	effect call.Effect
	tools  []string
	when   string
	from   []string // statements
	reason string
}

// quiet are tools of the client that only read or that it never asks about; its
// own list of tasks is one of them. Of the tools that read, the client asks about
// those that reach the network or a server.
var (
	quiet = []string{"TodoWrite", "TaskCreate", "TaskUpdate"}
	outer = []string{"WebFetch", "WebSearch", "ListMcpResourcesTool", "ReadMcpResourceTool"}
)

// result puts the policy together.
func (t *translator) result() *Result {
	t.defaults()
	if cond := t.shell.condition(); cond != "" && !t.always("Bash") {
		t.allowed["Bash"], t.by["Bash"] = []string{cond}, t.shell.from
	} else {
		t.by["Bash"] = append(t.by["Bash"], t.shell.from...)
	}
	rules := t.denied()
	rules = append(rules, t.covered(rules)...)
	for i := range rules {
		r := &rules[i]
		r.id = fmt.Sprintf("%s-%d-%s", r.effect, i+1, slug(r.tools[0]))
	}
	t.out.Policy = t.yaml(rules, t.tests(rules))
	return &t.out
}

// slug is the part of a rule's id that says what it is about.
func slug(name string) string {
	return strings.Trim(strings.ReplaceAll(strings.ToLower(name), "*", "any"), "_-.")
}

func (t *translator) always(name string) bool { return slices.Contains(t.allowed[name], "") }

// defaults are what the client does without a statement.
func (t *translator) defaults() {
	for _, name := range t.known.Names() {
		e, _ := t.known.Lookup(name)
		switch {
		case slices.Contains(reading, name) && len(t.dirs) > 0:
			arg := pathArg[name]
			when := t.inside("args." + arg)
			if name == "Glob" || name == "Grep" {
				when = "(!has(args.path) || " + when + ")" + stays(name)
			}
			t.allow(name, when, "reading in the client's folders")
		case slices.Contains(outer, name):
		case e.Scope == call.Read || slices.Contains(quiet, name):
			t.allow(name, "", "the client does not ask about it")
		}
	}
	if len(t.dirs) == 0 {
		t.note("without --root files may be read everywhere; Claude Code asks outside of its folder")
	}
	if !t.edits {
		for _, name := range editing {
			delete(t.allowed, name)
		}
	}
}

// denied are the rules under deny and ask, without what one of them already denies.
func (t *translator) denied() []rule {
	var out []rule
	for _, effect := range []call.Effect{call.Deny, call.Ask} {
		for _, r := range t.strict {
			if r.effect != effect {
				continue
			}
			r.tools = slices.DeleteFunc(slices.Clone(r.tools), func(name string) bool { return whollyDenied(out, name) })
			if len(r.tools) == 0 {
				continue
			}
			verb := "Claude Code's settings deny this: "
			if effect == call.Ask {
				verb = "Claude Code's settings ask about this: "
			}
			r.reason = verb + r.from[0]
			out = append(out, r)
		}
	}
	return out
}

// whollyDenied reports that a rule denies every call of these tools.
func whollyDenied(rules []rule, name string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool {
		return r.effect == call.Deny && r.when == "" && slices.ContainsFunc(r.tools, func(p string) bool { return covers(p, name) })
	})
}

// covers reports that the pattern p is for all that name is for.
func covers(p, name string) bool {
	if p == name || p == "*" {
		return true
	}
	head, ok := strings.CutSuffix(p, "*")
	if ok && !strings.Contains(head, "*") {
		return strings.HasPrefix(name, head)
	}
	return !strings.Contains(name, "*") && matches(p, name)
}

// anyName is the pattern as a regular expression.
func anyName(p string) string {
	parts := strings.Split(p, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return "^" + strings.Join(parts, ".*") + "$"
}

func matches(p, name string) bool {
	parts := strings.Split(p, "*")
	if len(parts) == 1 {
		return p == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok || !strings.HasSuffix(rest, parts[len(parts)-1]) {
		return false
	}
	rest = strings.TrimSuffix(rest, parts[len(parts)-1])
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return true
}

// covered are the rules that allow, and those that ask about the rest of each tool.
func (t *translator) covered(strict []rule) []rule {
	names := t.known.Names()
	names = append(names, t.extra...)
	slices.Sort(names)
	var out []rule
	put := func(r rule) {
		same := func(o rule) bool { return o.effect == r.effect && o.when == r.when && o.reason == r.reason }
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].tools = append(out[i].tools, r.tools...)
			for _, f := range r.from {
				if !slices.Contains(out[i].from, f) {
					out[i].from = append(out[i].from, f)
				}
			}
			return
		}
		out = append(out, r)
	}
	for _, name := range names {
		if whollyDenied(strict, name) {
			continue
		}
		conds := t.allowed[name]
		rest := ""
		switch {
		case t.always(name):
			put(rule{effect: call.Allow, tools: []string{name}, from: t.by[name]})
			continue
		case len(conds) > 0:
			when := either(conds)
			put(rule{effect: call.Allow, tools: []string{name}, when: when, from: t.by[name]})
			rest = "!(" + when + ")"
		}
		if t.asks == call.Ask && !slices.Contains(t.extra, name) {
			put(rule{effect: call.Ask, tools: []string{name}, when: rest, reason: "no statement of Claude Code's settings allows this"})
		}
	}
	return append(out, t.serverRules(strict)...)
}

// serverRules are for the tools of MCP servers that a catalogue has.
func (t *translator) serverRules(strict []rule) []rule {
	var out []rule
	var not []string
	for _, name := range t.extra {
		if strings.HasPrefix(name, "mcp__") {
			not = append(not, "call.tool == "+quote(name))
		}
	}
	for _, p := range t.servers {
		if whollyDenied(strict, p) {
			continue
		}
		out = append(out, rule{effect: call.Allow, tools: []string{p}, from: t.by[p]})
		head, tail, _ := strings.Cut(p, "*")
		if tail == "" {
			not = append(not, "call.tool.startsWith("+quote(head)+")")
		} else {
			not = append(not, "call.tool.matches("+quote(anyName(p))+")")
		}
	}
	if t.asks == call.Ask && !whollyDenied(strict, "mcp__*") {
		r := rule{effect: call.Ask, tools: []string{"mcp__*"}, reason: "no statement of Claude Code's settings allows this"}
		if len(not) > 0 {
			r.when = "!(" + strings.Join(not, " || ") + ")"
		}
		out = append(out, r)
	}
	return out
}

// eval asks a condition, and reads each text once.
func (t *translator) eval(when string, in *condition.Input) (bool, error) {
	c := t.compiled[when]
	if c == nil {
		var err error
		if c, err = condition.Compile(when, untyped); err != nil {
			return false, err
		}
		t.compiled[when] = c
	}
	return c.Eval(in)
}

// decide answers a call as the rules do.
func (t *translator) decide(rules []rule, name, args string) call.Effect {
	_, known := t.known.Lookup(name)
	known = known || slices.Contains(t.extra, name)
	in := condition.Input{Agent: exampleAgent, Tool: name, Args: []byte(args)}
	var best call.Effect
	matched := false
	for _, r := range rules { // deny, ask, allow
		if matched && r.effect >= best || !slices.ContainsFunc(r.tools, func(p string) bool { return matches(p, name) }) {
			continue
		}
		holds, err := true, error(nil)
		if r.when != "" {
			holds, err = t.eval(r.when, &in)
		}
		switch {
		case err != nil && r.effect != call.Allow:
			return call.Deny
		case err == nil && holds:
			best, matched = r.effect, true
		}
	}
	if !known && best == call.Allow && matched || !known && !matched {
		return t.asks
	}
	return best
}
