package schema

import (
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// names are the words of the short form.
var names = map[Kind]string{
	Any: "any", String: "string", Int: "int", Double: "double", Bool: "bool", List: "list", Map: "map",
}

// plainWord is a text that enum takes without quotes.
var plainWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// String is the type in the short form that Parse reads, such as "list(string)".
// An Object is written as the mapping it is read from, on one line. What the short
// form cannot say is shown all the same, with "…" for members that are free.
func (t *Type) String() string {
	if t == nil {
		return names[Any]
	}
	s := names[t.Kind]
	switch {
	case t.Kind == Object:
		s = t.spellObject()
	case t.Enum != nil:
		s = "enum(" + strings.Join(spellValues(t.Enum), ", ") + ")"
	case t.Elem != nil && (t.Elem.Kind != Any || t.Elem.Enum != nil):
		s += "(" + t.Elem.String() + ")"
	}
	if t.Nullable {
		s = "nullable(" + s + ")"
	}
	return s
}

func (t *Type) spellObject() string {
	var parts []string
	for _, f := range t.Fields {
		s := f.Type.String()
		if f.Optional {
			s = "optional(" + s + ")"
		}
		parts = append(parts, f.Name+": "+s)
	}
	if t.Open {
		parts = append(parts, "…")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func spellValues(values []string) []string {
	out := slices.Clone(values)
	for i, v := range out {
		text, err := jsontext.AppendUnquote(nil, v)
		if err == nil && plainWord.Match(text) && !isLiteral(string(text)) {
			out[i] = string(text)
		}
	}
	return out
}

func isLiteral(s string) bool { return s == "true" || s == "false" || s == "null" }
