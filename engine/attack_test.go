package engine_test

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine"
	"m1/engine/call"
	"m1/engine/ledger"
)

// The attack: an agent that hangs up while its call is recorded. Each one counted
// as an error of M1, and a few made M1 "not ready" for five minutes.
func TestACallerThatHangsUpIsNoErrorOfM1(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for _, ctx := range []context.Context{gone, late} {
		d, err := w.Propose(ctx, call.Proposal{Agent: "bot", Run: "r", Tool: "update_order"})
		require.ErrorIs(t, err, ctx.Err())
		require.Equal(t, call.Deny, d.Effect)
	}
	require.Zero(t, w.Meter().M1Errors.Load())

	w = open(t, rules, func(o *engine.Options) { o.Ledger = broken{inMemory(t)} })
	_, err := w.Propose(gone, call.Proposal{Agent: "bot", Run: "r", Tool: "update_order"})
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.Equal(t, int64(1), w.Meter().M1Errors.Load(), "the disk is gone, whoever hung up")
}

// The attack: read order 7, write order "7", read order 7. The answer from before
// the write was given.
func TestAWriteReachesTheReadsOfItsItemHoweverTheIDIsSpelled(t *testing.T) {
	t.Parallel()
	for _, spelled := range [][2]string{{`7`, `"7"`}, {`"7"`, `7`}, {`7`, `7.0`}, {`"7.0"`, `7`}, {`true`, `"true"`}} {
		w := open(t, rules)
		w.read(t, "r", "get_order", `{"id":`+spelled[0]+`}`, `"old"`)
		w.report(t, w.propose(t, "r", "update_order", `{"id":`+spelled[1]+`}`), `"done"`)
		got, hit := w.read(t, "r", "get_order", `{"id":`+spelled[0]+`}`, `"new"`)
		require.False(t, hit, "%v", spelled)
		require.Equal(t, `"new"`, got)
	}
}

// The attack: open as many reads as M1 remembers calls and report none, while
// another agent's write is under way. The write's fence was lifted, and what was
// read before the write took effect was kept.
func TestAFloodOfReadsEndsNobodysFence(t *testing.T) {
	t.Parallel()
	w := open(t, rules, func(o *engine.Options) { o.MaxOpen = 10 })
	write := w.propose(t, "r", "update_order", `{"id":"7"}`)
	for i := range 100 {
		w.propose(t, "flood", "think", fmt.Sprintf(`{"n":%d}`, i))
	}
	require.Equal(t, 10, w.Status().OpenCalls)
	w.read(t, "r", "get_order", `{"id":"7"}`, `"old"`)
	_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"old"`)
	require.False(t, hit, "the write is still under way")
	w.report(t, write, `"done"`)
	_, hit = w.read(t, "r", "get_order", `{"id":"7"}`, `"new"`)
	require.False(t, hit)
	got, hit := w.read(t, "r", "get_order", `{"id":"7"}`, ``)
	require.True(t, hit)
	require.Equal(t, `"new"`, got)
}

// The same with writes: there is nothing else to give up, so the write is, and
// its run keeps nothing until the write would have been given up anyway.
func TestAFloodOfWritesLeavesNothingStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, rules, func(o *engine.Options) { o.MaxOpen, o.OpenFor = 3, time.Hour })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		w.read(t, "r", "get_order", `{"id":"8"}`, `"eight"`)
		early := w.propose(t, "r", "get_order", `{"id":"7"}`)
		write := w.propose(t, "r", "update_order", `{"id":"7"}`)
		w.report(t, early, `"old"`)
		during := w.propose(t, "r", "get_order", `{"id":"7"}`)
		for range 5 { // of one run and of many: the memory of them is bounded too
			w.propose(t, "flood", "update_order", `{"id":"7"}`)
		}
		require.ErrorIs(t, w.Report(ctx, call.Report{ID: write.ID, Outcome: call.OK}), call.ErrUnknownCall)
		require.ErrorIs(t, w.Report(ctx, call.Report{ID: during.ID, Outcome: call.OK}), call.ErrUnknownCall)
		for range 3 {
			_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"old"`)
			require.False(t, hit, "the write may take effect at any moment")
		}
		_, hit := w.read(t, "r", "get_order", `{"id":"8"}`, `"eight"`)
		require.True(t, hit, "the write does not touch it")
		w.read(t, "calm", "get_order", `{"id":"7"}`, `"v"`)
		_, hit = w.read(t, "calm", "get_order", `{"id":"7"}`, `"v"`)
		require.True(t, hit, "another run is not held up")

		for i := range 10 {
			w.propose(t, fmt.Sprint("flood-", i), "update_order", `{"id":"7"}`)
		}
		w.read(t, "quiet", "get_order", `{"id":"7"}`, `"v"`)
		_, hit = w.read(t, "quiet", "get_order", `{"id":"7"}`, `"v"`)
		require.False(t, hit, "too many runs to know them apart: none keeps anything")

		time.Sleep(time.Hour + 2*time.Second)
		w.read(t, "r", "get_order", `{"id":"7"}`, `"new"`)
		_, hit = w.read(t, "r", "get_order", `{"id":"7"}`, `"new"`)
		require.True(t, hit, "the cache works again")
		stop()
		require.NoError(t, <-ended)
	})
}

func TestWhatWasReadWhileAWriteWasOpenIsNotKeptAfterItsExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, rules, func(o *engine.Options) { o.OpenFor = time.Minute })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		w.propose(t, "r", "update_order", `{"id":"7"}`)
		time.Sleep(30 * time.Second)
		during := w.propose(t, "r", "get_order", `{"id":"7"}`)
		list := w.propose(t, "r", "list_orders", `{}`)
		time.Sleep(32 * time.Second)
		require.Equal(t, 2, w.Status().OpenCalls, "the write was given up")
		w.report(t, during, `"old"`)
		w.report(t, list, `"old"`)
		_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"new"`)
		require.False(t, hit)
		_, hit = w.read(t, "r", "list_orders", `{}`, `"new"`)
		require.False(t, hit)
		stop()
		require.NoError(t, <-ended)
	})
}

// priced is a moment for which the built-in table has a price.
var priced = time.Date(2026, 4, 9, 6, 0, 0, 0, time.UTC)

// The attack: usage that costs 9.2 billion dollars, twice. The costs of run,
// model, agent and house became negative.
func TestCostsNeverWrapAround(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	u := call.Usage{Model: "deepseek-chat", Run: "r", Agent: "bot", At: priced, Input: 1 << 53}
	charge, err := w.Use(t.Context(), u)
	require.NoError(t, err)
	require.True(t, charge.Priced)
	for sum := charge.Cost; sum > 0; sum += charge.Cost { // until it would wrap
		_, err = w.Use(t.Context(), u)
		require.NoError(t, err)
	}
	m := w.Meter()
	require.EqualValues(t, math.MaxInt64, m.CostNano.Load())
	require.EqualValues(t, math.MaxInt64, m.Models.Get("deepseek-chat").Nano.Load())
	require.EqualValues(t, math.MaxInt64, m.Agents.Get("bot").Nano.Load())
	require.EqualValues(t, math.MaxInt64, w.Status().Runs[0].CostNano)
	_, err = w.Use(t.Context(), call.Usage{Model: "in-house", Input: math.MaxInt64, Output: math.MaxInt64, CacheWrite5m: math.MaxInt64, CacheWrite1h: math.MaxInt64})
	require.NoError(t, err)
	require.EqualValues(t, math.MaxInt64, m.UnpricedTokens.Load())
	require.EqualValues(t, math.MaxInt64, m.TokensWritten.Load())
}

// The attack: usage and calls of a run that has ended. Each one made it active
// again, its next end was counted as another, and the total was less than its parts.
func TestAnEndedRunStaysEndedAndTheTotalIsTheSumOfItsParts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, rules)
		sums := func() {
			t.Helper()
			var active int64
			for _, r := range w.Status().Runs {
				if r.Status == "active" {
					active++
				}
			}
			m := w.Meter()
			require.Equal(t, m.Runs.Load(), active+m.RunsCompleted.Load()+m.RunsFailed.Load())
		}
		w.read(t, "r", "get_order", `{"id":"7"}`, `"v1"`)
		sums()
		time.Sleep(time.Minute)
		require.NoError(t, w.EndRun(t.Context(), "r", engine.Completed))
		sums()

		time.Sleep(time.Minute)
		_, err := w.Use(t.Context(), call.Usage{Model: "deepseek-chat", Run: "r", Agent: "bot", At: priced, Input: 1558})
		require.NoError(t, err)
		_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"v2"`)
		require.False(t, hit, "the end has dropped the run's results")
		w.report(t, w.propose(t, "r", "update_order", `{"id":"7"}`), `"done"`)
		_, hit = w.read(t, "r", "get_order", `{"id":"7"}`, `"v3"`)
		require.False(t, hit, "a late write drops what it changes")
		run := w.Status().Runs[0]
		require.Equal(t, []string{"completed", engine.Completed}, []string{run.Status, run.StopReason})
		require.Equal(t, time.Minute.Milliseconds(), run.DurationMS, "what comes late does not make it longer")
		require.EqualValues(t, 4, run.ToolCalls)
		require.Positive(t, run.CostNano)
		require.ErrorIs(t, w.EndRun(t.Context(), "r", "error"), call.ErrUnknownRun, "one end is counted once")
		sums()

		for range engine.LoopStreak - 1 {
			w.report(t, w.propose(t, "r", "shell", `{}`), `"done"`)
		}
		require.Equal(t, call.Ask, w.propose(t, "r", "shell", `{}`).Effect)
		require.True(t, w.Status().Loops[0].Open, "nobody hides a loop by ending the run first")

		require.NoError(t, w.StartRun(t.Context(), call.Run{ID: "r", Agent: "bot", Goal: "again"}))
		sums()
		run = w.Status().Runs[0]
		require.Equal(t, []string{"active", ""}, []string{run.Status, run.StopReason})
		require.NoError(t, w.StartRun(t.Context(), call.Run{ID: "r", Agent: "bot", Goal: "again"}), "told twice")
		require.EqualValues(t, 2, w.Meter().Runs.Load())
		require.NoError(t, w.EndRun(t.Context(), "r", "error"))
		require.False(t, w.Status().Loops[0].Open)
		sums()
	})
}
