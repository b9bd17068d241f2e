package permission

import (
	"errors"
	"path"
	"regexp"
	"slices"
	"strings"

	"m1/engine/call"
)

// pathArg is the argument that holds the path of each tool for files.
var pathArg = map[string]string{
	"Read": "file_path", "Edit": "file_path", "MultiEdit": "file_path", "Write": "file_path",
	"NotebookRead": "notebook_path", "NotebookEdit": "notebook_path",
	"Glob": "path", "Grep": "path", "LS": "path",
}

// pattern is what a statement says of paths, in the way of .gitignore files.
type pattern struct {
	base     string   // the folder that it is relative to; empty if that is not known
	why      string   // why it is not known
	parts    []string // between slashes; ** is any folders
	anywhere bool     // a name without a slash: at any depth
	home     bool
	plain    bool // an absolute path
}

func (t *translator) path(spec string) (pattern, error) {
	p := pattern{base: t.o.Root, why: "it is relative to a folder that is not known; give it with --root"}
	rest := spec
	switch {
	case strings.HasPrefix(spec, "!"):
		return p, errors.New("a pattern that takes something out of another cannot be translated")
	case strings.HasPrefix(spec, "//"):
		p.base, p.plain = "/", true
	case spec == "~" || strings.HasPrefix(spec, "~/"):
		p.base, p.home, p.why = t.o.Home, true, "the home folder is not known; give it with --home"
		rest = spec[1:]
	case strings.HasPrefix(spec, "~"):
		return p, errors.New("the home folder of another user is not known")
	case strings.HasPrefix(spec, "/"), strings.HasPrefix(spec, "./"), strings.HasPrefix(spec, "../"):
		rest = strings.TrimPrefix(spec, "./")
	default:
		p.anywhere = !strings.Contains(strings.TrimSuffix(spec, "/"), "/")
	}
	for part := range strings.SplitSeq(rest, "/") {
		switch {
		case part == "" || part == ".":
		case part == ".." && len(p.parts) > 0:
			p.parts = p.parts[:len(p.parts)-1]
		case part == "..":
			if p.base != "" {
				p.base = path.Dir(p.base)
			}
		case part == "**" && len(p.parts) > 0 && p.parts[len(p.parts)-1] == "**":
		default:
			p.parts = append(p.parts, part)
		}
	}
	return p, nil
}

// all reports that everything below base is meant.
func (p *pattern) all() bool {
	return len(p.parts) == 0 || len(p.parts) == 1 && (p.parts[0] == "**" || p.parts[0] == "*")
}

// under is a condition that holds for no path but those that the pattern means.
func (p *pattern) under(expr string) (string, error) {
	if p.base == "" {
		return "", errors.New(p.why)
	}
	if strings.ContainsAny(strings.Join(p.parts, "/"), `[]{}\!`) {
		return "", errors.New("of the signs of .gitignore files only * and ? can be translated here")
	}
	parts := p.parts
	if n := len(parts); n > 0 && parts[n-1] == "**" {
		parts = parts[:n-1] // a folder is all that is in it
	}
	if p.all() {
		parts = nil
	}
	literal := !strings.ContainsAny(strings.Join(parts, "/"), "*?")
	if literal && (!p.anywhere || len(parts) == 0) {
		return "within(" + expr + ", " + quote(path.Join(append([]string{p.base}, parts...)...)) + ")", nil
	}
	root := strings.TrimSuffix(p.base, "/")
	re := "^" + regexp.QuoteMeta(root) + "/"
	if p.anywhere {
		re += "(.*/)?"
	}
	for i, part := range parts {
		if part == "**" {
			re += "(.*/)?"
			continue
		}
		for _, r := range strings.ReplaceAll(part, "**", "*") {
			switch r {
			case '*':
				re += "[^/]*"
			case '?':
				re += "[^/]"
			default:
				re += regexp.QuoteMeta(string(r))
			}
		}
		if i < len(parts)-1 {
			re += "/"
		}
	}
	re += "(/.*)?$"
	// The text must be the path that it names: nothing leads out of it again.
	return "within(" + expr + ", " + quote(p.base) + ") && !" + expr + `.contains("/..") && ` + expr + ".matches(" + quote(re) + ")", nil
}

// mentioned are patterns that hold for all paths that the pattern means, however
// they are written, and for a few more.
func (p *pattern) mentioned() []string {
	if p.all() && (p.base == "" || p.anywhere) {
		return []string{"**"}
	}
	var parts []string
	for _, part := range p.parts {
		if part != "**" {
			part = loose(part)
		}
		parts = append(parts, part)
	}
	tail := strings.Join(parts, "/")
	var out []string
	add := func(s string) {
		s = strings.TrimSuffix(s, "/")
		if !strings.HasSuffix(s, "**") {
			s += "/**" // itself, and what is in it
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	root := strings.TrimSuffix(p.base, "/")
	switch name := path.Base(root); {
	case p.plain:
		add("/" + tail)
	case p.base == "" || p.anywhere:
		add("**/" + tail)
	case root == "":
		add("/" + tail)
	default:
		add("**/" + name + "/" + tail) // also ../name/tail
	}
	switch {
	case p.plain || p.anywhere || p.base == "" || tail == "" || p.all():
	case p.home:
		add("~/" + tail)
	default:
		add(tail) // from the folder itself
	}
	return out
}

var class = regexp.MustCompile(`\[[^\]]*\]|\{[^}]*\}|[?\[\]{}]`)

// loose makes a part of a pattern one that matches no less and has no other sign than *.
func loose(part string) string {
	part = class.ReplaceAllString(strings.ReplaceAll(part, `\`, ""), "*")
	for strings.Contains(part, "**") {
		part = strings.ReplaceAll(part, "**", "*")
	}
	if part == "" || part == "." || part == ".." {
		return "*"
	}
	return part
}

// file reads statements about paths.
func (t *translator) file(tools []string, spec, text string, effect call.Effect) error {
	p, err := t.path(spec)
	if err != nil {
		return err
	}
	if effect != call.Allow {
		if err := t.say(effect, tools, touches(tools, p.mentioned()), text); err != nil {
			return err
		}
		if err := t.say(effect, []string{"Bash"}, byCommand(tools, p.mentioned()), text); err != nil {
			t.note(text + " does not hold for commands of Bash")
		}
		t.showFile(effect, text, tools[0], &p)
		return nil
	}
	conds := map[string]string{}
	for _, name := range tools {
		when, err := p.under("args." + pathArg[name])
		if err != nil {
			return err
		}
		if name == "Glob" || name == "Grep" {
			when = "has(args.path) && " + when + stays(name)
		}
		if err := compiles(when); err != nil {
			return err
		}
		conds[name] = when
	}
	for _, name := range tools {
		t.allow(name, conds[name], text)
	}
	t.showFile(effect, text, tools[0], &p)
	return nil
}

// stays keeps a search in its folder: the pattern of Glob may name another.
func stays(name string) string {
	if name != "Glob" {
		return ""
	}
	return ` && !(args.pattern.startsWith("/") || args.pattern.startsWith("~") || args.pattern.contains(".."))`
}

// touches holds for a call whose path is one of patterns.
func touches(tools, patterns []string) string {
	var parts []string
	for _, arg := range []string{"file_path", "notebook_path", "path"} {
		if slices.ContainsFunc(tools, func(name string) bool { return pathArg[name] == arg }) {
			parts = append(parts, "has(args."+arg+") && mentions(args."+arg+", "+list(patterns)+")")
		}
	}
	if slices.Contains(tools, "Glob") {
		parts = append(parts, `call.tool == "Glob" && has(args.pattern) && mentions(args.pattern, `+list(patterns)+")")
	}
	if slices.Contains(tools, "Grep") {
		parts = append(parts, "has(args.glob) && mentions(args.glob, "+list(patterns)+")")
	}
	return strings.Join(parts, " || ")
}

// The commands by which the client's Bash reads and changes files most often.
const (
	readers = "cat|tac|head|tail|less|more|nl|grep|egrep|fgrep|rg|sed|awk|cut|sort|uniq|wc|strings|xxd|od|base64|diff|cp|mv|<"
	writers = "tee|sed|perl|cp|mv|rm|ln|dd|touch|truncate|install|chmod|chown|>"
)

// byCommand holds for a line that does with a command what tools do.
func byCommand(tools, patterns []string) string {
	names := readers
	if slices.Contains(editing, tools[0]) {
		names = writers
	}
	return "cmds(" + line + ").exists(c, c.matches(" + quote("^("+names+") ") + ") && mentions(c, " + list(patterns) + "))"
}

// showFile makes an example of a path that the pattern means, and of one outside.
func (t *translator) showFile(effect call.Effect, text, name string, p *pattern) {
	base := p.base
	if base == "" {
		base = "/example"
	}
	parts := []string{base}
	for _, part := range p.parts {
		if part == "**" {
			part = "a"
		}
		parts = append(parts, strings.ReplaceAll(loose(part), "*", "x"))
	}
	if len(p.parts) == 0 {
		parts = append(parts, "x")
	}
	arg := pathArg[name]
	t.show(effect, text, name, member(arg, path.Join(parts...)), name, member(arg, "/elsewhere/other.txt"))
}
