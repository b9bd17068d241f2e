package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/api"
	"m1/engine/pricing"
)

const order = `{"agent":{"id":"build-bot","type":"claude-code"},"run_id":"r1","tool_use_id":"toolu_01","tool_name":"get_order","tool_input":{"id": 7},"model":"claude-opus-5-5","estimated_usage":{"max_output_tokens":4000}}`

func TestAnAllowedCallHasTheShapeOfTheWire(t *testing.T) {
	t.Parallel()
	d := &decider{}
	w := post(handler(t, d), "/v1/tool_calls", order)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"id":"tc_1","decision":"allow","reason":"Reading is allowed.","rule_id":"reads","policy_version":"sha256:ab","scope":"read","duration_us":12,"cache":{"status":"miss"}}`, w.Body.String())
	require.Regexp(t, `^\d+$`, w.Header().Get("x-m1-overhead-us"))
	require.Equal(t, []call.Proposal{{
		Agent: "build-bot", AgentType: "claude-code", Run: "r1", ToolUse: "toolu_01", Tool: "get_order",
		Args: json.RawMessage(`{"id": 7}`), Model: "claude-opus-5-5",
	}}, d.proposals)
}

func TestADenialIsAnAnswerAndNotAFailure(t *testing.T) {
	t.Parallel()
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		return call.Decision{ID: "tc_2", Rule: "unknown_tool", Reason: "No such tool.", Version: "sha256:ab", Scope: call.Execute, Cache: call.CacheAnswer{Status: call.CacheBypass}}, nil
	}}
	w := post(handler(t, d), "/v1/tool_calls", order)
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"id":"tc_2","decision":"deny","reason":"No such tool.","rule_id":"unknown_tool","policy_version":"sha256:ab","scope":"execute","duration_us":0,"cache":{"status":"bypass"}}`, w.Body.String())
}

func TestObserveModeTellsWhatThePolicyWouldSay(t *testing.T) {
	t.Parallel()
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		return call.Decision{ID: "tc_3", Effect: call.Allow, Would: call.Deny, Cache: call.CacheAnswer{Status: call.CacheMiss}}, nil
	}}
	var got map[string]any
	require.NoError(t, json.Unmarshal(post(handler(t, d), "/v1/tool_calls", order).Body.Bytes(), &got))
	require.Equal(t, "allow", got["decision"])
	require.Equal(t, "deny", got["would"])
}

func TestACacheHitCarriesTheResultAsItWas(t *testing.T) {
	t.Parallel()
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		out := allowed
		out.Cache = call.CacheAnswer{Status: call.CacheHit, Tier: "local", Age: 1500 * time.Microsecond, Result: json.RawMessage(`{"html":"<b>&","n":12345678901234567890}`)}
		return out, nil
	}}
	w := post(handler(t, d), "/v1/tool_calls", order)
	require.Contains(t, w.Body.String(), `"cache":{"status":"hit","tier":"local","age_ms":1,"result":{"html":"<b>&","n":12345678901234567890}}`)
}

func TestWhatTheEngineCannotDoIsA503ThatBlocks(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk /secret/path is full")
	d := &decider{err: broken, propose: func(context.Context, call.Proposal) (call.Decision, error) {
		return call.Decision{Reason: "The ledger cannot record this call."}, broken
	}}
	h := handler(t, d)
	for path, body := range map[string]string{
		"/v1/tool_calls":             order,
		"/v1/tool_calls/tc_1/result": `{"status":"ok"}`,
		"/v1/usage":                  `{"provider":"anthropic","model":"m","usage":{"input_tokens":1}}`,
		"/v1/runs":                   `{"run_id":"r","agent":"a"}`,
		"/v1/runs/r/end":             `{"stop_reason":"completed"}`,
	} {
		w := post(h, path, body)
		require.Equal(t, http.StatusServiceUnavailable, w.Code, path)
		e := refusal(t, w)
		require.Equal(t, "unavailable", e.Code)
		require.Contains(t, e.Hint, "block the call")
		require.NotContains(t, w.Body.String(), "secret", "what is inside M1 stays inside")
	}
	require.Equal(t, "The ledger cannot record this call.", refusal(t, post(h, "/v1/tool_calls", order)).Message)
}

func TestAReportReachesTheEngine(t *testing.T) {
	t.Parallel()
	d := &decider{}
	h := handler(t, d)
	w := post(h, "/v1/tool_calls/tc_9/result", `{"status":"error","result":[1,null],"duration_ms":42.5,"error_type":"timeout"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"id":"tc_9","status":"error"}`, w.Body.String())
	require.Equal(t, http.StatusOK, post(h, "/v1/tool_calls/tc_10/result", `{"status":"cancelled"}`).Code)
	require.Equal(t, []call.Report{
		{ID: "tc_9", Outcome: call.Failed, Result: json.RawMessage(`[1,null]`), Duration: 42500 * time.Microsecond, ErrorType: "timeout"},
		{ID: "tc_10", Outcome: call.Cancelled},
	}, d.reports)

	d.err = fmt.Errorf("engine: report: %w", call.ErrUnknownCall)
	e := refusal(t, post(h, "/v1/tool_calls/tc_9/result", `{"status":"ok"}`))
	require.Equal(t, http.StatusNotFound, e.Status)
	require.Equal(t, "unknown_call", e.Code)
	require.Contains(t, e.Hint, "once")
}

func TestUsageIsPricedOrSaysThatItHasNoPrice(t *testing.T) {
	t.Parallel()
	d := &decider{}
	h := handler(t, d)
	w := post(h, "/v1/usage", `{"provider":"anthropic","model":"claude-opus-5-5","run_id":"r1","message_id":"msg_1","agent":{"id":"bot"},"usage":{"input_tokens":5,"output_tokens":7,"cache_read_input_tokens":9,"service_tier":"standard"},"occurred_at":"2026-11-22T15:03:05.5+01:00"}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"cost_usd":"0.023076","cost_nano_usd":23076000,"priced":true,"price_version":"2026-11-01"}`, w.Body.String())
	require.Equal(t, call.Usage{
		Provider: "anthropic", Model: "claude-opus-5-5", Run: "r1", Agent: "bot", Message: "msg_1", Input: 5, Output: 7, CacheRead: 9,
		At: time.Date(2026, 11, 22, 14, 3, 5, 500_000_000, time.UTC),
	}, d.usages[0])

	before := time.Now()
	w = post(h, "/v1/usage", `{"provider":"acme","model":"unknown","agent":"bot","usage":{"input_tokens":5}}`)
	require.JSONEq(t, `{"cost_usd":null,"cost_nano_usd":null,"priced":false,"price_version":"2026-11-01"}`, w.Body.String(), "unknown is not free")
	require.Equal(t, call.AgentID("bot"), d.usages[1].Agent)
	require.False(t, d.usages[1].At.Before(before), "without occurred_at it happened now")
}

func TestRunsBeginAndEnd(t *testing.T) {
	t.Parallel()
	d := &decider{}
	h := handler(t, d)
	w := post(h, "/v1/runs", `{"run_id":"r1","agent":{"id":"bot","type":"x"},"goal":"fix it","constraints":{}}`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.JSONEq(t, `{"run_id":"r1"}`, w.Body.String())
	require.Equal(t, []call.Run{{ID: "r1", Agent: "bot", Goal: "fix it"}}, d.runs)
	for _, why := range []string{"completed", "limit_exceeded", "approval_required", "policy_denied", "error"} {
		w = post(h, "/v1/runs/r%2F1/end", `{"stop_reason":"`+why+`"}`)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		require.Equal(t, why, d.ended["r/1"])
	}
	d.err = call.ErrUnknownRun
	e := refusal(t, post(h, "/v1/runs/gone/end", `{"stop_reason":"error"}`))
	require.Equal(t, http.StatusNotFound, e.Status)
	require.Equal(t, "unknown_run", e.Code)
}

func TestTheCatalogueIsListed(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "http://localhost/v1/tools", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	handler(t, &decider{}).ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"tools":[
		{"name":"get_order","description":"Reads one order.","scope":"read","reads":["orders"],"changes":[],"cacheable":true},
		{"name":"ping","description":"","scope":"execute","reads":[],"changes":[],"cacheable":false}]}`, w.Body.String())
}

func TestAgentsNamesTheOptionThatIsMissing(t *testing.T) {
	t.Parallel()
	whole := api.Options{Decider: &decider{}, Tools: func() []api.Tool { return nil }, ParseUsage: pricing.ParseUsage}
	for want, spoil := range map[string]func(*api.Options){
		"Decider":    func(o *api.Options) { o.Decider = nil },
		"Tools":      func(o *api.Options) { o.Tools = nil },
		"ParseUsage": func(o *api.Options) { o.ParseUsage = nil },
		"MaxBody":    func(o *api.Options) { o.MaxBody = -1 },
	} {
		o := whole
		spoil(&o)
		_, err := api.Agents(o)
		require.ErrorContains(t, err, want)
	}
}

func BenchmarkToolCall(b *testing.B) {
	h := handler(b, &quiet{})
	b.ReportAllocs()
	for b.Loop() {
		w := &discard{header: http.Header{}}
		r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/tool_calls", strings.NewReader(order))
		r.Header["Authorization"] = []string{"Bearer " + token}
		r.Header["Content-Type"] = []string{"application/json"}
		h.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			b.Fatal(w.status)
		}
	}
}

// quiet decides without remembering anything.
type quiet struct{ decider }

func (*quiet) Propose(context.Context, call.Proposal) (call.Decision, error) { return allowed, nil }

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
