package call_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
)

func TestTheZeroDecisionDenies(t *testing.T) {
	t.Parallel()
	require.Equal(t, call.Deny, call.Decision{}.Effect)
	require.Equal(t, "deny", call.Effect(0).String())
	require.Less(t, call.NoScope, call.Read, "no scope is below every scope: as the most an agent may do it denies all")
}

func TestEffectsAndScopesReadWhatTheyWrite(t *testing.T) {
	t.Parallel()
	for _, e := range []call.Effect{call.Deny, call.Ask, call.Allow} {
		b, err := json.Marshal(e)
		require.NoError(t, err)
		var got call.Effect
		require.NoError(t, json.Unmarshal(b, &got))
		require.Equal(t, e, got)
	}
	for _, s := range []call.Scope{call.Read, call.Write, call.Execute} {
		var got call.Scope
		require.NoError(t, got.UnmarshalText([]byte(s.String())))
		require.Equal(t, s, got)
	}
	var e call.Effect
	require.EqualError(t, e.UnmarshalText([]byte("permit")), `call: effect "permit" is none of deny, ask, allow`)
	var s call.Scope
	require.Error(t, s.UnmarshalText(nil), "an empty scope is no scope that anybody may write down")
}

func TestMoneyIsWrittenExactly(t *testing.T) {
	t.Parallel()
	for n, want := range map[call.Nano]string{
		0: "0.000000", 81_200_000: "0.081200", 23_076_000: "0.023076", 474_460: "0.00047446", 1: "0.000000001",
		12_410_000_000: "12.410000", -1_500_000_000: "-1.500000", math.MaxInt64: "9223372036.854775807", math.MinInt64: "-9223372036.854775808",
	} {
		require.Equal(t, want, n.String())
	}
}

func TestCanonicalArguments(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, args, want string }{
		{"nothing", "", `{}`},
		{"members are sorted and white space goes", ` { "b" : 1 , "a" : [ 1 , {"d":2,"c":3} ] } `, `{"a":[1,{"c":3,"d":2}],"b":1}`},
		{"sorting is by UTF-16 code units", `{"\ufb33":1,"\ud83d\ude00":2,"a":3}`, "{\"a\":3,\"\U0001F600\":2,\"\ufb33\":1}"},
		{"strings have one spelling", `{"a":"\u0041\/"}`, `{"a":"A/"}`},
		{"numbers have one spelling", `{"a":1.0e2,"b":0.10}`, `{"a":100,"b":0.1}`},
		{"great integers keep their digits", `{"a":9007199254740993,"b":9007199254740992}`, `{"a":9007199254740993,"b":9007199254740992}`},
		{"null is not absence", `{"a":null}`, `{"a":null}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := call.Canonical(json.RawMessage(tt.args))
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))
		})
	}
}

func TestAmbiguousArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"a duplicate name":         `{"a":1,"a":2}`,
		"a nested duplicate":       `{"x":{"a":1,"a":2}}`,
		"a duplicate by escape":    `{"a":1,"\u0061":2}`,
		"a list":                   `[1]`,
		"text":                     `"a"`,
		"null":                     `null`,
		"two values":               `{} {}`,
		"a broken object":          `{"a":`,
		"not UTF-8":                "{\"a\":\"\xff\"}",
		"a number that is no JSON": `{"a":01}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := call.Canonical(json.RawMessage(args))
			require.ErrorIs(t, err, call.ErrArgs)
		})
	}
}

// The attack: read {"amount":1e400}, then {"amount":1e500}. Both became one key, so
// the second was answered with the first's result, and a grant for one let the
// other through. The same with 9007199254740993.0 and 9007199254740992.0.
func TestTwoNumbersNeverBecomeOneKey(t *testing.T) {
	t.Parallel()
	for n, want := range map[string]string{
		"1e400": "out of range", "-1e400": "out of range", "1e-400": "out of range", "1.5E+999999999999": "out of range",
		"9007199254740993.0": "too large to be exact", "9007199254740993e0": "too large to be exact", "-9.007199254740993e15": "too large to be exact",
		"900719925474099.30E1": "too large to be exact", "100000000000000000000000.1": "too large to be exact",
		"1" + strings.Repeat("0", 400) + ".0": "out of range",
	} {
		for _, args := range []string{`{"a":` + n + `}`, `{"a":"\\\"","b":[true,{"c":` + n + ` }]}`} {
			_, err := call.Canonical(json.RawMessage(args))
			require.ErrorIs(t, err, call.ErrArgs, args)
			require.ErrorContains(t, err, want, args)
			require.ErrorContains(t, err, "send it as text")
			require.Less(t, len(err.Error()), 200)
		}
	}
	for n, want := range map[string]string{
		"9007199254740992.0": "9007199254740992", "6.022e23": "6.022e+23", "1e23": "1e+23", "0.0e999": "0", "1e-300": "1e-300",
		"0.12345678901234567": "0.12345678901234566", "37.774929500000000001": "37.7749295", "1e21": "1e+21", "12e1": "120",
		`"1e400"`: `"1e400"`, `"x\\"`: `"x\\"`,
	} {
		got, err := call.Canonical(json.RawMessage(`{"a":` + n + `}`))
		require.NoError(t, err, n)
		require.Equal(t, `{"a":`+want+`}`, string(got))
	}
}

// The attack: usage of 2^63-1 tokens twice; the costs became negative.
func TestMoneyAndTokensStayAtTheGreatestNumber(t *testing.T) {
	t.Parallel()
	require.Equal(t, call.Nano(5), call.Nano(2).Plus(3))
	require.Equal(t, call.Nano(math.MaxInt64), call.Nano(math.MaxInt64).Plus(1))
	require.Equal(t, call.Nano(math.MaxInt64), call.Nano(math.MaxInt64-1).Plus(math.MaxInt64))
	require.EqualValues(t, 15, call.Usage{Input: 1, Output: 2, CacheRead: 3, CacheWrite5m: 4, CacheWrite1h: 5}.Tokens())
	require.EqualValues(t, math.MaxInt64, call.Usage{Input: math.MaxInt64, CacheWrite1h: math.MaxInt64}.Tokens())
	require.EqualValues(t, 7, call.Usage{Input: 7, Output: math.MinInt64}.Tokens())
}

func TestADigestKeepsToolAndArgumentsApart(t *testing.T) {
	t.Parallel()
	require.NotEqual(t, call.DigestOf("a", json.RawMessage(`b{}`)), call.DigestOf("ab", json.RawMessage(`{}`)))
	require.Equal(t, call.DigestOf("a", json.RawMessage(`{}`)), call.DigestOf("a", json.RawMessage(`{}`)))
	require.Len(t, call.DigestOf("a", nil).String(), 64)
}

// Canonical form is a fixed point, keeps the value, and does not write to its input.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{}`, `{"b":1,"a":2.50}`, `{"a":"\u00e9"}`, `{"n":1e400}`, `{"a":{"b":[null,true,-0.0]}}`, `{"n":9007199254740993}`, `{"n":[1.5e300,9007199254740993.0,"\"1e9"]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in := json.RawMessage(s)
		once, err := call.Canonical(in)
		require.Equal(t, s, string(in))
		if err != nil {
			return
		}
		twice, err := call.Canonical(once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
		if strings.TrimSpace(s) == "" {
			return
		}
		var a, b any
		if json.Unmarshal(in, &a) != nil {
			return // great integers that no float64 holds
		}
		require.NoError(t, json.Unmarshal(once, &b))
		require.Equal(t, a, b)
	})
}

func FuzzNano(f *testing.F) {
	f.Add(int64(1))
	f.Fuzz(func(t *testing.T, n int64) {
		s := call.Nano(n).String()
		whole, frac, ok := strings.Cut(s, ".")
		require.True(t, ok)
		require.GreaterOrEqual(t, len(frac), 6)
		back, err := strconv.ParseInt(whole+frac+strings.Repeat("0", 9-len(frac)), 10, 64)
		require.NoError(t, err)
		require.Equal(t, n, back)
	})
}

func BenchmarkCanonicalAndDigest(b *testing.B) {
	file, err := json.Marshal(map[string]string{"file_path": "/a", "content": strings.Repeat("if a == \"b\" {\n\treturn 1.5\n}\n", 2000)})
	require.NoError(b, err)
	for name, args := range map[string]json.RawMessage{
		"flight": json.RawMessage(`{"origin":"JFK","destination":"SEA","date":"2024-05-20"}`), "file": file,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := call.Canonical(args)
				if err != nil {
					b.Fatal(err)
				}
				call.DigestOf("search_direct_flight", c)
			}
		})
	}
}
