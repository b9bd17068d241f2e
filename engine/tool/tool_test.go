package tool_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/tool"
)

var update = flag.Bool("update", false, "write the golden files")

func read(t testing.TB, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return src
}

func orders(t testing.TB) *tool.Catalogue {
	t.Helper()
	c, err := tool.Parse("orders.yaml", read(t, "orders.yaml"))
	require.NoError(t, err)
	return c
}

func whole(name string) tool.Item       { return tool.Item{Collection: name, Whole: true} }
func one(name, id string) tool.Item     { return tool.Item{Collection: name, ID: id} }
func items(is ...tool.Item) []tool.Item { return is }

func TestUseResolvesWhatACallReachesByItsArguments(t *testing.T) {
	t.Parallel()
	c := orders(t)
	cases := map[string]struct {
		tool, args string
		want       tool.Use
	}{
		"a scalar narrows":             {"get_order", `{"order_id":"#1"}`, tool.Use{Scope: call.Read, Cacheable: true, Reads: items(one("orders", `#1`), whole("products"))}},
		"a number narrows as text":     {"get_order", `{"order_id":1}`, tool.Use{Scope: call.Read, Cacheable: true, Reads: items(one("orders", `1`), whole("products"))}},
		"an absent argument does not":  {"get_order", `{}`, tool.Use{Scope: call.Read, Cacheable: true, Reads: items(whole("orders"), whole("products"))}},
		"nor does null":                {"get_order", `{"order_id":null}`, tool.Use{Scope: call.Read, Cacheable: true, Reads: items(whole("orders"), whole("products"))}},
		"nor a list":                   {"get_order", `{"order_id":["1"]}`, tool.Use{Scope: call.Read, Cacheable: true, Reads: items(whole("orders"), whole("products"))}},
		"nor a member of a member":     {"get_order", `{"a":{"order_id":"1"}}`, tool.Use{Scope: call.Read, Cacheable: true, Reads: items(whole("orders"), whole("products"))}},
		"depends on nothing":           {"convert_currency", `{"n":1}`, tool.Use{Scope: call.Read, Cacheable: true}},
		"not cacheable":                {"clock", `{}`, tool.Use{Scope: call.Read}},
		"a write narrows what changes": {"cancel_order", `{"order_id":"1"}`, tool.Use{Scope: call.Write, Changes: items(one("orders", `1`), whole("users"))}},
		"a write that changes nothing": {"notify", `{}`, tool.Use{Scope: call.Write}},
		"execute changes everything":   {"run_report", `{}`, tool.Use{Scope: call.Execute, ChangesAll: true}},
		"a value chooses its case":     {"edit", `{"command":"view","path":"/a"}`, tool.Use{Scope: call.Read, Cacheable: true, Reads: items(whole("files"))}},
		"another value, another case":  {"edit", `{"command":"run"}`, tool.Use{Scope: call.Execute, ChangesAll: true}},
		"without otherwise, the tool":  {"edit", `{"command":"create","path":"/a"}`, tool.Use{Scope: call.Write, Changes: items(one("files", `/a`))}},
		"true is a value":              {"delete", `{"dry_run":true}`, tool.Use{Scope: call.Read}},
		"the text true is another":     {"delete", `{"dry_run":"true"}`, tool.Use{Scope: call.Write, Changes: items(whole("files"))}},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, ok := c.Lookup(k.tool)
			require.True(t, ok)
			got := e.Use(json.RawMessage(k.args))
			require.Equal(t, k.want.Scope, got.Scope)
			require.Equal(t, k.want.Cacheable, got.Cacheable)
			require.Equal(t, k.want.ChangesAll, got.ChangesAll)
			require.ElementsMatch(t, k.want.Reads, got.Reads)
			require.ElementsMatch(t, k.want.Changes, got.Changes)
			bare := *e
			fresh, err := tool.New(bare)
			require.NoError(t, err)
			again, _ := fresh.Lookup(k.tool)
			require.Equal(t, got, again.Use(json.RawMessage(k.args)))
		})
	}
}

func TestUseDoesNotAllocateUnlessItNarrows(t *testing.T) {
	c := orders(t)
	for _, name := range []string{"list_products", "run_report", "edit", "delete"} {
		e, _ := c.Lookup(name)
		args := json.RawMessage(`{"body":"x\"y","command":"view","dry_run":true}`)
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = e.Use(args) }), name)
	}
}

func TestItemsOverlapWhenTheyCanBeTheSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b tool.Item
		want bool
	}{
		{one("orders", `1`), one("orders", `1`), true},
		{one("orders", `1`), one("orders", `2`), false},
		{one("orders", `1`), one("users", `1`), false},
		{one("orders", `1`), whole("orders"), true},
		{whole("orders"), whole("users"), false},
		{whole("*"), one("users", `1`), true},
	} {
		require.Equal(t, c.want, c.a.Overlaps(c.b))
		require.Equal(t, c.want, c.b.Overlaps(c.a))
	}
}

// reads is what get_order of the test catalogue reads of the order named by the
// JSON text id.
func reads(t testing.TB, id string) tool.Item {
	t.Helper()
	e, ok := orders(t).Lookup("get_order")
	require.True(t, ok)
	args, err := call.Canonical(json.RawMessage(`{"order_id":` + id + `}`))
	require.NoError(t, err)
	for _, item := range e.Use(args).Reads {
		if item.Collection == "orders" {
			return item
		}
	}
	t.Fatal("get_order reads no orders")
	return tool.Item{}
}

// The attack: read {"order_id":7}, write {"order_id":"7"}, read again. The tool
// takes both for the same order; the cache did not, and gave the old answer.
func TestAnItemHasOneNameHoweverItsIDIsSpelled(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{`7`, `"7"`, `7.0`, `"7.0"`, `70e-1`, `"7e0"`}, {`true`, `"true"`}, {`0`, `-0`, `"-0"`, `-0.0`, `"0.00"`},
		{`"1e21"`, `1e21`, `"1E+21"`}, {`"a/b"`, `"a\/b"`, `"\u0061/b"`}, {`9007199254740993`, `"9007199254740993"`},
		{`"` + strings.Repeat("x", 100) + `"`, `"\u0078` + strings.Repeat("x", 99) + `"`},
	} {
		for _, id := range same {
			require.Equal(t, reads(t, same[0]), reads(t, id), "%s", id)
			require.False(t, reads(t, id).Whole)
		}
	}
	distinct := map[tool.Item]string{}
	for _, id := range []string{
		`7`, `8`, `"07"`, `""`, `"7 "`, `"7e"`, `"7ea1"`, `"-"`, `"-x"`, `"1.2.3"`, `"\""`, `9007199254740993`, `9007199254740992`, `true`, `false`,
	} {
		item := reads(t, id)
		require.NotContains(t, distinct, item, "%s and %s are one item", id, distinct[item])
		distinct[item] = id
	}
}

// The attack: reads of ids of 1 MB each. The cache kept them whole as names of
// what its answers depend on: 16 GB a run.
func TestALongIDIsKeptAsItsDigest(t *testing.T) {
	t.Parallel()
	long := reads(t, `"`+strings.Repeat("x", 1<<20)+`"`)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, long.ID)
	require.NotEqual(t, long, reads(t, `"`+strings.Repeat("x", 1<<20+1)+`"`))
	require.NotEqual(t, long, reads(t, `"`+long.ID+`"`), "an id that looks like a digest is another item")
	require.Equal(t, strings.Repeat("x", 64), reads(t, `"`+strings.Repeat("x", 64)+`"`).ID)
	require.Len(t, reads(t, `1`+strings.Repeat("0", 1<<10)).ID, 71, "numbers too")
}

func TestParseTellsEveryMistakeOfACatalogue(t *testing.T) {
	t.Parallel()
	_, err := tool.Parse("mistakes.yaml", read(t, "mistakes.yaml"))
	require.Error(t, err)
	if *update {
		require.NoError(t, os.WriteFile("testdata/mistakes.golden", []byte(err.Error()+"\n"), 0o644))
	}
	require.Equal(t, string(read(t, "mistakes.golden")), err.Error()+"\n")
}

func TestParseTellsEveryMistakeOfARegistry(t *testing.T) {
	t.Parallel()
	_, err := tool.Parse("r.json", []byte(`{"domain": "x", "tools": [
 {"name": "a", "scope": "raed", "note": 5},
 {"name": "", "scope": "read"},
 {"name": "b", "scope": "write", "cacheable": "no", "reads": ["x", "y"], "reads_arg": "id"},
 {"name": "b", "scope": "read", "changes": ["x"]},
 {"name": "c", "scope": "write", "changes": ["a b"], "scope_by_arg": {"arg": "k", "values": {"v": {"scope": "execute", "cacheable": true}}}},
 7
]}`))
	require.EqualError(t, err, `r.json:2:25: tools[0].scope: scope "raed" is none of read, write, execute
r.json:3:11: tools[1].name: a tool needs a name
r.json:4:47: tools[2].cacheable: found the text "no", want true or false
r.json:4:87: tools[2].reads_arg: narrows one collection, but reads names 2
r.json:5:11: tools[3].name: the tool "b" is listed twice
r.json:5:44: tools[3].changes: a tool with scope read changes nothing; give it scope write, or write changes: []
r.json:6:46: tools[4].changes[0]: collection "a b" must be a name of letters, digits and _ . : -, alone or followed by /{argument}
r.json:6:133: tools[4].scope_by_arg.values.v.cacheable: a tool with scope execute is never answered from a cache; remove it, or give the tool scope read
r.json:7:2: tools[5]: found the number 7, want a mapping`)
}

func TestParseReadsARegistry(t *testing.T) {
	t.Parallel()
	c, err := tool.Parse("r.json", []byte(`{"domain": "x", "tools": [
 {"name": "get", "scope": "read", "cacheable": true, "reads": ["orders"], "reads_arg": "id", "declared": null, "description": null, "parameters": null},
 {"name": "calc", "scope": "read", "cacheable": true, "reads": []},
 {"name": "vague", "scope": "read", "cacheable": true},
 {"name": "put", "scope": "write", "changes": ["orders", "users"]},
 {"name": "sh", "scope": "execute"},
 {"name": "ed", "scope": "write", "scope_by_arg": {"arg": "c", "values": {"view": {"scope": "read"}}, "otherwise": {"scope": "write", "changes": ["files"], "changes_arg": "path"}}}
]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"calc", "ed", "get", "put", "sh", "vague"}, c.Names())
	require.Equal(t, `version: 1
tools:
  calc:
    scope: read
    cacheable: true
    reads: []
  ed:
    scope: write
    changes: ["*"]
    scope_by_arg:
      arg: c
      values:
        view: {scope: read}
      otherwise: {scope: write, changes: ["files/{path}"]}
  get:
    scope: read
    cacheable: true
    reads: ["orders/{id}"]
  put:
    scope: write
    changes: [orders, users]
  sh:
    scope: execute
    changes: ["*"]
  vague:
    scope: read
    cacheable: true
    reads: ["*"]
`, string(c.YAML()), "what a file leaves open is spelled out, on the safe side")
}

func TestNewRefusesWhatAFileCouldNotSay(t *testing.T) {
	t.Parallel()
	_, err := tool.New(
		tool.Entry{Name: "a", Scope: call.Execute, Cacheable: true, Parameters: json.RawMessage(`[1]`)},
		tool.Entry{Name: "a", Scope: call.Read, ByArg: &tool.ByArg{Values: map[string]tool.Case{"view": {}}}},
	)
	require.EqualError(t, err, `tools.a: the tool is there twice
tools.a.cacheable: a tool with scope execute is never answered from a cache; remove it, or give the tool scope read
tools.a.parameters: want a JSON object
tools.a.scope_by_arg.arg: want the name of an argument
tools.a.scope_by_arg.values: view is not the JSON text of a value; text needs its quotes
tools.a.scope_by_arg.values.view.scope: want read, write or execute`)
}

func TestMergePrefersTheSecondCatalogue(t *testing.T) {
	t.Parallel()
	base := orders(t)
	over, err := tool.New(tool.Entry{Name: "clock", Scope: call.Execute}, tool.Entry{Name: "new", Scope: call.Read})
	require.NoError(t, err)
	m := tool.Merge(base, over)
	require.Equal(t, base.Len()+1, m.Len())
	e, _ := m.Lookup("clock")
	require.Equal(t, call.Execute, e.Scope)
	require.Equal(t, base.Names(), tool.Merge(nil, base).Names())
	require.Zero(t, tool.Merge(nil, nil).Len())
	_, ok := m.Lookup("nothing")
	require.False(t, ok)
}

func TestBuiltinKnowsTheToolsOfClaudeCode(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"claude-code"}, tool.Builtins())
	c, ok := tool.Builtin("claude-code")
	require.True(t, ok)
	for name, scope := range map[string]call.Scope{
		"Bash": call.Execute, "Task": call.Execute, "Write": call.Write, "TodoWrite": call.Write, "Read": call.Read, "WebFetch": call.Read,
	} {
		e, ok := c.Lookup(name)
		require.True(t, ok, name)
		require.Equal(t, scope, e.Scope, name)
	}
	bash, _ := c.Lookup("Bash")
	require.True(t, bash.Use(nil).ChangesAll)
	edit, _ := c.Lookup("Edit")
	rd, _ := c.Lookup("Read")
	grep, _ := c.Lookup("Grep")
	changed := edit.Use(json.RawMessage(`{"file_path":"/a"}`)).Changes[0]
	require.True(t, changed.Overlaps(rd.Use(json.RawMessage(`{"file_path":"/a"}`)).Reads[0]))
	require.False(t, changed.Overlaps(rd.Use(json.RawMessage(`{"file_path":"/b"}`)).Reads[0]))
	require.True(t, changed.Overlaps(grep.Use(json.RawMessage(`{}`)).Reads[0]))
	_, ok = c.Lookup("mcp__github__create_issue")
	require.False(t, ok, "a server's tool is known to its operator only")
	_, ok = tool.Builtin("../builtin/claude-code")
	require.False(t, ok)
}

// Every registry of the recorded traffic becomes catalogue YAML and back.
func TestRegistriesOfRecordedTrafficSurviveTheImport(t *testing.T) {
	t.Parallel()
	root := os.Getenv("M1_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(root, "traces", "tools-*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the recorded traffic is not here; set M1_SHARED to its folder")
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		require.NoError(t, err)
		c, err := tool.Parse(f, src)
		require.NoError(t, err)
		var listed struct {
			Tools []struct {
				Name, Scope string
				Cacheable   bool
			}
		}
		require.NoError(t, json.Unmarshal(src, &listed))
		require.Equal(t, len(listed.Tools), c.Len())
		for _, l := range listed.Tools {
			e, ok := c.Lookup(l.Name)
			require.True(t, ok)
			require.Equal(t, l.Scope, e.Scope.String())
			require.Equal(t, l.Cacheable, e.Cacheable)
		}
		again, err := tool.Parse("again.yaml", c.YAML())
		require.NoError(t, err)
		require.Equal(t, c, again, f)
	}
}

func FuzzACatalogueSurvivesItsOwnYAML(f *testing.F) {
	for _, name := range []string{"orders.yaml", "mistakes.yaml"} {
		f.Add(read(f, name))
	}
	f.Add([]byte(`{"tools":[{"name":"a","scope":"read","parameters":{"a":[1e5,-0,"\ud83d\ude00\u0085",{"":null}]},"description":"x\ny\u2028"}]}`))
	f.Add([]byte("version: 1\ntools: {\"yes\": {scope: read, scope_by_arg: {arg: \"on\", values: {3: {scope: read}, \"3\": {scope: execute}}}}}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := tool.Parse("f.yaml", src)
		if err != nil {
			return
		}
		out := c.YAML()
		again, err := tool.Parse("again.yaml", out)
		require.NoError(t, err, "%s", out)
		require.Equal(t, c, again)
		require.Equal(t, string(out), string(again.YAML()))
	})
}

// The scan for one member agrees with a full JSON decoder.
func FuzzUseFindsTheArgumentThatADecoderFinds(f *testing.F) {
	for _, s := range []string{`{"id":"x"}`, `{"a":"\\\"","id":1}`, `{"a":[{"id":2}],"id":true}`, `{"id":{}}`, `{"a":"\"id\":1"}`, `{}`} {
		f.Add(s)
	}
	c, err := tool.New(tool.Entry{Name: "t", Scope: call.Read, Reads: []tool.Collection{{Name: "x", Arg: "id"}}})
	require.NoError(f, err)
	e, _ := c.Lookup("t")
	f.Fuzz(func(t *testing.T, src string) {
		require.Len(t, e.Use(json.RawMessage(src)).Reads, 1) // never panics, whatever it is
		args, err := call.Canonical(json.RawMessage(src))
		if err != nil {
			return
		}
		got := e.Use(args).Reads[0]
		want := whole("x")
		var m map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(args, &m))
		if v := jsontext.Value(m["id"]); len(v) > 0 && v.Kind() != 'n' && v.Kind() != '{' && v.Kind() != '[' {
			id := string(v)
			if v.Kind() == '"' {
				require.NoError(t, json.Unmarshal(v, &id))
			}
			if len(id) > 64 || strings.ContainsAny(id[:min(len(id), 1)], "-0123456789") {
				require.False(t, got.Whole) // another spelling of it; see itemID
				return
			}
			want = one("x", id)
		}
		require.Equal(t, want, got)
	})
}

func BenchmarkUse(b *testing.B) {
	c := orders(b)
	args := json.RawMessage(`{"body":"` + strings.Repeat("text of a file\\n", 1000) + `","command":"view","order_id":"#W1234567"}`)
	for _, name := range []string{"run_report", "edit", "get_order"} {
		e, _ := c.Lookup(name)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = e.Use(args)
			}
		})
	}
}
