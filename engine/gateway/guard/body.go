package guard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MaxBody is how many bytes of a request are read where nothing else is said.
const MaxBody = 8 << 20

// ReadJSON reads the whole body of a request, at most limit bytes, and decodes
// it as Decode does.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, into any) *Error {
	body, refusal := ReadBody(w, r, limit)
	if refusal != nil {
		return refusal
	}
	return Decode(body, into)
}

// ReadBody returns the whole body, which must say that it is JSON. It stops at
// limit bytes, however much is sent.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Error) {
	kinds := r.Header.Values("Content-Type")
	kind := ""
	if len(kinds) == 1 {
		kind, _, _ = mime.ParseMediaType(kinds[0])
	}
	if kind != "application/json" {
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Code: "not_json", Message: "the content type must be application/json", Hint: "send the header Content-Type: application/json"}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, &Error{Status: http.StatusUnsupportedMediaType, Code: "encoded_body", Message: "a compressed body is not read", Hint: "leave Content-Encoding out"}
	}
	tooLarge := &Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body is larger than %d bytes", limit), Hint: "send less, such as a digest or a reference instead of a whole document"}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // nobody reads the rest
		return nil, tooLarge
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, 64<<10)) + bytes.MinRead) // the length is only claimed
	}
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit)); err != nil {
		if _, is := errors.AsType[*http.MaxBytesError](err); is {
			return nil, tooLarge
		}
		return nil, &Error{Status: http.StatusBadRequest, Code: "broken_body", Message: "the body broke off or came too slowly", Hint: "send the request again"}
	}
	return buf.Bytes(), nil
}

// Decode reads body, one JSON object, into the struct that into points to.
// Nothing is ignored: unknown and repeated names, wrong types, text behind the
// object and invalid UTF-8 are errors that name the place. Every member of the
// struct must have a json tag.
func Decode(body []byte, into any) *Error {
	if len(bytes.TrimSpace(body)) == 0 {
		return invalidJSON("the body is empty", "")
	}
	if jsontext.Value(bytes.TrimLeft(body, " \t\r\n")).Kind() == 'n' {
		return invalidJSON("the body must be a JSON object, got null", "")
	}
	err := json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	if syntax, is := errors.AsType[*jsontext.SyntacticError](err); is {
		field := fieldName(syntax.JSONPointer)
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return invalidJSON("the name is given twice in one object", field)
		case !utf8.Valid(body):
			return invalidJSON("the body is not valid UTF-8", field)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return invalidJSON("the JSON ends too early", field)
		}
		return invalidJSON(fmt.Sprintf("the body is not one JSON object: %v at byte %d", syntax.Err, syntax.ByteOffset), field)
	}
	semantic, is := errors.AsType[*json.SemanticError](err)
	if !is {
		return invalidJSON(err.Error(), "")
	}
	field := fieldName(semantic.JSONPointer)
	if errors.Is(err, json.ErrUnknownName) {
		known := namesAt(reflect.TypeOf(into), semantic.JSONPointer.Parent())
		hint := "known here: " + strings.Join(known, ", ")
		if len(known) == 0 {
			hint = "send {}"
		}
		if near := nearest(semantic.JSONPointer.LastToken(), known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return &Error{Status: http.StatusBadRequest, Code: "unknown_field", Message: "this field is not known", Hint: hint, Field: field}
	}
	e := Invalid(field, fmt.Sprintf("want %s, got %s", kindOf(semantic.GoType), NameOf(semantic.JSONKind)))
	if field == "" {
		e.Code, e.Message = "invalid_json", "the body must be a JSON object, got "+NameOf(semantic.JSONKind)
	} else if semantic.JSONKind == '0' && kindOf(semantic.GoType) == "an integer" {
		e.Message = "want a whole number within 64 bits"
	}
	return e
}

// Given says whether a member is there and not null.
func Given(v jsontext.Value) bool { return len(v) > 0 && v.Kind() != 'n' }

// Missing refuses a request without field.
func Missing(field string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "missing_field", Message: "this field is required", Hint: "see docs/api.md for the fields", Field: field}
}

// Invalid refuses the value of field.
func Invalid(field, message string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_field", Message: message, Hint: "see docs/api.md for the fields", Field: field}
}

func invalidJSON(message, field string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_json", Message: message, Hint: "send one JSON object in UTF-8, each name once", Field: field}
}

// maxDepth is how deep values of a request may be nested. A result comes back
// inside an answer and must still be JSON that everybody reads: the usual
// readers, M1's own among them, end at 10,000.
const maxDepth = 1000

// TooDeep refuses v, the value of field, which is valid JSON, if objects and
// arrays lie more than 1000 deep in it.
func TooDeep(field string, v jsontext.Value) *Error {
	if !deeper(v, maxDepth) {
		return nil
	}
	return &Error{Status: http.StatusBadRequest, Code: "invalid_field", Message: fmt.Sprintf("is nested deeper than %d levels", maxDepth), Hint: "send it flatter, or as text", Field: field}
}

func deeper(v jsontext.Value, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// Bounds of what a request may name. It ends up in the ledger and on the
// screen.
const (
	MaxName = 256  // bytes
	MaxText = 4096 // bytes
)

// Bounded is the text of a field that may have so many bytes.
type Bounded struct {
	field, value string
	limit        int
}

// Name is a text of at most MaxName bytes.
func Name(field, value string) Bounded { return Bounded{field, value, MaxName} }

// Text is a text of at most limit bytes.
func Text(field, value string, limit int) Bounded { return Bounded{field, value, limit} }

// Short refuses the first of texts that is too long.
func Short(texts ...Bounded) *Error {
	for _, t := range texts {
		if len(t.value) > t.limit {
			return Invalid(t.field, fmt.Sprintf("is longer than %d bytes", t.limit))
		}
	}
	return nil
}

// fieldName writes a JSON pointer as people do: agent.id.
func fieldName(p jsontext.Pointer) string {
	var parts []string
	for token := range p.Tokens() {
		parts = append(parts, token)
	}
	return strings.Join(parts, ".")
}

func kindOf(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil:
		return "another type"
	case t.Kind() == reflect.String:
		return "a string"
	case t.Kind() == reflect.Struct:
		return "an object"
	case t.Kind() == reflect.Int64:
		return "an integer"
	case t.Kind() == reflect.Float64:
		return "a number"
	}
	return "another type"
}

// NameOf is the kind of a JSON value in words: "an object".
func NameOf(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	}
	return k.String()
}
