package condition

import (
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"m1/engine/args"
	"m1/engine/schema"
)

var textTests = map[string]func(s, part string) bool{
	"startsWith": strings.HasPrefix,
	"endsWith":   strings.HasSuffix,
	"contains":   strings.Contains,
}

func textConst(name string, x fn, part string) term {
	var run fn
	switch name {
	case "startsWith":
		run = func(in *Input) value {
			v := x(in)
			if v.kind != kindText {
				return mismatch(v)
			}
			return boolean(strings.HasPrefix(v.text, part))
		}
	default:
		test := textTests[name]
		run = func(in *Input) value {
			v := x(in)
			if v.kind != kindText {
				return mismatch(v)
			}
			return boolean(test(v.text, part))
		}
	}
	return term{t: boolType, run: run}
}

// comparablePair reports whether == may stand between a and b, and compares values
// and not lists.
func comparablePair(a, b *schema.Type) bool {
	scalar := func(t *schema.Type) bool { return t.Kind >= schema.String && t.Kind <= schema.Bool }
	switch {
	case a == nullType && b == nullType:
		return true
	case a == nullType:
		return b.Kind == schema.Any || scalar(b) && b.Nullable
	case b == nullType:
		return comparablePair(b, a)
	case scalar(a) && scalar(b):
		return a.Kind == b.Kind
	case scalar(a):
		return b.Kind == schema.Any
	case scalar(b):
		return a.Kind == schema.Any
	}
	return false
}

func equality(a, b term, want bool) (term, bool) {
	if !comparablePair(a.t, b.t) {
		return term{}, false
	}
	x, y := a.run, b.run
	if b.constant {
		w := b.value
		return term{t: boolType, run: func(in *Input) value {
			v := x(in)
			if v.kind == kindError {
				return v
			}
			return boolean(same(v, w) == want)
		}}, true
	}
	return term{t: boolType, run: func(in *Input) value {
		v := x(in)
		if v.kind == kindError {
			return v
		}
		w := y(in)
		if w.kind == kindError {
			return w
		}
		return boolean(same(v, w) == want)
	}}, true
}

func number(t *schema.Type) bool { return t.Kind == schema.Int || t.Kind == schema.Double }

func order(name string, a, b term) (term, bool) {
	if a.t == nullType || b.t == nullType {
		return term{}, false
	}
	orderly := func(t *schema.Type) bool { return t.Kind <= schema.Bool }
	switch {
	case !orderly(a.t) || !orderly(b.t):
		return term{}, false
	case a.t.Kind == b.t.Kind, number(a.t) && number(b.t), a.t.Kind == schema.Any, b.t.Kind == schema.Any:
	default:
		return term{}, false
	}
	var least, most int // compare must lie between
	switch name {
	case operators.Less:
		least, most = -1, -1
	case operators.LessEquals:
		least, most = -1, 0
	case operators.Greater:
		least, most = 1, 1
	default:
		least, most = 0, 1
	}
	x, y := a.run, b.run
	if b.constant {
		w := b.value
		return term{t: boolType, run: func(in *Input) value {
			v := x(in)
			c, ok := compare(v, w)
			if !ok {
				return mismatch(v)
			}
			return boolean(least <= c && c <= most)
		}}, true
	}
	return term{t: boolType, run: func(in *Input) value {
		v, w := x(in), y(in)
		c, ok := compare(v, w)
		if !ok {
			return mismatch2(v, w)
		}
		return boolean(least <= c && c <= most)
	}}, true
}

func size(a term) (term, bool) {
	switch a.t.Kind {
	case schema.Any, schema.String, schema.List, schema.Map:
		if a.t == nullType {
			return term{}, false
		}
	default:
		return term{}, false
	}
	x := a.run
	return term{t: intType, run: func(in *Input) value {
		v := x(in)
		switch v.kind {
		case kindText:
			return integer(int64(utf8.RuneCountInString(v.text)))
		case kindList:
			return integer(int64(len(v.x.(*list).items)))
		case kindJSON:
			elements, err := args.Again(v.text).Elements()
			if err != nil {
				return fail(err)
			}
			n := int64(0)
			for {
				if _, ok := elements.Next(); !ok {
					return integer(n)
				}
				n++
			}
		case kindObject:
			if v.x.(*schema.Type).Kind == schema.Object {
				return fail(errOverload)
			}
			var m args.Members
			if err := m.Read(args.Again(v.text)); err != nil {
				return fail(err)
			}
			return integer(int64(m.Len()))
		}
		return mismatch(v)
	}}, true
}

func in(a, b term) (term, bool) {
	if b.t.Kind != schema.List || b.t.Nullable || a.t == nullType {
		return term{}, false
	}
	elem := known(b.t.Elem)
	if b.constant && len(b.value.x.(*list).items) == 0 {
		if a.t.Kind > schema.Bool {
			return term{}, false
		}
	} else if !comparablePair(a.t, elem) {
		return term{}, false
	}
	x, y := a.run, b.run
	if b.constant {
		l := b.value.x.(*list)
		return term{t: boolType, run: func(in *Input) value {
			v := x(in)
			if v.kind == kindError {
				return v
			}
			return boolean(l.has(v))
		}}, true
	}
	return term{t: boolType, run: func(in *Input) value {
		v := x(in)
		if v.kind == kindError {
			return v
		}
		all := y(in)
		c, ok := iterate(all)
		if !ok {
			return mismatch(all)
		}
		for {
			e, ok := c.next(in)
			if !ok {
				return boolean(false)
			}
			if in.steps++; in.steps > maxSteps {
				return fail(errSteps)
			}
			if same(e, v) {
				return boolean(true)
			}
		}
	}}, true
}

func (l *list) has(v value) bool {
	if l.texts != nil {
		if v.kind != kindText {
			return false
		}
		_, ok := l.texts[v.text]
		return ok
	}
	for i := range l.items {
		if same(v, l.items[i]) {
			return true
		}
	}
	return false
}

func index(a, b term) (term, bool) {
	if a.t.Kind != schema.List || a.t.Nullable || b.t.Kind != schema.Int || b.t.Nullable {
		return term{}, false
	}
	x, y := a.run, b.run
	return term{t: known(a.t.Elem), run: func(in *Input) value {
		all, n := x(in), y(in)
		c, ok := iterate(all)
		if !ok || n.kind != kindInt {
			return mismatch2(all, n)
		}
		for i := int64(0); ; i++ {
			e, ok := c.next(in)
			if !ok || n.int() < 0 {
				return fail(errIndex)
			}
			if i == n.int() {
				return e
			}
		}
	}}, true
}

// mentions takes constant patterns.
func (l *lowering) mentions(c ast.CallExpr) (term, bool) {
	if c.IsMemberFunction() || len(c.Args()) != 2 {
		return term{}, false
	}
	l.cost += maxText
	patterns, ok := l.expr(c.Args()[1])
	if !ok || !patterns.constant || patterns.value.kind != kindList {
		return term{}, false
	}
	var texts []string
	for _, v := range patterns.value.x.(*list).items {
		if v.kind != kindText {
			return term{}, false
		}
		texts = append(texts, v.text)
	}
	gs, err := globsOf(texts)
	if err != nil {
		return term{}, false
	}
	subject := c.Args()[0]
	if l.isIdent(subject, "call") || l.isIdent(subject, "args") {
		l.uses = true
		return term{t: boolType, run: func(in *Input) value {
			found, err := in.mentionsMembers(&in.root, gs)
			if err != nil {
				return fail(err)
			}
			return boolean(found)
		}}, true
	}
	t, ok := l.expr(subject)
	if !ok || t.t == nullType {
		return term{}, false
	}
	x := t.run
	return term{t: boolType, run: func(in *Input) value {
		v := x(in)
		found := false
		var err error
		switch v.kind {
		case kindError:
			return v
		case kindText:
			found = mentionsText(v.text, gs)
		case kindJSON, kindObject:
			found, err = in.mentionsValue(args.Again(v.text), gs)
		case kindList:
			for _, item := range v.x.(*list).items {
				found = found || item.kind == kindText && mentionsText(item.text, gs)
			}
		}
		if err != nil {
			return fail(err)
		}
		return boolean(found)
	}}, true
}
