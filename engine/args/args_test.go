package args_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"m1/engine/args"
)

// decode builds what encoding/json would, through the door of this package.
func decode(v args.Value) (any, error) {
	switch v.Kind() {
	case args.Null:
		return nil, nil
	case args.Bool:
		return v.True(), nil
	case args.Number:
		return json.Number(v.Raw()), nil
	case args.String:
		s, _, err := v.Text(nil)
		return s, err
	case args.List:
		out := []any{}
		elements, err := v.Elements()
		for e, ok := elements.Next(); ok && err == nil; e, ok = elements.Next() {
			var x any
			x, err = decode(e)
			out = append(out, x)
		}
		return out, err
	}
	var m args.Members
	if err := m.Read(v); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for i := range m.Len() {
		name, e := m.At(i)
		x, err := decode(e)
		if err != nil {
			return nil, err
		}
		got, ok, err := m.Get(name)
		if err != nil || !ok || got.Raw() != e.Raw() {
			return nil, fmt.Errorf("Get(%q) is not At(%d): %w", name, i, err)
		}
		out[strings.Clone(name)] = x
	}
	return out, nil
}

// property: what is taken is valid and unambiguous by the strict reader, and says
// what the standard reader reads; what is refused is broken, ambiguous, has names
// that differ in letter case only, or is nested very deep.
func property(t *testing.T, doc string) {
	v, err := args.Parse([]byte(doc))
	var got any
	if err == nil {
		got, err = decode(v)
	}
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var want any
	strict := jsontext.Value(doc).IsValid() // duplicates and invalid UTF-8 are not
	if err != nil {
		if strict && !twins(doc) && strings.Count(doc, "[")+strings.Count(doc, "{") <= args.MaxDepth {
			t.Fatalf("refused %q: %v", doc, err)
		}
		return
	}
	require.True(t, strict, "took %q", doc)
	require.NoError(t, d.Decode(&want), doc)
	require.Equal(t, want, got, doc)
}

// twins reports names that differ in letter case only, anywhere in doc.
func twins(doc string) bool {
	d := jsontext.NewDecoder(strings.NewReader(doc))
	names := map[int][]string{}
	for {
		tok, err := d.ReadToken()
		if err != nil {
			return false
		}
		depth := d.StackDepth()
		kind, n := d.StackIndex(depth)
		switch {
		case tok.Kind() == '{':
			names[depth] = nil
		case kind == '{' && n%2 == 1 && tok.Kind() == '"':
			for _, other := range names[depth] {
				if strings.EqualFold(other, tok.String()) {
					return true
				}
			}
			names[depth] = append(names[depth], tok.String())
		}
	}
}

type maker struct{ *rand.Rand }

func (m maker) pick(s ...string) string { return s[m.IntN(len(s))] }

func (m maker) value(depth int) string {
	space := m.pick("", "", "", " ", "\n", "\t", "\r ")
	switch n := m.IntN(9); {
	case n < 2:
		return space + m.pick("0", "-0", "1", "-5", "12.5", "1e3", "1E+3", "1e-3", "01", "1.", ".5", "-", "1e", "1e400", "+1", "9007199254740993") + space
	case n < 5 || depth == 0:
		return space + `"` + m.pick("a", "", `\n`, `\u0041`, `\ud83d\ude00`, `\ud83d`, `\ude00`, `\x`, "\x01", "\xff", "é", "日本語日本語", `\\`, `\"`, strings.Repeat("long ", 9), "\xed\xa0\x80", `\uD83D\u0041`, `\u00e`) + `"` + space
	case n < 6:
		return m.pick("true", "false", "null", "tru", "nul", "True", "NaN")
	case n < 7:
		var e []string
		for range m.IntN(4) {
			e = append(e, m.value(depth-1))
		}
		return space + "[" + strings.Join(e, m.pick(",", ",", ",", ",,", " ")) + m.pick("]", "]", "]", "]", "}", ",]")
	default:
		var e []string
		for range m.IntN(20) * m.IntN(2) {
			e = append(e, m.pick(`"a"`, `"b"`, `"A"`, `"k"`, `"\u212a"`, `"ſ"`, `"s"`, `""`, `"\u0061"`, `"n1"`, `"n2"`, `"n3"`, fmt.Sprintf(`"x%d"`, m.IntN(1000)), fmt.Sprintf(`"x%d"`, m.IntN(1000)), fmt.Sprintf(`"y%d"`, m.IntN(1000)))+m.pick(":", ":", " : ", ":", "")+m.pick("1", m.value(depth-1)))
		}
		return space + "{" + strings.Join(e, ",") + m.pick("}", "}", "}", "}", "]", ",}")
	}
}

func TestItReadsWhatStrictReadersRead(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20_000) {
		property(t, maker{rand.New(rand.NewPCG(seed, 3))}.value(3))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"A":2}`, `[1,{"b":"\u00e9"}]`, `"\ud83d\ude00"`, `"\ude00\ude00"`, `"\ud83d\ud83d"`, "\"\xff\"", `{"a":1,"a":2}`} {
		f.Add(s)
	}
	f.Fuzz(property)
}

func TestAmbiguousNamesAreRefused(t *testing.T) {
	t.Parallel()
	many := `"x0":0`
	for i := 1; i < 40; i++ {
		many += fmt.Sprintf(`,"x%d":%d`, i, i)
	}
	var m args.Members
	for _, doc := range []string{
		`{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"path":1,"Path":2}`, `{"a":1,"\u0061":2}`, `{"\u0041":1,"a":2}`, `{"k":1,"` + "\u212a" + `":2}`, `{"s":1,"ſ":2}`, `{"":1,"":2}`,
		`{` + many + `,"x7":1}`, `{` + many + `,"X39":1}`, `{` + many + `,"y":1,"Y":1}`,
	} {
		require.ErrorIs(t, m.ReadDocument([]byte(doc)), args.ErrAmbiguous, doc)
		require.Zero(t, m.Len(), "after an error there is nothing")
	}
	require.NoError(t, m.ReadDocument([]byte(` {"path" : 1 , "b":{"c":[]}} `)))
	v, ok, err := m.Get("path")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "1", v.Raw())
	_, ok, err = m.Get("none")
	require.NoError(t, err)
	require.False(t, ok)
	_, _, err = m.Get("Path")
	require.ErrorIs(t, err, args.ErrAmbiguous, "a lenient reader would take it")
	require.NoError(t, m.ReadDocument([]byte(`{`+many+`}`)))
	require.Equal(t, 40, m.Len())
	v, ok, err = m.Get("x39")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "39", v.Raw())
	_, _, err = m.Get("X39")
	require.ErrorIs(t, err, args.ErrAmbiguous)
	require.NoError(t, m.ReadDocument([]byte(`{"\u0061b":1}`)), "the memory is used again")
	_, ok, err = m.Get("ab")
	require.True(t, ok && err == nil)
	for doc, want := range map[string]error{``: args.ErrSyntax, `[]`: args.ErrKind, `1`: args.ErrKind, `{} {}`: args.ErrSyntax, `{"a"}`: args.ErrSyntax, `{"a":1,}`: args.ErrSyntax, `{a:1}`: args.ErrSyntax,
		strings.Repeat(`{"a":`, 600) + "1" + strings.Repeat("}", 600): args.ErrSyntax} {
		require.ErrorIs(t, m.ReadDocument([]byte(doc)), want, doc)
	}
}

func TestNumbersAreExactOrRefused(t *testing.T) {
	t.Parallel()
	value := func(s string) args.Value {
		v, err := args.Parse([]byte(s))
		require.NoError(t, err, s)
		return v
	}
	for s, want := range map[string]int64{
		"0": 0, "-0": 0, "-0.0": 0, "0e999": 0, "0.000": 0, "1": 1, "-1": -1, "1.0": 1, "1e2": 100, "1.5e1": 15, "1000e-3": 1, "0.001e3": 1, "120e-1": 12, "100": 100, "10.0e0": 10,
		"9223372036854775807": math.MaxInt64, "-9223372036854775808": math.MinInt64, "9007199254740993": 9007199254740993, "922337203685477580.7e1": math.MaxInt64, "9223372036854775807.000": math.MaxInt64,
	} {
		got, err := value(s).Int()
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
		require.True(t, value(s).Whole())
	}
	for _, s := range []string{"1.5", "0.1", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "1e400", "1e99999999999", "1e-99999999999", "1000e-4", "92233720368547758070e0", "10000000000000000000000"} {
		_, err := value(s).Int()
		require.ErrorIs(t, err, args.ErrNumber, s)
		require.False(t, value(s).Whole())
	}
	for s, want := range map[string]float64{"0": 0, "1.5": 1.5, "1e300": 1e300, "0.1": 0.1, "9007199254740992": 1 << 53, "1e23": 1e23, "0e999": 0, "100000000000000000000": 1e20} {
		got, err := value(s).Double()
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"1e400", "-1e400", "1e-400", "9007199254740993", "9007199254740993.0", "123456789012345678901234567890", strings.Repeat("9", 400)} {
		_, err := value(s).Double()
		require.ErrorIs(t, err, args.ErrNumber, s)
		require.Less(t, len(err.Error()), 120)
	}
	for _, s := range []string{`"1"`, "null", "true", "[1]", "{}"} {
		_, err := value(s).Int()
		require.ErrorIs(t, err, args.ErrKind)
		_, err = value(s).Double()
		require.ErrorIs(t, err, args.ErrKind)
		require.False(t, value(s).Whole())
	}
	for r, i := rand.New(rand.NewPCG(5, 6)), 0; i < 20_000; i++ {
		s := strconv.FormatFloat(float64(r.Int64N(1e15)>>r.IntN(50))/math.Pow10(r.IntN(16)), 'f', -1, 64)
		want, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		got, err := value("-" + s).Double()
		require.NoError(t, err, s)
		require.Equal(t, -want, got, s)
	}
	// Int says what arithmetic without bounds says.
	r := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		s := strconv.FormatInt(r.Int64()>>r.IntN(63), 10)
		if r.IntN(2) == 0 {
			s += "." + strconv.Itoa(r.IntN(1000)*r.IntN(2))
		}
		if r.IntN(2) == 0 {
			s += "e" + strconv.Itoa(r.IntN(24)-12)
		}
		exact, ok := new(big.Rat).SetString(s)
		require.True(t, ok)
		got, err := value(s).Int()
		if exact.IsInt() && exact.Num().IsInt64() {
			require.NoError(t, err, s)
			require.Equal(t, exact.Num().Int64(), got, s)
		} else {
			require.Error(t, err, s)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	doc := []byte(`{"path":"/workspace/src/a.go","amount":42.5,"list":["a","b"],"t\u0065xt":"a\nb"}`)
	var m args.Members
	buf := make([]byte, 0, 64)
	require.NoError(t, m.ReadDocument(doc))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if err := m.ReadDocument(doc); err != nil {
			t.Fatal(err)
		}
		v, _, _ := m.Get("path")
		if s, _, err := v.Text(buf); err != nil || s != "/workspace/src/a.go" {
			t.Fatal(s)
		}
		v, _, _ = m.Get("text")
		if s, _, err := v.Text(buf); err != nil || s != "a\nb" {
			t.Fatal(s)
		}
		v, _, _ = m.Get("amount")
		if f, err := v.Double(); err != nil || f != 42.5 {
			t.Fatal(f)
		}
	}))
}

func BenchmarkMembers(b *testing.B) {
	small := []byte(`{"path":"/workspace/src/engine/policy/decide.go","amount":42.5,"reason":"the customer asked for it twice","order":"A-1029384756"}`)
	content, err := json.Marshal(map[string]string{"path": "/a", "content": strings.Repeat("if a == \"b\" {\n\treturn 1.5\n}\n", 150)})
	require.NoError(b, err)
	for name, doc := range map[string][]byte{"130 B": small, "4 KiB": content} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(doc)))
			var m args.Members
			for b.Loop() {
				if err := m.ReadDocument(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
