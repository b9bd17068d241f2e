package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/ledger/memory"
	"m1/engine/policy"
	"m1/engine/tool"
)

const catalogue = `
version: 1
tools:
  get_order:    { scope: read, cacheable: true, reads: ["orders/{id}"] }
  list_orders:  { scope: read, cacheable: true, reads: [orders] }
  think:        { scope: read, cacheable: false }
  update_order: { scope: write, changes: ["orders/{id}"] }
  shell:        { scope: execute }
  mail:         { scope: execute, changes: [] }
`

const rules = `
version: 1
rules:
  - { id: all,       effect: allow, tools: ["*"] }
  - { id: ask-mail,  effect: ask,   tools: [mail], reason: "a person reads what leaves the house" }
  - { id: no-shell,  effect: deny,  agents: [guest], tools: [shell], reason: "guests run no shell" }
`

type world struct {
	*engine.Engine
	ledger ledger.Store
}

func inMemory(t testing.TB) ledger.Store {
	t.Helper()
	s, err := memory.New(memory.Options{})
	require.NoError(t, err)
	return s
}

func open(t testing.TB, policyText string, change ...func(*engine.Options)) world {
	t.Helper()
	tools, err := tool.Parse("tools.yaml", []byte(catalogue))
	require.NoError(t, err)
	set, ok := policy.Builtin(policyText)
	if !ok {
		set, err = policy.Parse("policy.yaml", []byte(policyText), tools)
		require.NoError(t, err)
	}
	o := engine.Options{Tools: tools, Policy: set, Ledger: inMemory(t)}
	for _, c := range change {
		c(&o)
	}
	e, err := engine.New(o)
	require.NoError(t, err)
	return world{e, o.Ledger}
}

func (w world) propose(t testing.TB, run, name, args string) call.Decision {
	t.Helper()
	d, err := w.Propose(context.Background(), call.Proposal{Agent: "bot", Run: call.RunID(run), Tool: name, Args: json.RawMessage(args)})
	require.NoError(t, err)
	return d
}

func (w world) report(t testing.TB, d call.Decision, result string) {
	t.Helper()
	require.NoError(t, w.Report(context.Background(), call.Report{ID: d.ID, Outcome: call.OK, Result: json.RawMessage(result), Duration: time.Millisecond}))
}

// read proposes a read and executes it if the cache does not know the answer.
func (w world) read(t testing.TB, run, name, args, result string) (got string, hit bool) {
	t.Helper()
	d := w.propose(t, run, name, args)
	require.Equal(t, call.Allow, d.Effect)
	if d.Cache.Status == call.CacheHit {
		return string(d.Cache.Result), true
	}
	w.report(t, d, result)
	return result, false
}

func (w world) events(t testing.TB, kind event.Kind) []event.Event {
	t.Helper()
	require.NoError(t, w.ledger.Flush(context.Background()))
	var out []event.Event
	for ev, err := range w.ledger.Events(context.Background(), ledger.Query{Kind: kind}) {
		require.NoError(t, err)
		out = append(out, ev)
	}
	return out
}

func TestACallIsDecidedRecordedAndReported(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	d := w.propose(t, "run-1", "update_order", `{"id": "7"}`)
	require.Equal(t, call.Allow, d.Effect)
	require.Equal(t, "all", d.Rule)
	require.Equal(t, call.Write, d.Scope)
	require.Equal(t, call.CacheBypass, d.Cache.Status)
	require.Regexp(t, `^sha256:[0-9a-f]{64}$`, d.Version)

	decided := w.events(t, event.Decided)
	require.Len(t, decided, 1)
	require.Equal(t, d.ID, decided[0].Call)
	require.JSONEq(t, `{"id":"7"}`, string(decodeDecided(t, decided[0]).Args))
	w.report(t, d, `"done"`)
	require.Len(t, w.events(t, event.Reported), 1)
	require.ErrorIs(t, w.Report(t.Context(), call.Report{ID: d.ID, Outcome: call.OK}), call.ErrUnknownCall, "a second report")
	require.ErrorIs(t, w.Report(t.Context(), call.Report{ID: "tc_never"}), call.ErrUnknownCall)
	require.NoError(t, w.ledger.Verify(t.Context()))
}

func decodeDecided(t testing.TB, ev event.Event) event.DecidedData {
	t.Helper()
	var d event.DecidedData
	require.NoError(t, json.Unmarshal(ev.Data, &d))
	return d
}

func TestEffects(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, policy, agent, tool string
		effect                    call.Effect
		would                     call.Effect
		rule                      string
	}{
		{"an allow rule", rules, "bot", "shell", call.Allow, call.Allow, "all"},
		{"ask is stronger than allow", rules, "bot", "mail", call.Ask, call.Ask, "ask-mail"},
		{"deny is stronger than all", rules, "guest", "shell", call.Deny, call.Deny, "no-shell"},
		{"a tool that is not listed", rules, "bot", "launch", call.Deny, call.Deny, "unknown_tool"},
		{"reads under the built-in read-only", "read-only", "bot", "list_orders", call.Allow, call.Allow, "reads"},
		{"writes under the built-in read-only", "read-only", "bot", "update_order", call.Deny, call.Deny, "max_scope"},
		{"an unlisted tool is only counted in observe mode", "observe", "bot", "launch", call.Allow, call.Deny, "unknown_tool"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := open(t, tt.policy)
			for range 2 { // the second answer comes from the decision cache
				d, err := w.Propose(t.Context(), call.Proposal{Agent: call.AgentID(tt.agent), Run: "r", Tool: tt.tool})
				require.NoError(t, err)
				require.Equal(t, tt.effect, d.Effect)
				require.Equal(t, tt.would, d.Would)
				if tt.rule != "reads" {
					require.Equal(t, tt.rule, d.Rule)
				}
				require.NotEmpty(t, d.Reason)
			}
			m := w.Meter()
			require.Equal(t, int64(1), m.DecisionHits.Load())
			require.Equal(t, int64(1), m.DecisionMisses.Load())
			held := int64(0)
			if tt.effect != call.Allow {
				held = 2
			}
			require.Equal(t, held, m.HeldBack.Load())
			counted := int64(0)
			for scope := range m.Decisions[tt.effect] {
				counted += m.Decisions[tt.effect][scope].Load()
			}
			require.Equal(t, int64(2), counted, "counted by effect and scope")
		})
	}
}

func TestRepeatedReadsAreAnsweredFromTheRunAndNothingElse(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	_, hit := w.read(t, "run-1", "get_order", `{"id":"7"}`, `"v1"`)
	require.False(t, hit)
	got, hit := w.read(t, "run-1", "get_order", ` { "id" : "7" } `, `"x"`)
	require.True(t, hit, "the same call in another spelling")
	require.Equal(t, `"v1"`, got)
	_, hit = w.read(t, "run-2", "get_order", `{"id":"7"}`, `"v1"`)
	require.False(t, hit, "another run knows nothing of it")
	_, hit = w.read(t, "", "get_order", `{"id":"7"}`, `"v1"`)
	require.False(t, hit)
	_, hit = w.read(t, "", "get_order", `{"id":"7"}`, `"v1"`)
	require.False(t, hit, "calls without a run are never kept")
	_, hit = w.read(t, "run-1", "think", `{}`, `"a"`)
	require.False(t, hit)
	_, hit = w.read(t, "run-1", "think", `{}`, `"a"`)
	require.False(t, hit, "not cacheable")
	require.NoError(t, w.EndRun(t.Context(), "run-1", engine.Completed))
	_, hit = w.read(t, "run-1", "get_order", `{"id":"7"}`, `"v2"`)
	require.False(t, hit, "the run has ended")
}

func TestWritesDropWhatTheyChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, tool, args string
		order, list      bool // still known afterwards
	}{
		{"the order itself", "update_order", `{"id":"7"}`, false, false},
		{"another order", "update_order", `{"id":"8"}`, true, false},
		{"an order that is not named", "update_order", `{}`, false, false},
		{"a shell, which may change anything", "shell", `{"command":"ls"}`, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, outcome := range []call.Outcome{call.OK, call.Failed, call.Cancelled} {
				w := open(t, rules)
				w.read(t, "r", "get_order", `{"id":"7"}`, `"v1"`)
				w.read(t, "r", "list_orders", `{}`, `"v1"`)
				d := w.propose(t, "r", tt.tool, tt.args)
				during := w.propose(t, "r", "get_order", `{"id":"7"}`)
				require.Equal(t, tt.order, during.Cache.Status == call.CacheHit, "while the write is under way")
				require.NoError(t, w.Report(t.Context(), call.Report{ID: d.ID, Outcome: outcome}))
				_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"v2"`)
				require.Equal(t, tt.order, hit, "outcome %s: even a failed write may have changed something", outcome)
				_, hit = w.read(t, "r", "list_orders", `{}`, `"v2"`)
				require.Equal(t, tt.list, hit)
			}
		})
	}
}

func TestADeniedWriteDropsNothing(t *testing.T) {
	t.Parallel()
	w := open(t, "read-only")
	w.read(t, "r", "get_order", `{"id":"7"}`, `"v1"`)
	require.Equal(t, call.Deny, w.propose(t, "r", "update_order", `{"id":"7"}`).Effect)
	_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"v1"`)
	require.True(t, hit)
}

func TestFailedAndEmptyResultsAreNeverKept(t *testing.T) {
	t.Parallel()
	for _, r := range []call.Report{{Outcome: call.Failed, Result: json.RawMessage(`"timeout"`)}, {Outcome: call.Cancelled, Result: json.RawMessage(`"half"`)}, {Outcome: call.OK}} {
		w := open(t, rules)
		r.ID = w.propose(t, "r", "list_orders", `{}`).ID
		require.NoError(t, w.Report(t.Context(), r))
		require.Equal(t, call.CacheMiss, w.propose(t, "r", "list_orders", `{}`).Cache.Status)
	}
}

// broken is a ledger whose disk is gone.
type broken struct{ ledger.Store }

func (broken) Append(context.Context, ...event.Event) (uint64, error) {
	return 0, fmt.Errorf("disk: %w", ledger.ErrUnavailable)
}
func (broken) Enqueue(...event.Event) error { return ledger.ErrFull }

func TestWithoutARecordNothingIsReleased(t *testing.T) {
	t.Parallel()
	w := open(t, rules, func(o *engine.Options) { o.Ledger = broken{inMemory(t)} })
	for _, name := range []string{"list_orders", "update_order", "shell"} {
		d, err := w.Propose(t.Context(), call.Proposal{Agent: "bot", Run: "r", Tool: name})
		require.ErrorIs(t, err, ledger.ErrUnavailable)
		require.Equal(t, call.Deny, d.Effect)
		require.Equal(t, "ledger_unavailable", d.Rule)
	}
	require.Equal(t, int64(3), w.Meter().M1Errors.Load())
	require.Zero(t, w.Status().OpenCalls)
}

// slow holds back every Append until it is let go, and notes what was durable.
type slow struct {
	ledger.Store
	asked chan struct{}
	let   chan struct{}
}

func (s slow) Append(ctx context.Context, evs ...event.Event) (uint64, error) {
	s.asked <- struct{}{}
	<-s.let
	return s.Store.Append(ctx, evs...)
}

func TestOnlyWritesAndExecutesWaitForTheDisk(t *testing.T) {
	t.Parallel()
	s := slow{inMemory(t), make(chan struct{}), make(chan struct{})}
	w := open(t, rules, func(o *engine.Options) { o.Ledger = s })
	require.Equal(t, call.Allow, w.propose(t, "r", "list_orders", `{}`).Effect, "a read does not wait")
	require.Equal(t, call.Deny, w.propose(t, "r", "wipe_all", `{}`).Effect, "nothing was let through: nothing to wait for")
	for name, want := range map[string]call.Effect{"update_order": call.Allow, "shell": call.Allow, "mail": call.Ask} {
		answered := make(chan call.Decision)
		go func() {
			d, err := w.Propose(context.Background(), call.Proposal{Agent: "bot", Run: "r", Tool: name, Args: json.RawMessage(`{"id":"7"}`)})
			if err != nil {
				d.Effect = call.Deny
			}
			answered <- d
		}()
		<-s.asked
		select {
		case <-answered:
			t.Fatal("released before it was durable")
		default:
		}
		s.let <- struct{}{}
		require.Equal(t, want, (<-answered).Effect)
	}
}

func TestArgumentsThatCannotBeReadAreDenied(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	d, err := w.Propose(t.Context(), call.Proposal{Agent: "bot", Tool: "list_orders", Args: json.RawMessage(`{"a":1,"a":2}`)})
	require.ErrorIs(t, err, call.ErrArgs)
	require.Equal(t, call.Deny, d.Effect)
}

func TestALoopIsSeenAndShownUntilTheRunMovesOn(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	for i := range engine.LoopStreak {
		d := w.propose(t, "r", "update_order", `{"id":"7"}`)
		require.Equal(t, i+1, w.Status().Calls[0].Streak)
		if i+1 < engine.LoopStreak {
			w.report(t, d, `"done"`)
			continue
		}
		require.Equal(t, call.Ask, d.Effect, "a person looks at it")
		require.Equal(t, policy.Loop, d.Rule)
	}
	loops := w.Status().Loops
	require.Len(t, loops, 1)
	require.True(t, loops[0].Open)
	require.Equal(t, engine.LoopStreak, loops[0].Streak)
	require.Equal(t, "update_order", loops[0].Tool)
	w.propose(t, "r", "list_orders", `{}`)
	loops = w.Status().Loops
	require.Len(t, loops, 1, "it is remembered")
	require.False(t, loops[0].Open)
	require.Equal(t, int64(engine.LoopStreak-1), w.Meter().Repeats.Load())
	require.Equal(t, int64(engine.LoopStreak), w.Meter().LongestStreak.Load())
}

func TestUsageIsPricedCountedAndRecorded(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	at := time.Date(2026, 4, 9, 6, 0, 0, 0, time.UTC)
	charge, err := w.Use(t.Context(), call.Usage{Model: "deepseek-chat", Run: "r", Agent: "bot", At: at, Input: 1558, Output: 91})
	require.NoError(t, err)
	require.True(t, charge.Priced)
	require.Equal(t, "0.00047446", charge.Cost.String())
	charge, err = w.Use(t.Context(), call.Usage{Model: "in-house", Run: "r", Agent: "bot", At: at, Input: 10, Output: 5})
	require.NoError(t, err)
	require.False(t, charge.Priced)
	m := w.Meter()
	require.Equal(t, int64(474_460), m.CostNano.Load())
	require.Equal(t, int64(15), m.UnpricedTokens.Load())
	run := w.Status().Runs[0]
	require.Equal(t, "0.00047446", run.CostUSD)
	require.True(t, run.Unpriced)
	require.Len(t, w.events(t, event.Used), 2)
}

func TestRunsAreFollowedFromStartToEnd(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	require.NoError(t, w.StartRun(t.Context(), call.Run{ID: "r", Agent: "bot", Goal: "find a parcel"}))
	w.read(t, "r", "list_orders", `{}`, `"v"`)
	w.read(t, "r", "list_orders", `{}`, `"v"`)
	w.propose(t, "r", "mail", `{}`)
	run := w.Status().Runs[0]
	require.Equal(t, "find a parcel", run.Goal)
	require.Equal(t, "active", run.Status)
	require.Equal(t, []int64{3, 1, 1, 1}, []int64{run.ToolCalls, run.CacheHits, run.Denied, run.Repeats})
	require.NoError(t, w.EndRun(t.Context(), "r", "error"))
	require.Equal(t, "failed", w.Status().Runs[0].Status)
	require.ErrorIs(t, w.EndRun(t.Context(), "r", "error"), call.ErrUnknownRun)
	require.ErrorIs(t, w.EndRun(t.Context(), "nobody", "error"), call.ErrUnknownRun)
	require.Equal(t, int64(1), w.Meter().RunsFailed.Load())
}

func TestBatchedRecordsAreDurableWithin50ms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, rules)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		before := w.ledger.Status().Events
		w.propose(t, "r", "list_orders", `{}`)
		require.Equal(t, before, w.ledger.Status().Events, "a read does not wait")
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, before+1, w.ledger.Status().Events)
		stop()
		require.NoError(t, <-ended)
		kinds := []event.Kind{}
		for _, ev := range w.events(t, "") {
			kinds = append(kinds, ev.Kind)
		}
		require.Equal(t, []event.Kind{event.EngineStarted, event.PolicyLoaded, event.Decided, event.EngineStopped}, kinds)
	})
}

func TestCallsThatNobodyReportsAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, rules, func(o *engine.Options) { o.OpenFor = time.Minute })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		lost := w.propose(t, "r", "update_order", `{"id":"7"}`)
		w.read(t, "r", "get_order", `{"id":"7"}`, `"v1"`)
		_, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"v1"`)
		require.False(t, hit, "the write is still open")
		time.Sleep(62 * time.Second)
		require.ErrorIs(t, w.Report(ctx, call.Report{ID: lost.ID}), call.ErrUnknownCall)
		w.read(t, "r", "get_order", `{"id":"7"}`, `"v2"`)
		got, hit := w.read(t, "r", "get_order", `{"id":"7"}`, `"v2"`)
		require.True(t, hit, "the cache works again")
		require.Equal(t, `"v2"`, got)
		stop()
		require.NoError(t, <-ended)
	})
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := open(t, rules, func(o *engine.Options) { o.Keep, o.Runs, o.MaxOpen = 10, 5, 3 })
	var first call.Decision
	for i := range 40 {
		d := w.propose(t, fmt.Sprint("run-", i), "update_order", `{"id":"7"}`)
		if i == 0 {
			first = d
		}
	}
	s := w.Status()
	require.Len(t, s.Calls, 10)
	require.Len(t, s.Runs, 5)
	require.Equal(t, 3, s.OpenCalls)
	require.Equal(t, call.RunID("run-39"), s.Calls[0].Run)
	require.Equal(t, call.RunID("run-39"), s.Runs[0].ID)
	require.ErrorIs(t, w.Report(t.Context(), call.Report{ID: first.ID}), call.ErrUnknownCall)
}

func TestManyAgentsAtOnce(t *testing.T) {
	t.Parallel()
	w := open(t, rules)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			run := fmt.Sprint("run-", i%4)
			for n := range 50 {
				id := fmt.Sprintf(`{"id":"%d"}`, n%3)
				w.read(t, run, "get_order", id, `"v"`)
				w.report(t, w.propose(t, run, "update_order", id), `"done"`)
				w.Status()
			}
		})
	}
	wg.Wait()
	m := w.Meter()
	require.Equal(t, int64(1600), m.Calls.Load())
	require.Equal(t, m.Calls.Load(), m.Allowed.Load())
	require.Equal(t, m.DecisionHits.Load()+m.DecisionMisses.Load(), m.Calls.Load())
	require.Zero(t, w.Status().OpenCalls)
	require.Len(t, w.events(t, event.Decided), 1600)
	require.NoError(t, w.ledger.Verify(t.Context()))
}

func TestMissingOptionsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := engine.New(engine.Options{})
	require.ErrorContains(t, err, "Options.Tools is missing")
	require.NotErrorIs(t, err, ledger.ErrClosed)
}

func BenchmarkProposeAndReportRead(b *testing.B) {
	w := open(b, rules)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		w.report(b, w.propose(b, "r", "get_order", fmt.Sprintf(`{"id":"%d"}`, n)), `"v"`)
	}
}

func BenchmarkProposeHit(b *testing.B) {
	w := open(b, rules)
	w.read(b, "r", "get_order", `{"id":"7"}`, `"v"`)
	lat := make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		w.propose(b, "r", "get_order", `{"id":"7"}`)
		if len(lat) < cap(lat) {
			lat = append(lat, time.Since(start))
		}
	}
	slices.Sort(lat)
	b.ReportMetric(float64(lat[len(lat)*99/100]), "p99-ns")
}

// After a full disk had room again, M1 stayed "not ready": nobody sent the write
// that would have shown it.
func TestALedgerThatFailedIsTriedUntilItWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := open(t, rules, func(o *engine.Options) { o.Ledger = sick{inMemory(t)} })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.Run(ctx) }()
		time.Sleep(5500 * time.Millisecond)
		stop()
		require.NoError(t, <-ended)
		require.Len(t, w.events(t, event.LedgerRecovered), 5, "one try a second while the ledger says that it failed")
	})
}

// sick says that its last write failed.
type sick struct{ ledger.Store }

func (s sick) Status() ledger.Status {
	st := s.Store.Status()
	st.Err = "disk full"
	return st
}
