package api

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

	"m1/engine/gateway/guard"
)

// read returns the whole body. It stops at MaxBody, however much is sent.
func (s *server) read(w http.ResponseWriter, r *http.Request) ([]byte, *guard.Error) {
	kinds := r.Header.Values("Content-Type")
	kind := ""
	if len(kinds) == 1 {
		kind, _, _ = mime.ParseMediaType(kinds[0])
	}
	if kind != "application/json" {
		return nil, &guard.Error{Status: http.StatusUnsupportedMediaType, Code: "not_json", Message: "the content type must be application/json", Hint: "send the header Content-Type: application/json"}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, &guard.Error{Status: http.StatusUnsupportedMediaType, Code: "encoded_body", Message: "a compressed body is not read", Hint: "leave Content-Encoding out"}
	}
	tooLarge := &guard.Error{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body is larger than %d bytes", s.MaxBody), Hint: "send less, such as a digest or a reference instead of a whole document"}
	if r.ContentLength > s.MaxBody {
		w.Header().Set("Connection", "close") // nobody reads the rest
		return nil, tooLarge
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		buf.Grow(int(min(r.ContentLength, 64<<10)) + bytes.MinRead) // the length is only claimed
	}
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, s.MaxBody)); err != nil {
		if _, is := errors.AsType[*http.MaxBytesError](err); is {
			return nil, tooLarge
		}
		return nil, &guard.Error{Status: http.StatusBadRequest, Code: "broken_body", Message: "the body broke off or came too slowly", Hint: "send the request again"}
	}
	return buf.Bytes(), nil
}

// decode reads body, one JSON object, into the struct that into points to.
// Nothing is ignored: unknown and repeated names, wrong types, text behind the
// object and invalid UTF-8 are errors that name the place.
func decode(body []byte, into any) *guard.Error {
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
		if near := nearest(semantic.JSONPointer.LastToken(), known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return &guard.Error{Status: http.StatusBadRequest, Code: "unknown_field", Message: "this field is not known", Hint: hint, Field: field}
	}
	e := invalid(field, fmt.Sprintf("want %s, got %s", kindOf(semantic.GoType), nameOf(semantic.JSONKind)))
	if field == "" {
		e.Code, e.Message = "invalid_json", "the body must be a JSON object, got "+nameOf(semantic.JSONKind)
	} else if semantic.JSONKind == '0' && kindOf(semantic.GoType) == "an integer" {
		e.Message = "want a whole number within 64 bits"
	}
	return e
}

func invalidJSON(message, field string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "invalid_json", Message: message, Hint: "send one JSON object in UTF-8, each name once", Field: field}
}

func invalid(field, message string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "invalid_field", Message: message, Hint: "see docs/api.md for the fields", Field: field}
}

func tooDeep(field string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "invalid_field", Message: fmt.Sprintf("is nested deeper than %d levels", maxDepth), Hint: "send it flatter, or as text", Field: field}
}

// deeper says whether objects and arrays lie more than limit deep in v, which is
// valid JSON.
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

func missing(field string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "missing_field", Message: "this field is required", Hint: "see docs/api.md for the fields", Field: field}
}

func unsupported(field, hint string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "not_supported", Message: "not supported by this version", Hint: hint, Field: field}
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

func nameOf(k jsontext.Kind) string {
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
