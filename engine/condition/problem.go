package condition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a condition.
type Problem struct {
	Line, Col int // in the text, from 1; columns count characters
	Msg       string
	Hint      string // what to do about it; may be empty
}

// Error is `1:5: undefined field 'pth'; did you mean "path"?`.
func (p Problem) Error() string {
	s := fmt.Sprintf("%d:%d: %s", p.Line, p.Col, p.Msg)
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// Problems is every mistake of a condition.
type Problems []Problem

// Error lists all problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted orders problems by place and drops repetitions.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Msg, b.Msg))
	})
	return slices.Compact(ps)
}
