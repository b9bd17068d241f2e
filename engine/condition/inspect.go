package condition

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"m1/engine/schema"
)

// inspect finds what types do not tell: optional arguments that no has() guards,
// names that hide args, lists or call, and constants that can never be right.
func inspect(tree *ast.AST, env *Env, checked *ast.AST, lang *language) Problems {
	g := guards{shapes: shapes{env: env, checked: checked, lang: lang}, tree: tree}
	g.walk(tree.Expr(), nil)
	return g.problems
}

// facts are paths that are known to be there: "args.timeout".
type facts map[string]bool

type guards struct {
	shapes
	tree     *ast.AST
	problems Problems
}

func (g *guards) say(e ast.Expr, msg, hint string) {
	g.problems = append(g.problems, place(g.tree, e, msg, hint))
}

// walk looks at e where known holds, and returns what holds besides if e is true
// and if it is false. Only what stands to the left counts, because people read
// from there, although CEL would take a guard on either side.
func (g *guards) walk(e ast.Expr, known facts) (yes, no facts) {
	switch e.Kind() {
	case ast.SelectKind:
		return g.selected(e, known)
	case ast.CallKind:
		return g.call(e, known)
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			g.walk(item, known)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			g.walk(entry.AsMapEntry().Key(), known)
			g.walk(entry.AsMapEntry().Value(), known)
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		g.walk(c.IterRange(), known)
		g.walk(c.AccuInit(), known)
		if slices.Contains([]string{"args", "lists", "call"}, c.IterVar()) {
			g.say(e, fmt.Sprintf("the variable %s hides what M1 calls so", c.IterVar()), "name it otherwise")
		}
		inner := maps.Clone(known)
		maps.DeleteFunc(inner, func(path string, _ bool) bool {
			return path == c.IterVar() || strings.HasPrefix(path, c.IterVar()+".")
		})
		g.vars = append(g.vars, loopVar{c.IterVar(), g.elem(c.IterRange())})
		g.walk(c.LoopCondition(), inner)
		g.walk(c.LoopStep(), inner)
		g.vars = g.vars[:len(g.vars)-1]
		g.walk(c.Result(), known)
	}
	return nil, nil
}

func (g *guards) selected(e ast.Expr, known facts) (yes, no facts) {
	s := e.AsSelect()
	g.walk(s.Operand(), known)
	path := pathOf(e)
	if s.IsTestOnly() {
		if path == "" {
			return nil, nil
		}
		return facts{path: true}, nil
	}
	if t := g.of(s.Operand()); t != nil && t.Kind == schema.Object {
		if f := field(t, s.FieldName()); f != nil && f.Optional && (path == "" || !known[path]) {
			shown := path
			if shown == "" {
				shown = "…." + s.FieldName()
			}
			g.say(e, shown+" is optional", "guard it: has("+shown+") && …")
		}
	}
	return nil, nil
}

func (g *guards) call(e ast.Expr, known facts) (yes, no facts) {
	c := e.AsCall()
	a := c.Args()
	switch c.FunctionName() {
	case operators.LogicalNot:
		yes, no = g.walk(a[0], known)
		return no, yes
	case operators.LogicalAnd:
		every := known
		for i, term := range a {
			y, n := g.walk(term, every)
			every, yes = joined(every, y), joined(yes, y)
			if i == 0 {
				no = n
			} else {
				no = shared(no, n)
			}
		}
		return yes, no
	case operators.LogicalOr:
		every := known
		for i, term := range a {
			y, n := g.walk(term, every)
			every, no = joined(every, n), joined(no, n)
			if i == 0 {
				yes = y
			} else {
				yes = shared(yes, y)
			}
		}
		return yes, no
	case operators.Conditional:
		y, n := g.walk(a[0], known)
		thenYes, thenNo := g.walk(a[1], joined(known, y))
		elseYes, elseNo := g.walk(a[2], joined(known, n))
		return shared(joined(thenYes, y), joined(elseYes, n)), shared(joined(thenNo, y), joined(elseNo, n))
	}
	if c.IsMemberFunction() {
		g.walk(c.Target(), known)
	}
	for _, x := range a {
		g.walk(x, known)
	}
	g.constants(e, c)
	return nil, nil
}

// constants refuses patterns that cannot be used.
func (g *guards) constants(e ast.Expr, c ast.CallExpr) {
	a := c.Args()
	if len(a) == 0 {
		return
	}
	last := a[len(a)-1]
	switch c.FunctionName() {
	case "matches":
		if s, ok := literalText(last); ok {
			if _, err := regexp.Compile(s); err != nil {
				g.say(last, "not a pattern: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), "the syntax is RE2")
			}
		}
	case "within":
		if s, ok := literalText(last); ok && len(a) == 2 {
			if _, ok := cleaned(s); !ok {
				g.say(last, fmt.Sprintf("nothing is within %q", s), "write an absolute path")
			}
		}
	case "mentions":
		if last.Kind() != ast.ListKind || len(a) != 2 {
			return
		}
		for _, item := range last.AsList().Elements() {
			if s, ok := literalText(item); ok {
				if _, err := globOf(s); err != nil {
					g.say(item, fmt.Sprintf("%q is no pattern of paths", s), "* is a run of characters without a slash, ** any directories")
				}
			}
		}
	}
	_ = e
}

func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// pathOf spells names joined by points; "" for anything else.
func pathOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if p := pathOf(e.AsSelect().Operand()); p != "" {
			return p + "." + e.AsSelect().FieldName()
		}
	}
	return ""
}

func joined(a, b facts) facts {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func shared(a, b facts) facts {
	var out facts
	for p := range a {
		if b[p] {
			out = joined(out, facts{p: true})
		}
	}
	return out
}
