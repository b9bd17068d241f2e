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

func TestADigestKeepsToolAndArgumentsApart(t *testing.T) {
	t.Parallel()
	require.NotEqual(t, call.DigestOf("a", json.RawMessage(`b{}`)), call.DigestOf("ab", json.RawMessage(`{}`)))
	require.Equal(t, call.DigestOf("a", json.RawMessage(`{}`)), call.DigestOf("a", json.RawMessage(`{}`)))
	require.Len(t, call.DigestOf("a", nil).String(), 64)
}

// Canonical form is a fixed point, keeps the value, and does not write to its input.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{}`, `{"b":1,"a":2.50}`, `{"a":"\u00e9"}`, `{"n":1e400}`, `{"a":{"b":[null,true,-0.0]}}`, `{"n":9007199254740993}`} {
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
			return // numbers that no float64 holds
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
	args := json.RawMessage(`{"origin":"JFK","destination":"SEA","date":"2024-05-20"}`)
	b.ReportAllocs()
	for b.Loop() {
		c, err := call.Canonical(args)
		if err != nil {
			b.Fatal(err)
		}
		call.DigestOf("search_direct_flight", c)
	}
}
