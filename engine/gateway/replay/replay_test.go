package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway"
	"m1/engine/gateway/replay"
	"m1/engine/gateway/trace"
	"m1/engine/meter"
)

// scripted answers proposals in turn and notes what was reported.
type scripted struct {
	gateway.Decider
	answers []call.Decision
	reports []call.Report
	ended   []string
	times   []time.Time
}

func (s *scripted) Propose(context.Context, call.Proposal) (call.Decision, error) {
	s.times = append(s.times, time.Now())
	d := s.answers[0]
	s.answers = s.answers[1:]
	return d, nil
}

func (s *scripted) Report(_ context.Context, r call.Report) error {
	s.reports = append(s.reports, r)
	return nil
}

func (s *scripted) StartRun(context.Context, call.Run) error { return nil }

func (s *scripted) EndRun(_ context.Context, _ call.RunID, reason string) error {
	s.ended = append(s.ended, reason)
	return call.ErrUnknownRun
}

func (s *scripted) Use(_ context.Context, u call.Usage) (call.Charge, error) {
	return call.Charge{Cost: call.Nano(u.Input), Priced: u.Model == "known"}, nil
}

func events(evs ...trace.Event) iter.Seq2[trace.Event, error] {
	return func(yield func(trace.Event, error) bool) {
		for _, ev := range evs {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

func toolCall(result string, failed bool) trace.Event {
	return trace.Event{Type: trace.ToolCall, Run: "r", Tool: "t", Result: &result, IsError: &failed}
}

func allow(status call.CacheStatus, held string) call.Decision {
	return call.Decision{ID: "tc_1", Effect: call.Allow, Would: call.Allow, Scope: call.Read, Cache: call.CacheAnswer{Status: status, Result: json.RawMessage(held)}}
}

func TestAnswersFromTheCacheAreComparedWithTheRecording(t *testing.T) {
	t.Parallel()
	s := &scripted{answers: []call.Decision{
		allow(call.CacheMiss, ""), allow(call.CacheHit, `"a"`), allow(call.CacheHit, `"old"`), allow(call.CacheHit, `"a"`), allow(call.CacheHit, `"a"`), allow(call.CacheBypass, ""),
	}}
	nothing := toolCall("", false)
	nothing.Result = nil
	tally, err := replay.Drive(t.Context(), s, events(toolCall("a", false), toolCall("a", false), toolCall("new", false), toolCall("a", true), nothing, toolCall("x", true)), replay.Options{}, new(replay.Progress))
	require.NoError(t, err)
	require.Equal(t, []int{6, 5, 4, 1, 1, 2, 2}, []int{tally.ToolCalls, tally.Cacheable, tally.Hits, tally.Right, tally.Stale, tally.Masked, tally.Errors})
	require.Len(t, s.reports, 2, "answers from the cache are not reported")
	require.Equal(t, call.Report{ID: "tc_1", Outcome: call.OK, Result: json.RawMessage(`"a"`)}, s.reports[0])
	require.Equal(t, call.Failed, s.reports[1].Outcome)
	require.Equal(t, "tool_error", s.reports[1].ErrorType)
}

func TestWhatIsHeldBackIsNotReported(t *testing.T) {
	t.Parallel()
	s := &scripted{answers: []call.Decision{{Effect: call.Deny, Would: call.Deny, Rule: "unknown_tool", Scope: call.Execute}, {Effect: call.Ask, Would: call.Ask, Scope: call.Write}}}
	tally, err := replay.Drive(t.Context(), s, events(toolCall("a", false), toolCall("b", false)), replay.Options{}, new(replay.Progress))
	require.NoError(t, err)
	require.Empty(t, s.reports)
	r := tally.Report(meter.New(), replay.Meta{})
	require.Equal(t, 2, r.Decisions.HeldBack)
	require.Equal(t, 1, r.UnknownTools)
	require.Equal(t, []int{0, 1, 1}, []int{r.Decisions.Allow, r.Decisions.Ask, r.Decisions.Deny})
}

func TestCostsAreAddedAndCompared(t *testing.T) {
	t.Parallel()
	usage := func(model string, tokens int64, recorded *float64) trace.Event {
		return trace.Event{Type: trace.LLMUsage, Usage: call.Usage{Model: model, Input: tokens}, CostUSD: recorded}
	}
	usd := func(v float64) *float64 { return &v }
	tally, err := replay.Drive(t.Context(), &scripted{}, events(
		usage("known", 100, usd(100e-9)), usage("known", 100, usd(300e-9)), usage("known", 100, usd(0)), usage("known", 100, nil), usage("odd", 7, usd(1))), replay.Options{}, new(replay.Progress))
	require.NoError(t, err)
	c := tally.Report(meter.New(), replay.Meta{}).Cost
	require.Equal(t, "0.0000004", c.PricedUSD.String())
	require.Equal(t, []int{2, 1, 1, 1}, []int{c.Compared, c.Equal, c.BelowRecorded, c.UnpricedCalls})
	require.Equal(t, int64(7), c.UnpricedTokens)
	require.Equal(t, []string{"odd"}, c.UnpricedModels)
}

func TestOutcomesBecomeStopReasons(t *testing.T) {
	t.Parallel()
	s := &scripted{}
	var evs []trace.Event
	for _, o := range []string{"", "user_stop", "unresolved", "Submitted", "max_steps", "LimitsExceeded", "agent_error", "too_many_errors"} {
		evs = append(evs, trace.Event{Type: trace.RunEnd, Outcome: o})
	}
	_, err := replay.Drive(t.Context(), s, events(evs...), replay.Options{}, new(replay.Progress))
	require.NoError(t, err, "a run that is not open any more is no failure")
	require.Equal(t, []string{"completed", "completed", "completed", "completed", "limit_exceeded", "limit_exceeded", "error", "error"}, s.ended)
}

func TestThePaceIsTheRecordedOneOrAFractionOfIt(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	timed := func(after time.Duration) trace.Event {
		ev := toolCall("a", false)
		ev.HasTime, ev.At = true, start.Add(after)
		return ev
	}
	recording := []trace.Event{timed(0), timed(2 * time.Second), timed(time.Second), timed(time.Hour), toolCall("no time", false)}
	for _, tt := range []struct {
		name  string
		o     replay.Options
		waits []time.Duration
	}{
		{"as recorded", replay.Options{Speed: 1}, []time.Duration{0, 2 * time.Second, 0, 5 * time.Second, 200 * time.Millisecond}},
		{"ten times faster", replay.Options{Speed: 10}, []time.Duration{0, 200 * time.Millisecond, 0, 500 * time.Millisecond, 20 * time.Millisecond}},
		{"a longer gap", replay.Options{Speed: 1, MaxGap: time.Minute}, []time.Duration{0, 2 * time.Second, 0, time.Minute, 200 * time.Millisecond}},
		{"at once", replay.Options{}, []time.Duration{0, 0, 0, 0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{answers: []call.Decision{{}, {}, {}, {}, {}}}
				last := time.Now()
				_, err := replay.Drive(t.Context(), s, events(recording...), tt.o, new(replay.Progress))
				require.NoError(t, err)
				for i, at := range s.times {
					require.Equal(t, tt.waits[i], at.Sub(last), "event %d", i)
					last = at
				}
			})
		})
	}
}

func TestAReplayCanBeStoppedWhileItWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer stop()
		s := &scripted{answers: []call.Decision{{}, {}, {}}}
		var p replay.Progress
		tally, err := replay.Drive(ctx, s, events(toolCall("1", false), toolCall("2", false), toolCall("3", false)), replay.Options{Speed: 1}, &p)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1, tally.ToolCalls, "what was done is kept")
		require.Equal(t, int64(1), p.Calls())
	})
}

func TestABrokenRecordingStopsWithWhatWasDone(t *testing.T) {
	t.Parallel()
	bad := errors.New("line 2 is no JSON")
	seq := func(yield func(trace.Event, error) bool) {
		_ = yield(toolCall("1", false), nil) && yield(trace.Event{}, bad)
	}
	tally, err := replay.Drive(t.Context(), &scripted{answers: []call.Decision{{}}}, seq, replay.Options{}, new(replay.Progress))
	require.ErrorIs(t, err, bad)
	require.Equal(t, 1, tally.ToolCalls)
}

// A pipe that nobody writes to held M1 for ever, deaf to every signal.
func TestAReplayStopsWhileItsSourceBlocks(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	ctx, stop := context.WithCancel(t.Context())
	seq := func(yield func(trace.Event, error) bool) {
		if yield(toolCall("1", false), nil) {
			stop()
			<-block
		}
	}
	_, err := replay.Drive(ctx, &scripted{answers: []call.Decision{{}}}, seq, replay.Options{}, new(replay.Progress))
	require.ErrorIs(t, err, context.Canceled)
}

// A recording may claim any duration; 1e300 ms wrapped to a negative one.
func TestAnAbsurdDurationIsBounded(t *testing.T) {
	t.Parallel()
	s := &scripted{answers: []call.Decision{allow(call.CacheBypass, "")}}
	ev, absurd := toolCall("a", false), 1e300
	ev.DurationMS = &absurd
	_, err := replay.Drive(t.Context(), s, events(ev), replay.Options{}, new(replay.Progress))
	require.NoError(t, err)
	require.Equal(t, 30*24*time.Hour, s.reports[0].Duration)
}
