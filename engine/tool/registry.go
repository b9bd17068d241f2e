package tool

import (
	"encoding/json"
	"slices"
	"strconv"

	"m1/engine/call"
	"m1/engine/source"
)

// registry is a list of tools as other projects keep it. What it says beside
// these fields is theirs.
type registry struct {
	_     source.Open
	Tools []registryEntry `yaml:"tools"`
}

type registryCase struct {
	_          source.Open
	At         source.Node
	Scope      call.Scope `yaml:"scope"`
	Cacheable  bool       `yaml:"cacheable"`
	Reads      []string   `yaml:"reads"`
	ReadsArg   *string    `yaml:"reads_arg"`
	Changes    []string   `yaml:"changes"`
	ChangesArg *string    `yaml:"changes_arg"`
}

type registryEntry struct {
	registryCase `yaml:",inline"`
	Name         string          `yaml:"name"`
	Description  *string         `yaml:"description"`
	Parameters   json.RawMessage `yaml:"parameters"`
	ByArg        *registryByArg  `yaml:"scope_by_arg"`
}

type registryByArg struct {
	_         source.Open
	At        source.Node
	Arg       string                  `yaml:"arg"`
	Values    map[string]registryCase `yaml:"values"`
	Otherwise *registryCase           `yaml:"otherwise"`
}

func parseRegistry(name string, src []byte) (*Catalogue, error) {
	var f registry
	var ps source.Problems
	ps.Add(source.Decode(name, src, &f))
	all := make(map[string]*Entry, len(f.Tools))
	for _, t := range f.Tools {
		if t.At.IsZero() {
			continue
		}
		if err := CheckName(t.Name); err != nil {
			ps.Add(t.At.In("name", trimmed(err), ""))
		} else if all[t.Name] != nil {
			ps.Add(t.At.In("name", "the tool "+strconv.Quote(t.Name)+" is listed twice", ""))
		}
		all[t.Name] = t.entry(&ps)
	}
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return build(all), nil
}

func (f *registryEntry) entry(ps *source.Problems) *Entry {
	e := fileEntry{fileCase: f.toFile(ps), Parameters: f.Parameters}
	if f.Description != nil {
		e.Description = *f.Description
	}
	out := e.entry(f.Name, ps)
	if f.ByArg == nil || f.ByArg.At.IsZero() {
		return out
	}
	out.ByArg = &ByArg{Arg: f.ByArg.Arg, Values: map[string]Case{}}
	if f.ByArg.Arg == "" || len(f.ByArg.Arg) > maxName {
		ps.Add(f.ByArg.At.In("arg", "want the name of an argument", ""))
	}
	if len(f.ByArg.Values) == 0 {
		ps.Add(f.ByArg.At.In("values", "names no value", ""))
	}
	for v, c := range f.ByArg.Values {
		if c.At.IsZero() {
			continue
		}
		fc := c.toFile(ps)
		out.ByArg.Values[string(quote(v))] = fc.toCase(ps)
	}
	if o := f.ByArg.Otherwise; o != nil && !o.At.IsZero() {
		fc := o.toFile(ps)
		c := fc.toCase(ps)
		out.ByArg.Otherwise = &c
	}
	return out
}

func (f *registryCase) toFile(ps *source.Problems) fileCase {
	return fileCase{
		At: f.At, Scope: f.Scope, Cacheable: f.Cacheable,
		Reads:   f.collections(ps, "reads", f.Reads, f.ReadsArg),
		Changes: f.collections(ps, "changes", f.Changes, f.ChangesArg),
	}
}

// collections joins names with the argument that narrows them. One argument
// names an item of one collection: the same id in another would be another thing.
func (f *registryCase) collections(ps *source.Problems, field string, names []string, arg *string) []Collection {
	if arg != nil && len(names) != 1 {
		ps.Add(f.At.In(field+"_arg", "narrows one collection, but "+field+" names "+strconv.Itoa(len(names)), ""))
	}
	if names == nil {
		return nil
	}
	out := make([]Collection, 0, len(names))
	for i, at := range f.At.Field(field).Items() {
		c := Collection{Name: names[i]}
		if arg != nil && len(names) == 1 {
			c.Arg = *arg
			if c.Arg == "" {
				ps.Add(f.At.In(field+"_arg", "want the name of an argument", ""))
			}
		}
		if err := c.check(); err != nil {
			ps.Add(at.Problem(trimmed(err), ""))
		}
		out = append(out, c)
	}
	return slices.Clip(out)
}
