package schema

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
)

// deepest is how deep a JSON Schema is read; what lies deeper is Any.
const deepest = 64

// FromJSONSchema reads the schema of a tool's arguments. It reads type, properties,
// required, items, additionalProperties, enum, const, and anyOf or oneOf of a type
// and null. Every other keyword, a $ref and what is malformed are ignored: the
// type lets through all that the schema lets through, and perhaps more. The one
// exception is a whole number beyond 64 bits, which does not fit an integer. The
// error says that raw is not a JSON object without duplicate names.
func FromJSONSchema(raw json.RawMessage) (*Type, error) {
	v := jsontext.Value(raw)
	if !v.IsValid() {
		return nil, errors.New("schema: not valid JSON, or a name that is there twice")
	}
	if v.Kind() != '{' {
		return nil, errors.New("schema: want a JSON Schema, which is an object")
	}
	k := keywordsOf(raw)
	if k["type"] == nil && k["properties"] != nil {
		k["type"] = json.RawMessage(`"object"`) // arguments always are
	}
	return k.toType(0), nil
}

// keywords are the members of a schema. They are read by their exact names, which
// a struct would not do.
type keywords map[string]json.RawMessage

func keywordsOf(raw json.RawMessage) keywords {
	var k keywords
	if json.Unmarshal(raw, &k) != nil {
		return nil
	}
	return k
}

// read decodes a keyword, and reports whether it is there and well formed.
func read[T any](k keywords, name string) (v T, ok bool) {
	raw := k[name]
	return v, raw != nil && string(raw) != "null" && json.Unmarshal(raw, &v) == nil
}

func typeOf(raw json.RawMessage, depth int) *Type { return keywordsOf(raw).toType(depth) }

func (k keywords) toType(depth int) *Type {
	if depth > deepest || k == nil || k["$ref"] != nil || k["$dynamicRef"] != nil {
		return &Type{}
	}
	t := &Type{}
	if t.Kind, t.Nullable = k.kind(); k["type"] == nil {
		if only := k.orNull(depth); only != nil {
			t = only
		}
	}
	switch t.Kind {
	case List:
		if items := k["items"]; items != nil && t.Elem == nil {
			t.Elem = typeOf(items, depth+1)
		}
	case Object:
		if k["type"] != nil {
			k.members(t, depth)
		}
	}
	k.values(t)
	return t
}

var kinds = map[string]Kind{
	"string": String, "integer": Int, "number": Double, "boolean": Bool, "array": List, "object": Object,
}

// kind is what type says: one kind, with null or without. Anything else is Any.
func (k keywords) kind() (kind Kind, nullable bool) {
	names, _ := read[[]string](k, "type")
	if one, ok := read[string](k, "type"); ok {
		names = []string{one}
	}
	if yes, _ := read[bool](k, "nullable"); yes {
		names = append(names, "null")
	}
	for _, name := range names {
		next := kinds[name]
		switch {
		case name == "null":
			nullable = true
		case next == Any:
			return Any, false
		case kind == Any || kind == next || kind == Int && next == Double:
			kind = next
		case kind == Double && next == Int:
		default:
			return Any, false
		}
	}
	if kind == Any {
		return Any, false // null alone, or nothing
	}
	return kind, nullable
}

// orNull is the type of anyOf or oneOf with one schema beside null, or nil.
func (k keywords) orNull(depth int) *Type {
	choices, ok := read[[]json.RawMessage](k, "anyOf")
	if !ok {
		choices, ok = read[[]json.RawMessage](k, "oneOf")
	}
	if !ok || len(choices) != 2 || k["anyOf"] != nil && k["oneOf"] != nil {
		return nil
	}
	for i, c := range choices {
		if name, _ := read[string](keywordsOf(c), "type"); name == "null" {
			t := typeOf(choices[1-i], depth+1)
			t.Nullable = t.Nullable || t.Kind != Any || t.Enum != nil
			return t
		}
	}
	return nil
}

// members reads what the schema says of an object.
func (k keywords) members(t *Type, depth int) {
	properties, _ := read[map[string]json.RawMessage](k, "properties")
	required, _ := read[[]string](k, "required")
	others, told := read[bool](k, "additionalProperties")
	// A name may fit a pattern whatever additionalProperties says.
	t.Open = !told || others || k["patternProperties"] != nil
	if len(properties) == 0 && len(required) == 0 && t.Open {
		t.Kind, t.Open = Map, false
		if elem := k["additionalProperties"]; elem != nil && k["patternProperties"] == nil {
			t.Elem = typeOf(elem, depth+1)
		}
		return
	}
	types := make(map[string]*Type, len(properties))
	for name, raw := range properties {
		types[name] = typeOf(raw, depth+1)
	}
	for _, name := range required {
		if types[name] == nil {
			types[name] = &Type{}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		t.Fields = append(t.Fields, Field{
			Name: name, Type: types[name], Optional: !slices.Contains(required, name),
		})
	}
}

// values reads enum and const. Texts without a type make the type text.
func (k keywords) values(t *Type) {
	listed, ok := read[[]json.RawMessage](k, "enum")
	if only, is := k["const"]; is {
		listed, ok = []json.RawMessage{only}, true
	}
	if !ok {
		return
	}
	t.Enum = []string{}
	null, texts := false, true
	for _, raw := range listed {
		c, err := canonical(raw)
		if err != nil {
			continue // nobody can send it
		}
		if c == "null" {
			null = true
			if t.Kind != Any {
				continue // Nullable says it
			}
		}
		texts = texts && (c[0] == '"' || c == "null")
		t.Enum = append(t.Enum, c)
	}
	if yes, _ := read[bool](k, "nullable"); t.Nullable && !null && !yes {
		t.Nullable = k["type"] == nil
	}
	if t.Kind == Any && texts {
		t.Kind, t.Nullable = String, null
		t.Enum = slices.DeleteFunc(t.Enum, func(v string) bool { return v == "null" })
	}
	slices.Sort(t.Enum)
	t.Enum = slices.Compact(t.Enum)
}

// canonical is the form that a value has in canonical arguments.
func canonical(value json.RawMessage) (string, error) {
	const before, after = `{"v":`, `}`
	args, err := call.Canonical(slices.Concat([]byte(before), value, []byte(after)))
	if err != nil {
		return "", err
	}
	return string(args[len(before) : len(args)-len(after)]), nil
}
