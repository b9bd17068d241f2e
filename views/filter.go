package views

import (
	"strings"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// A filter is a few words that must all fit. A word fits where one of the
// record's fields holds it; "tool:" and its like ask one field only, "-" before
// a word turns it round, and letters of ASCII fit in either case.
type filter[R any] struct {
	words []word[R]
	field map[string]func(R, string) bool // by name: does the record's field hold it?
	state map[string]func(R) bool         // whole words that ask for a state
	any   func(R, string) bool            // a word without a field
}

// word is one condition of a filter, ready to be asked thousands of times.
type word[R any] struct {
	text string // lower case
	not  bool
	has  func(R, string) bool
}

// parse splits text into words. There is no wrong filter: what names no field
// is looked for as it stands.
func (f filter[R]) parse(text string) filter[R] {
	for _, part := range strings.Fields(text) {
		w := word[R]{has: f.any}
		part, w.not = cutMinus(part)
		w.text = strings.ToLower(part)
		if name, rest, found := strings.Cut(w.text, ":"); found && f.field[name] != nil {
			w.has, w.text = f.field[name], rest
		} else if is := f.state[w.text]; is != nil {
			w.has = func(r R, _ string) bool { return is(r) }
		}
		if w.text != "" {
			f.words = append(f.words, w)
		}
	}
	return f
}

// cutMinus takes the minus off a word; a minus alone is a word.
func cutMinus(s string) (string, bool) {
	if rest, found := strings.CutPrefix(s, "-"); found && rest != "" {
		return rest, true
	}
	return s, false
}

func (f filter[R]) fits(r R) bool {
	for _, w := range f.words {
		if w.has(r, w.text) == w.not {
			return false
		}
	}
	return true
}

var callFilter = filter[*snapshot.Call]{
	field: map[string]func(*snapshot.Call, string) bool{
		"tool":     func(c *snapshot.Call, s string) bool { return holds(c.Tool, s) },
		"agent":    func(c *snapshot.Call, s string) bool { return holds(string(c.Agent), s) },
		"run":      func(c *snapshot.Call, s string) bool { return holds(string(c.Run), s) },
		"rule":     func(c *snapshot.Call, s string) bool { return holds(c.Rule, s) },
		"decision": func(c *snapshot.Call, s string) bool { return holds(c.Effect.String(), s) },
		"would":    func(c *snapshot.Call, s string) bool { return holds(c.Would.String(), s) },
		"outcome":  func(c *snapshot.Call, s string) bool { return holds(string(c.Outcome), s) || holds(c.ErrorType, s) },
		"cache":    func(c *snapshot.Call, s string) bool { return holds(c.Cache, s) },
		"scope":    func(c *snapshot.Call, s string) bool { return holds(c.Scope.String(), s) },
	},
	state: map[string]func(*snapshot.Call) bool{
		"error": func(c *snapshot.Call) bool { return c.Outcome == call.Failed },
	},
	any: func(c *snapshot.Call, s string) bool {
		return holds(c.Tool, s) || holds(string(c.Agent), s) || holds(string(c.Run), s) ||
			holds(c.Rule, s) || holds(c.Effect.String(), s) || holds(string(c.Outcome), s) || holds(c.ErrorType, s)
	},
}

var runFilter = filter[*snapshot.Run]{
	field: map[string]func(*snapshot.Run, string) bool{
		"run":    func(r *snapshot.Run, s string) bool { return holds(string(r.ID), s) },
		"agent":  func(r *snapshot.Run, s string) bool { return holds(string(r.Agent), s) },
		"goal":   func(r *snapshot.Run, s string) bool { return holds(r.Goal, s) },
		"status": func(r *snapshot.Run, s string) bool { return holds(r.Status, s) || holds(r.StopReason, s) },
	},
	state: map[string]func(*snapshot.Run) bool{
		"error": func(r *snapshot.Run) bool { return r.Errors > 0 || r.Status == "failed" },
		"deny":  func(r *snapshot.Run) bool { return r.Denied > 0 },
		"loop":  func(r *snapshot.Run) bool { return r.Streak >= longStreak },
	},
	any: func(r *snapshot.Run, s string) bool {
		return holds(string(r.Agent), s) || holds(string(r.ID), s) || holds(r.Goal, s) || holds(r.Status, s)
	},
}

var approvalFilter = filter[*snapshot.Approval]{
	field: map[string]func(*snapshot.Approval, string) bool{
		"tool":   func(a *snapshot.Approval, s string) bool { return holds(a.Tool, s) },
		"agent":  func(a *snapshot.Approval, s string) bool { return holds(string(a.Agent), s) },
		"run":    func(a *snapshot.Approval, s string) bool { return holds(string(a.Run), s) },
		"rule":   func(a *snapshot.Approval, s string) bool { return holds(a.Rule, s) },
		"status": func(a *snapshot.Approval, s string) bool { return holds(a.Status, s) },
		"scope":  func(a *snapshot.Approval, s string) bool { return holds(a.Scope.String(), s) },
		"by":     func(a *snapshot.Approval, s string) bool { return holds(a.By, s) },
	},
	any: func(a *snapshot.Approval, s string) bool {
		return holds(a.Tool, s) || holds(string(a.Agent), s) || holds(string(a.Run), s) ||
			holds(a.Rule, s) || holds(a.Status, s) || holds(a.ID, s) || holds(a.By, s)
	},
}

// longStreak is how many identical calls in a row are an alarm.
const longStreak = 5

// holds tells whether lower, which is in lower case, occurs in s in either case
// of ASCII. It allocates nothing.
func holds(s, lower string) bool {
	for i := 0; i+len(lower) <= len(s); i++ {
		if begins(s[i:], lower) {
			return true
		}
	}
	return false
}

func begins(s, lower string) bool {
	for i := range len(lower) {
		b := s[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}
