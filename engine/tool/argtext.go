package tool

import (
	"strings"

	"m1/engine/schema"
	"m1/engine/source"
)

// shape spells a type as files do, on one line.
func shape(t *schema.Type, optional bool) string {
	switch {
	case t == nil:
	case t.Kind == schema.Object:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = flowKey(f.Name) + shape(f.Type, f.Optional)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case t.Kind == schema.List && t.Elem != nil && !isPhrase(t.Elem):
		return "[" + shape(t.Elem, false) + "]"
	}
	s := t.String()
	if optional {
		s = "optional(" + s + ")"
	}
	return text(s)
}

// isPhrase reports whether the type is written as text.
func isPhrase(t *schema.Type) bool {
	for t != nil {
		if t.Kind == schema.Object {
			return false
		}
		t = t.Elem
	}
	return true
}

// flowKey is a key inside braces. One that is longer than YAML looks ahead is
// marked as a key.
func flowKey(name string) string {
	if key := text(name); len(key) <= longKey {
		return key + ": "
	}
	return "? " + text(name) + " : "
}

// spellable reports whether a file can say these arguments: what is read back is
// the same.
func spellable(t *schema.Type) bool {
	var d struct {
		Args source.Node `yaml:"args"`
	}
	if source.Decode("", []byte("args: "+shape(t, false)+"\n"), &d) != nil {
		return false
	}
	back, err := schema.Parse(d.Args)
	return err == nil && back.Digest() == t.Digest()
}
