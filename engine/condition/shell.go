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
	fed   bool // the command that is looked at has its whole input in the line
	// feeding is the command of the last statement that is given its input.
	feeding *syntax.CallExpr
	lines   bool                 // the line has several
	quoted  map[*syntax.Lit]bool // texts in double quotes that look like an extended glob and are none
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
	if strings.Contains(line, "\\\n") {
		return errors.New("a backslash before the end of a line: write the command in one line")
	}
	lines := s.lines
	s.lines = strings.Contains(line, "\n")
	defer func() { s.lines = lines }()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash), syntax.KeepComments(true)).Parse(strings.NewReader(line), "")
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
		fed, err := s.isFed(n, depth)
		if call, ok := n.Cmd.(*syntax.CallExpr); ok && fed {
			s.feeding = call
		}
		return err
	case *syntax.Comment:
		if s.lines {
			return errors.New("a comment in a text of several lines: leave it out")
		}
	case *syntax.ExtGlob:
		return errors.New("an extended glob")
	case *syntax.DblQuoted:
		for _, p := range n.Parts {
			if lit, ok := p.(*syntax.Lit); ok && hasExtended(lit.Value) {
				if s.quoted == nil {
					s.quoted = map[*syntax.Lit]bool{}
				}
				s.quoted[lit] = true
			}
		}
	case *syntax.Lit:
		if hasExtended(n.Value) && !s.quoted[n] {
			return errors.New("an extended glob")
		}
	case *syntax.WordIter:
		return s.loop(n)
	case *syntax.CStyleLoop:
		return s.add("((")
	case *syntax.BinaryArithm:
		if assigns(n.Op) {
			return s.arithmetic(n.X)
		}
	case *syntax.UnaryArithm:
		if n.Op == syntax.Inc || n.Op == syntax.Dec {
			return s.arithmetic(n.X)
		}
	case *syntax.ParamExp:
		return s.parameter(n)
	case *syntax.BinaryCmd:
		s.downloads(n)
	case *syntax.CoprocClause:
		if n.Name != nil {
			return s.assigned(wordOf(n.Name).text, "")
		}
	case *syntax.Redirect:
		return s.redirect(n)
	case *syntax.Assign:
		return s.assign(n)
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
		if len(words) > 0 && strings.HasPrefix(words[0].text, "-") {
			return fmt.Errorf("%s is no command", shortened(words[0].text)) // of time in another shell
		}
		fed := s.fed
		s.fed = s.feeding == n
		defer func() { s.fed = fed }()
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
	if r.Op == syntax.Hdoc || r.Op == syntax.DashHdoc {
		if plainEnd(r.Word) {
			return nil // text for the command, in which nothing is run
		}
		return errors.New("a here-document whose end is not a plain word in quotes, such as 'EOF': shells need not agree where it ends")
	}
	if r.Word == nil {
		return nil
	}
	if r.N != nil && strings.HasPrefix(r.N.Value, "{") {
		if err := s.assigned(strings.Trim(r.N.Value, "{}"), ""); err != nil {
			return err
		}
	}
	target := wordOf(r.Word).text
	switch r.Op {
	case syntax.WordHdoc:
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
	switch name {
	case "eval":
		return s.eval(words[1:], depth)
	case ".", "source":
		return sourced(words[1:])
	case "trap":
		return s.trap(words[1:], depth)
	case "watch":
		if err := s.watch(words[1:], depth); err != nil {
			return err
		}
	case "find":
		return s.find(words[1:], depth, wrapped)
	case "git":
		return s.git(words[1:], depth, wrapped)
	case "export", "declare", "typeset", "readonly", "local":
		return s.declared(words[1:])
	case "printf":
		if len(words) > 2 && words[1].text == "-v" {
			return s.assigned(words[2].text, "")
		}
	}
	if slices.Contains(shells, name) {
		return s.script(words[1:], depth)
	}
	if p, ok := prefixes[name]; ok {
		return s.wrapped(p, words[1:], depth, wrapped)
	}
	return nil
}

// plainEnd says that a here-document ends at a quoted word of letters, digits and "_":
// then every shell takes the lines up to it as they are.
func plainEnd(w *syntax.Word) bool {
	if w == nil || len(w.Parts) != 1 {
		return false
	}
	end := ""
	switch q := w.Parts[0].(type) {
	case *syntax.SglQuoted:
		if q.Dollar {
			return false
		}
		end = q.Value
	case *syntax.DblQuoted:
		if q.Dollar || len(q.Parts) != 1 {
			return false
		}
		lit, ok := q.Parts[0].(*syntax.Lit)
		if !ok {
			return false
		}
		end = lit.Value
	}
	return end != "" && !strings.ContainsFunc(end, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
