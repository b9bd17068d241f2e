// Package condition owns the conditions of rules: CEL, checked against a tool's
// arguments and made ready to be asked before every call.
package condition

import (
	"sync"

	"m1/engine/schema"
)

// Env is what a condition may speak of: the arguments of one tool, and named
// lists of text. It must not be changed after the first Compile; it is safe for
// concurrent use. Make one for each tool, so that its parts are prepared once.
type Env struct {
	Args   *schema.Type        // nil or Any: nothing is known of the arguments
	Lists  map[string][]string // as lists.name
	Parsed *Parsed             // texts shared with other environments; nil: none

	once     sync.Once
	prepared *language
	failed   error
	named    sync.Once
	lists    map[string]*list
	names    []string
}

// Condition answers one question about a call. It is immutable and safe for
// concurrent use.
type Condition struct {
	rule
	constant, folded bool
	explained        sync.Once
	parts            []part // once explained
}

// Compile reads a condition. The error is Problems, with every mistake of src:
// its syntax, names and types, optional arguments that no has() guards, and a
// cost above the limit.
func Compile(src string, env *Env) (*Condition, error) {
	r, err := compile(src, env, schema.Bool)
	if err != nil {
		return nil, err
	}
	c := &Condition{rule: *r}
	if c.constant, c.folded, err = r.fold(); err != nil {
		return nil, Problems{{Line: 1, Col: 1, Msg: "fails whatever the call: " + err.Error()}}
	}
	return c, nil
}

// Eval answers for one call. An error means that there is no answer: an argument
// is missing or of another type, a number is out of range, names are ambiguous,
// a shell line cannot be read. With && and || the other side may decide alone, as
// in CEL. The caller must deny, or not allow.
func (c *Condition) Eval(in *Input) (bool, error) {
	if err := in.prepare(); err != nil {
		return false, err
	}
	v := c.run(in)
	if v.kind != kindBool {
		return false, v.failure(c.src)
	}
	return v.n != 0, nil
}

// Constant reports whether the condition has one value whatever the call, and
// which. A rule with a constant false never matches.
func (c *Condition) Constant() (value, is bool) { return c.constant, c.folded }

// Lowered reports whether the condition runs as plain Go, without cel-go.
func (c *Condition) Lowered() bool { return c.lowered }

// Source is the text that was compiled.
func (c *Condition) Source() string { return c.src }
