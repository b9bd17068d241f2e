package engine_test

import (
	"context"
	"encoding/json"
	"fmt"

	"m1/engine"
	"m1/engine/call"
	"m1/engine/ledger/memory"
	"m1/engine/policy"
	"m1/engine/tool"
)

// The engine in a program of its own, without any screen.
func ExampleEngine() {
	tools, err := tool.Parse("tools.yaml", []byte(`
version: 1
tools:
  get_order:    { scope: read, cacheable: true, reads: ["orders/{id}"] }
  update_order: { scope: write, changes: ["orders/{id}"] }
`))
	if err != nil {
		panic(err)
	}
	rules, err := policy.Parse("policy.yaml", []byte(`
version: 1
agents:
  reader: { match: ["*"], max_scope: read }
rules:
  - { id: orders, effect: allow, tools: ["*_order"] }
`), tools)
	if err != nil {
		panic(err)
	}
	ledger, err := memory.New(memory.Options{})
	if err != nil {
		panic(err)
	}
	e, err := engine.New(engine.Options{Tools: tools, Policy: rules, Ledger: ledger})
	if err != nil {
		panic(err)
	}

	ctx := context.Background() // a real program also gives e.Run a goroutine
	for _, p := range []call.Proposal{
		{Agent: "bot", Run: "run-1", Tool: "get_order", Args: json.RawMessage(`{"id": "7"}`)},
		{Agent: "bot", Run: "run-1", Tool: "get_order", Args: json.RawMessage(`{"id": "7"}`)},
		{Agent: "bot", Run: "run-1", Tool: "update_order", Args: json.RawMessage(`{"id": "7"}`)},
		{Agent: "bot", Run: "run-1", Tool: "launch_rocket"},
	} {
		d, err := e.Propose(ctx, p)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s by %s, cache %s\n", p.Tool, d.Effect, d.Rule, d.Cache.Status)
		if d.Effect == call.Allow && d.Cache.Status != call.CacheHit {
			if err := e.Report(ctx, call.Report{ID: d.ID, Outcome: call.OK, Result: json.RawMessage(`{"status":"paid"}`)}); err != nil {
				panic(err)
			}
		}
	}
	// Output:
	// get_order: allow by orders, cache miss
	// get_order: allow by orders, cache hit
	// update_order: deny by max_scope, cache bypass
	// launch_rocket: deny by unknown_tool, cache bypass
}
