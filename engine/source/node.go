package source

import (
	"iter"

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
