package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"m1/engine/source"
)

// wrong is what is wrong with the text of a type.
type wrong struct{ msg, hint string }

const (
	optionalWord = "optional"
	nullableWord = "nullable"
	enumWord     = "enum"
)

// foreign are the words that other languages have for ours.
var foreign = map[string]string{
	"str": "string", "text": "string", "integer": "int", "int64": "int", "long": "int", "number": "double",
	"float": "double", "boolean": "bool", "array": "list", "object": "map", "dict": "map", "json": "any",
}

// parsePhrase reads a type that is written as text.
func parsePhrase(s string) (t *Type, optional bool, err *wrong) {
	if inner, ok, err := within(s, optionalWord); err != nil {
		return nil, false, err
	} else if ok {
		t, err := phraseType(inner)
		return t, true, err
	}
	t, err = phraseType(s)
	return t, false, err
}

func phraseType(s string) (*Type, *wrong) {
	s = strings.TrimSpace(s)
	for _, word := range []string{names[List], names[Map], nullableWord, enumWord} {
		inner, ok, err := within(s, word)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if word == enumWord {
			return phraseEnum(inner)
		}
		elem, err := phraseType(inner)
		if err != nil {
			return nil, err
		}
		switch word {
		case names[List]:
			return of(List, elem), nil
		case names[Map]:
			return of(Map, elem), nil
		}
		elem.Nullable = elem.Kind != Any || elem.Enum != nil
		return elem, nil
	}
	for kind, name := range names {
		if s == name {
			return &Type{Kind: kind}, nil
		}
	}
	return nil, unknown(s)
}

// within is what stands in the brackets of word(…), if s is that.
func within(s, word string) (inner string, ok bool, err *wrong) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), word)
	rest = strings.TrimLeft(rest, " ")
	if !ok || !strings.HasPrefix(rest, "(") {
		return "", false, nil
	}
	if !strings.HasSuffix(rest, ")") {
		return "", false, &wrong{
			fmt.Sprintf("the bracket of %s( is not closed", word),
			`inside { } a type that holds a comma needs quotes, as in "enum(a, b)"`,
		}
	}
	return rest[1 : len(rest)-1], true, nil
}

func unknown(s string) *wrong {
	word, _, _ := strings.Cut(s, "(")
	word = strings.TrimSpace(word)
	known := append(slices.Sorted(maps.Values(names)), optionalWord, nullableWord, enumWord)
	w := &wrong{msg: fmt.Sprintf("%q is no type", s)}
	bare := strings.TrimSuffix(word, "?")
	switch own, ok := foreign[strings.ToLower(word)]; {
	case s == "":
		w.msg = "a type is missing"
	case bare != word:
		w.hint = fmt.Sprintf("write optional(%s) for an argument that may be left out", bare)
	case word == optionalWord && word != s:
		w.hint = "optional(…) stands around the whole type of an argument"
	case ok:
		w.hint = fmt.Sprintf("write %s", own)
	case slices.Contains(known, word) && word != s:
		w.hint = fmt.Sprintf("%s takes no brackets", word)
	case slices.Contains(known, word):
		w.hint = fmt.Sprintf("write %s(…)", word)
	default:
		w.hint = source.DidYouMean(word, known)
	}
	if w.hint == "" {
		w.hint = "a type is one of " + strings.Join(known, ", ")
	}
	return w
}

// phraseEnum reads the values of enum(…).
func phraseEnum(s string) (*Type, *wrong) {
	t := &Type{}
	for i, part := range splitValues(s) {
		v, kind, err := phraseValue(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if i == 0 {
			t.Kind = kind
		}
		t.Kind = join(t.Kind, kind)
		t.Enum = append(t.Enum, v)
	}
	slices.Sort(t.Enum)
	t.Enum = slices.Compact(t.Enum)
	return t, nil
}

// join is the kind that holds values of both kinds.
func join(a, b Kind) Kind {
	switch {
	case a == b:
		return a
	case a == Int && b == Double || a == Double && b == Int:
		return Double
	default:
		return Any
	}
}

// phraseValue is the canonical JSON of one value of an enum, and its kind.
func phraseValue(s string) (string, Kind, *wrong) {
	switch {
	case s == "true" || s == "false":
		return s, Bool, nil
	case s != "null" && plainWord.MatchString(s):
		return `"` + s + `"`, String, nil
	}
	v, err := canonical([]byte(s))
	if whole, ok := number([]byte(v)); err == nil && ok {
		if whole && isInt([]byte(v)) {
			return v, Int, nil
		}
		return v, Double, nil
	}
	if err == nil && v[0] == '"' {
		return v, String, nil
	}
	return "", Any, &wrong{
		fmt.Sprintf("%q is no value of an enum", s),
		`write a word, text in double quotes, a number, true or false; null is nullable(enum(…))`,
	}
}

// splitValues splits at commas that stand outside quotes.
func splitValues(s string) []string {
	var parts []string
	begin := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			if end := skipText([]byte(s), i); end > 0 {
				i = end - 1
			}
		case ',':
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	return append(parts, s[begin:])
}
