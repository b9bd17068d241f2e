package condition

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"m1/engine/schema"
)

// shapes finds what is known of the types of arguments along paths such as
// args.items[0].name, variables of loops included.
type shapes struct {
	env     *Env
	vars    []loopVar
	checked *ast.AST  // answers for everything else; may be nil
	lang    *language // of checked
}

type loopVar struct {
	name string
	t    *schema.Type // nil: not known
}

// of returns the type of e, or nil.
func (s *shapes) of(e ast.Expr) *schema.Type {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		for i := len(s.vars) - 1; i >= 0; i-- {
			if s.vars[i].name == name {
				return s.vars[i].t
			}
		}
		if name == "args" {
			return s.env.args()
		}
	case ast.SelectKind:
		sel := e.AsSelect()
		if sel.IsTestOnly() {
			return boolType
		}
		if o := s.of(sel.Operand()); o != nil {
			return member(o, sel.FieldName())
		}
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() == operators.Index && len(c.Args()) == 2 {
			if o := s.of(c.Args()[0]); o != nil && (o.Kind == schema.List || o.Kind == schema.Map) {
				return known(o.Elem)
			}
		}
	}
	if s.checked != nil && s.lang != nil {
		if t := s.checked.GetType(e.ID()); t.Kind() == types.StructKind {
			return s.lang.typeOf(t.TypeName())
		}
	}
	return nil
}

// elem is the type of what a loop over e yields.
func (s *shapes) elem(e ast.Expr) *schema.Type {
	if t := s.of(e); t != nil {
		if t.Kind == schema.List {
			return known(t.Elem)
		}
		return nil
	}
	if s.checked != nil && s.lang != nil {
		if t := s.checked.GetType(e.ID()); t.Kind() == types.ListKind && t.Parameters()[0].Kind() == types.StructKind {
			return s.lang.typeOf(t.Parameters()[0].TypeName())
		}
	}
	return nil
}

// widening makes whole literals doubles where they are compared with a double:
// args.amount == 100. The orders < and > do so without help.
type widening struct {
	shapes
	write bool // else only look whether there is any
	found bool
}

func (w *widening) tree(tree *ast.AST) bool {
	w.walk(tree.Expr())
	return w.found
}

func (w *widening) walk(e ast.Expr) {
	switch e.Kind() {
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			w.walk(c.Target())
		}
		for _, a := range c.Args() {
			w.walk(a)
		}
		if len(c.Args()) != 2 {
			return
		}
		a, b := c.Args()[0], c.Args()[1]
		switch c.FunctionName() {
		case operators.Equals, operators.NotEquals:
			w.opposite(a, b)
			w.opposite(b, a)
		case operators.In:
			if b.Kind() == ast.ListKind {
				for _, item := range b.AsList().Elements() {
					w.opposite(a, item)
				}
			} else if t := w.elem(b); t != nil && t.Kind == schema.Double {
				w.literal(a)
			}
		}
	case ast.SelectKind:
		w.walk(e.AsSelect().Operand())
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			w.walk(item)
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		w.walk(c.IterRange())
		w.vars = append(w.vars, loopVar{c.IterVar(), w.elem(c.IterRange())})
		w.walk(c.LoopStep())
		w.vars = w.vars[:len(w.vars)-1]
		w.walk(c.Result())
	}
}

func (w *widening) opposite(e, literal ast.Expr) {
	if literal.Kind() != ast.LiteralKind {
		return
	}
	if t := w.of(e); t != nil && t.Kind == schema.Double {
		w.literal(literal)
	}
}

const exactInts = 1 << 53

func (w *widening) literal(e ast.Expr) {
	if e.Kind() != ast.LiteralKind {
		return
	}
	n, ok := e.AsLiteral().(types.Int)
	if !ok || n > exactInts || n < -exactInts {
		return
	}
	w.found = true
	if w.write {
		e.SetKindCase(ast.NewExprFactory().NewLiteral(e.ID(), types.Double(n)))
	}
}
