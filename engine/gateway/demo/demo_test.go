package demo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine"
	"m1/engine/call"
	"m1/engine/gateway"
	"m1/engine/gateway/demo"
	"m1/engine/ledger/memory"
	"m1/engine/policy"
	"m1/engine/tool"
)

func shop(t *testing.T) *engine.Engine {
	t.Helper()
	tools, err := tool.Parse("shop.yaml", demo.Tools)
	require.NoError(t, err)
	rules, err := policy.Parse("policy.yaml", demo.Policy, tools)
	require.NoError(t, err)
	require.Empty(t, rules.Unlisted(tools), "a rule of the demo names a tool that the shop does not have")
	store, err := memory.New(memory.Options{})
	require.NoError(t, err)
	e, err := engine.New(engine.Options{Tools: tools, Policy: rules, Ledger: store})
	require.NoError(t, err)
	return e
}

// diary notes what each agent proposed.
type diary struct {
	gateway.Decider
	mu    sync.Mutex
	calls map[call.AgentID][]string
}

func (d *diary) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	d.mu.Lock()
	d.calls[p.Agent] = append(d.calls[p.Agent], p.Tool+string(p.Args))
	d.mu.Unlock()
	return d.Decider.Propose(ctx, p)
}

// day lets the crew work for two whole rounds of the phases in virtual time.
func day(t *testing.T, seed uint64) (e *engine.Engine, w *demo.Workload, notes map[call.AgentID][]string, seen map[demo.Phase]bool) {
	t.Helper()
	e = shop(t)
	d := &diary{Decider: e, calls: map[call.AgentID][]string{}}
	w = demo.New(d, demo.Options{Seed: seed})
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	seen = map[demo.Phase]bool{}
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	for ctx.Err() == nil {
		seen[w.Phase()] = true
		time.Sleep(time.Second)
	}
	require.NoError(t, <-ended, "the end of ctx is no failure")
	return e, w, d.calls, seen
}

func TestTheDemoShowsEverythingThatItPromises(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, w, notes, seen := day(t, 1)
		for _, p := range []demo.Phase{demo.Busy, demo.Slow, demo.Failing, demo.Runaway, demo.Costly, demo.Quiet} {
			require.True(t, seen[p], "phase %q", p)
		}
		require.Len(t, notes, 7, "every agent worked")
		s := w.Stats()
		require.Greater(t, s.Calls, int64(500))
		require.Greater(t, s.Hits, int64(50))
		require.Zero(t, s.Stale, "the cache gave a wrong answer")
		m := e.Meter()
		require.Positive(t, m.Asked.Load(), "refunds are asked about")
		require.Positive(t, m.Denied.Load(), "deletions are denied")
		require.Positive(t, m.ToolErrors.Load())
		require.Positive(t, m.UnpricedTokens.Load(), "one model has no price")
		require.Positive(t, m.CostNano.Load())
		require.GreaterOrEqual(t, m.LongestStreak.Load(), int64(engine.LoopStreak))
		require.Greater(t, m.Tool.Read().Max(), 900*time.Millisecond, "a slow tool")
		require.Zero(t, m.M1Errors.Load())
	})
}

func TestTheSameSeedDoesTheSame(t *testing.T) {
	t.Parallel()
	var first, second, other map[call.AgentID][]string
	synctest.Test(t, func(t *testing.T) { _, _, first, _ = day(t, 7) })
	synctest.Test(t, func(t *testing.T) { _, _, second, _ = day(t, 7) })
	synctest.Test(t, func(t *testing.T) { _, _, other, _ = day(t, 8) })
	require.Equal(t, first, second)
	require.NotEqual(t, first, other)
}

var errDisk = errors.New("disk gone")

type broken struct{ gateway.Decider }

func (broken) Propose(context.Context, call.Proposal) (call.Decision, error) {
	return call.Decision{}, errDisk
}

func TestACallThatCannotBeDecidedEndsTheDemo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		require.ErrorIs(t, demo.New(broken{shop(t)}, demo.Options{}).Run(t.Context()), errDisk)
	})
}
