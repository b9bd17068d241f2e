package policy

import (
	"iter"
	"sort"
	"strings"

	"m1/engine/schema"
	"m1/engine/tool"
)

// toolbox is what is known of tools while a policy is read.
type toolbox struct {
	all   *tool.Catalogue
	names []string         // sorted
	kinds map[string]int32 // of tools whose arguments are known; 0 is nothing known
	types []*schema.Type   // by kind
}

func newToolbox(own, base *tool.Catalogue) *toolbox {
	t := &toolbox{all: own, kinds: map[string]int32{}, types: []*schema.Type{nil}}
	if base.Len() > 0 {
		t.all = tool.Merge(base, own)
	}
	t.names = t.all.Names()
	kinds := map[string]int32{}
	for _, name := range t.names {
		e, _ := t.all.Lookup(name)
		args := e.Args
		if args == nil || args.Kind == schema.Any {
			continue
		}
		digest := args.Digest()
		kind, ok := kinds[digest]
		if !ok {
			kind = int32(len(t.types))
			kinds[digest] = kind
			t.types = append(t.types, args)
		}
		t.kinds[name] = kind
	}
	return t
}

// matching yields the known tools that a pattern matches.
func (t *toolbox) matching(p *pattern) iter.Seq[string] {
	return func(yield func(string) bool) {
		if p.glob == nil {
			if _, ok := t.all.Lookup(p.head); ok {
				yield(p.head)
			}
			return
		}
		for _, name := range t.names[sort.SearchStrings(t.names, p.head):] {
			if !strings.HasPrefix(name, p.head) || p.match(name) && !yield(name) {
				return
			}
		}
	}
}

// variants are one condition as typed for the arguments of different tools.
type variants[T any] struct {
	all  *T
	by   map[int32]*T // by kind; nil: all is for every kind
	some bool         // false: there is no condition
}

// of is the condition for tools of a kind; nil if it could not be typed for them.
func (v *variants[T]) of(kind int32) *T {
	if v.by == nil {
		return v.all
	}
	return v.by[kind]
}
