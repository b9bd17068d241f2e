package condition

import (
	"errors"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"m1/engine/schema"
)

// rule is an expression made ready.
type rule struct {
	src     string
	run     func(*Input) value
	lowered bool
	env     *Env
	uses    bool // it looks at the call
}

// Parsed keeps what texts parse to, for many environments. The zero value is
// ready; it is safe for concurrent use.
type Parsed struct {
	mu    sync.Mutex
	trees map[string]*ast.AST
}

// maxSource bounds the text of a condition.
const maxSource = 16 << 10

func (e *Env) parse(src string) (*ast.AST, error) {
	if e.Parsed != nil {
		e.Parsed.mu.Lock()
		tree := e.Parsed.trees[src]
		e.Parsed.mu.Unlock()
		if tree != nil {
			return tree, nil
		}
	}
	tree, err := parse(src)
	if err == nil && e.Parsed != nil {
		e.Parsed.mu.Lock()
		if e.Parsed.trees == nil {
			e.Parsed.trees = map[string]*ast.AST{}
		}
		e.Parsed.trees[src] = tree
		e.Parsed.mu.Unlock()
	}
	return tree, err
}

func parse(src string) (*ast.AST, error) {
	if len(src) > maxSource {
		return nil, Problems{{Line: 1, Col: 1, Msg: "a condition above 16 KiB", Hint: "move long enumerations into lists"}}
	}
	base, err := common()
	if err != nil {
		return nil, Problems{{Line: 1, Col: 1, Msg: err.Error()}}
	}
	parsed, issues := base.Parse(src)
	if issues.Err() != nil {
		return nil, problemsOf(issues, nil)
	}
	return parsed.NativeRep(), nil
}

// compile lowers src if it can, and leaves it to cel-go otherwise. cel-go reads
// and checks what was lowered too where there is any doubt: a mistake, or the cost.
func compile(src string, env *Env, want schema.Kind) (*rule, error) {
	if len(src) <= maxSource {
		if e := quick(src); e != nil {
			tree := ast.NewAST(e, ast.NewSourceInfo(nil))
			(&widening{shapes: shapes{env: env}, write: true}).tree(tree)
			if r, sure := lower(src, tree, env, want); sure {
				return r, nil
			}
		}
	}
	tree, err := env.parse(src)
	if err != nil {
		return nil, err
	}
	if (&widening{shapes: shapes{env: env}}).tree(tree) {
		if tree, err = parse(src); err != nil { // the other one is shared
			return nil, err
		}
		(&widening{shapes: shapes{env: env}, write: true}).tree(tree)
	}
	r, sure := lower(src, tree, env, want)
	if sure {
		return r, nil
	}
	checked, err := slow(src, env, want)
	if err != nil {
		return nil, err
	}
	if r != nil {
		return r, nil
	}
	return checked, nil
}

// lower makes closures, or returns nil. It is sure that cel-go would take src
// unless the cost or an argument needs a closer look.
func lower(src string, tree *ast.AST, env *Env, want schema.Kind) (r *rule, sure bool) {
	l := lowering{env: env}
	t, ok := l.expr(tree.Expr())
	if !ok || !fits(t.t, want) {
		return nil, false
	}
	r = &rule{src: src, env: env, run: t.run, lowered: true, uses: l.uses && !t.constant}
	return r, l.cost <= maxCost && !l.nested && len(inspect(tree, env, nil, nil)) == 0
}

// slow makes a program for cel-go.
func slow(src string, env *Env, want schema.Kind) (*rule, error) {
	lang, err := env.language()
	if err != nil {
		return nil, Problems{{Line: 1, Col: 1, Msg: err.Error()}}
	}
	checked, problems := lang.check(src, env, want)
	tree := checked
	if tree == nil {
		if tree, err = parse(src); err != nil {
			return nil, err
		}
	}
	problems = append(problems, inspect(tree, env, checked, lang)...)
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	run, err := lang.program(checked)
	if err != nil {
		return nil, Problems{{Line: 1, Col: 1, Msg: err.Error()}}
	}
	return &rule{src: src, env: env, run: run, uses: looksAtCall(tree)}, nil
}

// runCost bounds what a condition that runs in cel-go may cost in one call.
const runCost = 10_000_000

func (l *language) program(checked *ast.AST) (fn, error) {
	program, err := l.env.PlanProgram(checked, cel.CostLimit(runCost), cel.OptimizeRegex(interpreter.MatchesRegexOptimization))
	if err != nil {
		return nil, err
	}
	return func(in *Input) value {
		out, _, err := program.Eval(activation{in})
		return valueOf(out, err)
	}, nil
}

func valueOf(v ref.Val, err error) value {
	if err != nil {
		return fail(err)
	}
	switch v := v.(type) {
	case types.Bool:
		return boolean(bool(v))
	case types.Int:
		return integer(int64(v))
	case types.Double:
		return double(float64(v))
	case types.String:
		return text(string(v))
	case types.Null:
		return value{kind: kindNull}
	}
	return fail(errOverload)
}

// looksAtCall reports whether any part of the tree looks at the call.
func looksAtCall(tree *ast.AST) bool {
	found := false
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.IdentKind && (e.AsIdent() == "args" || e.AsIdent() == "call") {
			found = true
		}
	}))
	return found
}

func fits(t *schema.Type, want schema.Kind) bool {
	if want == schema.Double {
		return t.Kind == schema.Any || t.Kind == schema.Double || t.Kind == schema.Int
	}
	return t.Kind == schema.Any || t.Kind == want
}

// fold runs a condition that does not look at the call.
func (r *rule) fold() (value, is bool, err error) {
	if r.uses {
		return false, false, nil
	}
	var in Input
	if err := in.prepare(); err != nil {
		return false, false, err
	}
	v := r.run(&in)
	if v.kind != kindBool {
		return false, false, errors.Unwrap(v.failure(r.src))
	}
	return v.n != 0, true, nil
}
