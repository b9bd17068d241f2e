package condition

import (
	"regexp"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"m1/engine/schema"
)

var (
	boolType   = &schema.Type{Kind: schema.Bool}
	intType    = &schema.Type{Kind: schema.Int}
	doubleType = &schema.Type{Kind: schema.Double}
	textType   = &schema.Type{Kind: schema.String}
	textsType  = &schema.Type{Kind: schema.List, Elem: textType}
	nullType   = &schema.Type{Nullable: true}
)

type fn func(*Input) value

// term is a part that was lowered.
type term struct {
	run      fn
	t        *schema.Type
	constant bool
	value    value // if constant
}

// lowering turns an expression into closures. It gives up on what it does not
// know, and takes nothing that cel-go's checker would refuse.
type lowering struct {
	env    *Env
	vars   []slot
	uses   bool // the expression looks at the call
	nested bool // a loop stands in a loop
	cost   int
}

type slot struct {
	name string
	t    *schema.Type
}

func always(v value, t *schema.Type) (term, bool) {
	return term{run: func(*Input) value { return v }, t: t, constant: true, value: v}, true
}

func (l *lowering) expr(e ast.Expr) (term, bool) {
	l.cost++
	switch e.Kind() {
	case ast.LiteralKind:
		return literal(e)
	case ast.IdentKind:
		return l.ident(e.AsIdent())
	case ast.SelectKind:
		return l.selected(e.AsSelect())
	case ast.ListKind:
		return l.list(e.AsList())
	case ast.CallKind:
		return l.call(e.AsCall())
	case ast.ComprehensionKind:
		return l.loop(e.AsComprehension())
	}
	return term{}, false
}

func literal(e ast.Expr) (term, bool) {
	switch v := e.AsLiteral().(type) {
	case types.Bool:
		return always(boolean(bool(v)), boolType)
	case types.Int:
		return always(integer(int64(v)), intType)
	case types.Double:
		return always(double(float64(v)), doubleType)
	case types.String:
		return always(text(string(v)), textType)
	case types.Null:
		return always(value{kind: kindNull}, nullType)
	}
	return term{}, false
}

func (l *lowering) ident(name string) (term, bool) {
	for i := len(l.vars) - 1; i >= 0; i-- {
		if l.vars[i].name == name {
			at := i
			return term{run: func(in *Input) value { return in.vars[at] }, t: l.vars[at].t}, true
		}
	}
	return term{}, false
}

func (l *lowering) isIdent(e ast.Expr, name string) bool {
	if e.Kind() != ast.IdentKind || e.AsIdent() != name {
		return false
	}
	for _, v := range l.vars {
		if v.name == name {
			return false
		}
	}
	return true
}

func (l *lowering) selected(s ast.SelectExpr) (term, bool) {
	name, operand := s.FieldName(), s.Operand()
	switch {
	case l.isIdent(operand, "args"):
		l.uses = true
		args := l.env.args()
		if args.Kind == schema.Object && !args.Open && field(args, name) == nil {
			return term{}, false
		}
		if s.IsTestOnly() {
			return term{t: boolType, run: func(in *Input) value {
				_, ok, err := in.root.Get(name)
				if err != nil {
					return fail(err)
				}
				return boolean(ok)
			}}, true
		}
		t := member(args, name)
		return term{t: t, run: func(in *Input) value { return in.argument(name, t) }}, true
	case l.isIdent(operand, "lists"):
		if texts := l.env.list(name); texts != nil && !s.IsTestOnly() {
			return always(value{kind: kindList, x: texts}, textsType)
		}
		return term{}, false
	case l.isIdent(operand, "call"):
		l.uses = true
		for _, f := range callFields {
			if f == name && !s.IsTestOnly() {
				return term{t: textType, run: func(in *Input) value { return in.of(name) }}, true
			}
		}
		return term{}, false
	}
	o, ok := l.expr(operand)
	if !ok {
		return term{}, false
	}
	switch o.t.Kind {
	case schema.Any, schema.Map:
	case schema.Object:
		if !o.t.Open && field(o.t, name) == nil {
			return term{}, false
		}
	default:
		return term{}, false
	}
	if o.t == nullType {
		return term{}, false
	}
	if s.IsTestOnly() {
		return term{t: boolType, run: func(in *Input) value {
			object := o.run(in)
			if object.kind == kindError {
				return object
			}
			_, ok, err := find(object, name)
			if err != nil {
				return fail(err)
			}
			return boolean(ok)
		}}, true
	}
	return term{t: member(o.t, name), run: func(in *Input) value {
		object := o.run(in)
		if object.kind == kindError {
			return object
		}
		return in.member(object, name)
	}}, true
}

// list takes lists of constants of one kind.
func (l *lowering) list(e ast.ListExpr) (term, bool) {
	if len(e.OptionalIndices()) > 0 {
		return term{}, false
	}
	out := &list{}
	elem := anything
	for i, item := range e.Elements() {
		t, ok := l.expr(item)
		if !ok || !t.constant || i > 0 && t.t != elem || t.t == nullType || t.t.Kind == schema.List {
			return term{}, false
		}
		elem = t.t
		out.items = append(out.items, t.value)
	}
	out.index()
	return always(value{kind: kindList, x: out}, &schema.Type{Kind: schema.List, Elem: elem})
}

func (l *lowering) call(c ast.CallExpr) (term, bool) {
	switch c.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr:
		return l.logic(c)
	case "mentions":
		return l.mentions(c)
	}
	exprs := c.Args()
	if c.IsMemberFunction() {
		exprs = append([]ast.Expr{c.Target()}, exprs...)
	}
	a := make([]term, len(exprs))
	constant := true
	for i, e := range exprs {
		var ok bool
		if a[i], ok = l.expr(e); !ok {
			return term{}, false
		}
		constant = constant && a[i].constant
	}
	t, ok := l.operation(c.FunctionName(), c.IsMemberFunction(), a)
	if ok && constant {
		// What fails now fails in every call: let cel-go say how.
		var in Input
		if t.value = t.run(&in); t.value.kind == kindError {
			return term{}, false
		}
		t.constant = true
		v := t.value
		t.run = func(*Input) value { return v }
	}
	return t, ok
}

func (l *lowering) operation(name string, memberCall bool, a []term) (term, bool) {
	if memberCall {
		switch name {
		case "startsWith", "endsWith", "contains", "matches":
			if len(a) == 2 {
				return l.textTest(name, a[0], a[1])
			}
		case "size":
			if len(a) == 1 {
				return size(a[0])
			}
		}
		return term{}, false
	}
	switch len(a) {
	case 1:
		switch name {
		case operators.LogicalNot:
			return not(a[0])
		case "size":
			return size(a[0])
		case "host":
			l.cost += maxText / 10
			return textToText(a[0], host)
		case "domain":
			l.cost += maxText / 10
			return textToText(a[0], domain)
		case "cmds":
			l.cost += maxText
			if !is(a[0].t, schema.String) {
				return term{}, false
			}
			x := a[0].run
			return term{t: textsType, run: func(in *Input) value {
				v := x(in)
				if v.kind != kindText {
					return mismatch(v)
				}
				return in.commands(v.text)
			}}, true
		}
	case 2:
		switch name {
		case operators.Equals, operators.NotEquals:
			return equality(a[0], a[1], name == operators.Equals)
		case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
			return order(name, a[0], a[1])
		case operators.In:
			l.cost += maxText
			return in(a[0], a[1])
		case operators.Index:
			return index(a[0], a[1])
		case "matches":
			return l.textTest(name, a[0], a[1])
		case "within":
			l.cost += maxText / 10
			return withinTerm(a[0], a[1])
		}
	case 3:
		if name == operators.Conditional {
			return conditional(a[0], a[1], a[2])
		}
	}
	return term{}, false
}

// is reports whether a value of type t may be of kind k.
func is(t *schema.Type, k schema.Kind) bool {
	return t.Kind == k || t.Kind == schema.Any && t != nullType
}

func mismatch(v value) value {
	if v.kind == kindError {
		return v
	}
	return fail(errOverload)
}

func mismatch2(a, b value) value {
	if a.kind == kindError {
		return a
	}
	return mismatch(b)
}

// logic is CEL's && and ||: an error counts only where no other term decides.
func (l *lowering) logic(c ast.CallExpr) (term, bool) {
	decides := c.FunctionName() == operators.LogicalOr
	var runs []fn
	fixed := false
	for _, e := range c.Args() {
		t, ok := l.expr(e)
		if !ok || !is(t.t, schema.Bool) {
			return term{}, false
		}
		if t.constant && t.value.kind == kindBool {
			fixed = fixed || (t.value.n != 0) == decides
			continue
		}
		runs = append(runs, t.run)
	}
	if fixed {
		return always(boolean(decides), boolType)
	}
	if len(runs) == 0 {
		return always(boolean(!decides), boolType)
	}
	stop := bit(decides)
	if len(runs) == 2 {
		a, b := runs[0], runs[1]
		return term{t: boolType, run: func(in *Input) value {
			x := a(in)
			if x.kind == kindBool && x.n == stop {
				return x
			}
			y := b(in)
			if y.kind == kindBool && (y.n == stop || x.kind == kindBool) {
				return y
			}
			if x.kind == kindBool {
				return mismatch(y)
			}
			return mismatch(x)
		}}, true
	}
	return term{t: boolType, run: func(in *Input) value {
		var failed value
		bad := false
		for _, run := range runs {
			v := run(in)
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
	}}, true
}

func not(a term) (term, bool) {
	if !is(a.t, schema.Bool) {
		return term{}, false
	}
	x := a.run
	return term{t: boolType, run: func(in *Input) value {
		v := x(in)
		if v.kind != kindBool {
			return mismatch(v)
		}
		return boolean(v.n == 0)
	}}, true
}

func conditional(c, a, b term) (term, bool) {
	if !is(c.t, schema.Bool) || a.t.Kind != b.t.Kind || a.t.Nullable || b.t.Nullable || a.t.Kind >= schema.List {
		return term{}, false
	}
	test, yes, no := c.run, a.run, b.run
	return term{t: a.t, run: func(in *Input) value {
		v := test(in)
		if v.kind != kindBool {
			return mismatch(v)
		}
		if v.n != 0 {
			return yes(in)
		}
		return no(in)
	}}, true
}

func (l *lowering) textTest(name string, a, b term) (term, bool) {
	if !is(a.t, schema.String) || !is(b.t, schema.String) {
		return term{}, false
	}
	l.cost += maxText / 10
	if b.constant && b.value.kind == kindText {
		if name == "matches" {
			l.cost += maxText / 10 * (1 + len(b.value.text)/4)
			pattern, err := regexp.Compile(b.value.text)
			if err != nil {
				return term{}, false
			}
			x := a.run
			return term{t: boolType, run: func(in *Input) value {
				v := x(in)
				if v.kind != kindText {
					return mismatch(v)
				}
				return boolean(pattern.MatchString(v.text))
			}}, true
		}
		return textConst(name, a.run, b.value.text), true
	}
	if name == "matches" {
		return term{}, false
	}
	if name == "contains" {
		l.cost += maxText / 10 * maxText / 10
	}
	test := textTests[name]
	x, y := a.run, b.run
	return term{t: boolType, run: func(in *Input) value {
		v, w := x(in), y(in)
		if v.kind != kindText || w.kind != kindText {
			return mismatch2(v, w)
		}
		return boolean(test(v.text, w.text))
	}}, true
}

func textToText(a term, f func(string) (string, error)) (term, bool) {
	if !is(a.t, schema.String) {
		return term{}, false
	}
	x := a.run
	return term{t: textType, run: func(in *Input) value {
		v := x(in)
		if v.kind != kindText {
			return mismatch(v)
		}
		out, err := f(v.text)
		if err != nil {
			return fail(err)
		}
		return text(out)
	}}, true
}

func withinTerm(a, b term) (term, bool) {
	if !is(a.t, schema.String) || !is(b.t, schema.String) {
		return term{}, false
	}
	x, y := a.run, b.run
	if b.constant && b.value.kind == kindText {
		root, ok := cleaned(b.value.text)
		return term{t: boolType, run: func(in *Input) value {
			v := x(in)
			if v.kind != kindText {
				return mismatch(v)
			}
			return boolean(ok && below(v.text, root))
		}}, true
	}
	return term{t: boolType, run: func(in *Input) value {
		v, w := x(in), y(in)
		if v.kind != kindText || w.kind != kindText {
			return mismatch2(v, w)
		}
		return boolean(within(v.text, w.text))
	}}, true
}
