// Package schema says what the arguments of a tool look like, and checks raw JSON
// against it.
package schema

// Kind is the kind of a value.
type Kind uint8

// The kinds. Any is the zero value: nothing is known, everything fits.
const (
	Any Kind = iota
	String
	Int    // a number without a fraction, within int64
	Double // any finite number
	Bool
	List
	Map    // an object whose members are free, with values of Elem
	Object // an object with Fields
)

// Type describes a value. It is immutable after it was made and safe for
// concurrent use. A nil Type is Any.
type Type struct {
	Kind     Kind
	Nullable bool
	Elem     *Type    // of List and Map; nil is Any
	Fields   []Field  // of Object, sorted by name
	Open     bool     // of Object: members beside Fields may be there
	Enum     []string // canonical JSON of the only values; nil: every value of the kind
}

// Field is one member of an Object.
type Field struct {
	Name     string
	Type     *Type
	Optional bool
}

// Closed is the type with every Object closed, however deep.
func (t *Type) Closed() *Type {
	if t == nil {
		return nil
	}
	c := *t
	c.Open, c.Elem = false, t.Elem.Closed()
	c.Fields = make([]Field, len(t.Fields))
	for i, f := range t.Fields {
		c.Fields[i] = Field{f.Name, f.Type.Closed(), f.Optional}
	}
	return &c
}
