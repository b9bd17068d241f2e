// Package args reads single members of raw JSON arguments without decoding them,
// and refuses what two readers could understand in two ways: a member name that
// stands twice, also in another letter case, text that is not UTF-8, and numbers
// that do not fit.
package args

import (
	"errors"
	"fmt"
	"unsafe"
)

// What is refused. Every error of this package wraps one of them.
var (
	ErrSyntax    = errors.New("args: not valid JSON")
	ErrAmbiguous = errors.New("args: ambiguous member names")
	ErrNumber    = errors.New("args: number out of range")
	ErrKind      = errors.New("args: another kind of value")
)

// Kind is the kind of a Value.
type Kind uint8

// The kinds. None is the zero value: there is no value.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	List
	Object
)

var kinds = [...]string{"nothing", "null", "a bool", "a number", "text", "a list", "an object"}

func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Value is one JSON value as it was sent, without white space around it and
// known to be valid JSON. It shares the memory of the arguments and is good for
// as long as they are not written to. The zero Value is of kind None.
type Value struct{ raw string }

// Parse returns the one value of a document.
func Parse(doc []byte) (Value, error) {
	s := view(doc)
	begin := skipSpace(s, 0)
	end, err := skip(s, begin, 0)
	if err != nil {
		return Value{}, err
	}
	if rest := skipSpace(s, end); rest != len(s) {
		return Value{}, syntax(rest, "want the end")
	}
	return Value{s[begin:end]}, nil
}

// view is doc as text without copying it. Nobody writes to arguments while they
// are decided.
func view(doc []byte) string { return unsafe.String(unsafe.SliceData(doc), len(doc)) }

// Raw is the value's JSON text.
func (v Value) Raw() string { return v.raw }

// Kind says what the value is.
func (v Value) Kind() Kind {
	if v.raw == "" {
		return None
	}
	switch v.raw[0] {
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	case '"':
		return String
	case '[':
		return List
	case '{':
		return Object
	default:
		return Number
	}
}

// True reports whether the value is the literal true.
func (v Value) True() bool { return v.raw == "true" }

// Elements iterates over a list.
func (v Value) Elements() (Elements, error) {
	if v.Kind() != List {
		return Elements{}, fmt.Errorf("%w: want a list, found %s", ErrKind, v.Kind())
	}
	return Elements{raw: v.raw, at: 1}, nil
}

// Elements is a place in a list. A copy goes on from the same place.
type Elements struct {
	raw string
	at  int
}

// Next returns the next element; false at the end.
func (e *Elements) Next() (Value, bool) {
	i := skipSpace(e.raw, e.at)
	if i < len(e.raw) && e.raw[i] == ',' {
		i = skipSpace(e.raw, i+1)
	}
	if i >= len(e.raw) || e.raw[i] == ']' {
		return Value{}, false
	}
	end, err := skip(e.raw, i, 0)
	if err != nil { // the value was valid: nobody comes here
		return Value{}, false
	}
	e.at = end
	return Value{e.raw[i:end]}, true
}

func syntax(at int, what string) error {
	return fmt.Errorf("%w: offset %d: %s", ErrSyntax, at, what)
}

// Again returns the Value whose Raw was raw.
func Again(raw string) Value { return Value{raw} }
