package condition

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

var shells = []string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "lksh", "pdksh", "ksh93", "yash", "fish", "csh", "tcsh"}

var errShellInput = errors.New("a shell that reads what it runs from its input")

// again reads words that are put together to one line, as eval does.
func (s *shell) again(words []word, depth int) error {
	texts := make([]string, len(words))
	for i, w := range words {
		if !w.literal {
			return fmt.Errorf("what a shell runs is known at run time only: %s", shortened(w.text))
		}
		texts[i] = w.text
	}
	return s.parse(strings.Join(texts, " "), depth+1)
}

// eval reads what eval is given.
func (s *shell) eval(words []word, depth int) error {
	if len(words) > 0 && words[0].text == "--" {
		words = words[1:]
	}
	return s.again(words, depth)
}

// script finds the text of sh -c. Where options make its place uncertain, every
// word that could be it is read.
func (s *shell) script(words []word, depth int) error {
	command, input, unsure, shown := false, false, false, false
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !w.literal {
			return fmt.Errorf("what a shell runs is known at run time only: %s", shortened(w.text))
		}
		t := w.text
		switch {
		case t == "--" || t == "-":
		case t == "--rcfile" || t == "--init-file" || t == "--emulate":
			i++
		case strings.HasPrefix(t, "--"):
			shown = shown || t == "--version" || t == "--help"
			unsure = unsure || t == "--command" || t == "--init-command"
			command = command || strings.HasPrefix(t, "--command") || strings.HasPrefix(t, "--init-command")
			if _, value, ok := strings.Cut(t, "="); ok {
				if err := s.parse(value, depth+1); err != nil {
					return err
				}
			}
		case t[:min(1, len(t))] == "-" || t[:min(1, len(t))] == "+":
			letters := t[1:]
			command = command || t[0] == '-' && strings.Contains(letters, "c")
			input = input || t[0] == '-' && strings.Contains(letters, "s")
			valued := strings.Count(letters, "o") + strings.Count(letters, "O")
			if valued == 1 && strings.IndexAny(letters, "oO") == len(letters)-1 {
				i++
			} else if valued > 0 {
				unsure = true
			}
		case command:
			if err := s.parse(t, depth+1); err != nil {
				return err
			}
			if !unsure {
				return nil
			}
		case input || unsure:
		case strings.HasPrefix(t, "/dev/") || strings.HasPrefix(t, "/proc/"):
			return errShellInput
		default:
			return nil // the file of a script
		}
	}
	if command && unsure || s.fed || shown {
		return nil
	}
	return errShellInput
}

// isFed reads what a shell is given as its input: bash <<< "…". It tells whether
// that is all of its input.
func (s *shell) isFed(stmt *syntax.Stmt, depth int) (bool, error) {
	call, ok := stmt.Cmd.(*syntax.CallExpr)
	if !ok || !slices.ContainsFunc(call.Args, func(w *syntax.Word) bool {
		return slices.Contains(shells, path.Base(wordOf(w).text))
	}) {
		return false, nil
	}
	fed, other := false, false
	for _, r := range stmt.Redirs {
		switch r.Op {
		case syntax.WordHdoc:
			text := wordOf(r.Word)
			if !text.literal {
				return false, fmt.Errorf("what a shell runs is known at run time only: %s", shortened(text.text))
			}
			if err := s.parse(text.text, depth+1); err != nil {
				return false, err
			}
			fed = fed || r.N == nil
		case syntax.RdrIn, syntax.DplIn, syntax.RdrInOut, syntax.Hdoc, syntax.DashHdoc:
			other = true
		}
	}
	return fed && !other, nil
}

// downloads knows curl … | sh: what the shell runs is not in the line, so there is
// nothing to find in it. Both stand in the list.
func (s *shell) downloads(n *syntax.BinaryCmd) {
	from, ok := n.X.Cmd.(*syntax.CallExpr)
	if !ok || n.Op != syntax.Pipe || len(n.X.Redirs) > 0 || len(from.Args) == 0 || len(n.Y.Redirs) > 0 {
		return
	}
	if name := wordOf(from.Args[0]).text; name != "curl" && name != "wget" {
		return
	}
	if to, ok := n.Y.Cmd.(*syntax.CallExpr); ok {
		s.feeding = to
	}
}

// sourced tells of files that are no files: what they hold is not in the line.
func sourced(words []word) error {
	if len(words) > 0 && words[0].text == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		return nil
	}
	t := words[0].text
	file := path.Clean(t)
	if !words[0].literal || file == "-" || strings.HasPrefix(file, "/dev/") || strings.HasPrefix(file, "/proc/") || strings.Contains(file, "../dev/") {
		return fmt.Errorf("what is sourced is known at run time only: %s", shortened(t))
	}
	return nil
}

// trap reads the line that a signal starts.
func (s *shell) trap(words []word, depth int) error {
	if len(words) > 0 && words[0].text == "--" {
		words = words[1:]
	}
	if len(words) < 2 || words[0].text == "" || words[0].text == "-" || words[0].text == "-l" || words[0].text == "-p" {
		return nil
	}
	return s.again(words[:1], depth)
}

// watch reads the words from each that may be the first as one line.
func (s *shell) watch(words []word, depth int) error {
	for i, w := range words {
		if strings.HasPrefix(w.text, "-") {
			continue
		}
		if err := s.again(words[i:], depth); err != nil {
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
			for end < len(words) && words[end].text != ";" && (words[end].text != "+" || words[end-1].text != "{}") {
				end++
			}
			if err := s.command(words[i+1:end], depth, wrapped+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// git reads what its options and some of its commands start.
func (s *shell) git(words []word, depth, wrapped int) error {
	for i, w := range words {
		next := words[min(i+1, len(words)):]
		switch t := w.text; {
		case t == "--config-env" || strings.HasPrefix(t, "--config-env="):
			return errors.New("a setting of git that is known at run time only")
		case t == "-c" && len(next) > 0:
			if err := s.setting(next[0], depth); err != nil {
				return err
			}
		case strings.HasPrefix(t, "-c") && strings.Contains(t, "=!"):
			return errors.New("an alias of git")
		case t == "config":
			for k := range next {
				if k+1 < len(next) && strings.HasPrefix(strings.ToLower(next[k].text), "alias.") {
					if err := s.setting(word{next[k].text + "=" + next[k+1].text, next[k+1].literal}, depth); err != nil {
						return err
					}
				}
			}
		case t == "foreach" || t == "run" && i > 0 && words[i-1].text == "bisect":
			if t == "foreach" {
				for len(next) > 0 && strings.HasPrefix(next[0].text, "-") {
					next = next[1:]
				}
				if err := s.again(next, depth); err != nil {
					return err
				}
			} else if err := s.command(next, depth, wrapped+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// setting reads an alias of git that is a line for a shell.
func (s *shell) setting(w word, depth int) error {
	name, value, _ := strings.Cut(w.text, "=")
	if !strings.HasPrefix(strings.ToLower(name), "alias.") {
		return nil
	}
	if line, ok := strings.CutPrefix(strings.TrimLeft(value, " \t\n"), "!"); ok {
		return s.again([]word{{line, w.literal}}, depth)
	}
	if !w.literal {
		return fmt.Errorf("an alias of git is known at run time only: %s", shortened(value))
	}
	return nil
}
