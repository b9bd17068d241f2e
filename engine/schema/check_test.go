package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/schema"
)

func canonical(t testing.TB, args string) []byte {
	t.Helper()
	c, err := call.Canonical(json.RawMessage(args))
	require.NoError(t, err, args)
	return c
}

func object(fields ...schema.Field) *schema.Type {
	return &schema.Type{Kind: schema.Object, Fields: fields}
}

func kind(k schema.Kind) *schema.Type { return &schema.Type{Kind: k} }

// send has one argument of each kind; all but the first may be left out.
var send = object(
	schema.Field{Name: "amount", Type: kind(schema.Double), Optional: true},
	schema.Field{Name: "body", Type: nil, Optional: true},
	schema.Field{Name: "mode", Type: &schema.Type{Kind: schema.String, Enum: []string{`"a"`, `"b"`}}, Optional: true},
	schema.Field{Name: "n", Type: kind(schema.Int), Optional: true},
	schema.Field{Name: "note", Type: &schema.Type{Kind: schema.String, Nullable: true}, Optional: true},
	schema.Field{Name: "opts", Type: &schema.Type{Kind: schema.Map, Elem: kind(schema.Bool)}, Optional: true},
	schema.Field{Name: "path", Type: kind(schema.String)},
	schema.Field{Name: "to", Type: &schema.Type{Kind: schema.List, Elem: object(schema.Field{Name: "addr", Type: kind(schema.String)})}, Optional: true},
)

func TestCheckTellsTheFirstPlaceThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		`{"path":"/a"}`: "",
		`{"amount":-1.5,"body":{"x":[null]},"mode":"b","n":3,"note":null,"opts":{"a":true,"b":false},"path":"","to":[{"addr":"x"},{"addr":"y"}]}`: "",
		`{"body":null,"note":"x","opts":{},"path":"\"\\","to":[]}`:                                                                                "",
		`{"amount":7,"n":1.0,"path":"/a"}`:                      "",
		`{"n":-9223372036854775808,"path":"/a"}`:                "",
		`{"n":9223372036854775807,"path":"/a"}`:                 "",
		`{"amount":123456789012345678901234567890,"path":"/a"}`: "",

		`{}`:                                  `args.path: missing, want text`,
		`{"path":["/etc"]}`:                   `args.path: want text, got a list`,
		`{"path":null}`:                       `args.path: want text, got null`,
		`{"path":{"x":1}}`:                    `args.path: want text, got an object`,
		`{"path":5}`:                          `args.path: want text, got a whole number`,
		`{"n":1.5,"path":""}`:                 `args.n: want a whole number within 64 bits, got a number with a fraction`,
		`{"n":"1","path":""}`:                 `args.n: want a whole number within 64 bits, got text`,
		`{"n":9223372036854775808,"path":""}`: `args.n: want a whole number within 64 bits, got a whole number beyond 64 bits`,
		`{"n":true,"path":""}`:                `args.n: want a whole number within 64 bits, got true or false`,
		`{"amount":"99","path":""}`:           `args.amount: want a number, got text`,
		`{"amount":1` + strings.Repeat("0", 400) + `,"path":""}`:     `args.amount: want a number, got a number out of range`,
		`{"mode":"c","path":""}`:                                     `args.mode: want one of "a", "b"`,
		`{"mode":1,"path":""}`:                                       `args.mode: want one of "a", "b", got a whole number`,
		`{"opts":{"a b":1},"path":""}`:                               `args.opts["a b"]: want true or false, got a whole number`,
		`{"opts":[],"path":""}`:                                      `args.opts: want an object, got a list`,
		`{"path":"","to":[{"addr":"x"},{"addr":null}]}`:              `args.to[1].addr: want text, got null`,
		`{"path":"","to":[{"addr":"x","adr":"y"}]}`:                  `args.to[0].adr: unknown member; did you mean "addr"?`,
		`{"path":"","zzz":1}`:                                        `args.zzz: unknown member`,
		`{"PATH":"/etc","path":""}`:                                  `args.PATH: too like the member "path"; write it in exactly these letters`,
		`{"Path":"/etc"}`:                                            `args.Path: too like the member "path"; write it in exactly these letters`,
		"{\"" + strings.Repeat("x", 100) + "\x7f\":1,\"path\":\"\"}": `args.` + strings.Repeat("x", 60) + `…: unknown member`,
	} {
		err := send.Check(canonical(t, args))
		if want == "" {
			require.NoError(t, err, args)
			continue
		}
		require.ErrorIs(t, err, schema.ErrMismatch, args)
		require.EqualError(t, err, "schema: the arguments do not fit: "+want, args)
	}
}

// Whoever calls Check without Canonical gets no weaker answer.
func TestWhatIsNotCanonicalIsRefused(t *testing.T) {
	t.Parallel()
	open := &schema.Type{Kind: schema.Object, Open: true, Fields: send.Fields}
	for _, args := range []string{
		`{"path":"/a","path":"/etc"}`, `{"path":"/a","body":1}`, `{"b":1,"path":"/a","b":2}`, `{"p\u0061th":"/a","path":"/etc"}`,
		`{"p\u0061th":5}`, `{"\u0050ath":"/etc","path":"/a"}`, `{"path":"/a"`, `{"path":"/a",}`, `{"path":"/a"}}`, `{"path":}`, `{"path"}`, `{"path":"/a"]`, ``, ` `, `null`,
		`[]`, `"path"`, `{,}`, `{"path":"/a" "x":1}`, `{"zz":,"path":""}`, `{"amount":1e400,"path":""}`, `{"amount":0x1p4,"path":""}`,
		`{"amount":01,"path":""}`, `{"amount":NaN,"path":""}`, `{"amount":-,"path":""}`, `{"amount":1.,"path":""}`, `{"amount":1e,"path":""}`,
		`{"n":1e30,"path":""}`, `{"path":"a`, `{"path":"a\"}`, `{"zz":`, `{"path":"/a","q\ud800":1}`, `{"opts":{"a":true,"a":true},"path":""}`, `{"path":"","to":[{"addr":"x"}{"addr":"x"}]}`,
	} {
		require.ErrorIs(t, open.Check([]byte(args)), schema.ErrMismatch, args)
	}
	private, beyond := "\ue000", "\U00010000" // the first sorts first in UTF-8, last in UTF-16
	require.NoError(t, open.Check(canonical(t, `{"path":"/a","`+private+`":1,"`+beyond+`":2,"ÿ":3}`)))
	require.Error(t, kind(schema.Map).Check([]byte(`{"`+private+`":1,"`+beyond+`":2}`)))
	require.NoError(t, kind(schema.Double).Check([]byte(`1e5`)))
	require.NoError(t, kind(schema.Int).Check([]byte(`1.0e2`)))
}

func TestAnyFitsEverything(t *testing.T) {
	t.Parallel()
	for _, any := range []*schema.Type{nil, {}, {Nullable: true}} {
		for _, args := range []string{`{}`, `{"a":[1,null,{"b":2}]}`, `null`, `[]`, `1`} {
			require.NoError(t, any.Check([]byte(args)))
		}
	}
}

func randomType(rng *rand.Rand, depth int) *schema.Type {
	t := &schema.Type{Kind: schema.Kind(rng.IntN(8)), Nullable: rng.IntN(4) == 0}
	if depth == 0 && t.Kind >= schema.List {
		t.Kind = schema.String
	}
	switch t.Kind {
	case schema.Any:
		t.Nullable = false
	case schema.List, schema.Map:
		t.Elem = randomType(rng, depth-1)
	case schema.Object:
		t.Open = rng.IntN(3) == 0
		for _, name := range []string{"", "A", "a", "b", "b\"", "ſ", "z", "ä"} {
			if rng.IntN(2) == 0 {
				t.Fields = append(t.Fields, schema.Field{Name: name, Type: randomType(rng, depth-1), Optional: rng.IntN(2) == 0})
			}
		}
		slices.SortFunc(t.Fields, func(a, b schema.Field) int { return strings.Compare(a.Name, b.Name) })
	default:
		if rng.IntN(3) == 0 {
			t.Enum = []string{`"a"`, `1`, `true`, `2.5`}
		}
	}
	return t
}

var scalars = []any{"a", "", "s\"\\\n", 0, 1, -7, 2.5, -0.5, true, false, nil, json.Number("9223372036854775808"), json.Number("9223372036854775807"), json.Number("3.0"), "1"}

// randomValue mostly fits.
func randomValue(rng *rand.Rand, t *schema.Type, depth int) any {
	if rng.IntN(25) == 0 || t == nil || t.Kind == schema.Any {
		if rng.IntN(4) == 0 && depth > 0 {
			return randomValue(rng, randomType(rng, depth-1), depth-1)
		}
		return scalars[rng.IntN(len(scalars))]
	}
	switch t.Kind {
	case schema.List:
		out := []any{}
		for range rng.IntN(3) {
			out = append(out, randomValue(rng, t.Elem, depth-1))
		}
		return out
	case schema.Map:
		out := map[string]any{}
		for range rng.IntN(3) {
			out[string(rune('a'+rng.IntN(4)))] = randomValue(rng, t.Elem, depth-1)
		}
		return out
	case schema.Object:
		out := map[string]any{}
		for _, f := range t.Fields {
			if rng.IntN(12) > 0 && (!f.Optional || rng.IntN(2) == 0) {
				out[f.Name] = randomValue(rng, f.Type, depth-1)
			}
		}
		if rng.IntN(10) == 0 {
			out[[]string{"a", "B", "Z", "s", "x", "€", "𐀀"}[rng.IntN(7)]] = 1
		}
		return out
	}
	for range 20 {
		if v := scalars[rng.IntN(len(scalars))]; naive(t, decode(v)) {
			return v
		}
	}
	return nil
}

func decode(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		panic(err)
	}
	return out
}

// naive checks a decoded value.
func naive(t *schema.Type, v any) bool {
	if t == nil || t.Kind == schema.Any && t.Enum == nil {
		return true
	}
	if v == nil && t.Nullable {
		return true
	}
	if t.Enum != nil {
		raw, _ := json.Marshal(map[string]any{"v": v})
		c, err := call.Canonical(raw)
		if err != nil || !slices.Contains(t.Enum, strings.TrimSuffix(strings.TrimPrefix(string(c), `{"v":`), "}")) {
			return false
		}
	}
	switch t.Kind {
	case schema.String:
		_, ok := v.(string)
		return ok
	case schema.Bool:
		_, ok := v.(bool)
		return ok
	case schema.Int:
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		r, ok := new(big.Rat).SetString(n.String())
		return ok && r.IsInt() && r.Num().IsInt64()
	case schema.Double:
		n, ok := v.(json.Number)
		if !ok {
			return false
		}
		_, err := n.Float64()
		return err == nil
	case schema.List:
		list, ok := v.([]any)
		for _, e := range list {
			ok = ok && naive(t.Elem, e)
		}
		return ok
	case schema.Map:
		m, ok := v.(map[string]any)
		for _, e := range m {
			ok = ok && naive(t.Elem, e)
		}
		return ok
	case schema.Object:
		m, ok := v.(map[string]any)
		return ok && naiveObject(t, m)
	}
	return true
}

func naiveObject(t *schema.Type, m map[string]any) bool {
	known := map[string]bool{}
	for _, f := range t.Fields {
		known[f.Name] = true
		v, there := m[f.Name]
		if !there && !f.Optional || there && !naive(f.Type, v) {
			return false
		}
	}
	for name := range m {
		if known[name] {
			continue
		}
		if !t.Open {
			return false
		}
		for k := range known {
			if strings.EqualFold(k, name) {
				return false
			}
		}
	}
	return true
}

func TestCheckAgreesWithADecoder(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	fits := 0
	const pairs = 6_000
	for range pairs / 10 {
		typ := randomType(rng, 3)
		for range 10 {
			// The top of canonical JSON is an object.
			whole := object(schema.Field{Name: "v", Type: typ})
			raw, err := json.Marshal(map[string]any{"v": randomValue(rng, typ, 3)})
			require.NoError(t, err)
			args := canonical(t, string(raw))
			want := naive(whole, decode(json.RawMessage(args)))
			err = whole.Check(args)
			require.Equal(t, want, err == nil, "%s\n%s\n%v", typ, args, err)
			if want {
				fits++
			}
		}
	}
	require.Greater(t, fits, pairs/4)
	require.Less(t, fits, pairs*9/10)
}

func TestCheckDoesNotAllocateWhenItFits(t *testing.T) {
	for _, args := range []string{
		`{"path":"/a"}`,
		`{"amount":-1.5,"body":{"x":[null]},"mode":"b","n":3,"note":null,"opts":{"a":true,"b":false},"path":"","to":[{"addr":"x"},{"addr":"y"}]}`,
		`{"amount":123456789012345678901234567890123456789012345678901234567890,"n":-9223372036854775808,"path":"` + strings.Repeat("x", 5000) + `"}`,
	} {
		c := canonical(t, args)
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = send.Check(c) }), args)
	}
	open := &schema.Type{Kind: schema.Object, Open: true, Fields: send.Fields}
	c := canonical(t, `{"path":"/a","`+strings.Repeat("long", 50)+`":1}`)
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = open.Check(c) }))
}

func FuzzCheckNeverPanics(f *testing.F) {
	for _, s := range []string{`{"path":"/a"}`, `{"path":"/a","to":[{"addr":1}]}`, `{"a":`, `{"opts":{"x":true,`, `[{]}`, `{"\u`} {
		f.Add([]byte(s))
	}
	open := &schema.Type{Kind: schema.Object, Open: true, Fields: send.Fields}
	f.Fuzz(func(t *testing.T, args []byte) {
		_ = send.Check(args)
		err := open.Check(args)
		if c, bad := call.Canonical(args); bad == nil && len(args) > 0 {
			strict := open.Check(c)
			require.False(t, err == nil && strict != nil, "%s passes although %s does not: %v", args, c, strict)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	args := canonical(b, `{"amount":-1.5,"body":"`+strings.Repeat("text ", 10)+`","mode":"b","n":3,"path":"/workspace/a.go","to":[{"addr":"x"},{"addr":"y"}]}`)
	b.ReportAllocs()
	for b.Loop() {
		if send.Check(args) != nil {
			b.Fatal()
		}
	}
}

func TestDigestTellsTypesApart(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, send.Digest())
	require.Equal(t, (*schema.Type)(nil).Digest(), (&schema.Type{}).Digest())
	require.Equal(t, kind(schema.List).Digest(), (&schema.Type{Kind: schema.List, Elem: &schema.Type{}}).Digest())
	require.Equal(t, "sha256:6bd179bf2185ea0c81990b223e5e3bc7", send.Digest()[:39], "digests are pinned in what people approved")
	rng := rand.New(rand.NewPCG(3, 4))
	seen := map[string]string{}
	for range 5000 {
		typ := randomType(rng, 3)
		text := fmt.Sprint(dump(typ))
		if other, ok := seen[typ.Digest()]; ok {
			require.Equal(t, other, text)
		}
		seen[typ.Digest()] = text
	}
}

// dump is the type as JSON, which leaves nothing out.
func dump(t *schema.Type) string {
	raw, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
