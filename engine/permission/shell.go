package permission

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"m1/engine/call"
)

const line = "args.command"

// shell is what is allowed of Bash. One condition holds for all of it, because a line
// may join commands that different statements allow.
type shell struct {
	each  []string // of one command, called c
	pairs []pair   // commands that stand in the list under two names
	whole []string // conditions of a whole line
	from  []string // the statements
}

// pair is a command and what it is followed by in the list: ./run x is told once more
// as run x. The second is allowed only where it comes from the first.
type pair struct{ first, second string }

// condition is empty if nothing is allowed.
func (s *shell) condition() string {
	var parts []string
	if len(s.each) > 0 {
		each, counts := slices.Clone(s.each), ""
		for _, p := range s.pairs {
			if slices.Contains(each, p.second) {
				continue // it is allowed by itself, or counted already
			}
			var firsts []string
			for _, q := range s.pairs {
				if q.second == p.second && !slices.Contains(firsts, q.first) {
					firsts = append(firsts, q.first)
				}
			}
			each = append(each, p.second)
			counts += fmt.Sprintf(" && size(cmds(%s).filter(c, %s)) == size(cmds(%s).filter(c, %s))", line, p.second, line, either(firsts))
		}
		parts = append(parts, "cmds("+line+").all(c, "+either(each)+")"+counts)
	}
	parts = append(parts, s.whole...)
	return either(parts)
}

func either(conds []string) string {
	if len(conds) < 2 {
		return strings.Join(conds, "")
	}
	return strings.Join(wrapped(conds), " || ")
}

// wrapped puts brackets around conditions with an && of their own.
func wrapped(conds []string) []string {
	out := make([]string, len(conds))
	for i, c := range conds {
		out[i] = c
		if joined(c) {
			out[i] = "(" + c + ")"
		}
	}
	return out
}

// joined reports an && outside of brackets and texts.
func joined(cond string) bool {
	depth, text, escaped := 0, false, false
	for i, r := range cond {
		switch {
		case escaped:
			escaped = false
		case text:
			escaped, text = r == '\\', r != '"'
		case r == '"':
			text = true
		case r == '(':
			depth++
		case r == ')':
			depth--
		case depth == 0 && strings.HasPrefix(cond[i:], "&&"):
			return true
		}
	}
	return false
}

// command reads Bash(command), Bash(prefix:*), Bash(prefix *) and * anywhere else.
func (t *translator) command(spec, text string, effect call.Effect) error {
	if prefix, ok := strings.CutSuffix(spec, ":*"); ok {
		spec = strings.TrimRight(prefix, " ") + " *"
		if prefix == "" {
			return errors.New("there is no command before :*")
		}
	}
	c := commandOf(spec)
	if effect == call.Allow {
		return t.allowCommand(&c, spec, text)
	}
	when := "cmds(" + line + ").exists(c, " + c.matched() + ")"
	if c.syntax != "" {
		when = line + ".matches(" + quote("(?s)"+loosely(spec)) + ")"
	}
	if err := t.say(effect, []string{"Bash"}, when, text); err != nil {
		return err
	}
	t.showCommand(effect, text, spec, &c)
	return nil
}

func (t *translator) allowCommand(c *command, spec, text string) error {
	before := t.shell
	next := shell{slices.Clone(before.each), slices.Clone(before.pairs), slices.Clone(before.whole), append(slices.Clone(before.from), text)}
	if err := next.add(c, spec); err != nil {
		return err
	}
	if err := compiles(next.condition()); err != nil {
		return fmt.Errorf("the condition for all commands cannot be read with it: %w", err)
	}
	t.shell = next
	t.showCommand(call.Allow, text, spec, c)
	return nil
}

// add allows one more command.
func (s *shell) add(c *command, spec string) error {
	stars := len(c.pieces) - 1
	if stars == 0 && (c.syntax != "" || c.quoted || len(c.assigns) > 0 || c.second() != "") {
		// A line that is word for word what the statement says.
		s.once(&s.whole, line+" == "+quote(spec))
		if c.syntax != "" || c.quoted || len(c.assigns) > 0 {
			return nil
		}
	}
	first, _, _ := strings.Cut(c.pieces[0], " ")
	word, _, _ := strings.Cut(strings.Join(c.pieces, "*"), " ")
	inFirst := stars > 0 && !strings.Contains(c.pieces[0], " ")
	switch {
	case c.syntax != "":
		return fmt.Errorf("it holds %s, and each command of a line is looked at on its own; allow the commands one by one", c.syntax)
	case len(c.assigns) > 0:
		return s.assigned(c, spec)
	case inFirst && strings.Contains(word, "="):
		return errors.New("it may set variables, such as PATH")
	case inFirst && strings.Contains(first, "/"):
		if strings.Contains(first, "..") || first == "/" {
			return errors.New("the path of the command may lead anywhere")
		}
		// Every such command stands in the list twice: the whole list must be those.
		s.once(&s.whole, fmt.Sprintf("size(cmds(%s).filter(c, %s && !c.contains(\"/../\"))) * 2 == size(cmds(%s))", line, c.allowed(), line))
		return nil
	}
	s.once(&s.each, c.allowed())
	if second := c.second(); second != "" {
		s.pairs = append(s.pairs, pair{c.allowed(), second})
	}
	return nil
}

func (s *shell) once(to *[]string, cond string) {
	if !slices.Contains(*to, cond) {
		*to = append(*to, cond)
	}
}

// assigned allows CI=1 make …, and nothing else in the same line.
func (s *shell) assigned(c *command, spec string) error {
	prefix, ok := strings.CutSuffix(spec, " *")
	if !ok || strings.Contains(prefix, "*") || c.quoted || c.second() != "" || c.pieces[0] == "" {
		return errors.New("behind a variable only a plain command with :* at its end can be translated")
	}
	s.once(&s.whole, fmt.Sprintf("(%s == %s || %s.startsWith(%s)) && size(cmds(%s)) == %d", line, quote(prefix), line, quote(prefix+" "), line, len(c.assigns)+1))
	return nil
}

// command is a statement about one command, as cmds tells commands: words joined by one
// blank, without quotes.
type command struct {
	pieces  []string // between stars
	assigns []string // NAME=value before the command
	quoted  bool     // it holds quotes or backslashes
	syntax  string   // shell syntax that parts or changes commands; empty if there is none
}

var assignment = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*\+?=[^ \x00]*(?: |$)`)

// keywords begin what the shell does by itself; cmds tells of it in other words.
var keywords = []string{
	"if", "then", "elif", "else", "fi", "for", "while", "until", "select", "do", "done", "case", "esac", "function", "coproc", "time", "[[", "((",
	"export", "declare", "typeset", "local", "readonly", "let", "nameref",
}

const star = "\x00"

func commandOf(spec string) command {
	var c command
	var b strings.Builder
	var quoteMark rune
	escaped := false
	blank := true // at the start of a word
	for _, r := range spec {
		switch {
		case escaped:
			escaped = false
			b.WriteRune(r)
			blank = false
			continue
		case r == '*':
			b.WriteString(star)
		case r == '\\' && quoteMark != '\'':
			escaped, c.quoted = true, true
			continue
		case r == quoteMark:
			quoteMark = 0
		case quoteMark == 0 && (r == '\'' || r == '"'):
			quoteMark, c.quoted = r, true
		case quoteMark != '\'' && (r == '$' || r == '`'):
			c.syntax = "a part that is known at run time only"
			b.WriteRune(r)
		case quoteMark == 0 && strings.ContainsRune(";|&()<>{}[]!?~", r) && (r != '!' || blank) && (r != '~' || blank) && (r != '[' || !blank) || quoteMark == 0 && r == '#' && blank:
			if r == '?' || r == '[' || r == ']' || r == '~' {
				b.WriteRune(r) // the shell may put names of files there; the list has them as they are
				break
			}
			c.syntax = "shell syntax (" + string(r) + ")"
			b.WriteRune(r)
		case quoteMark == 0 && r == ' ':
			if !blank {
				b.WriteRune(' ')
			}
			blank = true
			continue
		default:
			b.WriteRune(r)
		}
		blank = false
	}
	text := b.String()
	if !strings.HasSuffix(spec, " ") {
		text = strings.TrimRight(text, " ")
	}
	word, _, _ := strings.Cut(text, " ")
	if slices.Contains(keywords, word) {
		c.syntax = "shell syntax (" + word + ")"
	}
	for c.syntax == "" {
		m := assignment.FindString(text)
		if m == "" {
			break
		}
		c.assigns = append(c.assigns, strings.TrimRight(m, " "))
		text = text[len(m):]
	}
	c.pieces = strings.Split(text, star)
	return c
}

// prefix is the text before " *" at the end, if that is the only star.
func (c *command) prefix() (string, bool) {
	if len(c.pieces) != 2 || c.pieces[1] != "" {
		return "", false
	}
	return strings.CutSuffix(c.pieces[0], " ")
}

// allowed holds for no command but those that the statement means.
func (c *command) allowed() string { return holds(c.pieces, true) }

// matched holds for all commands that the statement means.
func (c *command) matched() string {
	if len(c.pieces) == 1 && c.pieces[0] == "" { // only variables
		return "c.startsWith(" + quote(c.assigns[0]) + ")"
	}
	return holds(c.pieces, false)
}

// holds is a condition for one command, called c. It is strict if it must hold for no
// other than those that are meant, else it must miss none.
func holds(pieces []string, strict bool) string {
	first, last := pieces[0], pieces[len(pieces)-1]
	switch {
	case len(pieces) == 1:
		return "c == " + quote(first)
	case len(pieces) == 2 && last == "" && strings.HasSuffix(first, " ") && strings.TrimSpace(first) != "":
		return "c == " + quote(strings.TrimSuffix(first, " ")) + " || c.startsWith(" + quote(first) + ")"
	case len(pieces) == 2 && last == "" && strings.Contains(first, " "):
		return "c.startsWith(" + quote(first) + ")"
	}
	const name = `[A-Za-z0-9_./+-]`
	re := "(?s)^"
	for i, piece := range pieces {
		if i > 0 {
			switch {
			case !strict, strings.Contains(strings.Join(pieces[:i], ""), " "):
				re += ".*"
			case i == 1 && first == "":
				re += name + "+( .*)?" // the word of a command, and no redirection or variable
			default:
				re += name + "*( .*)?"
			}
		}
		if i > 0 && i == len(pieces)-1 && piece == "" && !strict && strings.HasSuffix(pieces[i-1], " ") {
			re = strings.TrimSuffix(re, " .*") + "( .*)?"
		}
		re += regexp.QuoteMeta(piece)
	}
	return "c.matches(" + quote(re+"$") + ")"
}

// second is the condition of what cmds tells beside the command: run x for ./run x,
// and rm x for sudo rm x. It is empty if there is nothing.
func (c *command) second() string {
	words := strings.SplitN(c.pieces[0], " ", 3)
	var rest string
	switch word := words[0]; {
	case len(c.pieces) > 1 && len(words) == 1:
		return "" // a star stands in the command's own word
	case strings.Contains(word, "/") && path.Base(word) != word:
		rest = path.Base(word) + strings.TrimPrefix(c.pieces[0], word)
	case slices.Contains([]string{"sudo", "xargs", "nohup", "setsid", "exec", "command", "builtin"}, word) && len(words) > 1 && words[1] != "" && !strings.HasPrefix(words[1], "-"):
		rest = strings.TrimPrefix(c.pieces[0], word+" ")
		if len(c.pieces) > 1 && !strings.Contains(rest, " ") || strings.Contains(words[1], "/") || strings.Contains(words[1], "=") {
			return ""
		}
	default:
		return ""
	}
	return holds(append([]string{rest}, c.pieces[1:]...), true)
}

// loosely is a regular expression for spec anywhere in a line, however it is spaced.
func loosely(spec string) string {
	parts := strings.Split(spec, "*")
	for i, part := range parts {
		words := strings.Fields(part)
		for j := range words {
			words[j] = regexp.QuoteMeta(words[j])
		}
		parts[i] = strings.Join(words, `\s*`)
	}
	return strings.Join(parts, ".*")
}

// showCommand makes an example of a line that the statement means, and of one that it
// does not.
func (t *translator) showCommand(effect call.Effect, text, spec string, c *command) {
	yes := strings.TrimSpace(strings.ReplaceAll(spec, "*", "x"))
	no := ""
	if prefix, ok := c.prefix(); ok && !c.quoted && c.syntax == "" && len(c.assigns) == 0 {
		no = prefix + "-other"
	} else if len(c.pieces) == 1 && c.syntax == "" {
		no = yes + " other"
	}
	if no == "" {
		t.show(effect, text, "Bash", member("command", yes), "", "")
		return
	}
	t.show(effect, text, "Bash", member("command", yes), "Bash", member("command", no))
}
