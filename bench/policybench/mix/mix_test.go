package mix_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/bench/policybench/mix"
)

func TestAMixHasTheSharesItPromises(t *testing.T) {
	t.Parallel()
	for _, n := range []int{100, 1000, 10_000} {
		m := mix.New(n)
		require.Len(t, m.Rules, n)
		require.Len(t, m.Tools, n/5)
		count := map[string]int{}
		for _, r := range m.Rules {
			switch {
			case r.Deny:
				count["deny"]++
				require.True(t, r.Tools.Wild)
			case r.Path != "":
				count["path"]++
			case r.Below != 0:
				count["amount"]++
			case r.Tools.Wild:
				count["wide"]++
			case r.Agents.Everything():
				count["everybody"]++
			case r.Agents.Wild:
				count["team"]++
			default:
				count["agent"]++
			}
		}
		require.Equal(t, map[string]int{
			"deny": n * 5 / 100, "path": n * 5 / 100, "amount": n * 5 / 100, "wide": n * 5 / 100,
			"everybody": n * 16 / 100, "team": n * 32 / 100, "agent": n * 32 / 100,
		}, count)
	}
}

func TestTheSameNumberMakesTheSameMix(t *testing.T) {
	t.Parallel()
	a, b := mix.New(100), mix.New(100)
	require.Equal(t, a.Rules, b.Rules)
	require.Equal(t, a.Stream(), b.Stream())
	require.Equal(t, a.Probe(500), b.Probe(500))
	require.NotEqual(t, mix.New(200).Rules[:100], a.Rules)
}

func TestAStreamHoldsCallsOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 100, 1000} {
		m := mix.New(n)
		tools := map[string]bool{}
		for _, name := range m.Tools {
			tools[name] = true
		}
		kinds, released := map[mix.Kind]int{}, 0
		for _, c := range m.Stream() {
			kinds[c.Kind]++
			require.Equal(t, c.Kind != mix.Unknown, tools[c.Tool], c.Tool)
			require.JSONEq(t, fmt.Sprintf(`{"path":%q,"amount":%v}`, c.Path, c.Amount), string(c.JSON))
			switch c.Kind {
			case mix.Exact:
				require.True(t, c.Allowed)
			case mix.Default, mix.Unknown:
				require.False(t, c.Allowed)
			case mix.Condition:
				if c.Allowed {
					released++
				}
			}
		}
		require.InDelta(t, 0.7*mix.Calls, kinds[mix.Exact], 5)
		for _, k := range []mix.Kind{mix.Default, mix.Unknown, mix.Condition} {
			require.InDelta(t, 0.1*mix.Calls, kinds[k], 5)
		}
		require.InDelta(t, kinds[mix.Condition]/2, released, 5)
	}
}

func TestAProbeMeetsDenyRulesThatOverruleAllows(t *testing.T) {
	t.Parallel()
	m := mix.New(1000)
	overruled := 0
	for _, c := range m.Probe(2000) {
		allowed, denied := false, false
		for _, r := range m.Rules {
			if r.Matches(&c) {
				allowed, denied = allowed || !r.Deny, denied || r.Deny
			}
		}
		if allowed && denied {
			require.False(t, c.Allowed)
			overruled++
		}
	}
	require.Greater(t, overruled, 50)
}

func TestNoAllowIsThereInVain(t *testing.T) {
	t.Parallel()
	for _, m := range []*mix.Mix{mix.New(1000), mix.New(10_000), mix.NewHot(10_000)} {
		var denies []mix.Rule
		for _, r := range m.Rules {
			if r.Deny {
				denies = append(denies, r)
			}
		}
		for _, r := range m.Rules {
			for _, d := range denies {
				covered := !r.Deny && d.Tools.Match(r.Tools.Head) && strings.HasPrefix(r.Agents.Head, d.Agents.Head)
				require.False(t, covered, "%+v by %+v", r, d)
			}
		}
	}
}

func TestAHotMixHasHalfOfItsRulesOnTwoTools(t *testing.T) {
	t.Parallel()
	m := mix.NewHot(10_000)
	hot := 0
	for _, r := range m.Rules {
		if r.Tools.Head == m.Tools[0] || r.Tools.Head == m.Tools[1] {
			hot++
		}
	}
	require.InDelta(t, 4500, hot, 300) // of the 9,000 that name a tool
	require.Len(t, m.Stream(), mix.Calls)
}
