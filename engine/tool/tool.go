// Package tool is the catalogue: what every tool may reach, what it reads and
// changes, and whether its answer may be kept.
package tool

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"m1/engine/call"
	"m1/engine/schema"
)

// Everything is the name of the collection that overlaps all others.
const Everything = "*"

// Entry is one tool of the catalogue.
type Entry struct {
	Name       string
	Scope      call.Scope
	Cacheable  bool         // the answer depends on the arguments and Reads only
	Reads      []Collection // a cacheable tool that names none reads everything
	Changes    []Collection
	ChangesAll bool   // changes everything of its run; Changes is empty then
	ByArg      *ByArg // nil unless an argument decides
	// TTL is how long an answer may be kept; 0 leaves it to the cache. Key names the
	// arguments that the answer depends on; nil is all of them. Either makes the tool
	// cacheable.
	TTL time.Duration
	Key []string
	// Args is what the arguments look like; nil means that nothing is known. In a
	// catalogue it is never nil when Parameters is a schema.
	Args *schema.Type
	// Description and Parameters (a JSON Schema) are for people and models; both
	// may be empty.
	Description string
	Parameters  json.RawMessage

	plan *plan // what Use answers; nil in an Entry that is in no catalogue
}

// Case is what an Entry says of calls with one value of an argument.
type Case struct {
	Scope      call.Scope
	Cacheable  bool
	Reads      []Collection
	Changes    []Collection
	ChangesAll bool
}

// ByArg gives a tool another Case by the value of one argument.
type ByArg struct {
	Arg string
	// Values are the cases by the JSON text of the argument: `"view"` is text,
	// `true` and `3` are not, and `"3"` is another value than `3`.
	Values map[string]Case
	// Otherwise holds for every other value, and when there is none. If it is nil
	// the Entry itself holds.
	Otherwise *Case
}

// Collection is a part of the data behind the tools.
type Collection struct {
	Name string
	Arg  string // the argument whose value narrows it to one item; empty means all of it
}

// String is the form of catalogue files: "orders", "orders/{order_id}" or "*".
func (c Collection) String() string {
	if c.Arg == "" {
		return c.Name
	}
	return c.Name + "/{" + c.Arg + "}"
}

// UnmarshalText reads what String writes.
func (c *Collection) UnmarshalText(text []byte) error {
	name, rest, narrowed := strings.Cut(string(text), "/")
	arg := ""
	if narrowed {
		var open, shut bool
		arg, open = strings.CutPrefix(rest, "{")
		arg, shut = strings.CutSuffix(arg, "}")
		if !open || !shut || arg == "" {
			return fmt.Errorf("tool: collection %q must be a name or name/{argument}", text)
		}
	}
	read := Collection{Name: name, Arg: arg}
	if err := read.check(); err != nil {
		return err
	}
	*c = read
	return nil
}

func (c Collection) check() error {
	switch {
	case c.Name == Everything && c.Arg != "":
		return fmt.Errorf("tool: collection %q cannot be narrowed", c)
	case c.Name == Everything:
		return nil
	case c.Name == "" || strings.ContainsFunc(c.Name, notInName):
		return fmt.Errorf("tool: collection %q must be a name of letters, digits and _ . : -, alone or followed by /{argument}", c)
	case c.Arg != "" && badArg(c.Arg):
		return fmt.Errorf("tool: collection %q is narrowed by what cannot be an argument", c)
	}
	return nil
}

func notInName(r rune) bool {
	return r <= ' ' || strings.ContainsRune(`/{}[]*,"'#`, r) || control(r)
}

func badArg(s string) bool {
	return len(s) > maxName || strings.ContainsFunc(s, func(r rune) bool {
		return r == '{' || r == '}' || r == '/' || control(r)
	})
}
