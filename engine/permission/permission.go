// Package permission reads the permissions of other agent clients and writes them
// as a policy of M1. It never permits more than they do: what it cannot say, it
// names, and a person is asked.
package permission

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"m1/engine/call"
	"m1/engine/condition"
	"m1/engine/source"
	"m1/engine/tool"
)

// Options of Import.
type Options struct {
	Name string // of the settings, in problems
	// Root is the folder that the settings are for, and Home that of its user: absolute
	// paths, or empty if not known. Paths in statements are relative to them.
	Root, Home string
}

// Result is a policy and what did not fit into it.
type Result struct {
	Policy     []byte // YAML; to be read with the built-in catalogue claude-code
	Statements int
	Translated int
	// Refused are the statements that could not be translated, by their place, with the
	// reason. Notes are what else reads differently than in the client.
	Refused source.Problems
	Notes   []string
}

// Import translates settings of Claude Code: the statements under
// permissions.allow, ask and deny, its own default of asking, and defaultMode. The
// error is source.Problems if the settings cannot be read, and an error that names
// the field if an option is wrong.
func Import(o Options, settings []byte) (*Result, error) {
	for _, dir := range []struct{ name, path string }{{"Root", o.Root}, {"Home", o.Home}} {
		if dir.path != "" && !plainDir(dir.path) {
			return nil, fmt.Errorf("permission: %s %q: give an absolute path without backslashes and wildcards", dir.name, dir.path)
		}
	}
	var doc struct {
		_           source.Open
		Permissions struct {
			_     source.Open
			At    source.Node
			Mode  source.Node `yaml:"defaultMode"`
			Dirs  []string    `yaml:"additionalDirectories"`
			Deny  source.Node `yaml:"deny"`
			Ask   source.Node `yaml:"ask"`
			Allow source.Node `yaml:"allow"`
		} `yaml:"permissions"`
	}
	if err := source.Decode(o.Name, settings, &doc); err != nil {
		return nil, err
	}
	p := doc.Permissions
	var ps source.Problems
	for _, at := range []source.Node{p.Deny, p.Ask, p.Allow} {
		if !at.IsZero() && !at.IsList() {
			ps.Add(at.Problem("must be a list of statements", `write them in brackets, such as ["Bash(go test:*)"]`))
		}
	}
	if err := ps.Err(); err != nil {
		return nil, err
	}
	t := newTranslator(o)
	for key := range p.At.Members() {
		switch key.Text() {
		case "allow", "ask", "deny", "defaultMode", "additionalDirectories", "disableBypassPermissionsMode":
		default:
			t.note("permissions." + key.Text() + " is not read")
		}
	}
	t.mode(p.Mode)
	t.folders(p.Dirs)
	for _, list := range []struct {
		at     source.Node
		effect call.Effect
	}{{p.Deny, call.Deny}, {p.Ask, call.Ask}, {p.Allow, call.Allow}} {
		for _, at := range list.at.Items() {
			t.statement(at, list.effect)
		}
	}
	return t.result(), nil
}

// plainDir reports that every condition reads dir as the one folder it is.
func plainDir(dir string) bool {
	return strings.HasPrefix(dir, "/") && !strings.ContainsAny(dir, "\\*?[]{}") && !controls(dir)
}

// controls reports what could end a line of YAML, or cannot be shown.
func controls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r == 0x7F || r >= 0x80 && r < 0xA0 || r == 0xFFFD || r == 0xFEFF || r == 0x2028 || r == 0x2029
	})
}

// translator collects what the statements come to.
type translator struct {
	o        Options
	known    *tool.Catalogue
	dirs     []string            // where the client reads without asking
	asks     call.Effect         // what an uncovered call gets: ask, or deny
	edits    bool                // whether edits may be allowed at all
	shell    shell               // allowed commands
	allowed  map[string][]string // conditions by tool; "" is always
	by       map[string][]string // the statements behind allowed, by tool
	strict   []rule              // deny and ask
	extra    []string            // exact names of tools that no catalogue has
	servers  []string            // patterns of MCP tools that are allowed
	example  []example
	compiled map[string]*condition.Condition
	out      Result
}

func newTranslator(o Options) *translator {
	known, _ := tool.Builtin("claude-code")
	t := &translator{o: o, known: known, asks: call.Ask, edits: true, allowed: map[string][]string{}, by: map[string][]string{}, compiled: map[string]*condition.Condition{}}
	if o.Root != "" {
		t.o.Root = path.Clean(o.Root)
		t.dirs = []string{t.o.Root}
	}
	if o.Home != "" {
		t.o.Home = path.Clean(o.Home)
	}
	return t
}

func (t *translator) note(text string) { t.out.Notes = append(t.out.Notes, text) }

func (t *translator) refuse(at source.Node, text, why, hint string) {
	msg := why
	if text != "" {
		msg = text + ": " + why
	}
	t.out.Refused = append(t.out.Refused, at.Problem(msg, hint))
}

// mode reads defaultMode. None of its values makes the policy laxer than its
// statements, but for the edits that acceptEdits is about.
func (t *translator) mode(at source.Node) {
	switch mode := at.Text(); {
	case at.IsZero() || mode == "default":
	case mode == "acceptEdits" && t.o.Root == "":
		t.refuse(at, mode, "the folder in which edits are accepted is not known", "give it with --root; until then edits are asked about")
	case mode == "acceptEdits":
		for _, name := range editing {
			expr := "args." + pathArg[name]
			t.allow(name, t.inside(expr)+" && !mentions("+expr+", "+list(guarded)+")", "defaultMode: acceptEdits")
		}
	case mode == "plan":
		t.edits = false
		t.note("defaultMode plan: every edit is asked about, also those that a statement allows")
	case mode == "dontAsk":
		t.asks = call.Deny
		t.note("defaultMode dontAsk: what no statement allows is denied, also what a statement under ask names")
	case mode == "bypassPermissions":
		t.refuse(at, mode, "nothing would be asked about any more", "the policy asks as in the default mode")
	default:
		t.refuse(at, mode, "this mode is not known", "the policy asks as in the default mode")
	}
}

// guarded are files that change what the client or git does, which it asks about
// even where it accepts edits.
var guarded = []string{"**/.git/**", "**/.claude/**", "**/.vscode/**", "**/.idea/**", "**/.husky/**", "**/.mcp.json", "**/.claude.json", "**/.gitconfig", "**/.gitmodules", "**/.bashrc", "**/.bash_profile", "**/.zshrc", "**/.zprofile", "**/.profile", "**/.ripgreprc"}

func (t *translator) folders(dirs []string) {
	for _, d := range dirs {
		switch rest, home := strings.CutPrefix(d, "~/"); {
		case home && t.o.Home != "":
			d = t.o.Home + "/" + rest
		case !home && !strings.HasPrefix(d, "/") && t.o.Root != "":
			d = t.o.Root + "/" + d
		}
		if t.o.Root == "" {
			t.note("additionalDirectories has no effect without --root: reading is allowed everywhere")
			return
		}
		if !plainDir(d) {
			t.note("additionalDirectories: " + d + " is no folder that the policy can name; it is left out")
			continue
		}
		t.dirs = append(t.dirs, path.Clean(d))
	}
}

// inside says that the path lies where the client works.
func (t *translator) inside(expr string) string {
	parts := make([]string, len(t.dirs))
	for i, d := range t.dirs {
		parts[i] = "within(" + expr + ", " + quote(d) + ")"
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// allow adds a condition under which a tool is allowed; "" is always.
func (t *translator) allow(name, when, statement string) {
	if !slices.Contains(t.allowed[name], when) {
		t.allowed[name] = append(t.allowed[name], when)
	}
	if !slices.Contains(t.by[name], statement) {
		t.by[name] = append(t.by[name], statement)
	}
}
