package permission_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/limit"
	"m1/engine/permission"
	"m1/engine/policy"
	"m1/engine/source"
	"m1/engine/tool"
)

var here = permission.Options{Name: "settings.json", Root: "/work/app", Home: "/home/ann"}

// settings are those of Claude Code with statements in one list.
func settings(t testing.TB, list string, statements ...string) []byte {
	t.Helper()
	src, err := json.Marshal(map[string]any{"permissions": map[string]any{list: statements}})
	require.NoError(t, err)
	return src
}

// load reads a policy as an engine with the built-in catalogue does.
func load(t testing.TB, src []byte) *policy.Set {
	t.Helper()
	tools, ok := tool.Builtin("claude-code")
	require.True(t, ok)
	s, err := policy.Parse("imported", src, tools)
	require.NoError(t, err, "%s", src)
	return s
}

// decide is the answer to one call of a tool with an argument: "Bash command ls".
func decide(t testing.TB, s *policy.Set, what string) call.Effect {
	t.Helper()
	name, rest, _ := strings.Cut(what, " ")
	args := json.RawMessage("{}")
	if arg, value, ok := strings.Cut(rest, " "); ok {
		var err error
		args, err = json.Marshal(map[string]string{arg: value})
		require.NoError(t, err)
	} else if strings.HasPrefix(rest, "{") {
		args = json.RawMessage(rest)
	}
	args, err := call.Canonical(args)
	require.NoError(t, err)
	known, _ := tool.Builtin("claude-code")
	r := policy.Request{Agent: "claude-code/1", Tool: name, Args: args, Digest: call.DigestOf(name, args), Now: time.Now(), Facts: limit.New(limit.Options{}), Dry: true}
	if e, ok := tool.Merge(known, s.Tools()).Lookup(name); ok {
		r.Known, r.Scope = true, e.Use(args).Scope
	}
	return s.Decide(&r).Effect
}

func imported(t testing.TB, o permission.Options, src []byte) (*permission.Result, *policy.Set) {
	t.Helper()
	r, err := permission.Import(o, src)
	require.NoError(t, err)
	return r, load(t, r.Policy)
}

// wild are statements as they stand in people's settings and in the client's own
// documentation. A statement is translated if the calls that it is about (yes) get its
// effect, and those beside it (no) what the client does without it. "Bash command" is
// left out where the call is a shell line.
var wild = []struct {
	list, statement string
	yes, no         []string // no is asked about
}{
	{"allow", "Bash(npm run build)", []string{"npm run build"}, []string{"npm run build --prod", "npm run", "npm run build; rm x", "npm run build > out"}},
	{"allow", "Bash(npm run test:*)", []string{"npm run test", "npm run test --watch"}, []string{"npm run testing", "npm run test && curl x", "npm run test $(rm x)"}},
	{"allow", "Bash(npm run lint)", []string{"npm run lint"}, []string{"npm run lintall"}},
	{"allow", "Bash(npm install:*)", []string{"npm install left-pad"}, []string{"npm uninstall x"}},
	{"allow", "Bash(npm test)", []string{"npm test"}, []string{"npm test x"}},
	{"allow", "Bash(git status)", []string{"git status"}, []string{"git status -s"}},
	{"allow", "Bash(git diff:*)", []string{"git diff", "git diff HEAD~1"}, []string{"git difftool", "git diff > x"}},
	{"allow", "Bash(git log:*)", []string{"git log --oneline"}, []string{"git logx"}},
	{"allow", "Bash(git add:*)", []string{"git add ."}, []string{"git commit"}},
	{"allow", "Bash(git commit:*)", []string{"git commit -m 'a; b'"}, []string{"git commit -m x; git push"}},
	{"allow", "Bash(git commit *)", []string{"git commit", "git commit -m x"}, []string{"git committed"}},
	{"allow", "Bash(git * main)", []string{"git checkout main", "git merge main"}, []string{"git push origin dev"}},
	{"allow", "Bash(git checkout:*)", []string{"git checkout -b x"}, []string{"git clean"}},
	{"allow", "Bash(gh pr view:*)", []string{"gh pr view 12"}, []string{"gh pr merge 12"}},
	{"allow", "Bash(gh pr list:*)", []string{"gh pr list"}, []string{"gh repo delete"}},
	{"allow", "Bash(ls:*)", []string{"ls", "ls -la /tmp"}, []string{"lsof"}},
	{"allow", "Bash(ls*)", []string{"ls -la", "lsof"}, []string{"rm ls"}},
	{"allow", "Bash(cat:*)", []string{"cat a.txt"}, []string{"cat a > b"}},
	{"allow", "Bash(find:*)", []string{"find . -name '*.go'"}, []string{"find . -exec rm {} +"}},
	{"allow", "Bash(grep:*)", []string{"grep -rn x ."}, []string{"egrep x"}},
	{"allow", "Bash(rg:*)", []string{"rg TODO"}, []string{"rgx"}},
	{"allow", "Bash(mkdir:*)", []string{"mkdir -p a/b"}, []string{"rmdir a"}},
	{"allow", "Bash(chmod +x:*)", []string{"chmod +x run.sh"}, []string{"chmod 777 /"}},
	{"allow", "Bash(go test:*)", []string{"go test ./..."}, []string{"go run x.go"}},
	{"allow", "Bash(go build ./...)", []string{"go build ./..."}, []string{"go build ./cmd"}},
	{"allow", "Bash(cargo *)", []string{"cargo build", "cargo"}, []string{"cargo-evil"}},
	{"allow", "Bash(python3 -m pytest:*)", []string{"python3 -m pytest tests"}, []string{"python3 -m http.server"}},
	{"allow", "Bash(python -c \"print(1)\")", []string{"python -c \"print(1)\""}, []string{"python -c \"print(2)\""}},
	{"allow", "Bash(docker compose up -d)", []string{"docker compose up -d"}, []string{"docker compose down"}},
	{"allow", "Bash(make:*)", []string{"make", "make -j4 test"}, []string{"CC=evil make"}},
	{"allow", "Bash(./gradlew build:*)", []string{"./gradlew build", "./gradlew build -x"}, []string{"gradlew build", "/evil/gradlew build", "./gradlew build; gradlew build"}},
	{"allow", "Bash(./scripts/deploy.sh)", []string{"./scripts/deploy.sh"}, []string{"deploy.sh", "./scripts/deploy.sh prod"}},
	{"allow", "Bash(.venv/bin/*)", []string{".venv/bin/pytest -q"}, []string{"pytest -q", ".venv/bin/pytest; rm x", ".venv/bin/../../evil"}},
	{"allow", "Bash(NODE_ENV=test npm test:*)", []string{"NODE_ENV=test npm test", "NODE_ENV=test npm test x"}, []string{"npm test", "NODE_ENV=test npm test; rm x", "PATH=/evil npm test"}},
	{"allow", "Bash(* --version)", []string{"node --version"}, []string{"PATH='/evil --version'", "ls > 'a --version'", "node -v"}},
	{"allow", "Bash(cd frontend && npm install)", []string{"cd frontend && npm install"}, []string{"cd x && npm install"}},
	{"allow", "Bash(sudo apt-get install:*)", []string{"sudo apt-get install jq"}, []string{"apt-get install jq", "sudo rm x"}},
	{"allow", "Bash(*)", []string{"anything at all"}, nil},
	{"allow", "Bash", []string{"anything at all"}, nil},
	{"ask", "Bash(git push:*)", []string{"git push", "ls && git push -f", "sudo git push"}, nil},
	{"deny", "Bash(rm -rf:*)", []string{"rm -rf /", "ls; rm -rf x", "bash -c 'rm -rf x'", "r\\m -rf x"}, []string{"rm x"}},
	{"deny", "Bash(curl:*)", []string{"curl x", "ls | /usr/bin/curl x", "env curl x"}, []string{"curlx"}},
	{"deny", "Bash(sudo:*)", []string{"sudo ls"}, []string{"su"}},
	{"deny", "Bash(git push --force *)", []string{"git push --force origin"}, []string{"git push origin"}},
	{"deny", "Bash(curl * | sh)", []string{"curl x | sh", "curl x|sh"}, []string{"curl x"}},
	{"deny", "Bash(* --force*)", []string{"git push --force", "ls; npm i --force x"}, []string{"ls"}},
	{"allow", "Read(//var/log/**)", []string{"Read file_path /var/log/a/b", "LS path /var/log"}, []string{"Read file_path /var/log/../shadow", "Read file_path /var/logs"}},
	{"allow", "Read(~/.zshrc)", []string{"Read file_path /home/ann/.zshrc"}, []string{"Read file_path /home/ann/.zshrc2", "Read file_path /home/bob/.zshrc"}},
	{"deny", "Read(./.env)", []string{"Read file_path /work/app/.env", "Read file_path .env", "Read file_path /work/app/x/../.env", "Grep path /work/app/.env", "cat .env"}, nil},
	{"deny", "Read(./.env.*)", []string{"Read file_path /work/app/.env.local", "Glob pattern .env.*"}, nil},
	{"deny", "Read(./secrets/**)", []string{"Read file_path /work/app/secrets/a/b", "cat secrets/a"}, nil},
	{"deny", "Read(**/*.pem)", []string{"Read file_path /work/app/a/key.pem", "Read file_path /x/key.pem"}, nil},
	{"deny", "Read(~/.ssh/**)", []string{"Read file_path /home/ann/.ssh/id_rsa", "cat ~/.ssh/id_rsa"}, nil},
	{"allow", "Edit(src/**)", []string{"Edit file_path /work/app/src/a.go", "Write file_path /work/app/src/b", "NotebookEdit notebook_path /work/app/src/n"}, []string{"Edit file_path /work/app/main.go", "Edit file_path /work/app/src/../x", "Edit file_path src/../../x"}},
	{"allow", "Edit(/docs/*.md)", []string{"Edit file_path /work/app/docs/a.md"}, []string{"Edit file_path /work/app/docs/x/a.md", "Edit file_path /work/app/docs/a.txt"}},
	{"allow", "Edit(*.ts)", []string{"Edit file_path /work/app/a.ts", "Edit file_path /work/app/x/a.ts"}, []string{"Edit file_path /tmp/a.ts", "Edit file_path /work/app/a.tsx"}},
	{"allow", "Edit", []string{"Edit file_path /x", "MultiEdit file_path /x", "Write file_path /x"}, nil},
	{"allow", "Write(//tmp/**)", []string{"Write file_path /tmp/x"}, []string{"Edit file_path /tmp/x", "Write file_path /tmp/../etc/x"}},
	{"deny", "Edit(.github/**)", []string{"Edit file_path /work/app/.github/workflows/ci.yml", "Write file_path .github/x"}, []string{"Edit file_path /work/app/x"}},
	{"allow", "WebFetch(domain:docs.acme.com)", []string{"WebFetch url https://docs.acme.com/x"}, []string{"WebFetch url https://docs.acme.com.evil.com/", "WebFetch url https://docs.acme.com@evil.com/"}},
	{"allow", "WebFetch(domain:*.acme.com)", []string{"WebFetch url https://a.acme.com/"}, []string{"WebFetch url https://evilacme.com/"}},
	{"allow", "WebSearch", []string{"WebSearch query x"}, nil},
	{"deny", "WebFetch", []string{"WebFetch url https://a.b/"}, nil},
	{"allow", "mcp__github__get_issue", []string{"mcp__github__get_issue"}, []string{"mcp__github__delete_repo"}},
	{"allow", "mcp__puppeteer", []string{"mcp__puppeteer__click"}, nil},
	{"deny", "mcp__filesystem", []string{"mcp__filesystem__write"}, []string{"mcp__other__write"}},
	{"deny", "mcp__db__drop_*", []string{"mcp__db__drop_table"}, []string{"mcp__db__query"}},
	{"allow", "Agent(Explore)", []string{"Agent subagent_type Explore", "Task subagent_type Explore"}, []string{"Agent subagent_type Other"}},
	{"deny", "Task", []string{"Task subagent_type x", "Agent subagent_type x"}, nil},
	{"allow", "Skill(review-pr *)", []string{"Skill {\"skill\":\"review-pr\",\"args\":\"12\"}"}, []string{"Skill skill review"}},
	{"allow", "SlashCommand(/review:*)", []string{"SlashCommand command /review", "SlashCommand command /review 7"}, []string{"SlashCommand command /reviews"}},
	{"allow", "Edit(src/**/*.ts)", []string{"Edit file_path /work/app/src/a.ts", "Edit file_path /work/app/src/x/y/a.ts"}, []string{"Edit file_path /work/app/src/../lib/a.ts", "Edit file_path /work/app/a.ts"}},
	{"allow", "Bash(for f in *.go:*)", []string{"for f in a.go; do gofmt $f; done"}, nil},
}

// gaps are those of wild that cannot be translated.
var gaps = []string{"mcp__puppeteer", "Bash(for f in *.go:*)"}

func TestStatementsFromTheWildAreTranslated(t *testing.T) {
	t.Parallel()
	translated := 0
	for _, w := range wild {
		src := settings(t, w.list, w.statement)
		r, s := imported(t, here, src)
		var want call.Effect
		require.NoError(t, want.UnmarshalText([]byte(w.list)))
		good := len(r.Refused) == 0
		for _, yes := range w.yes {
			got := decide(t, s, callOf(yes))
			if got != want {
				good = false
			}
			require.LessOrEqual(t, got, want, "wider than the client: %s for %s", w.statement, yes)
		}
		for _, no := range w.no {
			require.Equal(t, call.Ask, decide(t, s, callOf(no)), "%s beside %s", no, w.statement)
		}
		if good {
			translated++
		}
		require.Equal(t, !slices.Contains(gaps, w.statement), good, "%s %s: %v %v", w.list, w.statement, r.Refused, r.Notes)
	}
	share := float64(translated) / float64(len(wild))
	t.Logf("%d of %d statements: %.1f %%", translated, len(wild), 100*share)
	require.GreaterOrEqual(t, share, 0.95)
}

func callOf(what string) string {
	name, _, _ := strings.Cut(what, " ")
	if known, _ := tool.Builtin("claude-code"); strings.HasPrefix(name, "mcp__") {
		return what
	} else if _, ok := known.Lookup(name); ok {
		return what
	}
	return "Bash command " + what
}

// Commands of one line may be allowed by different statements.
func TestALineMayJoinWhatDifferentStatementsAllow(t *testing.T) {
	t.Parallel()
	_, s := imported(t, here, settings(t, "allow", "Bash(git status:*)", "Bash(npm test)", "Bash(./run x)", "Bash(/opt/run y)", "Bash(xargs grep:*)"))
	for line, want := range map[string]call.Effect{
		"git status && npm test": call.Allow, "./run x | git status": call.Allow, "./run x; /opt/run y": call.Allow, "git status | xargs grep x": call.Allow,
		"git status && npm publish": call.Ask, "./run x; run x": call.Ask, "./run x; run y": call.Ask, "grep x": call.Ask, "git status | xargs grep x; grep y": call.Ask,
		"'unfinished": call.Deny, // nobody can say what it runs
	} {
		require.Equal(t, want, decide(t, s, "Bash command "+line), line)
	}
}

func TestStricterStatementsWin(t *testing.T) {
	t.Parallel()
	src := []byte(`{"permissions": {"allow": ["Bash(git:*)", "Read", "Edit(**)", "Skill(x)", "mcp__a__b"], "ask": ["Bash(git push:*)"], "deny": ["Skill", "Bash(git push --force:*)", "Read(.env)", "mcp__*"]}}`)
	r, s := imported(t, here, src)
	require.Empty(t, r.Refused)
	require.Empty(t, s.Warnings(time.Now()), "no rule is for what another denies")
	for what, want := range map[string]call.Effect{
		"Bash command git log": call.Allow, "Bash command git push": call.Ask, "Bash command git push --force x": call.Deny,
		"Read file_path /a/b": call.Allow, "Read file_path /a/.env": call.Deny, "mcp__a__b": call.Deny, "Write file_path /work/app/x": call.Allow,
	} {
		require.Equal(t, want, decide(t, s, what), what)
	}
}

// Without any statement the client reads in its folder, and asks about the rest.
func TestWithoutStatementsItAsksAsTheClientDoes(t *testing.T) {
	t.Parallel()
	_, s := imported(t, here, []byte(`{"permissions": {"additionalDirectories": ["../lib", "/data"]}}`))
	for what, want := range map[string]call.Effect{
		"Read file_path /work/app/a": call.Allow, "Read file_path /work/lib/a": call.Allow, "Read file_path /data/a": call.Allow, "Read file_path /etc/passwd": call.Ask,
		"Read file_path /work/app/../../etc/passwd": call.Ask, "Grep pattern x": call.Allow, "Glob pattern **/*.go": call.Allow, "Glob pattern /etc/*": call.Ask,
		"Bash command ls": call.Ask, "Edit file_path /work/app/a": call.Ask, "WebFetch url https://a.b": call.Ask, "TodoWrite": call.Allow, "Task prompt x": call.Ask,
		"mcp__a__b": call.Ask, "KillShell": call.Ask, "Nobody knows": call.Ask,
	} {
		require.Equal(t, want, decide(t, s, what), what)
	}
	blind, s := imported(t, permission.Options{}, []byte(`{}`))
	require.Equal(t, call.Allow, decide(t, s, "Read file_path /etc/passwd"))
	require.Contains(t, blind.Notes, "without --root files may be read everywhere; Claude Code asks outside of its folder")
}

func TestModesNeverWiden(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode                       string
		root                       string
		shell, edit, outside, hook call.Effect // a command, an edit inside, outside, and of git's own files
		refused                    int
	}{
		{"default", "/work/app", call.Ask, call.Ask, call.Ask, call.Ask, 0},
		{"acceptEdits", "/work/app", call.Ask, call.Allow, call.Ask, call.Ask, 0},
		{"acceptEdits", "", call.Ask, call.Ask, call.Ask, call.Ask, 1},
		{"plan", "/work/app", call.Ask, call.Ask, call.Ask, call.Ask, 0},
		{"dontAsk", "/work/app", call.Deny, call.Deny, call.Deny, call.Deny, 0},
		{"bypassPermissions", "/work/app", call.Ask, call.Ask, call.Ask, call.Ask, 1},
		{"yolo", "/work/app", call.Ask, call.Ask, call.Ask, call.Ask, 1},
	} {
		src := `{"permissions": {"defaultMode": "` + c.mode + `", "ask": ["Bash(git push)"], "allow": ["Bash(git status)"]}}`
		r, s := imported(t, permission.Options{Root: c.root}, []byte(src))
		require.Len(t, r.Refused, c.refused, c.mode)
		require.Equal(t, c.shell, decide(t, s, "Bash command make"), c.mode)
		require.Equal(t, c.shell, decide(t, s, "Bash command git push"), c.mode)
		require.Equal(t, call.Allow, decide(t, s, "Bash command git status"), c.mode)
		require.Equal(t, c.edit, decide(t, s, "Edit file_path /work/app/a"), c.mode)
		require.Equal(t, c.outside, decide(t, s, "Edit file_path /work/app/../a"), c.mode)
		require.Equal(t, c.hook, decide(t, s, "Write file_path /work/app/.git/hooks/pre-commit"), c.mode)
	}
	_, s := imported(t, here, []byte(`{"permissions": {"defaultMode": "plan", "allow": ["Edit(src/**)"]}}`))
	require.Equal(t, call.Ask, decide(t, s, "Edit file_path /work/app/src/a"))
}

// A statement that would stop a call and that nobody understands must stop all of them.
func TestWhatCannotBeTranslatedIsNamedAndNotLetThrough(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list, statement, says string
		what                  string
		want                  call.Effect
	}{
		{"allow", "Bash(a && b:*)", "settings.json:1:26: permissions.allow[0]: Bash(a && b:*): it holds shell syntax (&)", "Bash command a && b c", call.Ask},
		{"allow", "Bash(P*=x)", "set variables", "Bash command PATH=x", call.Ask},
		{"allow", "Bash(*=x)", "set variables", "Bash command PATH=x", call.Ask},
		{"allow", "Bash(/*)", "may lead anywhere", "Bash command / x; rm y", call.Ask},
		{"allow", "Bash(./a/../*)", "may lead anywhere", "Bash command ./a/../x", call.Ask},
		{"allow", "Bash(export X:*)", "shell syntax (export)", "Bash command export X=1", call.Ask},
		{"allow", "Bash(:*)", "no command before :*", "Bash command ls", call.Ask},
		{"allow", "Bash()", "nothing in the brackets", "Bash command ls", call.Ask},
		{"allow", "Edit(!a)", "takes something out", "Edit file_path /work/app/b", call.Ask},
		{"allow", "Edit(~bob/x)", "home folder of another user", "Edit file_path /home/bob/x", call.Ask},
		{"allow", "Edit(a[bc])", "only * and ?", "Edit file_path /work/app/ab", call.Ask},
		{"allow", "WebFetch(https://a.b)", "only a domain", "WebFetch url https://a.b", call.Ask},
		{"allow", "*", "behind the name of an MCP server", "Bash command ls", call.Ask},
		{"allow", "mcp__*", "behind the name of an MCP server", "mcp__a__b", call.Ask},
		{"allow", "mcp__a__b(x:1)", "is not known", "mcp__a__b", call.Ask},
		{"allow", "Agent(a:b)", "one plain name", "Agent subagent_type a:b", call.Ask},
		{"deny", "Agent(model:opus)", "every call of Agent is asked about", "Agent subagent_type x", call.Ask},
		{"deny", "WebSearch(x)", "every call of WebSearch is asked about", "WebSearch query y", call.Ask},
		{"deny", "TodoWrite(x)", "every call of TodoWrite is asked about", "TodoWrite", call.Ask},
		{"deny", "Read(!x)", "every call of Read is asked about", "Read file_path /work/app/y", call.Ask},
		{"deny", "rm -rf", "this is no statement", "Bash command rm -rf", call.Ask},
		{"deny", "Bash(a\nb)", "must be text", "Bash command a", call.Ask},
	} {
		r, s := imported(t, here, settings(t, c.list, c.statement))
		require.Len(t, r.Refused, 1, c.statement)
		require.Contains(t, r.Refused[0].String(), c.says)
		require.Equal(t, 0, r.Translated)
		require.Equal(t, c.want, decide(t, s, c.what), c.statement)
	}
}

func TestPathsWithoutFoldersAreAllowedNowhereAndDeniedEverywhere(t *testing.T) {
	t.Parallel()
	for statement, flag := range map[string]string{"Edit(src/**)": "--root", "Edit(/x)": "--root", "Edit(./x)": "--root", "Edit(x)": "--root", "Read(~/x)": "--home"} {
		r, _ := imported(t, permission.Options{}, settings(t, "allow", statement))
		require.Len(t, r.Refused, 1, statement)
		require.Contains(t, r.Refused[0].Msg, flag)
	}
	r, s := imported(t, permission.Options{}, settings(t, "deny", "Read(./secrets/**)", "Edit(src/a?.go)", "Read(~/.aws/credentials)"))
	require.Empty(t, r.Refused)
	for _, what := range []string{"Read file_path /any/secrets/x", "Read file_path secrets/x", "Edit file_path /any/src/ab.go", "Read file_path /home/bob/.aws/credentials"} {
		require.Equal(t, call.Deny, decide(t, s, what), what)
	}
}

func TestThePolicyCarriesItsTests(t *testing.T) {
	t.Parallel()
	r, s := imported(t, here, settings(t, "allow", "Bash(go test:*)", "WebFetch(domain:go.dev)", "Edit(src/**)", "mcp__a__b"))
	require.Equal(t, 4, r.Translated)
	require.GreaterOrEqual(t, len(s.Test()), 7)
	require.Contains(t, string(r.Policy), `call: "Bash", args: {"command": "go test x"}, want: allow`)
	require.Contains(t, string(r.Policy), `call: "Bash", args: {"command": "go test-other"}, want: ask`)
}

func TestWrongSettingsAndOptionsAreErrors(t *testing.T) {
	t.Parallel()
	_, err := permission.Import(here, []byte(`{"permissions": {"additionalDirectories": 5`))
	var ps source.Problems
	require.ErrorAs(t, err, &ps)
	require.Equal(t, "settings.json", ps[0].File)
	_, err = permission.Import(permission.Options{Root: "rel"}, []byte(`{}`))
	require.ErrorContains(t, err, `permission: Root "rel": give an absolute path`)
	for _, text := range []string{`"Bash"`, `5`, `{"Bash": true}`, `null`} {
		for _, field := range []string{"allow", "ask", "deny"} {
			r, err := permission.Import(here, []byte(`{"permissions": {"`+field+`": `+text+`}}`))
			require.ErrorAs(t, err, &ps, text)
			require.Nil(t, r)
			require.ErrorContains(t, err, "permissions."+field+": must be a list of statements; write them in brackets")
		}
	}
	r, _ := imported(t, here, []byte(`{"permissions": {"allow": [], "sandbox": true}}`))
	require.Contains(t, r.Notes, "permissions.sandbox is not read")
}

// Whatever stands in the settings: it does not panic, and the policy is read back with all of its tests.
func FuzzImport(f *testing.F) {
	for _, w := range wild {
		f.Add(w.statement, w.list == "allow", true)
	}
	for _, s := range []string{"Bash(\u2028rules: [])", "Bash(' # x)", "Bash(a\\*b*)", "Edit(a/**/b*c)", "Read(//)", "Read(../../../..)", "X", "*", "Bash(A=1)", "Bash(A=1:*)", "Bash(\"a b\":*)", "Edit([)", "a*b", "mcp__*__x", "Bash(/*)", "Bash(sudo *)", "Bash(\u200b)"} {
		f.Add(s, true, false)
		f.Add(s, false, true)
	}
	f.Fuzz(func(t *testing.T, statement string, allow, root bool) {
		list := "deny"
		if allow {
			list = "allow"
		}
		o := permission.Options{}
		if root {
			o = here
		}
		r, err := permission.Import(o, settings(t, list, statement, "Bash(go test:*)"))
		require.NoError(t, err)
		load(t, r.Policy)
	})
}
