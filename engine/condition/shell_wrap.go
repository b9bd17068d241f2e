package condition

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// prefix is a command that starts the command behind its own options.
type prefix struct {
	valued     string // letters of options with a value
	attached   string // letters of options whose value can stand in the same word only
	flags      string // letters of options without one
	positional int    // words between options and command
	assigns    bool   // NAME=value may stand before the command
	script     byte   // option whose value is a command line
	anywhere   bool   // the command may begin at any word
}

var prefixes = map[string]prefix{
	"env":         {valued: "uCaP", flags: "i0v", assigns: true, script: 'S'},
	"sudo":        {valued: "ugpCTUDRrthac", flags: "AbEHnPSsiklvVKBN", assigns: true},
	"doas":        {valued: "uC", flags: "nsL"},
	"exec":        {valued: "a", flags: "cl"},
	"command":     {flags: "pvV"},
	"builtin":     {},
	"nohup":       {},
	"setsid":      {flags: "cfw"},
	"time":        {valued: "fo", flags: "pvaq"},
	"nice":        {valued: "n", flags: "0123456789"},
	"ionice":      {valued: "cn", flags: "t"},
	"timeout":     {valued: "ks", flags: "fpv", positional: 1},
	"stdbuf":      {valued: "ioe"},
	"xargs":       {valued: "IJnPRLSdsaE", attached: "iel", flags: "0rtpxo"},
	"chroot":      {positional: 1},
	"flock":       {valued: "wE", flags: "nsxueoF", positional: 1, script: 'c'},
	"strace":      {valued: "oePsaEuSXbI", flags: "fqctTvyCdhirxVwDkn"},
	"unshare":     {valued: "SG", flags: "muinpUCTfrc"},
	"busybox":     {},
	"toybox":      {},
	"catchsegv":   {},
	"chronic":     {},
	"proxychains": {},
	"caffeinate":  {flags: "dimsu", valued: "tw"},
	"taskset":     {flags: "a", positional: 1, anywhere: true},
}

func init() {
	for _, name := range []string{
		"bwrap", "cgexec", "chpst", "chrt", "cpulimit", "daemonize", "dbus-run-session", "dumb-init", "entr", "fakeroot",
		"firejail", "gdb", "gosu", "hyperfine", "i386", "linux32", "linux64", "ltrace", "nsenter", "numactl", "parallel",
		"perf", "prlimit", "proxychains4", "rlwrap", "runcon", "runuser", "script", "setarch", "setpriv", "softlimit",
		"start-stop-daemon", "su", "su-exec", "systemd-run", "tini", "torsocks", "unbuffer",
		"uname26", "valgrind", "watch", "x86_64", "xvfb-run",
	} {
		prefixes[name] = prefix{anywhere: true}
	}
}

// wrapped finds the command behind a prefix. Where an option may or may not
// take the next word, every reading is told.
func (s *shell) wrapped(p prefix, words []word, depth, wrapped int) error {
	if p.anywhere {
		return s.anywhere(words, depth, wrapped)
	}
	for start, ok := range s.starts(p, words) {
		if !ok {
			continue
		}
		for ; p.assigns && start < len(words) && isAssignment(words[start].text); start++ {
			if err := s.add(words[start].text); err != nil {
				return err
			}
		}
		start += p.positional
		if start >= len(words) {
			continue
		}
		if p.script != 0 {
			if done, err := s.option(p, words[start:], depth); done || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		if err := s.command(words[start:], depth, wrapped+1); err != nil {
			return err
		}
	}
	return s.scripts(p, words, depth)
}

// starts tells for every word whether the options may end before it.
func (s *shell) starts(p prefix, words []word) []bool {
	ends := make([]bool, len(words)+1)
	reached := make([]bool, len(words)+3)
	reached[0] = true
	for i, w := range words {
		if !reached[i] {
			continue
		}
		t := w.text
		switch {
		case t == "--":
			ends[i+1] = true
		case t == "-" && p.assigns:
			reached[i+1] = true
		case len(t) < 2 || t[0] != '-':
			ends[i] = true
			next := i // sudo takes options behind assignments too
			for p.assigns && next < len(words) && isAssignment(words[next].text) {
				next++
			}
			if next > i && next < len(words) && strings.HasPrefix(words[next].text, "-") {
				reached[next] = true
			}
		case strings.HasPrefix(t, "--"):
			reached[i+1] = true
			reached[i+2] = reached[i+2] || !strings.Contains(t, "=")
		default:
			one, two := p.takes(t)
			reached[i+1] = reached[i+1] || one
			reached[i+2] = reached[i+2] || two
		}
	}
	return ends
}

// takes tells whether a word of short options may stand alone, and whether it
// may take the next word.
func (p prefix) takes(t string) (alone, next bool) {
	for j := 1; j < len(t); j++ {
		c := t[j]
		switch {
		case p.script != 0 && c == p.script:
			return false, false // scripts reads it
		case strings.IndexByte(p.valued, c) >= 0:
			return j+1 < len(t), j+1 == len(t)
		case strings.IndexByte(p.attached, c) >= 0:
			return true, false
		case strings.IndexByte(p.flags, c) < 0:
			return true, true
		}
	}
	return true, false
}

// scripts reads the values of options that are command lines: env -S "…", which
// has the words behind it as arguments.
func (s *shell) scripts(p prefix, words []word, depth int) error {
	if p.script != 'S' {
		return nil
	}
	for i, w := range words {
		if v, ok := strings.CutPrefix(w.text, "--split-string="); ok {
			return s.again(append([]word{{v, w.literal}}, words[i+1:]...), depth)
		}
		if w.text == "--split-string" {
			return s.again(words[i+1:], depth)
		}
		if len(w.text) < 2 || w.text[0] != '-' || w.text[1] == '-' {
			continue
		}
		for j := 1; j < len(w.text); j++ {
			if w.text[j] == 'S' {
				if j+1 < len(w.text) {
					return s.again(append([]word{{w.text[j+1:], w.literal}}, words[i+1:]...), depth)
				}
				return s.again(words[i+1:], depth)
			}
			if strings.IndexByte(p.flags, w.text[j]) < 0 {
				break
			}
		}
	}
	return nil
}

// option reads flock FILE -c "…".
func (s *shell) option(p prefix, words []word, depth int) (bool, error) {
	if p.script != 'c' || len(words) < 2 || words[0].text != "-c" && words[0].text != "--command" {
		return false, nil
	}
	return true, s.again(words[1:2], depth)
}

// anywhere tells every reading of the words as a command. A word with blanks in
// it may be a line for a shell.
func (s *shell) anywhere(words []word, depth, wrapped int) error {
	for i, w := range words {
		option := strings.HasPrefix(w.text, "-")
		if name, value, ok := strings.Cut(w.text, "="); ok && option && strings.HasPrefix(name, "--") && value != "" {
			if err := s.again([]word{{value, w.literal}}, depth); err != nil {
				return err
			}
		}
		if option && !strings.HasPrefix(w.text, "--") {
			if _, line, ok := strings.Cut(w.text, "c"); ok && line != "" { // su -c"…"
				if err := s.again([]word{{line, w.literal}}, depth); err != nil {
					return err
				}
			}
		}
		if option || w.text == "" {
			continue
		}
		if strings.ContainsAny(w.text, " \t\n;&|<>()`$") {
			if err := s.again(words[i:i+1], depth); err != nil {
				return err
			}
			continue
		}
		if err := s.command(words[i:], depth, wrapped+1); err != nil {
			return err
		}
	}
	return nil
}

func isAssignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && syntax.ValidName(name)
}
