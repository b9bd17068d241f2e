package condition

import (
	"strings"

	"cel.dev/cel-go/common/operators"
)

// verbs of the operators that people get the types wrong of; %1 and %2 are the
// sides.
var verbs = map[string]string{
	operators.Equals: "cannot compare %1 with %2", operators.NotEquals: "cannot compare %1 with %2",
	operators.Less: "cannot compare %1 with %2", operators.LessEquals: "cannot compare %1 with %2",
	operators.Greater: "cannot compare %1 with %2", operators.GreaterEquals: "cannot compare %1 with %2",
	operators.In: "cannot look for %1 in %2",
}

// inWords says what cel-go calls a missing overload of a comparison: "cannot compare
// a string with an int". Any other message stays as it is.
func inWords(msg string) string {
	rest, ok := strings.CutPrefix(msg, "found no matching overload for '")
	if !ok {
		return msg
	}
	operator, types, ok := strings.Cut(rest, "' applied to '(")
	verb := verbs[operator]
	sides := signature(strings.TrimSuffix(types, ")'"))
	if !ok || verb == "" || len(sides) != 2 {
		return msg
	}
	return strings.NewReplacer("%1", withArticle(sides[0]), "%2", withArticle(sides[1])).Replace(verb)
}

// signature splits "map(string, int), int" at its outer commas.
func signature(types string) []string {
	var out []string
	depth, begin := 0, 0
	for i, c := range types {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(types[begin:i]))
			begin = i + 1
		}
	}
	return append(out, strings.TrimSpace(types[begin:]))
}

func withArticle(t string) string {
	if inner, ok := strings.CutPrefix(t, "wrapper("); ok {
		return withArticle(strings.TrimSuffix(inner, ")")) + " or null"
	}
	switch t {
	case "null":
		return t
	case "int":
		return "an int"
	}
	return "a " + t
}
