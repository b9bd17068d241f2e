// Package source reads YAML and JSON documents strictly and names every mistake
// by file, line and column.
package source

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Problem is one mistake in a document.
type Problem struct {
	File      string
	Line, Col int    // from 1; 0 when the document has no such place
	Field     string // dotted path from the top, such as "tools.fs.read.scope"; may be empty
	Msg       string // what is wrong
	Hint      string // what to do about it; may be empty
}

// String is "policy.yaml:12:5: rules[3].efect: unknown field; did you mean "effect"?".
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		b.WriteByte(':')
	}
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d:", p.Line, p.Col)
	}
	for _, part := range []string{p.Field, p.Msg} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(part)
		b.WriteByte(':')
	}
	s := strings.TrimSuffix(b.String(), ":")
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// Error is String: a single problem is an error too.
func (p Problem) Error() string { return p.String() }

// Problems is every mistake of one or more documents.
type Problems []Problem

// Error lists all problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Add appends what err tells: a Problem, Problems, or any other error as a
// problem without a place. A nil err adds nothing.
func (ps *Problems) Add(err error) {
	if err == nil {
		return
	}
	if many, ok := errors.AsType[Problems](err); ok {
		*ps = append(*ps, many...)
		return
	}
	if one, ok := errors.AsType[Problem](err); ok {
		*ps = append(*ps, one)
		return
	}
	*ps = append(*ps, Problem{Msg: err.Error()})
}

// Sort orders the problems by file and place, and drops exact repetitions.
func (ps *Problems) Sort() {
	slices.SortStableFunc(*ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Field, b.Field),
			cmp.Compare(a.Msg, b.Msg),
		)
	})
	*ps = slices.Compact(*ps)
}

// Err sorts the problems and returns them as an error, or nil if there are none.
func (ps *Problems) Err() error {
	if len(*ps) == 0 {
		return nil
	}
	ps.Sort()
	return *ps
}
