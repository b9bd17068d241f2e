package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"m1/engine/condition"
	"m1/engine/schema"
	"m1/engine/source"
)

// conditions compiles each text once for each kind of arguments.
type conditions struct {
	lists   map[string][]string
	whens   map[typed]compiled[condition.Condition]
	amounts map[typed]compiled[condition.Amount]
}

type typed struct {
	src  string
	kind int32
}

type compiled[T any] struct {
	of  *T
	err error
}

func newConditions(lists map[string][]string) *conditions {
	return &conditions{
		lists: lists,
		whens: map[typed]compiled[condition.Condition]{}, amounts: map[typed]compiled[condition.Amount]{},
	}
}

func (c *conditions) env(args *schema.Type) *condition.Env {
	return &condition.Env{Args: args, Lists: c.lists}
}

// when reads a condition over the tools that a rule names.
func (r *reader) when(at source.Node, tools []mention) (v variants[condition.Condition]) {
	if at.IsZero() {
		return v
	}
	if !at.IsText() {
		r.ps.Add(at.Problem("want a condition as text", `put it in quotes: when: 'args.path.startsWith("/tmp")'`))
		return v
	}
	return typeFor(r, at, tools, r.conditions.whens, condition.Compile)
}

// amount reads what a total sums up.
func (r *reader) amount(at source.Node, tools []mention) (v variants[condition.Amount]) {
	if at.Text() == "" {
		r.ps.Add(at.Problem("want an amount such as args.amount", ""))
		return v
	}
	return typeFor(r, at, tools, r.conditions.amounts, condition.CompileAmount)
}

// typeFor compiles the text at a place for every kind of arguments that the tools
// have.
func typeFor[T any](r *reader, at source.Node, tools []mention, shared map[typed]compiled[T],
	compile func(string, *condition.Env) (*T, error),
) variants[T] {
	src := at.Text()
	one := func(kind int32) (*T, error) {
		key := typed{src, kind}
		c, ok := shared[key]
		if !ok {
			c.of, c.err = compile(src, r.conditions.env(r.tools.types[kind]))
			shared[key] = c
		}
		return c.of, c.err
	}
	v := variants[T]{some: true}
	kinds, names := r.kindsOf(tools)
	if !strings.Contains(src, "args") { // what it looks at is the same for all tools
		kinds = kinds[:1]
	}
	if len(kinds) == 1 {
		of, err := one(kinds[0])
		v.all = of
		r.addWithin(at, err, "")
		return v
	}
	v.by = make(map[int32]*T, len(kinds))
	told := map[string]bool{}
	for _, kind := range kinds {
		of, err := one(kind)
		if v.by[kind] = of; err == nil || kind == 0 {
			continue // kind 0 stands beside others: for tools that nobody knows yet
		}
		if !told[err.Error()] {
			told[err.Error()] = true
			r.addWithin(at, err, fmt.Sprintf("for the tool %q: ", names[kind]))
		}
	}
	return v
}

// kindsOf are the kinds of arguments of the tools, each with one tool that has it.
func (r *reader) kindsOf(tools []mention) ([]int32, map[int32]string) {
	if len(tools) == 1 && tools[0].tools.glob == nil {
		return []int32{r.tools.kinds[tools[0].tools.head]}, nil
	}
	names := map[int32]string{}
	for _, m := range tools {
		if _, listed := r.tools.all.Lookup(m.tools.head); m.tools.glob != nil || !listed {
			names[0] = m.text
		}
		for name := range r.tools.matching(&m.tools) {
			if kind := r.tools.kinds[name]; names[kind] == "" {
				names[kind] = name
			}
		}
	}
	if len(names) == 0 {
		names[0] = ""
	}
	kinds := make([]int32, 0, len(names))
	for kind := range names {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds, names
}

// addWithin tells mistakes of a condition at their place in the file.
func (r *reader) addWithin(at source.Node, err error, about string) {
	if err == nil {
		return
	}
	ps, ok := errors.AsType[condition.Problems](err)
	if !ok {
		r.ps.Add(at.Problem(about+err.Error(), ""))
		return
	}
	for _, p := range ps {
		r.ps.Add(at.ProblemAt(p.Line, p.Col, about+p.Msg, p.Hint))
	}
}
