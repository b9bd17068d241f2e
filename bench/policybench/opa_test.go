package policybench

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"m1/bench/policybench/mix"
)

// loadOPA prepares one query. Its input is parsed, the form that OPA is fastest
// with.
func loadOPA(m *mix.Mix) loaded {
	ctx := context.Background()
	query, err := rego.New(rego.Query("data.mix.released"), rego.Module("mix.rego", m.Rego())).PrepareForEval(ctx)
	must(err)
	return deciding(
		func(agent, tool string, a arguments) ast.Value {
			return ast.NewObject(
				ast.Item(ast.StringTerm("agent"), ast.StringTerm(agent)),
				ast.Item(ast.StringTerm("team"), ast.StringTerm(mix.Team(agent))),
				ast.Item(ast.StringTerm("tool"), ast.StringTerm(tool)),
				ast.Item(ast.StringTerm("server"), ast.StringTerm(mix.Server(tool))),
				ast.Item(ast.StringTerm("path"), ast.StringTerm(a.Path)),
				ast.Item(ast.StringTerm("amount"), ast.FloatNumberTerm(a.Amount)),
			)
		},
		func(input *ast.Value) bool {
			results, err := query.Eval(ctx, rego.EvalParsedInput(*input))
			must(err)
			return results.Allowed()
		},
	)
}
