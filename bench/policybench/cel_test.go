package policybench

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"m1/bench/policybench/mix"
)

// compiler compiles each text once.
func compiler() func(text string) cel.Program {
	env, err := cel.NewEnv(
		cel.Variable("agent", cel.StringType), cel.Variable("tool", cel.StringType),
		cel.Variable("path", cel.StringType), cel.Variable("amount", cel.DoubleType),
	)
	must(err)
	known := map[string]cel.Program{}
	return func(text string) cel.Program {
		if p, ok := known[text]; ok {
			return p
		}
		ast, issues := env.Compile(text)
		must(issues.Err())
		p, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize))
		must(err)
		known[text] = p
		return p
	}
}

// input is a call in the values of CEL.
type input struct {
	agent, tool                     string
	celAgent, celTool, path, amount ref.Val
}

func convertCEL(agent, tool string, a arguments) input {
	return input{agent, tool, types.String(agent), types.String(tool), types.String(a.Path), types.Double(a.Amount)}
}

func (in *input) ResolveName(name string) (any, bool) {
	switch name {
	case "agent":
		return in.celAgent, true
	case "tool":
		return in.celTool, true
	case "path":
		return in.path, true
	case "amount":
		return in.amount, true
	}
	return nil, false
}

func (in *input) Parent() interpreter.Activation { return nil }

// holds is what the program says.
func holds(p cel.Program, in *input) bool {
	v, _, err := p.Eval(in)
	must(err)
	return v == types.True
}

// loadCELRules makes one expression of each rule and tries those that can be
// about the tool.
func loadCELRules(m *mix.Mix) loaded {
	type rule struct {
		deny bool
		when cel.Program
	}
	compile := compiler()
	x := newIndex(m, func(r *mix.Rule) rule { return rule{r.Deny, compile(r.CEL())} })
	return deciding(convertCEL, func(in *input) bool {
		for _, r := range x.about(in.tool) {
			if holds(r.when, in) {
				return !r.deny
			}
		}
		return false
	})
}

// loadCELConditions leaves to CEL only what is said about arguments; agents and
// tools are compared in Go.
func loadCELConditions(m *mix.Mix) loaded {
	type rule struct {
		*mix.Rule
		when cel.Program // nil: always
	}
	compile := compiler()
	x := newIndex(m, func(r *mix.Rule) rule {
		if c := r.Condition(); c != "" {
			return rule{r, compile(c)}
		}
		return rule{r, nil}
	})
	return deciding(convertCEL, func(in *input) bool {
		for _, r := range x.about(in.tool) {
			if r.Agents.Match(in.agent) && r.Tools.Match(in.tool) && (r.when == nil || holds(r.when, in)) {
				return !r.Deny
			}
		}
		return false
	})
}
