package operate_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
	"m1/engine/gateway/operate"
	"m1/engine/source"
	"m1/engine/token"
)

func dial(t testing.TB, srv *httptest.Server, token string) *operate.Client {
	t.Helper()
	conn, err := guard.Dial(srv.URL, token)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	return operate.NewClient(conn)
}

// serve returns a world behind a real server, and how to speak to it.
func serve(t testing.TB) (*world, func(token string) *operate.Client) {
	t.Helper()
	w := start(t)
	srv := httptest.NewServer(w.handler)
	t.Cleanup(srv.Close)
	return w, func(token string) *operate.Client { return dial(t, srv, "m1_"+token) }
}

func TestClientAndServerMeanTheSameApproval(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, as := serve(t)
	args := json.RawMessage(`{"x":"<&>"}`)
	first, second := w.open(t, question("a", string(args))), w.open(t, question("b", `{}`))
	list, err := as("viewer").Approvals(ctx, "pending")
	require.NoError(t, err)
	require.Equal(t, []string{second, first}, []string{list[0].ID, list[1].ID})
	require.Equal(t, args, list[1].Args)

	want := approval.Answer{ID: first, By: approval.Person{Name: "bob"}, Approve: true, Reason: "fine", TTL: 10 * time.Minute, Uses: 3, Narrow: args, Digest: list[1].ArgsSHA256}
	got, err := as("bob").Answer(ctx, want)
	require.NoError(t, err)
	require.Equal(t, snapshot.Approved, got.Status)
	require.Empty(t, got.Grant)
	require.Equal(t, want, w.answers[0])

	_, err = as("bob").Answer(ctx, approval.Answer{ID: w.open(t, question("c", `{}`)), Approve: true, TTL: time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, time.Second, w.answers[1].TTL, "less than a second does not become the default")

	got, err = as("bob").Answer(ctx, approval.Answer{ID: second, Reason: "no"})
	require.NoError(t, err)
	require.Equal(t, snapshot.Rejected, got.Status)

	got, err = as("agent").Await(ctx, first)
	require.NoError(t, err)
	require.Equal(t, signed, got.Grant)
	got, err = as("viewer").Approval(ctx, first)
	require.NoError(t, err)
	require.Equal(t, "gr_1", got.GrantID)
	require.Empty(t, got.Grant)
	list, err = as("viewer").Approvals(ctx, "expired")
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestClientAndServerMeanTheSameGrant(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, as := serve(t)
	none, err := as("viewer").Grants(ctx)
	require.NoError(t, err)
	require.Empty(t, none)

	orders := []operate.GrantOrder{
		{Agent: "build-bot", Run: "r1", Tool: "merge_pr", Scope: call.Execute, TTL: time.Hour, Uses: 5, Narrow: json.RawMessage(`{"repo":"api"}`)},
		{Agent: "build-bot", Tool: "merge_pr", Scope: call.Read, Args: json.RawMessage(`{"a":1,"b":2}`)},
		{Agent: "build-bot", Tool: "ping", Args: json.RawMessage(`{}`)},
		{Agent: "build-bot", Tool: "ping", Scope: call.Write},
	}
	for _, o := range orders {
		grant, token, err := as("alice").IssueGrant(ctx, o)
		require.NoError(t, err)
		require.Equal(t, signed, token)
		require.Equal(t, "gr_2", grant.ID)
		require.Equal(t, cmp.Or(o.Scope, call.Execute), grant.Scope)
	}
	require.Equal(t, orders, w.orders)
	require.Equal(t, approval.Person{Name: "alice", Groups: []string{"oncall"}}, w.by[0])
	list, err := as("viewer").Grants(ctx)
	require.NoError(t, err)
	require.Equal(t, w.list, list)

	require.NoError(t, as("alice").RevokeGrant(ctx, "gr_2"))
	require.Equal(t, "alice", w.by[len(w.by)-1].Name)
	for _, id := range []string{"gr_3", "..", "a/b", "rotate"} {
		err := as("alice").RevokeGrant(ctx, id)
		require.Error(t, err, id)
		require.Equal(t, id != "rotate", errors.Is(err, operate.ErrUnknownGrant), "%s: %v", id, err)
	}
	kid, err := as("admin").RotateKeys(ctx)
	require.NoError(t, err)
	require.Equal(t, "key_2", kid)
	require.Equal(t, "root", w.by[len(w.by)-1].Name)
}

func TestClientAndServerMeanTheSamePolicy(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, as := serve(t)
	state, err := as("viewer").Policy(ctx)
	require.NoError(t, err)
	require.Equal(t, w.rules.Policy(), state)

	root := approval.Person{Name: "root", Groups: []string{"lead"}}
	for _, dry := range []bool{true, false} {
		version, diff, err := as("admin").PutPolicy(ctx, "version: 1\n# <&>\n", "why", dry)
		require.NoError(t, err)
		require.Equal(t, "sha256:cd", version.Version)
		require.Equal(t, 1, diff.Flipped)
		require.Equal(t, "allow", diff.Flips[0].After)
		require.Equal(t, put{"version: 1\n# <&>\n", "why", root, dry}, w.rules.puts[len(w.rules.puts)-1])
	}
	version, err := as("admin").Rollback(ctx, "sha256:ab", "back")
	require.NoError(t, err)
	require.Equal(t, "sha256:ab", version.Version)
	require.Equal(t, put{"sha256:ab", "back", root, false}, w.rules.puts[2])

	p := call.Proposal{Agent: "build-bot", AgentType: "claude-code", Run: "r1", Tool: "merge_pr", Args: json.RawMessage(`{"pr":7}`), Model: "m"}
	e, err := as("viewer").Explain(ctx, p)
	require.NoError(t, err)
	require.Equal(t, p, w.rules.asks[0])
	require.Equal(t, call.Ask, e.Effect)
	require.Equal(t, "for people", e.ForPerson)
	require.Len(t, e.Candidates, 1)
}

func TestAnAgentIsToldNoMoreThanItsModelWouldBe(t *testing.T) {
	t.Parallel()
	w, as := serve(t)
	p := call.Proposal{Agent: "build-bot", Tool: "merge_pr"}
	e, err := as("narrow").Explain(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, snapshot.Explanation{ForModel: "ask a person"}, e)

	p.Agent = "deploy-bot"
	asked := len(w.rules.asks)
	_, err = as("narrow").Explain(t.Context(), p)
	refused, is := errors.AsType[*guard.Error](err)
	require.True(t, is, err)
	require.Equal(t, http.StatusForbidden, refused.Status)
	require.Equal(t, "foreign_agent", refused.Code)
	require.Equal(t, "agent.id", refused.Field)
	require.Len(t, w.rules.asks, asked)
	_, err = as("agent").Explain(t.Context(), p)
	require.NoError(t, err, "a token without patterns speaks for any")

	_, err = as("viewer").Explain(t.Context(), call.Proposal{Agent: "a", Tool: "t", Args: json.RawMessage(`{"a":1e400}`)})
	refused, is = errors.AsType[*guard.Error](err)
	require.True(t, is, err)
	require.Equal(t, "tool_input", refused.Field)
}

func TestErrorsKeepTheirMeaningOverTheWire(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w, as := serve(t)
	for want, status := range map[error]int{
		approval.ErrUnknown: 404, approval.ErrExpired: 409, approval.ErrNotApprover: 403, approval.ErrTwice: 409, approval.ErrChanged: 409,
		approval.ErrCeiling: 422, operate.ErrDenied: 409, operate.ErrUnrecorded: 503,
	} {
		w.err = fmt.Errorf("engine: %w: the details", want)
		_, err := as("bob").Answer(ctx, approval.Answer{ID: "ap_1"})
		require.ErrorIs(t, err, want)
		refused, _ := errors.AsType[*guard.Error](err)
		require.Equal(t, status, refused.Status, want)
	}
	w.err = &token.Refusal{Reason: token.TooLong, Detail: "at most 24h"}
	_, err := as("bob").Answer(ctx, approval.Answer{ID: "ap_1"})
	require.ErrorIs(t, err, approval.ErrCeiling)
	require.ErrorContains(t, err, "at most 24h")
	at := time.Date(2026, 11, 22, 14, 0, 0, 5, time.UTC)
	w.err = fmt.Errorf("engine: %w", &approval.Answered{ID: "ap_1", Status: "rejected", By: "alice", At: at})
	_, err = as("bob").Answer(ctx, approval.Answer{ID: "ap_1"})
	first, is := errors.AsType[*approval.Answered](err)
	require.True(t, is, err)
	require.Equal(t, approval.Answered{ID: "ap_1", Status: "rejected", By: "alice", At: at}, *first)

	w.err = &operate.BadOrder{Field: "tool", Message: "no such tool", Hint: "see GET /v1/tools"}
	_, _, err = as("bob").IssueGrant(ctx, operate.GrantOrder{Agent: "a", Tool: "t", Scope: call.Read})
	bad, is := errors.AsType[*operate.BadOrder](err)
	require.True(t, is, err)
	require.Equal(t, w.err, error(bad))
	refused, _ := errors.AsType[*guard.Error](err)
	require.Equal(t, http.StatusUnprocessableEntity, refused.Status)

	w.err = operate.ErrCannotRotate
	_, err = as("admin").RotateKeys(ctx)
	require.ErrorIs(t, err, operate.ErrCannotRotate)
	refused, _ = errors.AsType[*guard.Error](err)
	require.Equal(t, http.StatusConflict, refused.Status)

	w.rules.err = fmt.Errorf("engine: %w", operate.ErrUnknownVersion)
	_, err = as("admin").Rollback(ctx, "sha256:00", "")
	require.ErrorIs(t, err, operate.ErrUnknownVersion)
	refused, _ = errors.AsType[*guard.Error](err)
	require.Equal(t, http.StatusNotFound, refused.Status)
}

func TestEveryProblemOfAPolicyIsNamed(t *testing.T) {
	t.Parallel()
	w, as := serve(t)
	problems := source.Problems{
		{File: "policy.yaml", Line: 3, Col: 5, Field: "rules[0].efect", Msg: "unknown field", Hint: `did you mean "effect"?`},
		{Line: 9, Col: 1, Msg: "a test fails"},
	}
	w.rules.err = fmt.Errorf("engine: %w", problems)
	answer := w.do("admin", "PUT", "/v1/policy", `{"source":"version: 1"}`)
	require.Equal(t, http.StatusUnprocessableEntity, answer.Code)
	require.Equal(t, "invalid_policy", refusal(t, answer).Code)
	var body struct{ Problems json.RawMessage }
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
	require.JSONEq(t, `[{"line":3,"col":5,"field":"rules[0].efect","message":"unknown field","hint":"did you mean \"effect\"?"},
		{"line":9,"col":1,"field":"","message":"a test fails","hint":""}]`, string(body.Problems))

	_, _, err := as("admin").PutPolicy(t.Context(), "version: 1", "", true)
	got, is := errors.AsType[source.Problems](err)
	require.True(t, is, err)
	require.Len(t, got, 2)
	require.Equal(t, 3, got[0].Line)
	require.Equal(t, `did you mean "effect"?`, got[0].Hint)
}

func TestAClientThatReachesNoM1SaysSo(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	c := dial(t, gone, "m1_agent")
	_, err := c.Approvals(t.Context(), "")
	require.ErrorIs(t, err, guard.ErrNotM1)
	gone.Close()
	_, err = c.Await(t.Context(), "ap_1")
	require.ErrorIs(t, err, guard.ErrUnreachable)
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) }))
	defer odd.Close()
	_, err = dial(t, odd, "m1_agent").Policy(t.Context())
	require.ErrorIs(t, err, guard.ErrNotM1)
}

func TestAwaitGivesUpWithItsContextAndTellsWhatItSaw(t *testing.T) {
	t.Parallel()
	w, as := serve(t)
	id := w.open(t, question("a", `{}`))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := as("agent").Await(ctx, id)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = as("agent").Await(t.Context(), "ap_nothing")
	require.ErrorIs(t, err, approval.ErrUnknown)
}

// A server that goes away, or where too many wait, answers at once: that must not
// become a loop without a pause.
func TestAwaitDoesNotHammer(t *testing.T) {
	t.Parallel()
	w, as := serve(t)
	id := w.open(t, question("a", `{}`))
	w.server.EndWaits()
	ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer cancel()
	last, err := as("agent").Await(ctx, id)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, id, last.ID, "what was seen last comes with the error")
	w.mu.Lock()
	defer w.mu.Unlock()
	require.LessOrEqual(t, w.seen, 3)
}

func TestAwaitGoesOnWhereTooManyWait(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			guard.Fail(w, &guard.Error{Status: http.StatusTooManyRequests, Code: "too_many_waits", Message: "too many", Hint: "later"})
			return
		}
		guard.JSON(w, http.StatusOK, snapshot.Approval{ID: "ap_1", Status: snapshot.Approved, Scope: call.Read})
	}))
	defer srv.Close()
	a, err := dial(t, srv, "m1_agent").Await(t.Context(), "ap_1")
	require.NoError(t, err)
	require.Equal(t, snapshot.Approved, a.Status)
}
