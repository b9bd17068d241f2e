package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// pattern is a name, or a name with "*" for any run of characters, dots and
// slashes included. There is no other wildcard. It is kept small: deciding walks
// over many.
type pattern struct {
	head string // before the first "*"; the whole name without one
	glob *glob  // what follows the head; nil without a "*"
}

// glob is what follows the first "*" of a pattern.
type glob struct {
	middle []string // between stars, none empty
	tail   string   // after the last "*"
}

// anything is the glob of every pattern that ends with its only "*".
var anything = &glob{}

// everybody matches every name.
var everybody = pattern{glob: anything}

func parsePattern(text string) (pattern, error) {
	switch {
	case text == "":
		return pattern{}, errors.New("is empty")
	case strings.ContainsFunc(text, unicode.IsControl):
		return pattern{}, errors.New("holds what cannot be shown")
	case strings.TrimSpace(text) != text:
		return pattern{}, errors.New("begins or ends with a space")
	case !strings.Contains(text, "*"):
		return pattern{head: text}, nil
	}
	if i := strings.IndexAny(text, "?[]{}!^|"); i >= 0 {
		return pattern{}, fmt.Errorf("uses %q as a wildcard, but * is the only one", text[i])
	}
	parts := strings.Split(text, "*")
	last := len(parts) - 1
	g := glob{
		middle: slices.DeleteFunc(parts[1:last], func(s string) bool { return s == "" }),
		tail:   parts[last],
	}
	if len(g.middle) == 0 && g.tail == "" {
		return pattern{parts[0], anything}, nil
	}
	return pattern{parts[0], &g}, nil
}

// String has one form for patterns that match the same names.
func (p pattern) String() string {
	if p.glob == nil {
		return p.head
	}
	return strings.Join(slices.Concat([]string{p.head}, p.glob.middle, []string{p.glob.tail}), "*")
}

func (p *pattern) match(s string) bool {
	switch {
	case p.glob == nil:
		return s == p.head
	case !strings.HasPrefix(s, p.head):
		return false
	case p.glob == anything:
		return true
	default:
		return p.glob.match(s[len(p.head):])
	}
}

func (g *glob) match(rest string) bool {
	rest, ok := strings.CutSuffix(rest, g.tail)
	if !ok {
		return false
	}
	// The first place for each part leaves the most for those after it.
	for _, m := range g.middle {
		i := strings.Index(rest, m)
		if i < 0 {
			return false
		}
		rest = rest[i+len(m):]
	}
	return true
}

func (p *pattern) matchesAny(names []string) bool { return slices.ContainsFunc(names, p.match) }

// open reports that everything that begins with head matches.
func (p *pattern) open() bool { return p.glob == anything }

// all reports that every name matches.
func (p *pattern) all() bool { return *p == everybody }

// specificity grows with the text before the first "*"; a whole name is more
// specific than any pattern that matches it.
func (p *pattern) specificity() int {
	if p.glob == nil {
		return 2*len(p.head) + 1
	}
	return 2 * len(p.head)
}

// meets reports whether a name may be that both match; it may err on that side.
func (p *pattern) meets(q *pattern) bool {
	switch {
	case p.glob == nil:
		return q.match(p.head)
	case q.glob == nil:
		return p.match(q.head)
	default:
		return strings.HasPrefix(p.head, q.head) || strings.HasPrefix(q.head, p.head)
	}
}

// covers reports that p matches every name that q matches; it may miss some.
func (p *pattern) covers(q *pattern) bool {
	switch {
	case q.glob == nil:
		return p.match(q.head)
	case p.open():
		return strings.HasPrefix(q.head, p.head)
	default:
		return p.String() == q.String()
	}
}
