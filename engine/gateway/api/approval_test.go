package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
)

var until = time.Date(2026, 11, 22, 14, 3, 5, 0, time.UTC)

func TestAnAskSaysWhereToWaitForTheAnswer(t *testing.T) {
	t.Parallel()
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		return call.Decision{
			ID: "tc_1", Effect: call.Ask, Would: call.Ask, Rule: "merge", Code: "rule", Reason: "A person must look.", Version: "sha256:ab", Scope: call.Execute,
			Cache: call.CacheAnswer{Status: call.CacheBypass}, Approval: &call.Approval{ID: "ap_1", ExpiresAt: until.In(time.FixedZone("x", 3600))},
		}, nil
	}}
	w := post(handler(t, d), "/v1/tool_calls", order)
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"id":"tc_1","decision":"ask","code":"rule","reason":"A person must look.","rule_id":"merge","policy_version":"sha256:ab","scope":"execute","duration_us":0,"cache":{"status":"bypass"},
		"approval":{"id":"ap_1","status":"pending","expires_at":"2026-11-22T14:03:05Z","poll":"/v1/approvals/ap_1?wait=25s"}}`, w.Body.String())
}

func TestADenialByALimitSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	for retry, want := range map[time.Duration]float64{1500 * time.Millisecond: 1500, time.Microsecond: 1} {
		d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
			return call.Decision{ID: "tc_1", Code: "rate_limit", Rule: "reads", Retry: retry}, nil
		}}
		var got map[string]any
		require.NoError(t, json.Unmarshal(post(handler(t, d), "/v1/tool_calls", order).Body.Bytes(), &got))
		require.Equal(t, "rate_limit", got["code"])
		require.InEpsilon(t, want, got["retry_after_ms"], 0)
	}
}

// After the answer of a person the same call comes again under the same key, with
// another body: that must not be a conflict. A grant is spent once, so its answer
// must survive a repetition.
func TestACallComesAgainWithItsGrantUnderTheSameKey(t *testing.T) {
	t.Parallel()
	var decided atomic.Int64
	d := &decider{propose: func(_ context.Context, p call.Proposal) (call.Decision, error) {
		decided.Add(1)
		if p.Grant == "" {
			return call.Decision{ID: "tc_1", Effect: call.Ask, Would: call.Ask, Approval: &call.Approval{ID: "ap_1", ExpiresAt: until}}, nil
		}
		return call.Decision{ID: "tc_2", Effect: call.Allow, Would: call.Allow}, nil
	}}
	h := handler(t, d)
	granted := order[:len(order)-1] + `,"grant":"e.y.J"}`
	for range 2 { // what a person must answer is asked anew: the first question may be over
		w := post(h, "/v1/tool_calls", order, "Idempotency-Key", "toolu_01")
		require.Contains(t, w.Body.String(), `"ask"`)
		require.Empty(t, w.Header().Get("Idempotency-Replayed"))
	}
	require.EqualValues(t, 2, decided.Load())
	for i, replayed := range []string{"", "true"} {
		w := post(h, "/v1/tool_calls", granted, "Idempotency-Key", "toolu_01")
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Contains(t, w.Body.String(), `"tc_2"`)
		require.Equal(t, replayed, w.Header().Get("Idempotency-Replayed"), i)
	}
	require.EqualValues(t, 3, decided.Load())
	require.Equal(t, "e.y.J", d.proposals[2].Grant)
	require.Contains(t, post(h, "/v1/tool_calls", order, "Idempotency-Key", "toolu_01").Body.String(), `"ask"`, "a grant answers for itself only")
}

func TestTheClientCarriesGrantApprovalAndLimits(t *testing.T) {
	t.Parallel()
	want := call.Decision{
		ID: "tc_1", Effect: call.Ask, Would: call.Ask, Code: "rule", Retry: 2 * time.Second,
		Approval: &call.Approval{ID: "ap_/1", ExpiresAt: until}, Cache: call.CacheAnswer{Status: call.CacheBypass},
	}
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) { return want, nil }}
	c := dial(t, handler(t, d), token)
	got, err := c.Propose(t.Context(), call.Proposal{Agent: "a", Tool: "t", Grant: "e.y.J", ToolUse: "u"})
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, "e.y.J", d.proposals[0].Grant)

	for limits, want := range map[call.RunLimits]call.RunLimits{
		{}: {},
		{MaxToolCalls: 1, MaxSteps: 2, MaxRuntime: 3 * time.Second}: {MaxToolCalls: 1, MaxSteps: 2, MaxRuntime: 3 * time.Second},
		{MaxRuntime: time.Nanosecond}:                               {MaxRuntime: time.Second}, // never rounded to no limit
	} {
		require.NoError(t, c.StartRun(t.Context(), call.Run{ID: "r", Agent: "a", Limits: limits}))
		require.Equal(t, want, d.runs[len(d.runs)-1].Limits)
	}
	require.Error(t, c.StartRun(t.Context(), call.Run{ID: "r", Agent: "a", Limits: call.RunLimits{MaxSteps: -1}}))
}
