package tool

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"m1/engine/call"
)

// maxName bounds names of tools and arguments, in bytes.
const maxName = 256

func control(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }

// CheckName returns an error if a tool cannot have this name.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("tool: a tool needs a name")
	case len(name) > maxName:
		return fmt.Errorf("tool: the name has %d bytes, more than %d", len(name), maxName)
	case strings.ContainsFunc(name, control):
		return fmt.Errorf("tool: the name %q holds what cannot be shown", name)
	case strings.TrimSpace(name) != name:
		return fmt.Errorf("tool: the name %q begins or ends with a space", name)
	}
	return nil
}

// trimmed is the error for a reader who knows no packages.
func trimmed(err error) string { return strings.TrimPrefix(err.Error(), "tool: ") }

// flaw is a mistake in one field of a Case.
type flaw struct{ field, msg, hint string }

// flaws are the rules that every Case keeps, wherever it came from.
func (c *Case) flaws() []flaw {
	var fs []flaw
	if c.Cacheable && c.Scope > call.Read {
		fs = append(fs, flaw{
			"cacheable", fmt.Sprintf("a tool with scope %s is never answered from a cache", c.Scope),
			"remove it, or give the tool scope read",
		})
	}
	if c.Scope == call.Read && (c.ChangesAll || len(c.Changes) > 0) {
		fs = append(fs, flaw{
			"changes", "a tool with scope read changes nothing",
			"give it scope write, or write changes: []",
		})
	}
	return fs
}

// tidy brings a Case that keeps the rules to its one form: everything swallows
// the collections beside it, and what is said twice is said once.
func (c *Case) tidy() {
	c.Reads, c.Changes = distinct(c.Reads), distinct(c.Changes)
	if c.Cacheable && c.Reads == nil {
		c.Reads = []Collection{} // depends on nothing, which is not the same as not said
	}
	everything := Collection{Name: Everything}
	if slices.Contains(c.Changes, everything) || c.ChangesAll {
		c.ChangesAll, c.Changes = true, nil
	}
	if slices.Contains(c.Reads, everything) {
		c.Reads = []Collection{everything}
	}
}

// distinct keeps the first of equal collections, and drops items of a collection
// that is there as a whole.
func distinct(cs []Collection) []Collection {
	var out []Collection
	for _, c := range cs {
		whole := Collection{Name: c.Name}
		if !slices.Contains(out, c) && (c == whole || !slices.Contains(cs, whole)) {
			out = append(out, c)
		}
	}
	return out
}
