package condition_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/condition"
	"m1/engine/schema"
)

var (
	text   = &schema.Type{Kind: schema.String}
	whole  = &schema.Type{Kind: schema.Int}
	double = &schema.Type{Kind: schema.Double}
	texts  = &schema.Type{Kind: schema.List, Elem: text}
)

func object(fields ...schema.Field) *schema.Type {
	return &schema.Type{Kind: schema.Object, Fields: fields}
}

var lists = map[string][]string{"repos": {"acme/api", "acme/web"}, "mail": {"acme.com"}}

// tools are those of the example in the design.
var tools = map[string]*schema.Type{
	"fs.read_file":     object(schema.Field{Name: "path", Type: text}),
	"fs.search":        object(schema.Field{Name: "path", Type: text}, schema.Field{Name: "query", Type: text}),
	"fs.write_file":    object(schema.Field{Name: "content", Type: text}, schema.Field{Name: "path", Type: text}),
	"shell.run":        object(schema.Field{Name: "command", Type: text}, schema.Field{Name: "timeout", Type: whole, Optional: true}),
	"github.list_prs":  object(schema.Field{Name: "repo", Type: text}, schema.Field{Name: "state", Type: text, Optional: true}),
	"github.create_pr": object(schema.Field{Name: "base", Type: text}, schema.Field{Name: "repo", Type: text}, schema.Field{Name: "title", Type: text}),
	"github.merge_pr":  object(schema.Field{Name: "number", Type: whole}, schema.Field{Name: "repo", Type: text}),
	"http.fetch":       object(schema.Field{Name: "url", Type: text}),
	"mail.send":        object(schema.Field{Name: "body", Type: text}, schema.Field{Name: "to", Type: texts}),
	"pay.refund":       object(schema.Field{Name: "amount", Type: double}, schema.Field{Name: "order", Type: text}),
}

func env(tool string) *condition.Env { return &condition.Env{Args: tools[tool], Lists: lists} }

const safe = `cmds(args.command).all(c, c.matches("^(go (build|test|vet)|git (status|diff|log))( |$)"))`

// Every condition of the example, for every tool that it stands for.
func TestTheExampleOfTheDesignDecidesAsItSays(t *testing.T) {
	t.Parallel()
	const secrets = `mentions(call, ["**/.env", "**/.ssh/**", "**/*.pem"])`
	for _, tt := range []struct {
		tool, when string
		yes, no    string // arguments
	}{
		{"fs.read_file", secrets, `{"path":"/app/.env"}`, `{"path":"/app/env"}`},
		{"fs.search", secrets, `{"path":"~/.ssh/id","query":""}`, `{"path":"/","query":"x"}`},
		{"fs.write_file", secrets, `{"content":"","path":"a.pem"}`, `{"content":"","path":"/a.pen"}`},
		{"shell.run", secrets, `{"command":"cat ./.env"}`, `{"command":"ls"}`},
		{"github.list_prs", secrets, `{"repo":".env"}`, `{"repo":"a/b"}`},
		{"github.create_pr", secrets, `{"base":"m","repo":".env","title":""}`, `{"base":"m","repo":"r","title":""}`},
		{"github.merge_pr", secrets, `{"number":1,"repo":"x/.env"}`, `{"number":1,"repo":"r"}`},
		{"http.fetch", secrets, `{"url":"file:///x/.env"}`, `{"url":"https://x/"}`},
		{"mail.send", secrets, `{"body":"see .env","to":[]}`, `{"body":"","to":["a@b.com"]}`},
		{"pay.refund", secrets, `{"amount":1,"order":"/.ssh/x"}`, `{"amount":1,"order":"1"}`},
		{"fs.read_file", `within(args.path, "/workspace")`, `{"path":"/workspace/a.go"}`, `{"path":"/workspace/../etc/passwd"}`},
		{"fs.search", `within(args.path, "/workspace")`, `{"path":"/workspace","query":""}`, `{"path":"/workspace-evil","query":""}`},
		{"fs.write_file", `within(args.path, "/workspace") && size(args.content) < 200000`, `{"content":"x","path":"/workspace/a"}`, `{"content":"x","path":"a"}`},
		{"shell.run", safe, `{"command":"go test ./... && git status"}`, `{"command":"go test ./... && git push -f"}`},
		{"shell.run", `!` + safe, `{"command":"rm -rf /"}`, `{"command":"go vet"}`},
		{"shell.run", `cmds(args.command).exists(c, c.matches("^git push .*(-f|--force)"))`, `{"command":"go test ./... && git push -f"}`, `{"command":"git push"}`},
		{"github.list_prs", `args.repo in lists.repos`, `{"repo":"acme/api"}`, `{"repo":"acme/apis"}`},
		{"github.create_pr", `args.repo in lists.repos && args.base != "main"`, `{"base":"dev","repo":"acme/web","title":""}`, `{"base":"main","repo":"acme/web","title":""}`},
		{"github.merge_pr", `args.repo in lists.repos`, `{"number":1,"repo":"acme/api"}`, `{"number":1,"repo":""}`},
		{"shell.run", `args.command.startsWith("go test")`, `{"command":"go test ./..."}`, `{"command":"go vet"}`},
		{"http.fetch", `host(args.url) in ["docs.acme.com", "api.acme.com"] && args.url.startsWith("https://")`, `{"url":"https://docs.acme.com/x"}`, `{"url":"https://docs.acme.com@evil.com"}`},
		{"fs.read_file", `within(args.path, "/workspace/private")`, `{"path":"/workspace/private/x"}`, `{"path":"/workspace/privat"}`},
		{"mail.send", `args.to.all(t, domain(t) in lists.mail)`, `{"body":"","to":["a@acme.com","B@ACME.com"]}`, `{"body":"","to":["a@acme.com","a@evil.com"]}`},
		{"pay.refund", `args.amount > 0.0 && args.amount < 100.0`, `{"amount":99.99,"order":""}`, `{"amount":-5,"order":""}`},
		{"pay.refund", `args.amount >= 100.0 && args.amount <= 1000.0`, `{"amount":250,"order":""}`, `{"amount":1000.01,"order":""}`},
	} {
		c, err := condition.Compile(tt.when, env(tt.tool))
		require.NoError(t, err, tt.when)
		require.True(t, c.Lowered(), tt.when)
		_, constant := c.Constant()
		require.False(t, constant, tt.when)
		got, err := c.Eval(&condition.Input{Args: []byte(tt.yes)})
		require.NoError(t, err, tt.when+tt.yes)
		require.True(t, got, tt.when+tt.yes)
		got, err = c.Eval(&condition.Input{Args: []byte(tt.no)})
		require.NoError(t, err, tt.when+tt.no)
		require.False(t, got, tt.when+tt.no)
	}
}
