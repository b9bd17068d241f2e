package condition_test

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/condition"
	"m1/engine/schema"
)

func ask(t *testing.T, when string, e *condition.Env, args string) (bool, error) {
	t.Helper()
	c, err := condition.Compile(when, e)
	require.NoError(t, err, when)
	return c.Eval(&condition.Input{Args: []byte(args), Tool: "fs.read", Agent: "coder", Run: "r1", Scope: call.Write})
}

// The attacks: each of these once let a call pass in some engine.
func TestWhatIsNotWhatTheRuleMeantFails(t *testing.T) {
	t.Parallel()
	refund := `args.amount >= 0 && args.amount < 100`
	for _, tt := range []struct{ name, tool, when, args string }{
		{"a list instead of text", "fs.read_file", `args.path.startsWith("/etc")`, `{"path":["/etc/shadow"]}`},
		{"a missing argument", "fs.read_file", `args.path.startsWith("/etc")`, `{}`},
		{"no arguments at all", "fs.read_file", `args.path.startsWith("/etc")`, ``},
		{"null", "fs.read_file", `args.path.startsWith("/etc")`, `{"path":null}`},
		{"a number as text", "pay.refund", refund, `{"amount":"99"}`},
		{"a number out of range", "pay.refund", refund, `{"amount":1e400}`},
		{"a number too small", "pay.refund", refund, `{"amount":1e-400}`},
		{"a number that a double does not hold", "pay.refund", refund, `{"amount":9007199254740993}`},
		{"a name twice", "pay.refund", refund, `{"amount":1,"amount":1000}`},
		{"a name twice by escape", "pay.refund", refund, `{"amount":1,"\u0061mount":1000}`},
		{"a name in two letter cases", "pay.refund", refund, `{"amount":1,"Amount":1000}`},
		{"a name in another letter case", "pay.refund", refund, `{"Amount":1}`},
		{"a name twice elsewhere", "pay.refund", refund, `{"amount":1,"x":1,"x":2}`},
		{"half an object", "pay.refund", refund, `{"amount":1`},
		{"two objects", "pay.refund", refund, `{"amount":1}{}`},
		{"a list of arguments", "pay.refund", refund, `[1]`},
		{"not UTF-8", "fs.read_file", `args.path != ""`, "{\"path\":\"\xff\"}"},
		{"half a character", "fs.read_file", `args.path != ""`, `{"path":"\ud800"}`},
		{"a fraction for an int", "github.merge_pr", `args.number < 10`, `{"number":1.5}`},
		{"one bad element", "mail.send", `args.to.all(t, t != "")`, `{"to":["a",1]}`},
		{"one bad address", "mail.send", `args.to.all(t, domain(t) in lists.mail)`, `{"to":["a@acme.com","evil"]}`},
		{"a shell line that ends too early", "shell.run", safe, `{"command":"go test 'x"}`},
		{"an empty shell line", "shell.run", safe, `{"command":""}`},
		{"a command from a variable", "shell.run", safe, `{"command":"$X -rf /"}`},
	} {
		for _, when := range []string{tt.when, "!(" + tt.when + ")"} {
			got, err := ask(t, when, env(tt.tool), tt.args)
			require.Error(t, err, "%s: %s", tt.name, when)
			require.False(t, got)
		}
		inCEL, err := condition.InCEL(tt.when, env(tt.tool))
		require.NoError(t, err)
		_, err = inCEL.Eval(&condition.Input{Args: []byte(tt.args)})
		require.Error(t, err, "in cel-go: %s", tt.name)
	}
	no, err := ask(t, refund, env("pay.refund"), `{"amount":-5}`)
	require.NoError(t, err)
	require.False(t, no)
}

func TestAnErrorCountsOnlyWhereNothingElseDecides(t *testing.T) {
	t.Parallel()
	e := env("pay.refund")
	for when, want := range map[string]string{
		`args.amount < 1 && false`: "false", `false && args.amount < 1`: "false",
		`args.amount < 1 || true`: "true", `args.order == "x" && args.amount < 1`: "error",
		`args.order == "y" && args.amount < 1`: "false", `args.amount < 1 && args.order == "y"`: "false",
		`args.amount < 1 || args.order == "x"`: "true", `args.amount < 1 || args.order == "y"`: "error",
		`args.order == "x" ? true : args.amount < 1`: "true", `args.amount < 1 ? true : true`: "error",
	} {
		got, err := ask(t, when, e, `{"order":"x","amount":"1"}`)
		if want == "error" {
			require.Error(t, err, when)
			continue
		}
		require.NoError(t, err, when)
		require.Equal(t, want, fmt.Sprint(got), when)
	}
}

func TestWhatTheCallSays(t *testing.T) {
	t.Parallel()
	e := env("fs.read_file")
	for when, want := range map[string]bool{
		`call.tool == "fs.read"`: true, `call.agent.startsWith("code")`: true, `call.run == "r1"`: true, `call.scope == "write"`: true, `call.scope == "read"`: false,
		`args.path == "/a" && call.run != ""`: true, `size(args.path) == 2`: true, `args.path in ["/a", "/b"]`: true, `"x" in lists.repos`: false,
	} {
		got, err := ask(t, when, e, `{"path":"/a"}`)
		require.NoError(t, err, when)
		require.Equal(t, want, got, when)
	}
}

func TestWholeNumbersCompareWithDoubles(t *testing.T) {
	t.Parallel()
	e := env("pay.refund")
	for when, want := range map[string]bool{
		`args.amount == 100`: true, `args.amount != 100`: false, `args.amount in [1, 100]`: true, `args.amount <= 100`: true,
		`args.amount >= 100.0`: true, `100 == args.amount`: true, `args.amount > 99 && args.amount < 101`: true,
	} {
		for _, sent := range []string{"100", "100.0", "1e2"} {
			got, err := ask(t, when, e, `{"amount":`+sent+`}`)
			require.NoError(t, err, when)
			require.Equal(t, want, got, when+sent)
		}
	}
	_, err := condition.Compile(`args.amount == "100"`, e)
	require.Error(t, err)
	_, err = condition.Compile(`args.order < 100`, e)
	require.Error(t, err)
}

func TestMistakesAreToldWithTheirPlaceAndRemedy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ tool, when, want string }{
		{"fs.read_file", `args.pth == "/a"`, `1:5: undefined field 'pth'; did you mean "path"?`},
		{"fs.read_file", `args.path in lists.repo`, `1:19: undefined field 'repo'; did you mean "repos"?`},
		{"fs.read_file", `call.aget == "x"`, `1:5: undefined field 'aget'; did you mean "agent"?`},
		{"fs.read_file", `withn(args.path, "/a")`, `1:6: undeclared reference to 'withn'; did you mean "within"?`},
		{"fs.read_file", `agent == "x"`, `1:1: undeclared reference to 'agent'`},
		{"fs.read_file", "true &&\n  args.pth == 1", `2:7: undefined field 'pth'; did you mean "path"?`},
		{"shell.run", `args.timeout < 5`, `1:5: args.timeout is optional; guard it: has(args.timeout) && …`},
		{"shell.run", `args.timeout < 5 && has(args.timeout)`, `1:5: args.timeout is optional; guard it: has(args.timeout) && …`},
		{"shell.run", `has(args.timeout) || args.timeout < 5`, `1:26: args.timeout is optional; guard it: has(args.timeout) && …`},
		{"shell.run", `has(args.timeout) ? true : args.timeout < 5`, `1:32: args.timeout is optional; guard it: has(args.timeout) && …`},
		{"shell.run", `mentions(args.timeout, ["x"])`, `1:14: args.timeout is optional; guard it: has(args.timeout) && …`},
		{"shell.run", `args.timeout + 1 < 5`, `1:5: args.timeout is optional; guard it: has(args.timeout) && …`},
		{"fs.read_file", `args.path.matches("(")`, `1:19: not a pattern: missing closing ): ` + "`(`" + `; the syntax is RE2`},
		{"fs.read_file", `within(args.path, "workspace")`, `1:19: nothing is within "workspace"; write an absolute path`},
		{"fs.read_file", `mentions(call, ["**/[a"])`, `1:17: "**/[a" is no pattern of paths; * is a run of characters without a slash, ** any directories`},
		{"fs.read_file", `args.path`, `1:5: the condition is string, want bool; compare it with something`},
		{"mail.send", `args.to.all(args, args == "x")`, `1:12: the variable args hides what M1 calls so; name it otherwise`},
		{"pay.refund", `args.amount + 1 < 5.0`, `1:13: found no matching overload for '_+_' applied to '(double, int)'; write whole doubles with a point: 1.0`},
		{"fs.read_file", `args.path = "x"`, `1:11: a single = means nothing here; equality is ==`},
		{"fs.read_file", "args.path == \"x\" &&\n  args.path=5", `2:12: a single = means nothing here; equality is ==`},
		{"fs.read_file", `args.path == "a=b" && args.path == 5`, `1:33: cannot compare a string with an int`},
		{"fs.read_file", `args.path < 5`, `1:11: cannot compare a string with an int`},
		{"fs.read_file", `5 >= args.path`, `1:3: cannot compare an int with a string`},
		{"fs.read_file", `args.path != true`, `1:11: cannot compare a string with a bool`},
		{"pay.refund", `args.amount > "5"`, `1:13: cannot compare a double with a string`},
		{"mail.send", `args.to <= {"a": 1}`, `1:9: cannot compare a list(string) with a map(string, int)`},
		{"mail.send", `args.to in "a"`, `1:9: cannot look for a list(string) in a string`},
	} {
		_, err := condition.Compile(tt.when, env(tt.tool))
		require.EqualError(t, err, tt.want, tt.when)
	}
	_, err := condition.Compile(`args.pth == 1 || args.amuont > 2`, env("pay.refund"))
	require.Len(t, err, 2)
	_, err = condition.Compile(`args.path ==`, env("fs.read_file"))
	require.ErrorContains(t, err, "1:13: Syntax error")
	_, err = condition.Compile(strings.Repeat("(", 300)+"true"+strings.Repeat(")", 300), env("fs.read_file"))
	require.Error(t, err)
	_, err = condition.Compile(strings.Repeat("!", 20_000)+"true", env("fs.read_file"))
	require.ErrorContains(t, err, "16 KiB")
}

func TestGuardsOnTheLeftAreSeen(t *testing.T) {
	t.Parallel()
	for _, when := range []string{
		`has(args.timeout) && args.timeout < 5`, `!has(args.timeout) || args.timeout < 5`, `has(args.timeout) ? args.timeout < 5 : true`,
		`!has(args.timeout) ? true : args.timeout < 5`, `args.command == "x" && has(args.timeout) && args.timeout < 5`,
		`!(has(args.timeout) && args.timeout < 5)`, `!(!has(args.timeout) || args.timeout > 5)`, `has(args.timeout) && (args.command == "x" || args.timeout < 5)`,
		`has(args.timeout) && args.timeout + 1 < 5`, `["a"].all(x, has(args.timeout) && args.timeout < 5)`,
	} {
		_, err := condition.Compile(when, env("shell.run"))
		require.NoError(t, err, when)
	}
	_, err := condition.Compile(`args.timeout < 5`, &condition.Env{})
	require.NoError(t, err, "nothing is known, nothing is optional")
	items := object(schema.Field{Name: "items", Type: &schema.Type{Kind: schema.List, Elem: object(schema.Field{Name: "n", Type: whole, Optional: true})}})
	_, err = condition.Compile(`args.items.all(i, i.n < 5)`, &condition.Env{Args: items})
	require.EqualError(t, err, `1:20: i.n is optional; guard it: has(i.n) && …`)
	_, err = condition.Compile(`args.items.filter(i, true).all(i, i.n + 0 < 5)`, &condition.Env{Args: items})
	require.EqualError(t, err, `1:36: i.n is optional; guard it: has(i.n) && …`)
	_, err = condition.Compile(`args.items.all(i, has(i.n) && i.n < 5)`, &condition.Env{Args: items})
	require.NoError(t, err)
}

func TestWhatCouldTakeTooLongIsRefused(t *testing.T) {
	t.Parallel()
	for _, when := range []string{
		`args.ls.all(x, args.ls.all(y, args.ls.all(z, x == y || y == z)))`, `args.ls.all(x, args.ls.exists(y, x.contains(y)))`,
		`args.any.all(x, args.any.all(y, args.any.all(z, x == 1)))`,
		`args.ls.map(x, args.ls.map(y, args.ls.map(z, x + y + z))).size() > 0`,
	} {
		_, err := condition.Compile(when, &condition.Env{Args: every})
		require.ErrorContains(t, err, "may cost too much", when)
	}
	for _, when := range []string{
		`args.s.startsWith("/workspace")`, safe2, `args.ls.all(x, domain(x) in ["acme.com"])`, `args.li.all(x, args.li.exists(y, x == y))`,
	} {
		_, err := condition.Compile(when, &condition.Env{Args: every})
		require.NoError(t, err, when)
	}
	many := `{"li":[` + strings.TrimSuffix(strings.Repeat("1,", 2000), ",") + `]}`
	_, err := ask(t, `args.li.all(x, args.li.all(y, x == y))`, &condition.Env{Args: every}, many)
	require.ErrorContains(t, err, "steps", "more than was reckoned with")
}

const safe2 = `cmds(args.s).all(c, c.matches("^(go (build|test|vet)|git (status|diff|log))( |$)"))`

func TestARuleThatNeverMatchesIsFound(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`true`: "true", `1 > 2`: "false", `args.path == "x" && false`: "false", `true || args.path == "x"`: "true",
		`"x" in lists.repos`: "false", `[].exists(x, x == args.path)`: "?", `1 + 1 == 2`: "true", `size(lists.repos) == 2`: "true",
		`args.path == "x"`: "?", `has(args.path)`: "?", `call.tool == "x"`: "?", `!(args.path == "x" && false)`: "true",
	} {
		c, err := condition.Compile(when, env("fs.read_file"))
		require.NoError(t, err, when)
		value, is := c.Constant()
		got := "?"
		if is {
			got = fmt.Sprint(value)
		}
		require.Equal(t, want, got, when)
	}
	_, err := condition.Compile(`1 / 0 == 1`, env("fs.read_file"))
	require.ErrorContains(t, err, "fails whatever the call")
}

func TestAmountsAreCountedInMillionths(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		src, args string
		want      int64
	}{
		{`args.amount`, `{"amount":250}`, 250_000_000}, {`args.amount`, `{"amount":0.1}`, 100_000}, {`args.amount`, `{"amount":0}`, 0},
		{`args.amount`, `{"amount":1e-9}`, 1}, {`args.amount`, `{"amount":2.0000001}`, 2_000_001}, {`args.amount`, `{"amount":0.29}`, 290_000},
		{`args.amount * 2.0`, `{"amount":1.5}`, 3_000_000}, {`5`, `{}`, 5_000_000}, {`size(args.order)`, `{"order":"abc"}`, 3_000_000},
		{`args.amount`, `{"amount":0.07}`, 70_000}, {`args.amount`, `{"amount":0.0700001}`, 70_001}, {`args.amount`, `{"amount":1.1}`, 1_100_000}, {`args.amount`, `{"amount":4.35}`, 4_350_000},
	} {
		a, err := condition.CompileAmount(tt.src, env("pay.refund"))
		require.NoError(t, err)
		got, err := a.Eval(&condition.Input{Args: []byte(tt.args)})
		require.NoError(t, err)
		require.Equal(t, tt.want, got, tt.src+tt.args)
	}
	a, err := condition.CompileAmount(`args.amount`, env("pay.refund"))
	require.NoError(t, err)
	for _, bad := range []string{`{"amount":-0.01}`, `{"amount":1e13}`, `{"amount":1e400}`, `{"amount":"1"}`, `{}`, `{"amount":null}`} {
		_, err := a.Eval(&condition.Input{Args: []byte(bad)})
		require.Error(t, err, bad)
	}
	a, err = condition.CompileAmount(`args.amount / 0.0`, env("pay.refund"))
	require.NoError(t, err)
	_, err = a.Eval(&condition.Input{Args: []byte(`{"amount":0}`)})
	require.Error(t, err, math.NaN())
	_, err = condition.CompileAmount(`args.order`, env("pay.refund"))
	require.ErrorContains(t, err, "want a number")
}

func TestTermsSayWhatWasLookedAt(t *testing.T) {
	t.Parallel()
	c, err := condition.Compile(`args.amount > 0.0 && args.amount < 100.0 && !(args.order in ["x"])`, env("pay.refund"))
	require.NoError(t, err)
	in := &condition.Input{Args: []byte(`{"amount":250,"order":"1"}`)}
	require.Equal(t, []snapshot.Term{
		{Text: `args.amount > 0.0`, Value: "true", Inputs: "args.amount = 250"},
		{Text: `args.amount < 100.0`, Value: "false", Inputs: "args.amount = 250"},
		{Text: `!(args.order in ["x"])`, Value: "true", Inputs: `args.order = "1"`},
	}, c.Terms(in))
	c, err = condition.Compile(`args.amount + 0.0 > 0.0 && cmds(args.order).all(c, c == "ls")`, env("pay.refund"))
	require.NoError(t, err)
	require.False(t, c.Lowered())
	require.Equal(t, []snapshot.Term{
		{Text: `args.amount + 0.0 > 0.0`, Value: "error: args.amount: missing", Inputs: "args.amount = nothing"},
		{Text: `cmds(args.order).all(c, c == "ls")`, Value: "true", Inputs: `args.order = "ls"`},
	}, c.Terms(&condition.Input{Args: []byte(`{"order":"ls"}`)}))
	long := &condition.Input{Args: []byte(`{"order":"` + strings.Repeat("é", 500) + `","amount":1}`)}
	require.Less(t, len(c.Terms(long)[1].Inputs), 110)
}

// A term shows what the condition needs: what stands under a negation is negated.
func TestTermsUnderANegationShowIt(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`!cmds(args.order).all(c, c == "go")`:                    `!cmds(args.order).all(c, c == "go") = true`,
		`!(args.amount < 100.0 && args.order == "ls")`:           `!(args.amount < 100.0) = true, !(args.order == "ls") = false`,
		`!(args.amount > 100.0 || !args.order.startsWith("ls"))`: `!(args.amount > 100.0) = false, args.order.startsWith("ls") = true`,
		`!has(args.order)`:           `!has(args.order) = false`,
		`!!(args.amount == 250.0)`:   `args.amount == 250.0 = true`,
		`!(args.amount + 0.0 > 1.0)`: `!(args.amount + 0.0 > 1.0) = false`,
	} {
		c, err := condition.Compile(when, env("pay.refund"))
		require.NoError(t, err, when)
		var got []string
		for _, term := range c.Terms(&condition.Input{Args: []byte(`{"amount":250,"order":"ls"}`)}) {
			got = append(got, term.Text+" = "+term.Value)
		}
		require.Equal(t, want, strings.Join(got, ", "), when)
	}
}

func TestTheNearestMissIsOneComparison(t *testing.T) {
	t.Parallel()
	e := env("pay.refund")
	for _, tt := range []struct{ when, args, want string }{
		{`args.amount > 0 && args.amount < 100`, `{"amount":250}`, "args.amount < 100"},
		{`args.amount > 0 && args.amount < 100`, `{"amount":50}`, ""},
		{`args.amount < 100 && args.order == "x"`, `{"amount":250,"order":"y"}`, ""},
		{`args.amount < 100 && args.order == "x"`, `{"amount":250}`, ""},
		{`args.amount < 100 || args.order == "x"`, `{"amount":250,"order":"y"}`, ""},
		{`args.amount < 100 && args.order.startsWith("x")`, `{"amount":50,"order":"y"}`, ""},
		{`args.order in lists.repos`, `{"order":"y"}`, "args.order in lists.repos"},
		{`args.amount < 100`, `{"amount":`, ""},
		{`!(args.amount > 100)`, `{"amount":250}`, "!(args.amount > 100)"},
		{`!(args.amount > 100 || args.order == "x")`, `{"amount":250,"order":"y"}`, "!(args.amount > 100)"},
		{`!(args.amount > 100 && args.order == "y")`, `{"amount":250,"order":"y"}`, ""},
		{`!args.order.startsWith("y")`, `{"order":"y"}`, ""},
	} {
		c, err := condition.Compile(tt.when, e)
		require.NoError(t, err)
		require.Equal(t, tt.want, c.NearMiss(&condition.Input{Args: []byte(tt.args)}), tt.when+tt.args)
	}
}

func TestOneConditionServesManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	e := &condition.Env{Args: every, Lists: lists, Parsed: &condition.Parsed{}}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for _, when := range []string{`args.s == "a" && args.d == 1`, `args.s + "b" == "ab" && args.o.s == "x"`} {
				c, err := condition.Compile(when, e)
				if err != nil {
					t.Error(err)
					return
				}
				var in condition.Input
				for j := range 100 {
					in.Reset()
					in.Args = fmt.Appendf(nil, `{"s":"%s","d":1,"o":{"s":"x"}}`, []string{"a", "\\u0061", "c"}[(i+j)%3])
					got, err := c.Eval(&in)
					if err != nil || got != ((i+j)%3 < 2) {
						t.Errorf("%s: %v %v", in.Args, got, err)
					}
					c.Terms(&in)
				}
			}
		})
	}
	wg.Wait()
}

// The trap: one Input for two calls without Reset; the second was decided by the
// arguments of the first.
func TestAnInputWithOtherArgumentsIsReadAgain(t *testing.T) {
	t.Parallel()
	c, err := condition.Compile(`within(args.path, "/workspace")`, env("fs.read_file"))
	require.NoError(t, err)
	in := condition.Input{Args: []byte(`{"path":"/workspace/a"}`)}
	ok, err := c.Eval(&in)
	require.NoError(t, err)
	require.True(t, ok)
	in.Args = []byte(`{"path":"/etc/passwdxx"}`)
	ok, err = c.Eval(&in)
	require.NoError(t, err)
	require.False(t, ok)
	in.Args = []byte(`{`)
	_, err = c.Eval(&in)
	require.Error(t, err)
	same := []byte(`{"path":"/workspace/a"}`)
	for _, tt := range []struct {
		args string
		want bool
	}{{`{"path":"/workspace/a"}`, true}, {`{"path" : "/etc/passw"}`, false}} {
		copy(same, tt.args) // a buffer that is used again
		in.Reset()
		in.Args = same
		ok, err = c.Eval(&in)
		require.NoError(t, err)
		require.Equal(t, tt.want, ok)
	}
	in.Args = nil
	_, err = c.Eval(&in)
	require.ErrorContains(t, err, "missing")
}
