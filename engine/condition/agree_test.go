package condition_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/condition"
	"m1/engine/schema"
)

var (
	inner = object(
		schema.Field{Name: "n", Type: whole, Optional: true},
		schema.Field{Name: "s", Type: text})
	every = object(
		schema.Field{Name: "any", Type: &schema.Type{}},
		schema.Field{Name: "b", Type: &schema.Type{Kind: schema.Bool}},
		schema.Field{Name: "d", Type: double},
		schema.Field{Name: "i", Type: whole},
		schema.Field{Name: "ld", Type: &schema.Type{Kind: schema.List, Elem: double}},
		schema.Field{Name: "li", Type: &schema.Type{Kind: schema.List, Elem: whole}},
		schema.Field{Name: "lo", Type: &schema.Type{Kind: schema.List, Elem: inner}},
		schema.Field{Name: "ls", Type: texts},
		schema.Field{Name: "m", Type: &schema.Type{Kind: schema.Map, Elem: text}},
		schema.Field{Name: "ns", Type: &schema.Type{Kind: schema.String, Nullable: true}},
		schema.Field{Name: "o", Type: inner},
		schema.Field{Name: "opt", Type: text, Optional: true},
		schema.Field{Name: "s", Type: text})
)

// writer makes expressions: mostly of good types, sometimes not.
type writer struct {
	*rand.Rand
	vars []string // of text, in loops
}

func (w *writer) pick(s ...string) string { return s[w.IntN(len(s))] }

func (w *writer) text(depth int) string {
	if w.IntN(40) == 0 {
		return w.number(0)
	}
	if len(w.vars) > 0 && w.IntN(2) == 0 {
		return w.vars[w.IntN(len(w.vars))]
	}
	if depth > 0 && w.IntN(6) == 0 {
		switch w.IntN(4) {
		case 0:
			return "host(" + w.text(depth-1) + ")"
		case 1:
			return "domain(" + w.text(depth-1) + ")"
		case 2:
			return "(" + w.bool(depth-1) + " ? " + w.text(depth-1) + " : " + w.text(depth-1) + ")"
		default:
			return w.pick("args.ls", "lists.repos", "args.any") + "[" + w.pick("0", "1", "-1", "args.i") + "]"
		}
	}
	return w.pick("args.s", "args.s", "args.o.s", "args.any", "args.any.s", "args.ns", "args.opt", "args.m.k", "call.tool", "call.agent", "call.scope",
		`"a"`, `""`, `"/workspace"`, `"/workspace/x"`, `"acme/api"`, `"a@acme.com"`, `"https://acme.com/"`, `"ä\n"`)
}

func (w *writer) number(depth int) string {
	if depth > 0 && w.IntN(4) == 0 {
		if w.IntN(2) == 0 {
			return "size(" + w.pick("args.s", "args.ls", "args.any", "args.m", "lists.repos", "args.lo", "args.o") + ")"
		}
		return w.pick("args.s", "args.ls", "args.any") + ".size()"
	}
	return w.pick("args.i", "args.d", "args.d", "args.any", "args.any.n", "args.o.n", "args.li[0]", "args.ld[0]", "1", "0", "-5", "1.0", "100", "0.5", "9007199254740993", "null")
}

func (w *writer) list() string {
	return w.pick("args.ls", "args.ls", "lists.repos", "args.any", "args.any.l", `["a", "acme/api"]`, `[]`, "args.li", "[1, 2, 3]", "args.ld", "[0.5]", `["a", 1]`, "cmds(args.s)",
		`["1", "2", "3", "4", "5", "6", "7", "8", "9", "a"]`, "args.m", "args.lo")
}

func (w *writer) bool(depth int) string {
	if depth > 0 {
		switch w.IntN(7) {
		case 0, 1:
			return "(" + w.bool(depth-1) + w.pick(" && ", " || ") + w.bool(depth-1) + ")"
		case 2:
			return "!(" + w.bool(depth-1) + ")"
		case 3:
			if len(w.vars) < 2 {
				v := []string{"x", "y"}[len(w.vars)]
				over := w.list()
				w.vars = append(w.vars, v)
				body := w.bool(depth - 1)
				w.vars = w.vars[:len(w.vars)-1]
				return over + w.pick(".all(", ".exists(", ".exists_one(") + v + ", " + body + ")"
			}
		case 4:
			return "(" + w.bool(depth-1) + w.pick(" && ", " || ") + w.bool(depth-1) + w.pick(" && ", " || ") + w.bool(depth-1) + ")"
		case 5:
			return "(" + w.bool(depth-1) + " ? " + w.bool(depth-1) + " : " + w.bool(depth-1) + ")"
		}
	}
	switch w.IntN(9) {
	case 0:
		return w.text(1) + w.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + w.text(1)
	case 1, 2:
		return w.number(1) + w.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + w.number(1)
	case 3:
		return w.text(1) + w.pick(".startsWith(", ".endsWith(", ".contains(", ".matches(") + w.text(0) + ")"
	case 4:
		if w.IntN(3) == 0 {
			return w.number(1) + " in " + w.list()
		}
		return w.text(1) + " in " + w.list()
	case 5:
		return "has(" + w.pick("args.s", "args.opt", "args.any.s", "args.o.n", "args.m.k", "args.o.s") + ")"
	case 6:
		return "within(" + w.text(1) + ", " + w.pick(`"/workspace"`, `"/"`, "args.s") + ")"
	case 7:
		return w.pick("args.b", "true", "false", "args.any", "args.any == null", "args.ns == null", "args.ns != null", "args.s == null")
	default:
		return "mentions(" + w.pick("args", "call", "args.s", "args.ls", "args.any", "args.o", "args.lo", "args.m", "lists.repos", "args.i") + `, ["**/.env", "**/*.pem"])`
	}
}

// document makes arguments: mostly good, sometimes missing, null, of another
// kind, or not to be understood.
func (w *writer) document() string {
	var b strings.Builder
	b.WriteString("{")
	textValue := func() string {
		return w.pick(`"a"`, `""`, `"/workspace/x"`, `"/workspace/../etc"`, `"/workspace-evil"`, `"acme/api"`, `"a@acme.com"`, `"https://acme.com/x"`, `"x/.env"`, `"ä\n"`, `"\u0061"`, `"99"`, `"go test"`)
	}
	numberValue := func() string {
		return w.pick("0", "1", "-5", "100", "0.5", "1.0", "1e2", "9007199254740993", "9007199254740992", "9223372036854775807", "9223372036854775808", "1e400", "1e-400", "-0.0", "99.99")
	}
	anyValue := func() string {
		// cel-go takes a loop over the empty text for one over nothing: see DESIGN.md.
		return w.pick(strings.Replace(textValue(), `""`, `"b"`, 1), numberValue(), "null", "true", "[]", `{"s":"a","n":1,"l":["a"]}`, `{"s":null,"n":1.5}`, `{"a":1,"A":2}`, `["a",1,null]`, "[1,2]", "[0.5]", "[1e400]")
	}
	for i, name := range w.Perm(13) {
		f := every.Fields[name]
		if w.IntN(12) == 0 || f.Optional && w.IntN(2) == 0 {
			continue
		}
		if i > 0 && b.Len() > 1 {
			b.WriteString(", ")
		}
		v := anyValue()
		if w.IntN(8) > 0 {
			switch f.Name {
			case "b":
				v = w.pick("true", "false")
			case "d", "i":
				v = numberValue()
			case "li", "ld":
				v = "[" + numberValue() + "," + numberValue() + "]"
			case "lo":
				v = `[{"s":` + textValue() + `},{"s":` + textValue() + `,"n":1}]`
			case "ls":
				v = "[" + textValue() + "," + textValue() + "]"
			case "m":
				v = `{"k":` + textValue() + `}`
			case "ns":
				v = w.pick("null", textValue())
			case "o":
				v = w.pick(`{"s":`+textValue()+`}`, `{"s":`+textValue()+`,"n":`+numberValue()+`}`)
			case "opt", "s":
				v = textValue()
			}
		}
		fmt.Fprintf(&b, "%q:%s", f.Name, v)
		if w.IntN(200) == 0 {
			fmt.Fprintf(&b, ",%q:%s", w.pick(f.Name, strings.ToUpper(f.Name)), v)
		}
	}
	b.WriteString("}")
	return b.String()
}

// agree compares what was lowered with cel-go and reports how many pairs that was.
func agree(t *testing.T, w *writer, env *condition.Env, documents int) int {
	src := w.bool(3)
	c, err := condition.Compile(src, env)
	if err != nil {
		return 0
	}
	inCEL, err := condition.InCEL(src, env)
	require.NoError(t, err, "cel-go refuses what was lowered: %s", src)
	if !c.Lowered() {
		return 0
	}
	for range documents {
		doc := w.document()
		in := func() *condition.Input {
			return &condition.Input{Args: []byte(doc), Tool: "a", Agent: "x", Run: "r"}
		}
		got, gotErr := c.Eval(in())
		want, wantErr := inCEL.Eval(in())
		if (gotErr != nil) != (wantErr != nil) || got != want {
			t.Fatalf("%s\nwith %s\n     got %v, %v\nin cel-go %v, %v", src, doc, got, gotErr, want, wantErr)
		}
		if v, is := c.Constant(); is && wantErr == nil {
			require.Equal(t, want, v, src)
		}
	}
	return documents
}

func TestLoweredConditionsAgreeWithCEL(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*condition.Env{
		"typed": {Args: every, Lists: lists}, "untyped": {Lists: lists},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pairs := 0
			for seed := uint64(0); pairs < 12_000; seed++ {
				pairs += agree(t, &writer{Rand: rand.New(rand.NewPCG(seed, 7))}, e, 60)
			}
		})
	}
}

func FuzzAgree(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	typed, untyped := &condition.Env{Args: every, Lists: lists}, &condition.Env{Lists: lists}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		agree(t, &writer{Rand: rand.New(rand.NewPCG(a, b))}, typed, 5)
		agree(t, &writer{Rand: rand.New(rand.NewPCG(a, b))}, untyped, 5)
	})
}
