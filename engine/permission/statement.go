package permission

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"m1/engine/call"
	"m1/engine/condition"
	"m1/engine/source"
	"m1/engine/tool"
)

// statement reads one of the settings' statements, such as Bash(go test:*).
func (t *translator) statement(at source.Node, effect call.Effect) {
	t.out.Statements++
	text := at.Text()
	if !at.IsText() || controls(text) {
		t.refuse(at, "", "must be text such as Bash(go test:*)", "")
		return
	}
	name, spec, has, err := split(text)
	if err == nil {
		if has && (spec == "*" && name != "WebFetch" || spec == "domain:*" && name == "WebFetch") && !isFile(name) {
			has = false // everything
		}
		err = t.translate(name, spec, has, text, effect)
	}
	if err == nil {
		t.out.Translated++
		return
	}
	why, hint := err.Error(), ""
	if effect != call.Allow && name != "" {
		// A call that the client would stop must not run because nobody could say which.
		hint = "every call of " + name + " is asked about in its place"
		if t.stricter(call.Ask) == call.Deny {
			hint = "every call of " + name + " is denied in its place"
		}
		t.add(call.Ask, family(name), "", text)
	} else if effect == call.Allow {
		hint = "such calls are asked about"
		if t.asks == call.Deny {
			hint = "such calls are denied"
		}
	}
	t.refuse(at, text, why, hint)
}

var shape = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9_.*-]*|\*)(?:\((.*)\))?$`)

// split parts a statement into tool and what is in its brackets.
func split(text string) (name, spec string, has bool, err error) {
	m := shape.FindStringSubmatch(text)
	if m == nil {
		return "", "", false, errors.New("this is no statement; want Tool or Tool(what)")
	}
	has = strings.HasSuffix(text, ")")
	if err := tool.CheckName(strings.ReplaceAll(m[1], "*", "x")); err != nil {
		return "", "", false, errors.New("no tool can have this name")
	}
	if has && m[2] == "" {
		return m[1], "", true, errors.New("there is nothing in the brackets")
	}
	return m[1], m[2], has, nil
}

// The tools that one statement governs together.
var (
	editing = []string{"Edit", "MultiEdit", "NotebookEdit", "Write"}
	reading = []string{"Read", "NotebookRead", "Glob", "Grep", "LS"}
	handing = []string{"Agent", "Task"}
)

func family(name string) []string {
	switch name {
	case "Edit":
		return editing
	case "Read":
		return reading
	case "Agent", "Task":
		return handing
	}
	if server, ok := strings.CutPrefix(name, "mcp__"); ok && !strings.Contains(server, "__") && !strings.HasSuffix(server, "*") {
		return []string{name + "__*"} // all tools of a server
	}
	return []string{name}
}

func isFile(name string) bool {
	return slices.Contains(editing, name) || slices.Contains(reading, name)
}

// translate adds what one statement says.
func (t *translator) translate(name, spec string, has bool, text string, effect call.Effect) error {
	tools := family(name)
	switch {
	case !has && effect == call.Allow:
		return t.allowAll(tools, text)
	case !has:
		t.add(effect, tools, "", text)
		t.show(effect, text, sample(tools[0]), "{}", "", "")
		return nil
	case name == "Bash":
		return t.command(spec, text, effect)
	case isFile(name):
		return t.file(tools, spec, text, effect)
	case name == "WebFetch":
		return t.web(spec, text, effect)
	case name == "Agent" || name == "Task":
		return t.text(tools, "subagent_type", spec, text, effect)
	case name == "Skill":
		return t.skill(spec, text, effect)
	case name == "SlashCommand":
		return t.slash(spec, text, effect)
	default:
		return fmt.Errorf("what stands in the brackets of %s is not known", name)
	}
}

// sample is a tool that the pattern matches.
func sample(pattern string) string { return strings.ReplaceAll(pattern, "*", "any") }

func (t *translator) allowAll(tools []string, text string) error {
	for _, name := range tools {
		_, known := t.known.Lookup(name)
		switch {
		case strings.Contains(name, "*"):
			if server, ok := strings.CutPrefix(name, "mcp__"); !ok || strings.Index(server, "__") < 1 || strings.Contains(server[:strings.Index(server, "__")], "*") {
				return errors.New("a pattern may only stand behind the name of an MCP server, such as mcp__github__get_*")
			}
			t.servers = append(t.servers, name)
			t.allow(name, "", text)
			t.note(text + " allows those tools of the server that are in a catalogue; tools that nobody knows are asked about. Name them one by one, or write a catalogue.")
			continue
		case !known && !slices.Contains(t.extra, name):
			t.extra = append(t.extra, name)
		}
		t.allow(name, "", text)
	}
	t.show(call.Allow, text, tools[0], "{}", "", "")
	return nil
}

// add adds a deny or ask rule.
func (t *translator) add(effect call.Effect, tools []string, when, text string) {
	t.strict = append(t.strict, rule{effect: t.stricter(effect), tools: tools, when: when, from: []string{text}})
}

// stricter is what becomes of a deny or ask statement in this mode.
func (t *translator) stricter(effect call.Effect) call.Effect {
	if effect == call.Ask {
		return t.asks
	}
	return effect
}

// say adds a condition that one statement comes to, for each of tools.
func (t *translator) say(effect call.Effect, tools []string, when, text string) error {
	if err := compiles(when); err != nil {
		return err
	}
	if effect != call.Allow {
		t.add(effect, tools, when, text)
		return nil
	}
	for _, name := range tools {
		t.allow(name, when, text)
	}
	return nil
}

// untyped is where every condition here is read: the catalogue says nothing of the
// arguments.
var untyped = &condition.Env{}

func compiles(when string) error {
	if _, err := condition.Compile(when, untyped); err != nil {
		var many condition.Problems
		if errors.As(err, &many) && len(many) > 0 {
			return fmt.Errorf("as a condition it cannot be read: %s", many[0].Msg)
		}
		return errors.New("as a condition it cannot be read")
	}
	return nil
}

// text compares one argument with plain text.
func (t *translator) text(tools []string, arg, spec, text string, effect call.Effect) error {
	if strings.ContainsAny(spec, "*():") {
		return errors.New("only one plain name may stand in the brackets")
	}
	when := "args." + arg + " == " + quote(spec)
	if effect != call.Allow {
		when = "has(args." + arg + ") && " + when
	}
	if err := t.say(effect, tools, when, text); err != nil {
		return err
	}
	t.show(effect, text, tools[0], member(arg, spec), tools[0], member(arg, spec+"-other"))
	return nil
}

// skill reads Skill(name), without arguments, and Skill(name *) or Skill(name:*).
func (t *translator) skill(spec, text string, effect call.Effect) error {
	name, open := strings.CutSuffix(spec, ":*")
	if !open {
		name, open = strings.CutSuffix(spec, " *")
	}
	if name == "" || strings.ContainsAny(name, "*() ") {
		return errors.New("only the name of a skill may stand in the brackets, with :* for any arguments")
	}
	when := "args.skill == " + quote(name)
	if effect == call.Allow && !open {
		when += ` && (!has(args.args) || args.args == "")`
	} else if effect != call.Allow {
		when = "has(args.skill) && " + when + " || has(args.command) && args.command == " + quote(name)
	}
	if err := t.say(effect, []string{"Skill"}, when, text); err != nil {
		return err
	}
	t.show(effect, text, "Skill", member("skill", name), "Skill", member("skill", name+"-other"))
	return nil
}

// slash reads SlashCommand(/name), without arguments, and SlashCommand(/name:*).
func (t *translator) slash(spec, text string, effect call.Effect) error {
	name, open := strings.CutSuffix(spec, ":*")
	if !strings.HasPrefix(name, "/") || strings.ContainsAny(name, "*()") {
		return errors.New("only a command such as /review may stand in the brackets, with :* for any arguments")
	}
	when := "args.command == " + quote(name)
	if open || effect != call.Allow {
		when += " || args.command.startsWith(" + quote(name+" ") + ")"
	}
	if err := t.say(effect, []string{"SlashCommand"}, when, text); err != nil {
		return err
	}
	t.show(effect, text, "SlashCommand", member("command", name), "SlashCommand", member("command", name+"-other"))
	return nil
}

var hostName = regexp.MustCompile(`^(\*\.)?([a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*)$`)

// web reads WebFetch(domain:example.com) and WebFetch(domain:*.example.com).
func (t *translator) web(spec, text string, effect call.Effect) error {
	domain, ok := strings.CutPrefix(spec, "domain:")
	m := hostName.FindStringSubmatch(strings.ToLower(domain))
	if !ok || m == nil {
		return errors.New("only a domain may stand in the brackets, such as domain:example.com or domain:*.example.com")
	}
	when, host := "host(args.url) == "+quote(m[2]), m[2]
	if m[1] != "" {
		when, host = "host(args.url).endsWith("+quote("."+m[2])+")", "docs."+m[2]
	}
	if err := t.say(effect, []string{"WebFetch"}, when, text); err != nil {
		return err
	}
	t.show(effect, text, "WebFetch", member("url", "https://"+host+"/"), "WebFetch", member("url", "https://"+host+".evil.example/"))
	return nil
}
