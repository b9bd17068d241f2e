package condition_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/condition"
	"m1/engine/schema"
)

var benchArgs = []byte(`{"path":"/workspace/src/engine/policy/decide.go","amount":42.5,"reason":"the customer asked for it twice","order":"A-1029384756"}`)

var benchType = object(
	schema.Field{Name: "amount", Type: double}, schema.Field{Name: "order", Type: text},
	schema.Field{Name: "path", Type: text}, schema.Field{Name: "reason", Type: text})

const benchWhen = `args.path.startsWith("/workspace") && args.amount < 100`

func BenchmarkEval(b *testing.B) {
	for name, when := range map[string]string{
		"prefix and amount": benchWhen, "within": `within(args.path, "/workspace")`,
		"mentions": `mentions(call, ["**/.env", "**/.ssh/**", "**/*.pem"])`,
	} {
		c, err := condition.Compile(when, &condition.Env{Args: benchType})
		require.NoError(b, err)
		require.True(b, c.Lowered())
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var in condition.Input
			for b.Loop() {
				in.Reset()
				in.Args = benchArgs
				if _, err := c.Eval(&in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" again", func(b *testing.B) {
			b.ReportAllocs()
			in := condition.Input{Args: benchArgs}
			for b.Loop() {
				if _, err := c.Eval(&in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for name, when := range map[string]string{"simple": benchWhen, "shell": safe, "in cel": `args.amount + 1.0 < 5.0`} {
		e := &condition.Env{Args: benchType, Lists: lists}
		if name == "shell" {
			e.Args = tools["shell.run"]
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := condition.Compile(when, e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// 1,500 conditions over 500 tools, as a policy of 10,000 rules has them.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		var envs []*condition.Env
		shared := &condition.Parsed{}
		for range 500 {
			envs = append(envs, &condition.Env{Args: benchType, Lists: lists, Parsed: shared})
		}
		for i := range 1500 {
			if _, err := condition.Compile(fmt.Sprintf(`args.path.startsWith("/workspace/%d") && args.amount < %d`, i, i), envs[i%500]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
