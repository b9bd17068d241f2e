package policybench

import (
	"m1/bench/policybench/mix"
	"m1/engine/call"
	"m1/engine/policy"
)

// loadM1 gives tools that do not exist as if they did: M1's catalogue would answer
// for them before any rule is looked at, and the others have none. Arguments are
// JSON in both forms; M1 reads of them what a condition asks for.
func loadM1(m *mix.Mix) loaded {
	set := parseM1(m)
	bind := func(calls []mix.Call) func(int) bool {
		r := policy.Request{Known: true, Scope: call.Execute}
		return func(i int) bool {
			c := &calls[i]
			r.Agent, r.Tool, r.Args = call.AgentID(c.Agent), c.Tool, c.JSON
			return set.Decide(&r).Effect == call.Allow
		}
	}
	return loaded{prepared: bind, raw: bind}
}

// loadCanonical also brings the arguments to their canonical form, as the engine
// does before it asks the policy: digests, cache and approvals need that.
func loadCanonical(m *mix.Mix) loaded {
	set := parseM1(m)
	return loaded{raw: func(calls []mix.Call) func(int) bool {
		r := policy.Request{Known: true, Scope: call.Execute}
		return func(i int) bool {
			c := &calls[i]
			args, err := call.Canonical(c.JSON)
			must(err)
			r.Agent, r.Tool, r.Args = call.AgentID(c.Agent), c.Tool, args
			return set.Decide(&r).Effect == call.Allow
		}
	}}
}

func parseM1(m *mix.Mix) *policy.Set {
	set, err := policy.Parse("mix.yaml", m.M1(), nil)
	must(err)
	return set
}
