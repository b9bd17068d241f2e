package condition

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

const (
	maxShellDepth = 4       // of sh -c "…" in sh -c "…"
	maxCommands   = 4_096   // in one line
	maxShellLine  = 65_536  // bytes
	maxShellSize  = 1 << 20 // bytes of all commands: prefixes tell the rest of a line again
)

// cmds returns the simple commands of a shell line: see DESIGN.md for what stands
// in the list. It never leaves one out: what it cannot read is an error.
func cmds(line string) (found []string, err error) {
	// The line comes from an agent: a bug of the parser must not end the engine.
	defer func() {
		if r := recover(); r != nil {
			found, err = nil, fmt.Errorf("cmds: %v", r)
		}
	}()
	s := &shell{}
	if err := s.parse(line, 0); err != nil {
		return nil, fmt.Errorf("cmds: %w", err)
	}
	if len(s.found) == 0 {
		return nil, errors.New("cmds: no command")
	}
	return s.found, nil
}

type shell struct {
	found []string
	size  int
	err   error
}

func (s *shell) parse(line string, depth int) error {
	if depth > maxShellDepth {
		return errors.New("shells nested too deep")
	}
	if len(line) > maxShellLine {
		return fmt.Errorf("a line above %d bytes", maxShellLine)
	}
	if strings.ContainsAny(line, "\x00\r") {
		return errors.New("a control character")
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(line), "")
	if err != nil {
		return err
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		if s.err == nil && n != nil {
			s.err = s.visit(n, depth)
		}
		return s.err == nil
	})
	return s.err
}

func (s *shell) visit(n syntax.Node, depth int) error {
	switch n := n.(type) {
	case *syntax.Stmt:
		return s.input(n, depth)
	case *syntax.Redirect:
		return s.redirect(n)
	case *syntax.Assign:
		if n.Name != nil && !n.Naked {
			value := ""
			if n.Value != nil {
				value = wordOf(n.Value).text
			}
			return s.add(n.Name.Value + "=" + value)
		}
	case *syntax.DeclClause:
		return s.add(n.Variant.Value)
	case *syntax.TestClause:
		return s.add("[[")
	case *syntax.ArithmCmd:
		return s.add("((")
	case *syntax.LetClause:
		return s.add("let")
	case *syntax.CallExpr:
		if len(n.Args) == 0 {
			return nil
		}
		words := make([]word, 0, len(n.Args))
		for _, w := range n.Args {
			more, err := expandBraces(w)
			if err != nil {
				return err
			}
			words = append(words, more...)
		}
		return s.command(words, depth, 0)
	}
	return nil
}

func (s *shell) add(c string) error {
	if len(s.found) >= maxCommands {
		return fmt.Errorf("more than %d commands", maxCommands)
	}
	if s.size += len(c); s.size > maxShellSize {
		return fmt.Errorf("commands of more than %d bytes", maxShellSize)
	}
	s.found = append(s.found, c)
	return nil
}

// redirect tells of files that are written or read: an allow list must name them.
func (s *shell) redirect(r *syntax.Redirect) error {
	if r.Word == nil {
		return nil
	}
	target := wordOf(r.Word).text
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc:
		return nil
	case syntax.DplOut, syntax.DplIn:
		if target == "-" || strings.Trim(target, "0123456789") == "" {
			return nil
		}
	case syntax.RdrIn:
		return s.add("< " + target)
	}
	if target == "/dev/null" {
		return nil
	}
	return s.add("> " + target)
}

// command adds a simple command, and what it starts in turn.
func (s *shell) command(words []word, depth, wrapped int) error {
	if len(words) == 0 {
		return nil
	}
	if wrapped > 16 {
		return errors.New("commands nested too deep")
	}
	if !words[0].literal {
		return fmt.Errorf("the command %s is known at run time only", shortened(words[0].text))
	}
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	if err := s.add(strings.Join(texts, " ")); err != nil {
		return err
	}
	name := path.Base(words[0].text)
	if name != words[0].text {
		texts[0] = name
		if err := s.add(strings.Join(texts, " ")); err != nil {
			return err
		}
	}
	switch {
	case name == "eval":
		return s.again(words[1:], depth)
	case slices.Contains(shells, name):
		return s.script(words[1:], depth)
	case name == "find":
		return s.find(words[1:], depth, wrapped)
	}
	if p, ok := prefixes[name]; ok {
		return s.wrapped(p, words[1:], depth, wrapped)
	}
	return nil
}

var shells = []string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "busybox"}

func (s *shell) again(words []word, depth int) error {
	texts := make([]string, len(words))
	for i, w := range words {
		if !w.literal {
			return fmt.Errorf("what eval runs is known at run time only: %s", shortened(w.text))
		}
		texts[i] = w.text
	}
	return s.parse(strings.Join(texts, " "), depth+1)
}

// script finds the text of sh -c.
func (s *shell) script(words []word, depth int) error {
	command := false // -c was there: the next word that is no option is the text
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !w.literal {
			return fmt.Errorf("what a shell runs is known at run time only: %s", shortened(w.text))
		}
		switch {
		case w.text == "-o" || w.text == "-O" || w.text == "+o" || w.text == "+O" || w.text == "--rcfile" || w.text == "--init-file":
			i++
		case w.text == "--" || w.text == "-":
		case strings.HasPrefix(w.text, "-") || strings.HasPrefix(w.text, "+"):
			command = command || w.text[0] == '-' && w.text[1] != '-' && strings.Contains(w.text, "c")
		case command:
			return s.parse(w.text, depth+1)
		case slices.Contains(shells, w.text): // busybox sh -c
		default:
			return nil // the file of a script
		}
	}
	return nil
}

// input reads what a shell is given as its input: bash <<< "…".
func (s *shell) input(stmt *syntax.Stmt, depth int) error {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || !slices.ContainsFunc(call.Args, func(w *syntax.Word) bool {
		return slices.Contains(shells, path.Base(wordOf(w).text))
	}) {
		return nil
	}
	for _, r := range stmt.Redirs {
		w := r.Word
		switch r.Op {
		case syntax.Hdoc, syntax.DashHdoc:
			w = r.Hdoc
		case syntax.WordHdoc:
		default:
			continue
		}
		if w == nil {
			continue
		}
		text := wordOf(w)
		if !text.literal {
			return fmt.Errorf("what a shell runs is known at run time only: %s", shortened(text.text))
		}
		if err := s.parse(text.text, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (s *shell) find(words []word, depth, wrapped int) error {
	for i, w := range words {
		switch w.text {
		case "-exec", "-execdir", "-ok", "-okdir":
			end := i + 1
			for end < len(words) && words[end].text != ";" && words[end].text != "+" {
				end++
			}
			if err := s.command(words[i+1:end], depth, wrapped+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// prefix is a command that starts the command behind its own options.
type prefix struct {
	valued     string // letters of options with a value
	flags      string // letters of options without one
	positional int    // words between options and command
	assigns    bool   // NAME=value may stand before the command
	script     byte   // option whose value is a command line
}

var prefixes = map[string]prefix{
	"env":       {valued: "uCa", flags: "i0v", assigns: true, script: 'S'},
	"sudo":      {valued: "ugpCTUDRrth", flags: "AbEHnPSsiklvVKB", assigns: true},
	"doas":      {valued: "uC", flags: "nsL"},
	"exec":      {valued: "a", flags: "cl"},
	"command":   {flags: "p"},
	"builtin":   {},
	"nohup":     {},
	"setsid":    {flags: "cfw"},
	"time":      {valued: "fo", flags: "pvaq"},
	"nice":      {valued: "n", flags: "0123456789"},
	"ionice":    {valued: "cn", flags: "t"},
	"timeout":   {valued: "ks", flags: "fpv", positional: 1},
	"stdbuf":    {valued: "ioe"},
	"xargs":     {valued: "IinPLldsaEe", flags: "0rtpxo"},
	"chroot":    {positional: 1},
	"watch":     {valued: "n", flags: "dbetgcxpw"},
	"flock":     {valued: "wE", flags: "nsxueoF", positional: 1, script: 'c'},
	"strace":    {valued: "oePsaEuSXbI", flags: "fqctTvyCdhirxVwDkn"},
	"unshare":   {valued: "SG", flags: "muinpUCTfrc"},
	"catchsegv": {}, "chronic": {}, "linux64": {}, "proxychains": {}, "caffeinate": {flags: "dimsu", valued: "tw"},
}

// wrapped finds the command behind a prefix. Where an option that is not known
// may or may not take the next word, both readings are told.
func (s *shell) wrapped(p prefix, words []word, depth, wrapped int) error {
	i := 0
	unsure := false
	for ; i < len(words); i++ {
		t := words[i].text
		if t == "--" {
			i++
			break
		}
		if len(t) < 2 || t[0] != '-' {
			if p.assigns && isAssignment(t) {
				if err := s.add(t); err != nil {
					return err
				}
				continue
			}
			break
		}
		if strings.HasPrefix(t, "--") {
			if v, ok := strings.CutPrefix(t, "--split-string="); ok && p.script == 'S' {
				return s.lines(word{v, words[i].literal}, words[i+1:], depth)
			}
			unsure = unsure || !strings.Contains(t, "=")
			continue
		}
		for j := 1; j < len(t); j++ {
			c := t[j]
			if c == p.script && p.script != 0 {
				if j+1 < len(t) {
					return s.lines(word{t[j+1:], words[i].literal}, words[i+1:], depth)
				}
				if i+1 < len(words) {
					return s.lines(words[i+1], words[i+2:], depth)
				}
				return nil
			}
			if strings.IndexByte(p.valued, c) >= 0 {
				if j+1 == len(t) {
					i++
				}
				break
			}
			if strings.IndexByte(p.flags, c) < 0 {
				unsure = true
				break
			}
		}
	}
	for ; p.assigns && i < len(words) && isAssignment(words[i].text); i++ {
		if err := s.add(words[i].text); err != nil {
			return err
		}
	}
	i += p.positional
	if i >= len(words) {
		return nil
	}
	if err := s.command(words[i:], depth, wrapped+1); err != nil {
		return err
	}
	if unsure && i+1 < len(words) {
		return s.command(words[i+1:], depth, wrapped+1)
	}
	return nil
}

// lines reads the value of an option that is a command line, with words behind it.
func (s *shell) lines(first word, rest []word, depth int) error {
	return s.again(append([]word{first}, rest...), depth)
}

func isAssignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && syntax.ValidName(name)
}

// word is one word of a command with its quotes resolved.
type word struct {
	text    string
	literal bool // nothing of it is made at run time
}

func wordOf(w *syntax.Word) word {
	out := word{literal: true}
	var b strings.Builder
	for _, part := range w.Parts {
		out.literal = appendPart(&b, part, false) && out.literal
	}
	out.text = b.String()
	if strings.HasPrefix(out.text, "~") {
		if lit, ok := w.Parts[0].(*syntax.Lit); ok && strings.HasPrefix(lit.Value, "~") {
			out.literal = false
		}
	}
	return out
}

// appendPart writes what a part stands for. What is made at run time is written
// as it stands in the line; then false.
func appendPart(b *strings.Builder, part syntax.WordPart, quoted bool) bool {
	switch part := part.(type) {
	case *syntax.Lit:
		return appendLit(b, part.Value, quoted)
	case *syntax.SglQuoted:
		if part.Dollar && strings.Contains(part.Value, `\`) {
			b.WriteString("$'" + part.Value + "'")
			return false
		}
		b.WriteString(part.Value)
		return true
	case *syntax.DblQuoted:
		literal := true
		for _, p := range part.Parts {
			literal = appendPart(b, p, true) && literal
		}
		return literal
	default:
		if err := syntax.NewPrinter().Print(b, part); err != nil {
			b.WriteString("$")
		}
		return false
	}
}

func appendLit(b *strings.Builder, s string, quoted bool) bool {
	literal := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			next := s[i+1]
			switch {
			case next == '\n':
				i++
				continue
			case !quoted || strings.IndexByte("$`\"\\", next) >= 0:
				b.WriteByte(next)
				i++
				continue
			}
		}
		if !quoted && (c == '*' || c == '?' || c == '[') {
			literal = literal && c == '[' && len(s) == 1 // [ is a command of its own
		}
		b.WriteByte(c)
	}
	return literal
}

const maxBraces = 256

// expandBraces returns the words that {a,b} makes of one.
func expandBraces(w *syntax.Word) ([]word, error) {
	if !hasBrace(w) {
		return []word{wordOf(w)}, nil
	}
	split := &syntax.Word{Parts: slices.Clone(w.Parts)} // Walk does not know what SplitBraces makes
	syntax.SplitBraces(split)
	return braces(split)
}

func hasBrace(w *syntax.Word) bool {
	for _, p := range w.Parts {
		if lit, ok := p.(*syntax.Lit); ok && strings.Contains(lit.Value, "{") {
			return true
		}
	}
	return false
}

func braces(w *syntax.Word) ([]word, error) {
	out := []word{{literal: true}}
	for _, part := range w.Parts {
		var ends []word
		if brace, ok := part.(*syntax.BraceExp); ok {
			if brace.Sequence {
				ends = []word{{text: "{…}"}}
			} else {
				for _, elem := range brace.Elems {
					more, err := braces(elem)
					if err != nil {
						return nil, err
					}
					ends = append(ends, more...)
				}
			}
		} else {
			ends = []word{wordOf(&syntax.Word{Parts: []syntax.WordPart{part}})}
		}
		if len(out)*len(ends) > maxBraces {
			return nil, errors.New("braces make too many words")
		}
		next := make([]word, 0, len(out)*len(ends))
		for _, a := range out {
			for _, b := range ends {
				next = append(next, word{a.text + b.text, a.literal && b.literal})
			}
		}
		out = next
	}
	return out, nil
}
