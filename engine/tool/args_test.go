package tool_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/trace"
	"m1/engine/schema"
	"m1/engine/tool"
)

func entry(t testing.TB, c *tool.Catalogue, name string) *tool.Entry {
	t.Helper()
	e, ok := c.Lookup(name)
	require.True(t, ok, name)
	return e
}

func TestCheckKnowsTheArgumentsOfATool(t *testing.T) {
	t.Parallel()
	c := orders(t)
	for _, k := range []struct {
		tool, args, want string // want is part of the error; empty: it fits
	}{
		{"find_orders", `{"user":"u","within":{"days":3,"items":[{"sku":"x"}]},"odd: name":{"a":[1.5]},"page_size":null,"state":"on hold"}`, ""},
		{"find_orders", `{"user":["u"],"within":{"days":3,"items":[]},"odd: name":{}}`, "args.user: want text, got a list"},
		{"find_orders", `{"user":"u","within":{"days":3,"items":[{"sku":"x","n":1}]},"odd: name":{}}`, "args.within.items[0].n: unknown member"},
		{"find_orders", `{"user":"u","odd: name":{}}`, "args.within: missing, want an object"},
		{"cancel_order", `{"order_id":"1"}`, ""},
		{"cancel_order", `{"order_id":"1","force":true}`, "args.force: unknown member"},
		{"now", `{}`, ""},
		{"now", `{"zone":"UTC"}`, "args.zone: unknown member"},
		{"clock", `{"anything":[{"goes":null}]}`, ""},
	} {
		args, err := call.Canonical(json.RawMessage(k.args))
		require.NoError(t, err)
		err = entry(t, c, k.tool).Check(args)
		if k.want == "" {
			require.NoError(t, err, k.args)
			continue
		}
		require.ErrorIs(t, err, schema.ErrMismatch)
		require.ErrorContains(t, err, k.want)
	}
	find, users := entry(t, c, "find_orders"), entry(t, c, "list_users")
	require.True(t, find.Cacheable, "a section cache makes it so")
	require.Equal(t, 90*time.Second, find.TTL)
	require.Equal(t, []string{"user", "state"}, find.Key)
	require.Equal(t, 24*time.Hour, users.TTL)
	require.Nil(t, users.Key)
	require.Nil(t, entry(t, c, "clock").Args)
}

func TestACatalogueWithArgumentsSurvivesItsYAML(t *testing.T) {
	t.Parallel()
	c := orders(t)
	again, err := tool.Parse("again.yaml", c.YAML())
	require.NoError(t, err, "%s", c.YAML())
	require.Equal(t, c, again)
	require.Contains(t, string(c.YAML()), `  find_orders:
    scope: read
    cacheable: true
    reads: [orders]
    cache: {ttl: 1m30s, key: [user, state]}
    args:
      "odd: name": "map(list(double))"
      page_size: "optional(nullable(int))"
      state: "optional(enum(\"on hold\", open, sent))"
      user: string
      within: {days: int, items: [{sku: string}]}
`)
}

func TestArgumentsCanBeWrittenInGo(t *testing.T) {
	t.Parallel()
	str := &schema.Type{Kind: schema.String}
	args := &schema.Type{Kind: schema.Object, Fields: []schema.Field{{Name: "id", Type: str}, {Name: "\u2028", Type: str, Optional: true}}}
	c, err := tool.New(
		tool.Entry{Name: "a", Scope: call.Read, Args: args, TTL: time.Second, Key: []string{"id"}},
		tool.Entry{Name: "b", Scope: call.Read, Parameters: json.RawMessage(`{"type": "object", "properties": {"id": {"type": "string"}}}`)},
		tool.Entry{Name: "c", Scope: call.Read, Parameters: json.RawMessage(`{"type": "string"}`)},
	)
	require.NoError(t, err)
	require.True(t, entry(t, c, "a").Cacheable)
	require.Equal(t, "{id: optional(string), …}", entry(t, c, "b").Args.String())
	require.Nil(t, entry(t, c, "c").Args)
	again, err := tool.Parse("again.yaml", c.YAML())
	require.NoError(t, err)
	require.Equal(t, c, again)

	open := &schema.Type{Kind: schema.Object, Open: true, Fields: args.Fields[:1]}
	_, err = tool.New(
		tool.Entry{Name: "open", Scope: call.Read, Args: open},
		tool.Entry{Name: "text", Scope: call.Read, Args: str},
		tool.Entry{Name: "unsorted", Scope: call.Read, Args: &schema.Type{Kind: schema.Object, Fields: []schema.Field{{Name: "b"}, {Name: "a"}}}},
		tool.Entry{Name: "other", Scope: call.Read, Args: args, Parameters: json.RawMessage(`{"type":"object"}`)},
		tool.Entry{Name: "write", Scope: call.Write, TTL: time.Second},
		tool.Entry{Name: "keys", Scope: call.Read, TTL: -1, Key: []string{}},
		tool.Entry{Name: "key", Scope: call.Read, Args: args, Key: []string{"ID", "id", "id"}},
	)
	require.EqualError(t, err, `tools.key.cache.key: the argument "id" is there twice
tools.key.cache.key: the tool has no argument "ID"; did you mean "id"?
tools.keys.cache.key: want a list of arguments with at least one
tools.keys.cache.ttl: want a time above 0 and at most 720h
tools.open.args: a catalogue file cannot say this type; give Parameters, a JSON Schema, instead
tools.other.args: says something else than parameters; leave one of the two out, or let them name the same arguments with the same types
tools.text.args: a catalogue file cannot say this type; give Parameters, a JSON Schema, instead
tools.unsorted.args: a catalogue file cannot say this type; give Parameters, a JSON Schema, instead
tools.write.cacheable: a tool with scope write is never answered from a cache; remove it, or give the tool scope read`)
}

// Approvals and grants are bound to it: what a tool may do must not change unseen.
func TestTheDigestChangesWithWhatAToolDoesAndTakes(t *testing.T) {
	t.Parallel()
	digest := func(src string) string {
		c, err := tool.Parse("c.yaml", []byte("version: 1\ntools: {a: "+src+"}\n"))
		require.NoError(t, err)
		d := entry(t, c, "a").Digest()
		bare := *entry(t, c, "a")
		fresh, err := tool.New(bare)
		require.NoError(t, err)
		require.Equal(t, d, entry(t, fresh, "a").Digest())
		return d
	}
	seen := map[string]string{}
	for _, src := range []string{
		`{scope: read}`, `{scope: write}`, `{scope: execute}`, `{scope: write, changes: []}`, `{scope: write, changes: [x]}`, `{scope: write, changes: ["x/{id}"]}`,
		`{scope: read, reads: [x]}`, `{scope: read, reads: [x, y]}`, `{scope: read, args: {}}`, `{scope: read, args: {x: string}}`, `{scope: read, args: {x: optional(string)}}`,
		`{scope: write, changes: [], scope_by_arg: {arg: a, values: {x: {scope: read}}}}`, `{scope: write, changes: [], scope_by_arg: {arg: b, values: {x: {scope: read}}}}`,
		`{scope: write, changes: [], scope_by_arg: {arg: a, values: {y: {scope: read}}}}`, `{scope: write, changes: [], scope_by_arg: {arg: a, values: {x: {scope: read}}, otherwise: {scope: execute}}}`,
	} {
		d := digest(src)
		require.Regexp(t, `^sha256:[0-9a-f]{64}$`, d)
		require.Empty(t, seen[d], src)
		seen[d] = src
	}
	require.Equal(t, digest(`{scope: read, reads: [x]}`), digest(`{scope: read, reads: [x, x], cacheable: true, cache: {ttl: 3s}, description: text}`))
	require.Equal(t, digest(`{scope: read, args: {x: string}}`), digest(`{scope: read, parameters: {type: object, properties: {x: {type: string}}, required: [x], additionalProperties: false}}`))
}

// The recordings hold calls that were made; the schemas of their registries must
// let all of them through, and refuse each without an argument that it needs.
func TestRecordedCallsFitTheSchemasOfTheirTools(t *testing.T) {
	t.Parallel()
	root := os.Getenv("M1_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "traces")
	src, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Skip("the recorded traffic is not here; set M1_SHARED to its folder")
	}
	var recordings map[string]struct{ Tools string }
	require.NoError(t, json.Unmarshal(src, &recordings))
	for file, rec := range recordings {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(filepath.Join(dir, rec.Tools))
			require.NoError(t, err)
			c, err := tool.Parse(rec.Tools, src)
			require.NoError(t, err)
			for _, name := range c.Names() {
				e := entry(t, c, name)
				require.Equal(t, e.Parameters != nil, e.Args != nil, "every schema is read: %s", name)
			}
			r, err := trace.Open(filepath.Join(dir, file), trace.Options{})
			require.NoError(t, err)
			defer r.Close()
			checked := map[string]bool{}
			for ev, err := range r.Events() {
				require.NoError(t, err)
				e, ok := c.Lookup(ev.Tool)
				if ev.Type != trace.ToolCall || !ok || e.Args == nil {
					continue
				}
				requireFits(t, e, ev.Args, !checked[e.Name])
				checked[e.Name] = true
			}
			require.NotEmpty(t, checked)
		})
	}
}

// requireFits also tries the call without the first argument that it needs, if less
// is set.
func requireFits(t *testing.T, e *tool.Entry, raw json.RawMessage, less bool) {
	t.Helper()
	args, err := call.Canonical(raw)
	require.NoError(t, err)
	require.NoError(t, e.Check(args), "%s %s", e.Name, args)
	for _, f := range e.Args.Fields {
		if f.Optional || !less {
			continue
		}
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(args, &members))
		delete(members, f.Name)
		short, err := json.Marshal(members)
		require.NoError(t, err)
		short, err = call.Canonical(short)
		require.NoError(t, err)
		require.ErrorIs(t, e.Check(short), schema.ErrMismatch, "%s %s", e.Name, short)
		return
	}
}
