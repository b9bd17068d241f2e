package condition

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celcommon "cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"

	"m1/engine/schema"
	"m1/engine/source"
)

// maxCost bounds what a condition may cost by cel-go's estimate, with texts of at
// most 64 KiB and lists of at most 4,096 elements. Two loops in each other over
// numbers pass, over texts they do not, three never do.
const (
	maxCost = 10_000_000_000
	maxText = 64 << 10
	maxList = 4_096
)

// check type-checks a tree and estimates its cost.
func (l *language) check(src string, env *Env, want schema.Kind) (*ast.AST, Problems) {
	tree, checked, issues := l.typed(src, env)
	if issues != nil {
		return nil, problemsOf(issues, &hints{env: env, tree: tree})
	}
	tree = checked
	t := checked.GetType(checked.Expr().ID())
	good := t.Kind() == types.DynKind
	switch want {
	case schema.Bool:
		good = good || t.IsExactType(types.BoolType) || t.IsEquivalentType(types.NewNullableType(types.BoolType))
		if !good {
			return nil, Problems{place(tree, tree.Expr(), "the condition is "+cel.FormatCELType(t)+", want bool", "compare it with something")}
		}
	default:
		for _, number := range []*types.Type{types.IntType, types.DoubleType, types.NewNullableType(types.IntType), types.NewNullableType(types.DoubleType)} {
			good = good || t.IsExactType(number)
		}
		if !good {
			return nil, Problems{place(tree, tree.Expr(), "the amount is "+cel.FormatCELType(t)+", want a number", "")}
		}
	}
	estimate, err := cost.Cost(checked, sizes{env})
	if err != nil {
		return nil, Problems{place(tree, tree.Expr(), err.Error(), "")}
	}
	if estimate.Max > maxCost {
		return nil, Problems{place(tree, tree.Expr(), "the condition may cost too much", "take loops out of loops; move texts into lists")}
	}
	return checked, nil
}

// typed parses src once more, because the checker of cel-go writes to what it
// checks, and runs it.
func (l *language) typed(src string, env *Env) (*ast.AST, *ast.AST, *cel.Issues) {
	parsed, issues := l.env.Parse(src)
	if issues.Err() != nil {
		return nil, nil, issues
	}
	(&widening{shapes: shapes{env: env}, write: true}).tree(parsed.NativeRep())
	checked, issues := l.env.Check(parsed)
	if issues.Err() != nil {
		return parsed.NativeRep(), nil, issues
	}
	return parsed.NativeRep(), checked.NativeRep(), nil
}

// sizes tells cel-go how large things may be.
type sizes struct{ env *Env }

func (s sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	switch n.Type().Kind() {
	case types.StringKind, types.BytesKind:
		return &cost.SizeEstimate{Max: maxText}
	case types.ListKind, types.MapKind:
		return &cost.SizeEstimate{Max: maxList}
	case types.DynKind:
		return &cost.SizeEstimate{Max: maxText}
	}
	return nil
}

func (s sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, _ []cost.AstNode) *cost.CallEstimate {
	switch function {
	case "cmds":
		size := cost.SizeEstimate{Max: maxList}
		return &cost.CallEstimate{CostEstimate: cost.Estimate{Max: maxText}, ResultSize: &size}
	case "mentions":
		return &cost.CallEstimate{CostEstimate: cost.Estimate{Max: maxText}}
	case "within", "host", "domain":
		size := cost.SizeEstimate{Max: maxText}
		return &cost.CallEstimate{CostEstimate: cost.Estimate{Max: maxText / 10}, ResultSize: &size}
	}
	return nil
}

// place makes a problem of a part of the tree.
func place(tree *ast.AST, e ast.Expr, msg, hint string) Problem {
	at := tree.SourceInfo().GetStartLocation(e.ID())
	return Problem{Line: max(at.Line(), 1), Col: max(at.Column()+1, 1), Msg: msg, Hint: hint}
}

func problemsOf(issues *cel.Issues, h *hints) Problems {
	var ps, single Problems
	for _, e := range issues.Errors() {
		p := Problem{Line: max(e.Location.Line(), 1), Col: e.Location.Column() + 1, Msg: plain(e.Message), Hint: h.of(e)}
		if strings.HasPrefix(e.Message, "Syntax error: token recognition error at: '=") {
			p.Msg, p.Hint = "a single = means nothing here", "equality is =="
			single = append(single, p)
		}
		ps = append(ps, p)
	}
	if len(single) > 0 {
		return single // the others follow from it
	}
	if len(ps) == 0 {
		ps = Problems{{Line: 1, Col: 1, Msg: issues.Err().Error()}}
	}
	return ps
}

// plain leaves out what cel-go adds and hints say.
func plain(msg string) string {
	msg, _, _ = strings.Cut(msg, " (did you mean")
	return inWords(strings.TrimSuffix(msg, " (in container '')"))
}

// hints says what to do about mistakes that cel-go finds.
type hints struct {
	env  *Env
	tree *ast.AST
}

var globals = []string{"args", "call", "cmds", "domain", "has", "host", "lists", "mentions", "size", "within"}

func (h *hints) of(e *celcommon.Error) string {
	_, rest, ok := strings.Cut(e.Message, "'")
	if !ok || h == nil {
		return ""
	}
	name, _, _ := strings.Cut(rest, "'")
	switch {
	case strings.HasPrefix(e.Message, "undeclared reference"):
		return source.DidYouMean(name, globals)
	case strings.HasPrefix(e.Message, "undefined field"):
		var names []string
		ast.PostOrderVisit(h.tree.Expr(), ast.NewExprVisitor(func(n ast.Expr) {
			if n.Kind() == ast.SelectKind && n.ID() == e.ExprID {
				names = h.fields(n.AsSelect().Operand())
			}
		}))
		if hint := source.DidYouMean(name, names); hint != "" || len(names) == 0 || len(names) > 12 {
			return hint
		}
		return "there are " + strings.Join(names, ", ")
	case strings.HasPrefix(e.Message, "found no matching overload") && strings.Contains(e.Message, "double") && strings.Contains(e.Message, "int"):
		return "write whole doubles with a point: 1.0"
	}
	return ""
}

func (h *hints) fields(operand ast.Expr) []string {
	if operand.Kind() == ast.IdentKind {
		switch operand.AsIdent() {
		case "lists":
			h.env.list("")
			return h.env.names
		case "call":
			return callFields
		}
	}
	t := (&shapes{env: h.env}).of(operand)
	if t == nil {
		return nil
	}
	var names []string
	for _, f := range t.Fields {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}
