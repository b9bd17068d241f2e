package engine_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/policy"
	"m1/engine/source"
)

// versionOf is a policy in which every rule has the name of its version.
func versionOf(n int) string {
	return fmt.Sprintf("version: 1\ntools:\n  get: { scope: read, args: { n: int } }\n  put: { scope: write }\nrules:\n"+
		"  - { id: v%d-get, effect: allow, tools: [get], when: 'args.n >= 0' }\n  - { id: v%d-put, effect: deny, tools: [put] }\n", n, n)
}

// Whoever is decided while the policy changes is decided by one of the two as a
// whole: rule and version belong together.
func TestNoCallMeetsPartsOfTwoPolicies(t *testing.T) {
	t.Parallel()
	w := open(t, versionOf(0))
	byVersion := map[string]string{}
	var sources [][]byte
	for n := range 2 {
		set, err := policy.Parse("p", []byte(versionOf(n)), nil)
		require.NoError(t, err)
		byVersion[set.Version()] = fmt.Sprintf("v%d-", n)
		sources = append(sources, []byte(versionOf(n)))
	}
	var stop atomic.Bool
	var swaps, calls, wrong atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; !stop.Load(); i++ {
			if _, _, err := w.LoadPolicy(t.Context(), engine.Load{Name: "p", Source: sources[i%2], By: "file"}); err != nil {
				t.Error(err)
				return
			}
			swaps.Add(1)
		}
	})
	for g := range 4 {
		wg.Go(func() {
			for i := 0; calls.Add(1) < 4000 || swaps.Load() < 20; i++ {
				name, want := "get", call.Allow
				if i%2 == 1 {
					name, want = "put", call.Deny
				}
				d, err := w.Propose(t.Context(), call.Proposal{Agent: "bot", Run: call.RunID(fmt.Sprint(g)), Tool: name, Args: []byte(fmt.Sprintf(`{"n":%d}`, i))})
				if name == "put" {
					d, err = w.Propose(t.Context(), call.Proposal{Agent: "bot", Tool: name})
				}
				if err != nil || d.Effect != want || !strings.HasPrefix(d.Rule, byVersion[d.Version]) {
					wrong.Add(1)
				}
			}
			stop.Store(true)
		})
	}
	wg.Wait()
	require.Zero(t, wrong.Load())
	require.GreaterOrEqual(t, swaps.Load(), int64(20))
}

func TestAPolicyThatFailsItsTestsIsNotLoaded(t *testing.T) {
	t.Parallel()
	w := open(t, versionOf(0))
	bad := versionOf(1) + "tests:\n  - { agent: a, call: put, want: allow }\n"
	_, _, err := w.LoadPolicy(t.Context(), engine.Load{Name: "bad.yaml", Source: []byte(bad), By: "operator anna"})
	var ps source.Problems
	require.ErrorAs(t, err, &ps)
	require.Contains(t, err.Error(), "bad.yaml:9:5: tests[0]")
	require.Equal(t, "v0-get", w.propose(t, "", "get", `{"n":1}`).Rule)
	_, _, failure := w.Policies()
	require.Equal(t, "operator anna", failure.By)
	require.NoError(t, w.ledger.Flush(t.Context()))
	require.Len(t, w.kinds(t, event.PolicyRefused), 1)

	_, _, err = w.LoadPolicy(t.Context(), engine.Load{Name: "bad.yaml", Source: []byte("nonsense"), DryRun: true})
	require.Error(t, err)
	_, _, after := w.Policies()
	require.Same(t, failure, after, "a dry run leaves no trace")
}

func TestTheDiffOfADryRunShowsWhichCallsWouldTurn(t *testing.T) {
	t.Parallel()
	w := open(t, versionOf(0))
	for i := range 3 {
		w.propose(t, "r", "get", fmt.Sprintf(`{"n":%d}`, i))
	}
	require.NoError(t, w.ledger.Flush(t.Context()))
	stricter := strings.Replace(versionOf(1), "args.n >= 0", "args.n >= 2", 1)
	v, diff, err := w.LoadPolicy(t.Context(), engine.Load{Name: "p", Source: []byte(stricter), DryRun: true})
	require.NoError(t, err)
	require.False(t, v.Live)
	require.Equal(t, 3, diff.Replayed)
	require.Equal(t, 2, diff.Moved)
	require.Equal(t, call.Deny, diff.Calls[0].After)
	require.Equal(t, "v0-get", w.propose(t, "r", "get", `{"n":1}`).Rule, "nothing has changed")
}

func TestARollbackBringsAKeptPolicyBack(t *testing.T) {
	t.Parallel()
	w := open(t, versionOf(0))
	first := w.Status().Policy.Version
	for n := 1; n <= 12; n++ {
		_, _, err := w.LoadPolicy(t.Context(), engine.Load{Name: "p", Source: []byte(versionOf(n)), By: "file"})
		require.NoError(t, err)
	}
	_, kept, _ := w.Policies()
	require.Len(t, kept, 10)
	_, err := w.Rollback(t.Context(), first, "", "operator anna")
	require.ErrorIs(t, err, engine.ErrUnknownPolicy, "only ten are kept")
	_, err = w.Rollback(t.Context(), "sha", "", "operator anna")
	require.ErrorIs(t, err, engine.ErrUnknownPolicy)
	_, err = w.Rollback(t.Context(), kept[9].Version[len("sha256:"):][:16], "the new one is wrong", "operator anna")
	require.NoError(t, err)
	require.Equal(t, "v3-get", w.propose(t, "", "get", `{"n":1}`).Rule)
	require.Equal(t, kept[9].Version, w.Status().Policy.Versions[0].Version)
}

func TestRunLimitsAreThoseOfThePolicyAndOfTheRun(t *testing.T) {
	t.Parallel()
	w := open(t, "version: 1\nlimits: { max_tool_calls: 5 }\nrules:\n  - { id: all, effect: allow, tools: [\"*\"] }\n")
	require.NoError(t, w.StartRun(t.Context(), call.Run{ID: "short", Agent: "bot", Limits: call.RunLimits{MaxToolCalls: 2}}))
	for run, most := range map[string]int{"short": 2, "long": 5} {
		for i := range most {
			require.Equal(t, call.Allow, w.propose(t, run, "think", fmt.Sprintf(`{"n":%d}`, i)).Effect)
		}
		d := w.propose(t, run, "think", `{"n":99}`)
		require.Equal(t, call.Deny, d.Effect)
		require.Equal(t, policy.RunLimit, d.Rule)
	}
}

func TestShadowRulesAreCountedAndChangeNothing(t *testing.T) {
	t.Parallel()
	w := open(t, "version: 1\nrules:\n  - { id: all, effect: allow, tools: [\"*\"] }\n  - { id: try, effect: deny, tools: [think], mode: shadow }\n")
	require.Equal(t, call.Allow, w.propose(t, "r", "think", `{}`).Effect)
	require.Equal(t, call.Allow, w.propose(t, "r", "list_orders", `{}`).Effect)
	m := w.Meter().Shadow.Get("try")
	require.Equal(t, []int64{1, 1}, []int64{m.Matched.Load(), m.Would.Load()})
}
