package policybench

import (
	"encoding/json"

	"m1/bench/policybench/mix"
)

// engine is a policy engine by name. load reads the rules.
type engine struct {
	name string
	load func(m *mix.Mix) loaded
	slow bool // looks at every rule for every call
	once bool // remembers pairs of agent and tool, and is measured without that too
}

// Names in the tables.
const (
	nameM1           = "M1"
	nameCanonical    = "M1, canonical form made first"
	nameFirst        = ", just loaded" // after the name of an engine
	nameOPA          = "OPA, one rule each"
	nameCedar        = "cedar-go"
	nameCedarIndex   = "cedar-go + own index"
	nameCasbin       = "casbin"
	nameCELRule      = "cel-go, whole rule + own index"
	nameCELCondition = "cel-go, condition only + own index"
)

func engines() []engine {
	return []engine{
		{name: nameM1, load: loadM1, once: true},
		{name: nameCanonical, load: loadCanonical},
		{name: nameOPA, load: loadOPA},
		{name: nameCedar, load: loadCedar, slow: true},
		{name: nameCedarIndex, load: loadCedarIndex},
		{name: nameCasbin, load: loadCasbin, slow: true},
		{name: nameCELRule, load: loadCELRules},
		{name: nameCELCondition, load: loadCELConditions},
	}
}

// loaded is an engine with rules. Both functions return one that decides call i;
// prepared is nil for an engine that is about JSON.
type loaded struct {
	prepared func(calls []mix.Call) func(i int) bool // inputs are in the engine's form already
	raw      func(calls []mix.Call) func(i int) bool // arguments are JSON
}

// deciding makes an engine of how it wants its input and how it decides.
func deciding[T any](convert func(agent, tool string, a arguments) T, decide func(*T) bool) loaded {
	return loaded{
		prepared: func(calls []mix.Call) func(int) bool {
			inputs := make([]T, len(calls))
			for i, c := range calls {
				inputs[i] = convert(c.Agent, c.Tool, arguments{c.Path, c.Amount})
			}
			return func(i int) bool { return decide(&inputs[i]) }
		},
		raw: func(calls []mix.Call) func(int) bool {
			return func(i int) bool {
				c := &calls[i]
				var a arguments
				must(json.Unmarshal(c.JSON, &a))
				input := convert(c.Agent, c.Tool, a)
				return decide(&input)
			}
		},
	}
}

type arguments struct {
	Path   string  `json:"path"`
	Amount float64 `json:"amount"`
}

// must ends the run: what fails here says nothing about an engine's speed.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
