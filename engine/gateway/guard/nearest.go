package guard

import (
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// namesAt are the member names of the object that p points to inside a t.
func namesAt(t reflect.Type, p jsontext.Pointer) []string {
	t = structIn(t)
	for token := range p.Tokens() {
		var next reflect.Type
		for _, name := range fields(t) {
			if name.json == token {
				next = structIn(name.of)
			}
		}
		if next == nil {
			return nil
		}
		t = next
	}
	var names []string
	for _, f := range fields(t) {
		names = append(names, f.json)
	}
	return names
}

type field struct {
	json string
	of   reflect.Type
}

func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, field{name, f.Type})
	}
	return out
}

// structIn is the struct that t is or points to, or nil.
func structIn(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

// nearest is the name that word was probably meant to be, or "".
func nearest(word string, names []string) string {
	if len(word) > 64 { // no name is nearly as long
		return ""
	}
	best, limit := "", len(word)/3+1
	for _, name := range names {
		if d := distance(strings.ToLower(word), name); d <= limit {
			best, limit = name, d-1
		}
	}
	return best
}

// distance counts the letters to insert, delete or replace between a and b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
