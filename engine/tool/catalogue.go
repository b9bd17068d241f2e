package tool

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
	"m1/engine/source"
)

// Catalogue holds tools by their exact names. It is immutable and safe for
// concurrent use; a nil Catalogue is empty.
type Catalogue struct {
	entries map[string]*Entry
	names   []string // sorted
}

// New makes a catalogue of entries written in Go. The error is source.Problems
// with everything that is wrong: a name twice, no scope, a tool that writes and
// is cacheable, a tool that reads and changes something.
func New(entries ...Entry) (*Catalogue, error) {
	var ps source.Problems
	all := make(map[string]*Entry, len(entries))
	for _, e := range entries {
		at := "tools." + e.Name
		if err := CheckName(e.Name); err != nil {
			ps.Add(source.Problem{Field: at, Msg: err.Error()})
		}
		if all[e.Name] != nil {
			ps.Add(source.Problem{Field: at, Msg: "the tool is there twice"})
		}
		e.Cacheable = e.Cacheable || e.keeps()
		for field, c := range e.cases() {
			checkCase(&ps, at+field, c)
		}
		e.checkTexts(&ps, at)
		all[e.Name] = &e
	}
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return build(all), nil
}

// cases are the Case of the entry and those of its ByArg, with their paths.
func (e *Entry) cases() map[string]Case {
	cs := map[string]Case{"": e.base()}
	if e.ByArg == nil {
		return cs
	}
	for v, c := range e.ByArg.Values {
		cs[".scope_by_arg.values."+v] = c
	}
	if e.ByArg.Otherwise != nil {
		cs[".scope_by_arg.otherwise"] = *e.ByArg.Otherwise
	}
	return cs
}

// checkTexts checks what a file could not have held, and brings Parameters to the
// form in which files are read.
func (e *Entry) checkTexts(ps *source.Problems, at string) {
	if !utf8.ValidString(e.Description) {
		ps.Add(source.Problem{Field: at + ".description", Msg: "not UTF-8 text"})
	}
	if e.Parameters != nil {
		var schema json.RawMessage
		ps.Add(source.Decode(at+".parameters.json", e.Parameters, &schema))
		if e.Parameters = schema; len(schema) == 0 || schema[0] != '{' {
			ps.Add(source.Problem{Field: at + ".parameters", Msg: "want a JSON object"})
		}
	}
	e.checkArgs(ps, at)
	e.checkKeep(ps, at)
	if e.ByArg == nil {
		return
	}
	if e.ByArg.Arg == "" || badArg(e.ByArg.Arg) {
		ps.Add(source.Problem{Field: at + ".scope_by_arg.arg", Msg: "want the name of an argument"})
	}
	for v := range e.ByArg.Values {
		text, err := jsontext.AppendUnquote(nil, v)
		isText := err == nil && string(quote(string(text))) == v
		if !isText && v != "true" && v != "false" && !wholeNumber.MatchString(v) {
			ps.Add(source.Problem{
				Field: at + ".scope_by_arg.values",
				Msg:   fmt.Sprintf("%s is not the JSON text of a value", v), Hint: "text needs its quotes",
			})
		}
	}
}

func checkCase(ps *source.Problems, at string, c Case) {
	if c.Scope < call.Read || c.Scope > call.Execute {
		ps.Add(source.Problem{Field: at + ".scope", Msg: "want read, write or execute"})
	}
	for _, list := range [][]Collection{c.Reads, c.Changes} {
		for _, col := range list {
			if err := col.check(); err != nil {
				ps.Add(source.Problem{Field: at, Msg: err.Error()})
			}
		}
	}
	for _, f := range c.flaws() {
		ps.Add(source.Problem{Field: at + "." + f.field, Msg: f.msg, Hint: f.hint})
	}
}

// build takes entries that keep the rules, brings them to their one form and
// makes them ready for Use.
func build(all map[string]*Entry) *Catalogue {
	for _, e := range all {
		e.normalise()
		e.plan = newPlan(e)
	}
	return &Catalogue{entries: all, names: slices.Sorted(maps.Keys(all))}
}

func (e *Entry) normalise() {
	c := settled(e.base())
	e.Scope, e.Cacheable, e.Reads, e.Changes, e.ChangesAll = c.Scope, c.Cacheable, c.Reads, c.Changes, c.ChangesAll
	if e.ByArg == nil {
		return
	}
	by := &ByArg{Arg: e.ByArg.Arg, Values: make(map[string]Case, len(e.ByArg.Values))}
	for v, c := range e.ByArg.Values {
		by.Values[v] = settled(c)
	}
	if e.ByArg.Otherwise != nil {
		c := settled(*e.ByArg.Otherwise)
		by.Otherwise = &c
	}
	e.ByArg = by
}

// settled states what a Case leaves open: a cacheable answer that depends on
// nothing named may depend on everything.
func settled(c Case) Case {
	if c.Cacheable && c.Reads == nil {
		c.Reads = []Collection{{Name: Everything}}
	}
	c.tidy()
	return c
}

// Lookup finds a tool by its exact name.
func (c *Catalogue) Lookup(name string) (*Entry, bool) {
	if c == nil {
		return nil, false
	}
	e, ok := c.entries[name]
	return e, ok
}

// Names are the names of all tools, sorted.
func (c *Catalogue) Names() []string {
	if c == nil {
		return nil
	}
	return slices.Clone(c.names)
}

// Len is the number of tools.
func (c *Catalogue) Len() int {
	if c == nil {
		return 0
	}
	return len(c.names)
}

// String is for logs.
func (c *Catalogue) String() string { return fmt.Sprintf("catalogue of %d tools", c.Len()) }

// Merge holds the tools of both catalogues; of two with one name that of over.
func Merge(base, over *Catalogue) *Catalogue {
	all := make(map[string]*Entry, base.Len()+over.Len())
	for _, c := range []*Catalogue{base, over} {
		if c != nil {
			maps.Copy(all, c.entries)
		}
	}
	return &Catalogue{entries: all, names: slices.Sorted(maps.Keys(all))}
}
