package schema_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/schema"
	"m1/engine/source"
)

func parse(t testing.TB, src string) (*schema.Type, error) {
	t.Helper()
	var d struct {
		Args source.Node `yaml:"args"`
	}
	require.NoError(t, source.Decode("p.yaml", []byte(src), &d))
	return schema.Parse(d.Args)
}

func TestParseReadsTheShortForm(t *testing.T) {
	t.Parallel()
	typ, err := parse(t, `args:
  path: string
  timeout: optional( int )
  to: list(string)
  opts: map(string)
  body: any
  ok: bool
  ratio: double
  mode: enum(a, b)
  level: enum(3, 1, 1.0)
  odd: 'optional(nullable(enum("a, b", c-d, "true")))'
  note: nullable(string)
  deep: list(list(any))
  all: list
  edits: [{ old: string, new: optional(string) }]
  user: { id: int, tags: optional(map(bool)) }
`)
	require.NoError(t, err)
	require.Equal(t, `{all: list, body: any, deep: list(list), edits: list({new: optional(string), old: string}), level: enum(1, 3), `+
		`mode: enum(a, b), note: nullable(string), odd: optional(nullable(enum("a, b", c-d, "true"))), ok: bool, opts: map(string), `+
		`path: string, ratio: double, timeout: optional(int), to: list(string), user: {id: int, tags: optional(map(bool))}}`, typ.String())
	require.Equal(t, schema.Object, typ.Kind)
	require.False(t, typ.Open, "the short form is closed")
	require.Equal(t, &schema.Type{Kind: schema.Int, Enum: []string{"1", "3"}}, typ.Fields[4].Type)

	mixed, err := parse(t, "args: {a: 'enum(1, 2.5)', b: 'enum(1, x)'}")
	require.NoError(t, err)
	require.Equal(t, schema.Double, mixed.Fields[0].Type.Kind)
	require.Equal(t, schema.Any, mixed.Fields[1].Type.Kind)

	none, err := parse(t, "args: {}\n")
	require.NoError(t, err)
	require.NoError(t, none.Check([]byte(`{}`)))
	require.Error(t, none.Check([]byte(`{"a":1}`)))
	absent, err := parse(t, "{}")
	require.NoError(t, err)
	require.Nil(t, absent)
}

func TestParseTellsEveryMistakeWithItsPlace(t *testing.T) {
	t.Parallel()
	_, err := parse(t, `args:
  a: strng
  b: int?
  c: optional
  d: list(optional(int))
  e: {x: number, mode: enum(a, b)}
  f: list(string
  g: enum()
  h: string(5)
  i:
  j: [string, int]
  k: []
  l: [optional(int)]
  m: enum([1])
  n: ""
  o: 5
  p: enum(null)
  q: enum("a)
  r: Integer
`)
	require.EqualError(t, err, `p.yaml:2:6: args.a: "strng" is no type; did you mean "string"?
p.yaml:3:6: args.b: "int?" is no type; write optional(int) for an argument that may be left out
p.yaml:4:6: args.c: "optional" is no type; write optional(…)
p.yaml:5:6: args.d: "optional(int)" is no type; optional(…) stands around the whole type of an argument
p.yaml:6:10: args.e.x: "number" is no type; write double
p.yaml:6:24: args.e.mode: the bracket of enum( is not closed; inside { } a type that holds a comma needs quotes, as in "enum(a, b)"
p.yaml:6:34: args.e.b): found nothing, want text
p.yaml:7:6: args.f: the bracket of list( is not closed; inside { } a type that holds a comma needs quotes, as in "enum(a, b)"
p.yaml:8:6: args.g: "" is no value of an enum; write a word, text in double quotes, a number, true or false; null is nullable(enum(…))
p.yaml:9:6: args.h: "string(5)" is no type; string takes no brackets
p.yaml:10:5: args.i: found nothing, want text
p.yaml:11:6: args.j: found a list of 2; write [T] with the one type that all elements have
p.yaml:12:6: args.k: found a list of 0; write [T] with the one type that all elements have
p.yaml:13:7: args.l[0]: an element cannot be left out; write nullable(…) if it may be null
p.yaml:14:6: args.m: "[1]" is no value of an enum; write a word, text in double quotes, a number, true or false; null is nullable(enum(…))
p.yaml:15:6: args.n: a type is missing; a type is one of any, bool, double, int, list, map, string, optional, nullable, enum
p.yaml:16:6: args.o: found the number 5, want text; write "5" in quotes if text is meant
p.yaml:17:6: args.p: "null" is no value of an enum; write a word, text in double quotes, a number, true or false; null is nullable(enum(…))
p.yaml:18:6: args.q: "\"a" is no value of an enum; write a word, text in double quotes, a number, true or false; null is nullable(enum(…))
p.yaml:19:6: args.r: "Integer" is no type; write int`)
	_, err = parse(t, "args: string\n")
	require.EqualError(t, err, `p.yaml:1:7: args: found the text "string", want a mapping`)
	_, err = parse(t, "args:\n  5: int\n")
	require.EqualError(t, err, `p.yaml:2:3: args.5: found the number 5, want text; write "5" in quotes if text is meant`)
}

func FuzzAPhraseSurvivesItsOwnSpelling(f *testing.F) {
	for _, s := range []string{"string", "optional(list(map(int)))", `enum(a, "b, c", 1.50, true)`, "nullable(enum(x))", "list( any )", "enum(\"\\u0041\")"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		typ, err := phrase(t, s)
		if err != nil {
			return
		}
		again, err := phrase(t, typ.Fields[0].Type.String())
		require.NoError(t, err, "%s", typ)
		require.Equal(t, typ.Fields[0].Type, again.Fields[0].Type, "%s", typ)
	})
}

// phrase parses {"args":{"a":s}}.
func phrase(t *testing.T, s string) (*schema.Type, error) {
	var d struct {
		Args source.Node `yaml:"args"`
	}
	src := []byte(`{"args":{"a":` + quote(s) + `}}`)
	if source.Decode("p.json", src, &d) != nil {
		t.Skip()
	}
	return schema.Parse(d.Args)
}
