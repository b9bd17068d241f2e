package trace

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// LineError says what is wrong with one line of a file. Reading can go on after
// it, see Options.SkipBad.
type LineError struct {
	File string
	Line int // counted from 1
	Msg  string
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg) }

// explain turns an error of the JSON decoder into a sentence about the line.
func explain(err error) string {
	var sem *json.SemanticError
	if errors.As(err, &sem) {
		return fmt.Sprintf("field %q: want %s, got %s", dotted(sem.JSONPointer), wanted(sem.GoType), given(sem))
	}
	var syn *jsontext.SyntacticError
	if errors.As(err, &syn) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Sprintf("field %q is given twice", dotted(syn.JSONPointer))
		}
		return fmt.Sprintf("not JSON at byte %d: %s", syn.ByteOffset, strings.TrimPrefix(syn.Err.Error(), "jsontext: "))
	}
	return "not JSON: the line ends early"
}

// dotted writes the JSON pointer "/usage/input_tokens" as "usage.input_tokens".
func dotted(p jsontext.Pointer) string {
	var names []string
	for name := range p.Tokens() {
		names = append(names, name)
	}
	if len(names) == 0 {
		return "line"
	}
	return strings.Join(names, ".")
}

func wanted(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "another type"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	default:
		return "an object"
	}
}

// given names what stood there: a number by its digits, all else by its kind, so
// that no content of a recording gets into a message.
func given(e *json.SemanticError) string {
	if e.JSONKind == '0' && len(e.JSONValue) > 0 && len(e.JSONValue) <= 24 {
		return string(e.JSONValue)
	}
	return kindOf(e.JSONKind)
}

func kindOf(k jsontext.Kind) string {
	switch k {
	case '0':
		return "a number"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case '{':
		return "an object"
	case '[':
		return "an array"
	default:
		return "null"
	}
}

func isLine(err error) bool { return errors.As(err, new(*LineError)) }
