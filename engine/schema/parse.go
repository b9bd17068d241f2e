package schema

import (
	"fmt"
	"slices"
	"strings"

	"m1/engine/source"
)

// Parse reads the short form of a tool's arguments: a mapping from the names of
// the arguments to their types. A type is
//
//	string  int  double  bool  any     a value
//	list(T)  map(T)                    elements, or the values of free members; alone: of any
//	nullable(T)  optional(T)           T or null; an argument that may be left out
//	enum(a, b)                         one of these: words, quoted text, numbers, true or false
//	[T]  {name: T}                     a list; an object with exactly these members
//
// Members that are not named are refused. A place that is absent is nil, which
// fits everything. The error is source.Problems.
func Parse(at source.Node) (*Type, error) {
	if at.IsZero() {
		return nil, nil //nolint:nilnil // nil is the type that fits everything
	}
	var ps source.Problems
	t := parseObject(at, &ps)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return t, nil
}

func parseObject(at source.Node, ps *source.Problems) *Type {
	t := &Type{Kind: Object}
	var members map[string]source.Node
	ps.Add(at.Decode(&members))
	for key, value := range at.Members() {
		if key.IsText() {
			inner, optional := parseType(value, ps)
			t.Fields = append(t.Fields, Field{Name: key.Text(), Type: inner, Optional: optional})
		}
	}
	slices.SortFunc(t.Fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	return t
}

func parseType(at source.Node, ps *source.Problems) (t *Type, optional bool) {
	switch {
	case at.IsMapping():
		return parseObject(at, ps), false
	case at.IsList():
		return parseList(at, ps), false
	case !at.IsText():
		var text string
		ps.Add(at.Decode(&text)) // tells what stands there instead
		return &Type{}, false
	}
	t, optional, err := parsePhrase(at.Text())
	if err != nil {
		ps.Add(at.Problem(err.msg, err.hint))
		return &Type{}, false
	}
	return t, optional
}

func parseList(at source.Node, ps *source.Problems) *Type {
	var elem *Type
	n := 0
	for _, item := range at.Items() {
		var optional bool
		if elem, optional = parseType(item, ps); optional {
			ps.Add(item.Problem("an element cannot be left out", "write nullable(…) if it may be null"))
		}
		n++
	}
	if n != 1 {
		ps.Add(at.Problem(fmt.Sprintf("found a list of %d", n), "write [T] with the one type that all elements have"))
	}
	return of(List, elem)
}

// of is the List or Map of elem in its one form: of Any it has no Elem.
func of(k Kind, elem *Type) *Type {
	if elem != nil && elem.Kind == Any && elem.Enum == nil {
		elem = nil
	}
	return &Type{Kind: k, Elem: elem}
}
