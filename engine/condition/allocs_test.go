package condition_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/condition"
)

func TestLoweredConditionsAllocateNothing(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	doc := []byte(`{"s":"/workspace/src/a.go","d":42.5,"i":7,"b":true,"ls":["a@acme.com","b@acme.com"],"o":{"s":"a\nb","n":1},"any":{"x":"y"},"url":"https://docs.acme.com/x"}`)
	for _, when := range []string{
		`args.s.startsWith("/workspace") && args.d < 100`, `within(args.s, "/workspace")`, `args.s in lists.repos || args.i >= 7`,
		`args.s.matches("^/work") && args.s.contains("src") && args.s.endsWith(".go")`, `args.ls.all(t, domain(t) in lists.mail)`,
		`has(args.opt) ? false : args.b`, `args.ls.exists_one(x, x == "a@acme.com")`, `size(args.s) < 100 && args.o.s != ""`,
		`mentions(call, ["**/.env", "**/.ssh/**"]) || args.any.x == "y"`, `!(args.d == 1) && call.tool != "x"`,
		`"a" in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] || host("https://a.b/") == "a.b"`,
	} {
		c, err := condition.Compile(when, &condition.Env{Args: every, Lists: lists})
		require.NoError(t, err, when)
		require.True(t, c.Lowered(), when)
		var in condition.Input
		require.Zero(t, testing.AllocsPerRun(100, func() {
			in.Reset()
			in.Args = doc
			if ok, err := c.Eval(&in); !ok || err != nil {
				t.Fatal(when, ok, err)
			}
		}), when)
	}
}
