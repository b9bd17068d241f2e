package source

import (
	"iter"
	"strings"

	"gopkg.in/yaml.v3"
)

// Node is a place in a document. A struct field of type Node without a yaml name
// receives the mapping that the struct was read from, so that its owner can tell
// semantic mistakes with their place; with a yaml name it receives that value
// undecoded. The zero Node is no place.
type Node struct {
	file string
	at   *segment
	n    *yaml.Node
}

// Unsupported is the type of a field that the language knows and this version
// does not read: a value there is a problem, told apart from a misspelled field.
type Unsupported struct{}

// Open in a struct, as a blank field, lets unknown fields pass. It is for
// formats that others own.
type Open struct{}

// IsZero reports whether the node is no place: the field was absent, or the
// document could not be read.
func (n Node) IsZero() bool { return n.n == nil }

// IsText reports whether text stands at the node; a node that is no place is
// neither text nor list nor mapping.
func (n Node) IsText() bool { t := n.target(); return t != nil && isText(t) }

// IsList reports whether a list stands at the node.
func (n Node) IsList() bool { t := n.target(); return t != nil && t.Kind == yaml.SequenceNode }

// IsMapping reports whether a mapping stands at the node.
func (n Node) IsMapping() bool { t := n.target(); return t != nil && t.Kind == yaml.MappingNode }

// Path is the dotted path of the node from the top of the document.
func (n Node) Path() string { return n.at.String() }

// Has reports whether the mapping holds the field, whatever its value.
func (n Node) Has(field string) bool {
	value := n.member(field)
	return value != nil
}

// Field returns the value of a member of the mapping, or the zero Node.
func (n Node) Field(name string) Node {
	value := n.member(name)
	if value == nil {
		return Node{}
	}
	return Node{file: n.file, at: n.at.field(name), n: value}
}

// Items yields the elements of a list; anything else yields nothing.
func (n Node) Items() iter.Seq2[int, Node] {
	return func(yield func(int, Node) bool) {
		list := n.target()
		if list == nil || list.Kind != yaml.SequenceNode {
			return
		}
		for i, c := range list.Content {
			if !yield(i, Node{file: n.file, at: n.at.index(i), n: c}) {
				return
			}
		}
	}
}

// Item returns an element of the list, or the zero Node.
func (n Node) Item(i int) Node {
	list := n.target()
	if list == nil || list.Kind != yaml.SequenceNode || i < 0 || i >= len(list.Content) {
		return Node{}
	}
	return Node{file: n.file, at: n.at.index(i), n: list.Content[i]}
}

// Members yields key and value of a mapping in the order of the document;
// anything else yields nothing. Keys carry the path of their value.
func (n Node) Members() iter.Seq2[Node, Node] {
	return func(yield func(Node, Node) bool) {
		m := n.target()
		if m == nil || m.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(m.Content); i += 2 {
			at := n.at.field(resolve(m.Content[i]).Value)
			key := Node{file: n.file, at: at, n: m.Content[i]}
			if !yield(key, Node{file: n.file, at: at, n: m.Content[i+1]}) {
				return
			}
		}
	}
}

// Text is the text of a scalar as it was written, without quotes; empty for
// anything else.
func (n Node) Text() string {
	if t := n.target(); t != nil && t.Kind == yaml.ScalarNode {
		return t.Value
	}
	return ""
}

// Decode reads the node into v, a pointer, like the function Decode.
func (n Node) Decode(v any) error {
	if n.n == nil {
		return nil
	}
	d := decoder{file: n.file}
	d.into(n.n, v, n.at)
	return d.problems.Err()
}

// Problem is a mistake at the node.
func (n Node) Problem(msg, hint string) Problem {
	p := Problem{File: n.file, Field: n.Path(), Msg: msg, Hint: hint}
	if n.n != nil {
		p.Line, p.Col = n.n.Line, n.n.Column
	}
	return p
}

// In is a mistake in the member field of the mapping: at its value, or at the
// mapping when the field is absent.
func (n Node) In(field, msg, hint string) Problem {
	if f := n.Field(field); !f.IsZero() {
		return f.Problem(msg, hint)
	}
	p := n.Problem(msg, hint)
	p.Field = n.at.field(field).String()
	return p
}

func (n Node) target() *yaml.Node {
	if n.n == nil {
		return nil
	}
	return resolve(n.n)
}

func (n Node) member(name string) *yaml.Node {
	m := n.target()
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if k := resolve(m.Content[i]); k.Kind == yaml.ScalarNode && k.Value == name {
			return m.Content[i+1]
		}
	}
	return nil
}

// Line is the line of the node, from 1; 0 for the zero Node.
func (n Node) Line() int {
	if n.n == nil {
		return 0
	}
	return n.n.Line
}

// ProblemAt is a mistake inside the text of a scalar, at a line and column of that
// text, both from 1. For text on one line the place is exact, unless it needs other
// escapes than those of quotes and backslashes; in a block only the line is.
func (n Node) ProblemAt(line, col int, msg, hint string) Problem {
	p := n.Problem(msg, hint)
	t := n.target()
	if t == nil || t != n.n || t.Kind != yaml.ScalarNode || line < 1 || col < 1 {
		return p
	}
	before := textBefore(t.Value, line, col)
	switch t.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle:
		p.Line, p.Col = p.Line+line, col
	case yaml.FoldedStyle:
		p.Line, p.Col = p.Line+1, col
	case yaml.SingleQuotedStyle:
		p.Col += len([]rune(before)) + strings.Count(before, "'") + 1
	case yaml.DoubleQuotedStyle:
		p.Col += len([]rune(before)) + strings.Count(before, `"`) + strings.Count(before, `\`) + 1
	default:
		p.Col += len([]rune(before))
	}
	return p
}

// textBefore is what stands before the character col of a line. A scalar of
// several lines outside a block has been folded: its columns count on.
func textBefore(text string, line, col int) string {
	start := 0
	for range line - 1 {
		i := strings.IndexByte(text[start:], '\n')
		if i < 0 {
			return text
		}
		start += i + 1
	}
	rest := []rune(text[start:])
	return string(rest[:min(col-1, len(rest))])
}

// Sum is a number of what is written at the node: the same values in the same order
// of members have the same, however they are spelled and placed. It is the same in
// every process, and no proof against who wants two texts to agree.
func (n Node) Sum() uint64 {
	const basis = 14695981039346656037 // of FNV-1a
	return sum(basis, n.n)
}

func sum(h uint64, n *yaml.Node) uint64 {
	const prime = 1099511628211
	if n == nil {
		return h
	}
	n = resolve(n)
	h = (h ^ uint64(n.Kind)) * prime
	for _, text := range [...]string{n.ShortTag(), n.Value} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * prime
		}
		h = (h ^ 0xff) * prime // no text holds this byte
	}
	for _, c := range n.Content {
		h = sum(h, c)
	}
	return (h ^ 0xfe) * prime
}
