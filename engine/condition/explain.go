package condition

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"

	"m1/collector/snapshot"
	"m1/engine/args"
	"m1/engine/schema"
)

// part is a term of a condition that stands between its outer &&, || and !, with
// its negation.
type part struct {
	text       string
	run        fn
	paths      [][]string // of the arguments that it looks at
	comparison bool
	conjoined  bool // the condition needs it
}

// Terms says what became of each part of the condition for one call: the parts
// of its outer && and ||, each evaluated, whether or not it decided. A part under a
// ! is shown with it, one by one: !(a && b) is !a and !b.
func (c *Condition) Terms(in *Input) []snapshot.Term {
	if err := in.prepare(); err != nil {
		return []snapshot.Term{{Text: shortened(c.src), Value: "error: " + shortened(err.Error())}}
	}
	parts := c.explain()
	terms := make([]snapshot.Term, len(parts))
	for i, p := range parts {
		terms[i] = snapshot.Term{Text: p.text, Value: shown(p.run(in)), Inputs: p.inputs(in)}
	}
	return terms
}

// NearMiss names the one comparison that would have to hold for the condition to
// be true, such as "args.amount < 100". It is empty when the condition holds,
// when more is missing, and when something else than a comparison is.
func (c *Condition) NearMiss(in *Input) string {
	if in.prepare() != nil {
		return ""
	}
	missed := ""
	for _, p := range c.explain() {
		v := p.run(in)
		switch {
		case !p.conjoined || v.kind != kindBool:
			return ""
		case v.n != 0:
		case missed != "" || !p.comparison:
			return ""
		default:
			missed = p.text
		}
	}
	return missed
}

// explain takes the condition apart when somebody asks for the first time.
func (c *Condition) explain() []part {
	c.explained.Do(func() {
		tree, err := parse(c.src)
		if err == nil {
			(&widening{shapes: shapes{env: c.env}, write: true}).tree(tree)
			c.split(tree, tree.Expr(), true, false)
		}
		if len(c.parts) == 0 {
			c.parts = []part{{text: c.src, run: c.run}}
		}
	})
	return c.parts
}

func (c *Condition) split(tree *ast.AST, e ast.Expr, conjoined, negated bool) {
	if e.Kind() == ast.CallKind {
		call := e.AsCall()
		switch function := call.FunctionName(); function {
		case operators.LogicalNot:
			c.split(tree, call.Args()[0], conjoined, !negated)
			return
		case operators.LogicalAnd, operators.LogicalOr:
			every := (function == operators.LogicalAnd) != negated // what is not (a || b) is neither
			for _, a := range call.Args() {
				c.split(tree, a, conjoined && every, negated)
			}
			return
		}
	}
	whole := e
	if negated {
		whole = ast.NewExprFactory().NewCall(0, operators.LogicalNot, e)
	}
	text, err := parser.Unparse(whole, tree.SourceInfo())
	if err != nil {
		return
	}
	p := part{text: text, conjoined: conjoined}
	if e.Kind() == ast.CallKind {
		p.comparison = slices.Contains([]string{operators.Less, operators.LessEquals, operators.Greater,
			operators.GreaterEquals, operators.Equals, operators.NotEquals, operators.In}, e.AsCall().FunctionName())
	}
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(n ast.Expr) {
		if n.Kind() != ast.SelectKind {
			return
		}
		path := strings.Split(pathOf(n), ".")
		if path[0] != "args" || slices.ContainsFunc(p.paths, func(longer []string) bool {
			return len(longer) >= len(path) && slices.Equal(longer[:len(path)], path)
		}) {
			return
		}
		p.paths = append(p.paths, path)
	}))
	if p.run = c.alone(whole, text); p.run != nil {
		c.parts = append(c.parts, p)
	}
}

// alone makes one part ready by itself.
func (c *Condition) alone(e ast.Expr, text string) fn {
	l := lowering{env: c.env}
	if t, ok := l.expr(e); ok {
		return t.run
	}
	lang, err := c.env.language()
	if err != nil {
		return nil
	}
	checked, problems := lang.check(text, c.env, schema.Bool)
	if len(problems) > 0 {
		return nil
	}
	run, err := lang.program(checked)
	if err != nil {
		return nil
	}
	return run
}

// inputs is "args.amount = 250" for each argument that the part looks at.
func (p *part) inputs(in *Input) string {
	var b strings.Builder
	for _, path := range p.paths {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s = %s", strings.Join(path, "."), in.sent(path[1:]))
	}
	return b.String()
}

// sent is what stands in the arguments.
func (in *Input) sent(path []string) string {
	m := &in.root
	var v args.Value
	for i, name := range path {
		if i > 0 {
			m = &args.Members{}
			if err := m.Read(v); err != nil {
				return "nothing"
			}
		}
		var ok bool
		var err error
		if v, ok, err = m.Get(name); !ok || err != nil {
			return "nothing"
		}
	}
	return shortened(v.Raw())
}

func shown(v value) string {
	switch v.kind {
	case kindBool:
		if v.n != 0 {
			return "true"
		}
		return "false"
	case kindError:
		return "error: " + shortened(v.err().Error())
	}
	return "error: " + errOverload.Error()
}
