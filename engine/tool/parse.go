package tool

import (
	"encoding/json"
	"fmt"
	"regexp"

	"m1/engine/call"
	"m1/engine/schema"
	"m1/engine/source"
)

// fileCase is a Case as files spell it.
type fileCase struct {
	At        source.Node
	Scope     call.Scope   `yaml:"scope"`
	Cacheable bool         `yaml:"cacheable"`
	Reads     []Collection `yaml:"reads"`
	Changes   []Collection `yaml:"changes"`
}

// fileEntry is an Entry as catalogue files spell it, with the fields of the
// policy language that come later.
type fileEntry struct {
	fileCase    `yaml:",inline"`
	ByArg       *fileByArg         `yaml:"scope_by_arg"`
	Description string             `yaml:"description"`
	Parameters  json.RawMessage    `yaml:"parameters"`
	Args        source.Node        `yaml:"args"`
	Cache       *fileCache         `yaml:"cache"`
	Cost        source.Unsupported `yaml:"cost"`
	Invalidates source.Node        `yaml:"invalidates"`
}

type fileByArg struct {
	At        source.Node
	Arg       string      `yaml:"arg"`
	Values    source.Node `yaml:"values"`
	Otherwise *fileCase   `yaml:"otherwise"`
}

type file struct {
	At      source.Node
	Version source.Node `yaml:"version"`
	Tools   source.Node `yaml:"tools"`
}

// Parse reads a catalogue, called name in problems: YAML with "version: 1" and
// "tools", or a registry in JSON, which lists its tools. The error is
// source.Problems with every mistake of the document.
func Parse(name string, src []byte) (*Catalogue, error) {
	var kind struct {
		_       source.Open
		Version source.Node `yaml:"version"`
		Tools   source.Node `yaml:"tools"`
	}
	// What is wrong is told by the reader of the kind that it is.
	_ = source.Decode(name, src, &kind)
	if kind.Tools.IsList() && kind.Version.IsZero() {
		return parseRegistry(name, src)
	}
	var f file
	var ps source.Problems
	ps.Add(source.Decode(name, src, &f))
	if !f.At.IsZero() {
		if f.Version.IsText() || f.Version.Text() != "1" {
			ps.Add(f.At.In("version", "the version of a catalogue must be 1", "write version: 1"))
		}
		if f.Tools.IsZero() {
			ps.Add(f.At.In("tools", "missing", "write tools: with the tools by name, or tools: {} for none"))
		}
	}
	c, err := Read(f.Tools)
	ps.Add(err)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Read reads the tools by name at a place of another document, such as the
// section "tools" of a policy. A place that is absent holds an empty catalogue.
// The error is source.Problems.
func Read(at source.Node) (*Catalogue, error) {
	var ps source.Problems
	var raw map[string]source.Node
	ps.Add(at.Decode(&raw))
	all := make(map[string]*Entry, len(raw))
	for key, value := range at.Members() {
		name := key.Text()
		if err := CheckName(name); err != nil {
			ps.Add(key.Problem(trimmed(err), ""))
		}
		var f fileEntry
		ps.Add(value.Decode(&f))
		if f.At.IsZero() {
			continue
		}
		all[name] = f.entry(name, &ps)
	}
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return build(all), nil
}

func (f *fileEntry) entry(name string, ps *source.Problems) *Entry {
	if f.Cache != nil {
		f.Cacheable = true // also when what the cache section says is wrong
		f.Cache.check(f, ps)
	}
	if !f.Invalidates.IsZero() {
		ps.Add(f.Invalidates.Problem("not supported",
			"write what a tool looks at under its reads, and what it changes under its changes"))
	}
	c := f.toCase(ps)
	e := &Entry{
		Name: name, Scope: c.Scope, Cacheable: c.Cacheable,
		Reads: c.Reads, Changes: c.Changes, ChangesAll: c.ChangesAll,
		Description: f.Description, Parameters: f.Parameters,
	}
	if f.Parameters != nil && f.Parameters[0] != '{' {
		ps.Add(f.At.In("parameters", "want a JSON Schema, which is a mapping", ""))
	}
	f.arguments(e, ps)
	if f.ByArg != nil && !f.ByArg.At.IsZero() {
		e.ByArg = f.ByArg.toByArg(ps)
	}
	return e
}

// arguments reads what stands about the arguments, and who names them.
func (f *fileEntry) arguments(e *Entry, ps *source.Problems) {
	args, err := schema.Parse(f.Args)
	if ps.Add(err); err != nil {
		return
	}
	e.Args = args
	if !e.settleArgs() {
		ps.Add(f.Args.Problem(argsDiffer, argsDifferHint))
	}
	if f.Cache == nil {
		return
	}
	e.TTL, e.Key = f.Cache.TTL, f.Cache.Key
	for i, at := range f.Cache.At.Field("key").Items() {
		if !at.IsText() {
			continue // told already
		}
		if msg, hint := e.badKey(i); msg != "" {
			ps.Add(at.Problem(msg, hint))
		}
	}
}

// toCase checks what the types cannot, and reads what is left out: without
// changes, a tool that may change something may change everything.
func (f *fileCase) toCase(ps *source.Problems) Case {
	c := Case{Scope: f.Scope, Cacheable: f.Cacheable, Reads: f.Reads, Changes: f.Changes}
	if !f.At.Has("scope") {
		ps.Add(f.At.In("scope", "missing", "want read, write or execute"))
	}
	for _, flaw := range c.flaws() {
		if flaw.field == "cacheable" && !f.At.Has(flaw.field) {
			flaw.field = "cache" // which implies it
		}
		ps.Add(f.At.In(flaw.field, flaw.msg, flaw.hint))
	}
	c.ChangesAll = c.Scope > call.Read && !f.At.Has("changes")
	return c
}

func (f *fileByArg) toByArg(ps *source.Problems) *ByArg {
	by := &ByArg{Arg: f.Arg, Values: map[string]Case{}}
	if !f.At.Has("arg") || (f.Arg == "" && f.At.Field("arg").IsText()) || len(f.Arg) > maxName {
		ps.Add(f.At.In("arg", "want the name of an argument", ""))
	}
	if !f.Values.IsMapping() {
		ps.Add(f.At.In("values", "want a mapping from values of the argument to what then holds", ""))
	}
	for key, value := range f.Values.Members() {
		text, err := valueText(key)
		if err != nil {
			ps.Add(key.Problem(err.Error(), ""))
		}
		var c fileCase
		ps.Add(value.Decode(&c))
		if !c.At.IsZero() {
			by.Values[text] = c.toCase(ps)
		}
	}
	if f.Otherwise != nil && !f.Otherwise.At.IsZero() {
		c := f.Otherwise.toCase(ps)
		by.Otherwise = &c
	}
	return by
}

var wholeNumber = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)

// valueText is the JSON text that an argument must have to be the value key:
// true and 3 are not the texts "true" and "3".
func valueText(key source.Node) (string, error) {
	if key.IsText() {
		return string(quote(key.Text())), nil
	}
	var v json.RawMessage
	if err := key.Decode(&v); err != nil {
		return "", fmt.Errorf("want text, true, false or a whole number")
	}
	switch text := string(v); {
	case text == "true", text == "false", wholeNumber.MatchString(text):
		return text, nil
	default:
		return "", fmt.Errorf("want text, true, false or a whole number")
	}
}
