package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/api"
	"m1/engine/gateway/guard"
)

func dial(t *testing.T, h http.Handler, token string) *api.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := api.Dial(srv.URL, token)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestClientAndServerMeanTheSame(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	answers := map[string]call.Decision{
		"plain": {ID: "tc_1", Effect: call.Allow, Would: call.Allow, Rule: "r", Reason: "ok", Version: "sha256:ab", Scope: call.Write, Duration: 12 * time.Microsecond, Cache: call.CacheAnswer{Status: call.CacheBypass}},
		"watch": {ID: "tc_2", Effect: call.Allow, Would: call.Ask, Scope: call.Execute, Cache: call.CacheAnswer{Status: call.CacheMiss}},
		"never": {ID: "tc_3", Rule: "unknown_tool", Cache: call.CacheAnswer{Status: call.CacheBypass}},
		"again": {ID: "tc_4", Effect: call.Allow, Would: call.Allow, Scope: call.Read, Cache: call.CacheAnswer{Status: call.CacheHit, Tier: "local", Age: 3 * time.Millisecond, Result: json.RawMessage(`{"a":[1]}`)}},
		"asked": {ID: "tc_5", Effect: call.Ask, Would: call.Ask, Scope: call.Execute, Cache: call.CacheAnswer{Status: call.CacheBypass}},
	}
	d := &decider{propose: func(_ context.Context, p call.Proposal) (call.Decision, error) { return answers[p.Tool], nil }}
	c := dial(t, handler(t, d), token)

	for tool, want := range answers {
		p := call.Proposal{Agent: "a", AgentType: "b", Run: "r", ToolUse: "use_" + tool, Tool: tool, Args: json.RawMessage(`{"x":1}`), Model: "m"}
		got, err := c.Propose(ctx, p)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, p, d.proposals[len(d.proposals)-1])
	}
	_, err := c.Propose(ctx, call.Proposal{Agent: "a", Tool: "plain"})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(d.proposals[len(d.proposals)-1].Args))

	report := call.Report{ID: "tc_1/x", Outcome: call.Failed, Result: json.RawMessage(`"r"`), Duration: 1234 * time.Microsecond, ErrorType: "timeout"}
	require.NoError(t, c.Report(ctx, report))
	require.Equal(t, []call.Report{report}, d.reports)

	usage := call.Usage{
		Provider: "anthropic", Model: "m", Run: "r", Agent: "a", Message: "msg", At: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
		Input: 1, Output: 2, CacheRead: 3, CacheWrite5m: 4, CacheWrite1h: 5,
	}
	charge, err := c.Use(ctx, usage)
	require.NoError(t, err)
	require.Equal(t, call.Charge{Cost: 23_076_000, Priced: true, Version: "2026-11-01"}, charge)
	require.Equal(t, []call.Usage{usage}, d.usages)
	charge, err = c.Use(ctx, call.Usage{Model: "unknown"})
	require.NoError(t, err)
	require.Equal(t, call.Charge{Version: "2026-11-01"}, charge)
	for _, provider := range []string{"openai", "google", "acme"} {
		usage.Provider, usage.Tier = provider, "priority"
		_, err = c.Use(ctx, usage)
		require.NoError(t, err)
		require.Equal(t, usage, d.usages[len(d.usages)-1], "every kind of token arrives as what it is")
	}

	require.NoError(t, c.StartRun(ctx, call.Run{ID: "r", Agent: "a", Goal: "g"}))
	require.Equal(t, []call.Run{{ID: "r", Agent: "a", Goal: "g"}}, d.runs)
	require.NoError(t, c.EndRun(ctx, "r", "completed"))
	require.Equal(t, "completed", d.ended["r"])

	tools, err := c.Tools(ctx)
	require.NoError(t, err)
	require.Len(t, tools, 2)
	require.Equal(t, call.Read, tools[0].Scope)
}

func TestTheEnginesErrorsKeepTheirMeaningOverTheWire(t *testing.T) {
	t.Parallel()
	d := &decider{}
	c := dial(t, handler(t, d), token)
	d.err = fmt.Errorf("engine: %w", call.ErrUnknownCall)
	require.ErrorIs(t, c.Report(t.Context(), call.Report{ID: "tc_1", Outcome: call.OK}), call.ErrUnknownCall)
	d.err = call.ErrUnknownRun
	require.ErrorIs(t, c.EndRun(t.Context(), "r", "error"), call.ErrUnknownRun)
	got, err := c.Propose(t.Context(), call.Proposal{Agent: "a", Tool: "t", Args: json.RawMessage(`[]`)})
	require.ErrorIs(t, err, call.ErrArgs)
	require.Equal(t, call.Deny, got.Effect)
	var refused *guard.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusBadRequest, refused.Status)
}

func TestAClientThatGetsNoDecisionBlocks(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	unreachable, err := api.Dial(gone.URL, token)
	require.NoError(t, err)
	answering := func(status int, body string) *api.Client {
		return dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}), token)
	}
	for name, c := range map[string]struct {
		client *api.Client
		want   string
	}{
		"unreachable":    {unreachable, "cannot be reached"},
		"wrong token":    {dial(t, handler(t, &decider{}), "m1_wrong"), "bearer token is not valid"},
		"not an M1":      {answering(404, "<html>"), "not an M1"},
		"empty answer":   {answering(200, "{}"), "not an M1"},
		"unknown effect": {answering(200, `{"id":"tc_1","decision":"maybe"}`), "not an M1"},
		"unknown scope":  {answering(200, `{"id":"tc_1","decision":"allow","scope":"root"}`), "not an M1"},
		"redirect":       {answering(302, ""), "not an M1"},
	} {
		got, err := c.client.Propose(t.Context(), call.Proposal{Agent: "a", Tool: "t"})
		require.ErrorContains(t, err, c.want, name)
		require.Equal(t, call.Deny, got.Effect, name)
		require.Contains(t, got.Reason, "blocked", name)
	}
}

func TestTheTokenStaysOutOfErrorsAndForeignPlaces(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "ftp://x", "http://", "http://user:pw@host", "http://host?token=x", "http://host/#x", "http://a b"} {
		_, err := api.Dial(url, token)
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "pw@")
	}
	_, err := api.Dial("127.0.0.1:7600", "m1_a\nX-Evil: 1")
	require.ErrorContains(t, err, "one word")
	require.NotContains(t, err.Error(), "m1_a")

	var seen []string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
	}))
	defer thief.Close()
	c := dial(t, http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect), token)
	_, err = c.Propose(t.Context(), call.Proposal{Agent: "a", Tool: "t"})
	require.ErrorIs(t, err, guard.ErrNotM1)
	require.NotContains(t, err.Error(), token)
	require.Empty(t, seen, "a redirect is not followed")
}

// A run named after the address of its CI job could be begun and never ended:
// the guard cleaned the decoded path and found nothing there.
func TestAnyIdCanStandInAPath(t *testing.T) {
	t.Parallel()
	d := &decider{}
	c := dial(t, handler(t, d), token)
	for _, id := range []string{"https://ci/jobs/7", "..", ".", "a/../b", "x/", "//", "/x", "../end", "a b?c#d%2F", "...", "\u00e9\x00", "*"} {
		require.NoError(t, c.EndRun(t.Context(), call.RunID(id), "completed"), "%q", id)
		require.Contains(t, d.ended, call.RunID(id))
		require.NoError(t, c.Report(t.Context(), call.Report{ID: call.ID(id), Outcome: call.OK}), "%q", id)
		require.Equal(t, call.ID(id), d.reports[len(d.reports)-1].ID)
	}
}
