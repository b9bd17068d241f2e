package token_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/token"
)

func TestAGrantCoversItsOwnCallOnly(t *testing.T) {
	t.Parallel()
	exact := token.Grant{
		Agent: "claude-code/s1", Run: "run-7", Tool: "pay.refund", Scope: call.Write,
		Digest: digest(`{"amount":250,"order":"1"}`), Narrow: json.RawMessage(`{"order":"1"}`), Schema: "5c", Version: "sha256:aa",
	}
	same := token.Call{
		Agent: "claude-code/s1", Run: "run-7", Tool: "pay.refund", Scope: call.Write,
		Digest: digest(`{"amount":250,"order":"1"}`), Args: json.RawMessage(`{"amount":250,"order":"1"}`), Schema: "5c", Version: "sha256:aa",
	}
	open := func(g token.Grant) token.Grant { g.Run, g.Digest, g.Narrow = "", "", nil; return g }
	narrow := func(members string) func(token.Grant) token.Grant {
		return func(g token.Grant) token.Grant { g.Digest, g.Narrow = "", json.RawMessage(members); return g }
	}
	none := func(g token.Grant) token.Grant { return g }
	tests := []struct {
		name  string
		grant func(token.Grant) token.Grant
		call  func(*token.Call)
		names string // empty: covered
	}{
		{"the very call", none, func(*token.Call) {}, ""},
		{"less scope than given", none, func(c *token.Call) { c.Scope = call.Read }, ""},
		{"any run and any arguments", open, func(c *token.Call) { c.Run, c.Digest, c.Args = "run-8", digest(`{}`), json.RawMessage(`{}`) }, ""},
		{"another agent", none, func(c *token.Call) { c.Agent = "claude-code/s2" }, "agent differs"},
		{"another run", none, func(c *token.Call) { c.Run = "run-8" }, "run differs"},
		{"no run", none, func(c *token.Call) { c.Run = "" }, "run differs"},
		{"another tool", none, func(c *token.Call) { c.Tool = "pay.cancel" }, "tool differs"},
		{"more scope", none, func(c *token.Call) { c.Scope = call.Execute }, "scope differs"},
		{"an unknown scope", open, func(c *token.Call) { c.Scope = call.NoScope }, "scope differs"},
		{"one byte of the arguments", none, func(c *token.Call) { c.Digest = digest(`{"amount":251,"order":"1"}`) }, "args differs"},
		{"arguments without a digest", none, func(c *token.Call) { c.Digest = "" }, "args differs"},
		{"another schema", open, func(c *token.Call) { c.Schema = "5d" }, "schema differs"},
		{"no schema any more", open, func(c *token.Call) { c.Schema = "" }, "schema differs"},
		{"another policy", open, func(c *token.Call) { c.Version = "sha256:bb" }, "policy differs"},
		{"several at once", none, func(c *token.Call) { c.Agent, c.Tool, c.Version = "x", "y", "z" }, "agent, tool, policy differs"},
		{"a member with another value", narrow(`{"order":"2"}`), func(*token.Call) {}, `args (member "order") differs`},
		{"a member of another type", narrow(`{"order":1}`), func(*token.Call) {}, `args (member "order") differs`},
		{"a member that is not there", narrow(`{"currency":"EUR","order":"1"}`), func(*token.Call) {}, `args (member "currency") differs`},
		{"all members", narrow(`{"amount":250,"order":"1"}`), func(*token.Call) {}, ""},
		{"arguments that are no object", narrow(`{"order":"1"}`), func(c *token.Call) { c.Args = json.RawMessage(`null`) }, "args (not a JSON object) differs"},
		{"narrow that is null", narrow(`null`), func(*token.Call) {}, "args (not a JSON object) differs"},
		{"the zero grant", func(token.Grant) token.Grant { return token.Grant{} }, func(c *token.Call) { *c = token.Call{Scope: call.Read} }, "agent, tool, scope, policy differs"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, c := tt.grant(exact), same
			tt.call(&c)
			err := g.Covers(c)
			if tt.names == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, token.WrongBinding)
			require.ErrorContains(t, err, ": "+tt.names)
		})
	}
}

func TestARefusalNamesNoValueOfTheArguments(t *testing.T) {
	t.Parallel()
	err := token.Fits(json.RawMessage(`{"password":"hunter2"}`), json.RawMessage(`{"password":"swordfish"}`))
	require.ErrorContains(t, err, "password")
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), "swordfish")
}
