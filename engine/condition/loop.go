package condition

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"m1/engine/args"
	"m1/engine/schema"
)

var (
	errSteps = fmt.Errorf("loops of more than %d steps", maxSteps)
	errIndex = errors.New("index out of range")
)

type loopKind uint8

const (
	loopAll loopKind = iota
	loopExists
	loopOne
)

// loop takes what the macros all, exists and exists_one become.
func (l *lowering) loop(c ast.ComprehensionExpr) (term, bool) {
	kind, predicate, ok := loopOf(c)
	if !ok || len(l.vars) >= maxLoops || c.HasIterVar2() {
		return term{}, false
	}
	all, ok := l.expr(c.IterRange())
	if !ok {
		return term{}, false
	}
	elem := anything
	switch {
	case all.t.Kind == schema.List:
		elem = known(all.t.Elem)
	case all.t.Kind == schema.Any && all.t != nullType:
	default:
		return term{}, false
	}
	l.nested = l.nested || len(l.vars) > 0
	slot0 := len(l.vars)
	before := l.cost
	l.vars = append(l.vars, slot{c.IterVar(), elem})
	test, ok := l.expr(predicate)
	l.vars = l.vars[:slot0]
	if !ok || !is(test.t, schema.Bool) {
		return term{}, false
	}
	turns := maxList
	if all.t.Kind == schema.Any { // cel-go knows no more of these
		turns = maxText
	}
	l.cost = before + min(l.cost-before, 1<<40)*turns
	if kind == loopOne {
		return term{t: boolType, run: one(all.run, test.run, slot0)}, true
	}
	return term{t: boolType, run: quantifier(all.run, test.run, slot0, kind == loopExists)}, true
}

// loopOf recognises a macro by its parts.
func loopOf(c ast.ComprehensionExpr) (loopKind, ast.Expr, bool) {
	if c.AccuInit().Kind() != ast.LiteralKind || c.LoopStep().Kind() != ast.CallKind {
		return 0, nil, false
	}
	step := c.LoopStep().AsCall()
	accu := func(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == c.AccuVar() }
	switch init := c.AccuInit().AsLiteral().(type) {
	case types.Bool:
		if len(step.Args()) != 2 || !accu(step.Args()[0]) || !accu(c.Result()) {
			return 0, nil, false
		}
		switch {
		case bool(init) && step.FunctionName() == operators.LogicalAnd:
			return loopAll, step.Args()[1], true
		case !bool(init) && step.FunctionName() == operators.LogicalOr:
			return loopExists, step.Args()[1], true
		}
	case types.Int:
		if step.FunctionName() == operators.Conditional && c.Result().Kind() == ast.CallKind && c.Result().AsCall().FunctionName() == operators.Equals {
			return loopOne, step.Args()[0], true
		}
	}
	return 0, nil, false
}

// quantifier is all and exists: like && and || over the elements.
func quantifier(all, test fn, at int, decides bool) fn {
	stop := bit(decides)
	return func(in *Input) value {
		over := all(in)
		c, ok := in.each(over)
		if !ok {
			return mismatch(over)
		}
		var failed value
		bad := false
		for {
			e, ok := c.next(in)
			if !ok {
				break
			}
			if in.steps++; in.steps > maxSteps {
				return fail(errSteps)
			}
			in.vars[at] = e
			v := test(in)
			if v.kind == kindBool {
				if v.n == stop {
					return v
				}
			} else if !bad {
				failed, bad = mismatch(v), true
			}
		}
		if bad {
			return failed
		}
		return boolean(!decides)
	}
}

// one is exists_one, which takes no error.
func one(all, test fn, at int) fn {
	return func(in *Input) value {
		over := all(in)
		c, ok := in.each(over)
		if !ok {
			return mismatch(over)
		}
		n := 0
		for {
			e, ok := c.next(in)
			if !ok {
				return boolean(n == 1)
			}
			if in.steps++; in.steps > maxSteps {
				return fail(errSteps)
			}
			in.vars[at] = e
			v := test(in)
			if v.kind != kindBool {
				return mismatch(v)
			}
			n += int(v.n)
		}
	}
}

// each iterates over a list, or over the names of a free object.
func (in *Input) each(v value) (cursor, bool) {
	if v.kind != kindObject {
		return iterate(v)
	}
	if v.x.(*schema.Type).Kind == schema.Object {
		return cursor{}, false
	}
	var m args.Members
	if err := m.Read(args.Again(v.text)); err != nil {
		return cursor{}, false
	}
	names := make([]value, m.Len())
	for i := range names {
		name, _ := m.At(i)
		names[i] = text(string([]byte(name)))
	}
	return cursor{items: names, made: true}, true
}
