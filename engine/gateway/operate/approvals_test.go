package operate_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
	"m1/engine/gateway/operate"
)

func TestAnApprovalIsListedApprovedAndSpentByItsAgentAlone(t *testing.T) {
	t.Parallel()
	w := start(t)
	id := w.open(t, question("build-bot", `{"note":"<b>&\u2028","pr":7}`))

	pending := w.do("viewer", "GET", "/v1/approvals?status=pending", "")
	require.Contains(t, pending.Body.String(), `"approvers":[],`, "an empty list is no null")
	require.Contains(t, pending.Body.String(), `"votes":[],`)
	list := read[struct{ Approvals []snapshot.Approval }](t, pending)
	require.Len(t, list.Approvals, 1)
	require.Equal(t, id, list.Approvals[0].ID)

	body := `{"reason":"looks right","ttl_s":600,"uses":2,"args":{"pr":7},"args_sha256":"` + list.Approvals[0].ArgsSHA256 + `"}`
	a := read[snapshot.Approval](t, w.do("alice", "POST", "/v1/approvals/"+id+"/approve", body))
	require.Equal(t, snapshot.Approved, a.Status)
	require.Empty(t, a.Grant, "an operator is never given the token")
	require.Equal(t, approval.Answer{
		ID: id, By: approval.Person{Name: "alice", Groups: []string{"oncall"}}, Approve: true, Reason: "looks right",
		TTL: 10 * time.Minute, Uses: 2, Narrow: json.RawMessage(`{"pr":7}`), Digest: list.Approvals[0].ArgsSHA256,
	}, w.answers[0])

	for _, token := range []string{"agent", "narrow"} {
		a = read[snapshot.Approval](t, w.do(token, "GET", "/v1/approvals/"+id+"?wait=25s", ""))
		require.Equal(t, signed, a.Grant)
		require.Equal(t, "looks right", a.Note)
		require.Equal(t, "alice", a.By)
	}
	for _, token := range []string{"viewer", "alice", "admin"} {
		for _, path := range []string{"/v1/approvals", "/v1/approvals?status=approved", "/v1/approvals/" + id} {
			answer := w.do(token, "GET", path, "")
			require.Equal(t, http.StatusOK, answer.Code)
			require.Contains(t, answer.Body.String(), id)
			require.NotContains(t, answer.Body.String(), signed, "%s %s", token, path)
		}
	}
}

func TestARejectionCarriesItsReasonToTheAgent(t *testing.T) {
	t.Parallel()
	w := start(t)
	for _, c := range []struct{ body, reason string }{{`{"reason":"not on a Friday"}`, "not on a Friday"}, {`{}`, ""}} {
		id := w.open(t, question("build-bot", `{"reason":"`+c.reason+`"}`))
		a := read[snapshot.Approval](t, w.do("bob", "POST", "/v1/approvals/"+id+"/reject", c.body))
		require.Equal(t, snapshot.Rejected, a.Status)
		a = read[snapshot.Approval](t, w.do("agent", "GET", "/v1/approvals/"+id, ""))
		require.Equal(t, snapshot.Rejected, a.Status)
		require.Equal(t, c.reason, a.Note)
		require.Empty(t, a.Grant)
	}
}

// The digest of what is shown must be args_sha256: an escaped "<" would change it.
func TestTheArgumentsArriveByteByByte(t *testing.T) {
	t.Parallel()
	w := start(t)
	args, err := call.Canonical(json.RawMessage(`{"cmd":"a <b> && c","big":12345678901234567890}`))
	require.NoError(t, err)
	id := w.open(t, question("build-bot", string(args)))
	a := read[snapshot.Approval](t, w.do("viewer", "GET", "/v1/approvals/"+id, ""))
	require.Equal(t, string(args), string(a.Args))
	require.Equal(t, call.DigestOf(a.Tool, a.Args).String(), a.ArgsSHA256)
}

func TestAnAgentSeesNoQuestionOfAnother(t *testing.T) {
	t.Parallel()
	w := start(t)
	foreign := w.open(t, question("deploy-bot", `{}`))
	unknown := w.do("narrow", "GET", "/v1/approvals/ap_nothing", "")
	began := time.Now()
	hidden := w.do("narrow", "GET", "/v1/approvals/"+foreign+"?wait=60", "")
	require.Less(t, time.Since(began), 10*time.Second, "nor does it learn by waiting that there is one")
	require.Equal(t, http.StatusNotFound, hidden.Code)
	require.Equal(t, unknown.Body.String(), hidden.Body.String())
	require.Equal(t, "unknown_approval", refusal(t, hidden).Code)
	require.Equal(t, http.StatusOK, w.do("agent", "GET", "/v1/approvals/"+foreign, "").Code)
	require.Equal(t, http.StatusOK, w.do("viewer", "GET", "/v1/approvals/"+foreign, "").Code)
}

func TestEveryRefusalOfAnAnswerHasItsOwnStatusAndCode(t *testing.T) {
	t.Parallel()
	lead := func(q *approval.Question) { q.Approvers = []string{"lead", "carol"} }
	two := func(q *approval.Question) { q.Needed = 2 }
	for name, c := range map[string]struct {
		question approval.Question
		before   string // who approves first
		token    string
		verb     string
		body     string
		status   int
		code     string
		says     []string
	}{
		"answered already":      {question("a", `{}`), "bob", "alice", "approve", `{}`, 409, "already_answered", []string{"approved by bob at 20"}},
		"rejected after":        {question("a", `{}`), "bob", "alice", "reject", `{}`, 409, "already_answered", []string{"approved by bob at 20"}},
		"not an approver":       {question("a", `{}`, lead), "", "alice", "approve", `{}`, 403, "not_an_approver", []string{"alice", "lead", "carol"}},
		"nor may it reject":     {question("a", `{}`, lead), "", "bob", "reject", `{}`, 403, "not_an_approver", []string{"bob", "lead"}},
		"one person twice":      {question("a", `{}`, two), "bob", "bob", "approve", `{}`, 409, "voted_already", []string{"bob", "2 different people"}},
		"for too long":          {question("a", `{}`), "", "bob", "approve", `{"ttl_s":901}`, 422, "above_ceiling", []string{"15m0s"}},
		"too often":             {question("a", `{}`), "", "bob", "approve", `{"uses":4}`, 422, "above_ceiling", []string{"3 uses"}},
		"narrow does not fit":   {question("a", `{"pr":7}`), "", "bob", "approve", `{"args":{"pr":8}}`, 422, "above_ceiling", []string{"pr"}},
		"narrow names nothing":  {question("a", `{"pr":7}`), "", "bob", "approve", `{"args":{}}`, 422, "above_ceiling", []string{"any arguments"}},
		"other arguments shown": {question("a", `{}`), "", "bob", "approve", `{"args_sha256":"` + strings.Repeat("0", 64) + `"}`, 409, "arguments_changed", nil},
		"also when rejecting":   {question("a", `{}`), "", "bob", "reject", `{"args_sha256":"` + strings.Repeat("0", 64) + `"}`, 409, "arguments_changed", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			id := w.open(t, c.question)
			if c.before != "" {
				require.Equal(t, http.StatusOK, w.do(c.before, "POST", "/v1/approvals/"+id+"/approve", `{}`).Code)
			}
			answer := w.do(c.token, "POST", "/v1/approvals/"+id+"/"+c.verb, c.body)
			e := refusal(t, answer)
			require.Equal(t, c.status, e.Status, answer.Body)
			require.Equal(t, c.code, e.Code)
			require.NotContains(t, e.Message, "approval: ")
			for _, says := range c.says {
				require.Contains(t, e.Message, says)
			}
		})
	}
	w := start(t)
	for _, verb := range []string{"approve", "reject"} {
		e := refusal(t, w.do("bob", "POST", "/v1/approvals/ap_nothing/"+verb, `{}`))
		require.Equal(t, http.StatusNotFound, e.Status)
		require.Equal(t, "unknown_approval", e.Code)
	}
}

func TestAnAnswerAfterTheEndIsRefusedAsExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		id := w.open(t, question("a", `{}`))
		time.Sleep(4 * time.Minute)
		e := refusal(t, w.do("bob", "POST", "/v1/approvals/"+id+"/approve", `{}`))
		require.Equal(t, http.StatusConflict, e.Status)
		require.Equal(t, "expired", e.Code)
		a := read[snapshot.Approval](t, w.do("agent", "GET", "/v1/approvals/"+id+"?wait=60", ""))
		require.Equal(t, snapshot.Expired, a.Status)
	})
}

func TestTwoPeopleAreNeededWhereTheRuleSaysSo(t *testing.T) {
	t.Parallel()
	w := start(t)
	id := w.open(t, question("a", `{}`, func(q *approval.Question) { q.Needed = 2 }))
	path := "/v1/approvals/" + id + "/approve"
	a := read[snapshot.Approval](t, w.do("bob", "POST", path, `{}`))
	require.Equal(t, snapshot.Pending, a.Status)
	require.Len(t, a.Votes, 1)
	require.Empty(t, a.Grant)
	require.Empty(t, read[snapshot.Approval](t, w.do("agent", "GET", "/v1/approvals/"+id, "")).Grant)
	require.Equal(t, snapshot.Approved, read[snapshot.Approval](t, w.do("alice", "POST", path, `{}`)).Status)
}

func TestWhatCannotBeRecordedChangesNothingAndIsA503(t *testing.T) {
	t.Parallel()
	w := start(t)
	id := w.open(t, question("a", `{}`))
	w.err = errors.New("disk /secret/path is full")
	w.rules.err = w.err
	for _, c := range []struct{ token, method, path, body string }{
		{"bob", "POST", "/v1/approvals/" + id + "/approve", `{}`},
		{"bob", "POST", "/v1/approvals/" + id + "/reject", `{}`},
		{"bob", "POST", "/v1/grants", `{"agent":"a","tool":"t","scope":"read"}`},
		{"bob", "DELETE", "/v1/grants/gr_2", ""},
		{"admin", "POST", "/v1/grants/rotate", `{}`},
		{"admin", "PUT", "/v1/policy", `{"source":"version: 1"}`},
		{"admin", "POST", "/v1/policy/rollback", `{"to":"sha256:ab"}`},
		{"viewer", "POST", "/v1/policy/explain", `{"agent":{"id":"a"},"tool_name":"t","tool_input":{}}`},
	} {
		answer := w.do(c.token, c.method, c.path, c.body)
		e := refusal(t, answer)
		require.Equal(t, http.StatusServiceUnavailable, e.Status, "%s %s", c.method, c.path)
		require.Equal(t, "unavailable", e.Code)
		require.NotContains(t, answer.Body.String(), "secret", "what is inside M1 stays inside")
	}
	require.Equal(t, snapshot.Pending, read[snapshot.Approval](t, w.do("agent", "GET", "/v1/approvals/"+id, "")).Status)
}

// Who may use what: the paths of this package, all of them.
func TestEveryRouteSaysWhoMayUseIt(t *testing.T) {
	t.Parallel()
	const viewers, operators, admins = "viewer alice admin", "alice admin", "admin"
	want := map[string]string{
		"GET /v1/approvals":               viewers,
		"GET /v1/approvals/{id}":          "agent " + viewers,
		"POST /v1/approvals/{id}/approve": operators,
		"POST /v1/approvals/{id}/reject":  operators,
		"GET /v1/grants":                  viewers,
		"POST /v1/grants":                 operators,
		"DELETE /v1/grants/{jti}":         operators,
		"POST /v1/grants/rotate":          admins,
		"GET /v1/policy":                  viewers,
		"PUT /v1/policy":                  admins,
		"POST /v1/policy/rollback":        admins,
		"POST /v1/policy/explain":         "agent " + viewers,
	}
	w := start(t)
	for _, route := range w.server.Routes() {
		may, known := want[route.Method+" "+route.Pattern]
		require.True(t, known, "%s %s", route.Method, route.Pattern)
		delete(want, route.Method+" "+route.Pattern)
		for _, token := range []string{"agent", "viewer", "alice", "admin"} {
			answer := w.do(token, route.Method, strings.NewReplacer("{id}", "ap_1", "{jti}", "gr_1").Replace(route.Pattern), "")
			if strings.Contains(may, token) {
				require.NotEqual(t, http.StatusForbidden, answer.Code, "%s %s %s", token, route.Method, route.Pattern)
			} else {
				require.Equal(t, "forbidden", refusal(t, answer).Code, "%s %s %s", token, route.Method, route.Pattern)
			}
		}
	}
	require.Empty(t, want)
}

// Under --no-auth an agent must get its grant, but nobody may answer.
func TestWithoutTokensNobodyApproves(t *testing.T) {
	t.Parallel()
	w := start(t)
	h, err := guard.New(guard.Options{NoAuth: true, Auth: func(string) (guard.Identity, bool) { return who["m1_bob"], true }}, w.server.Routes())
	require.NoError(t, err)
	id := w.open(t, question("a", `{}`))
	require.Equal(t, http.StatusOK, w.do("bob", "POST", "/v1/approvals/"+id+"/approve", `{}`).Code)
	w.handler = dropToken(h)
	require.Equal(t, signed, read[snapshot.Approval](t, w.do("", "GET", "/v1/approvals/"+id, "")).Grant)
	require.Equal(t, http.StatusForbidden, w.do("", "POST", "/v1/approvals/"+id+"/approve", `{}`).Code)
}

func dropToken(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Authorization")
		h.ServeHTTP(w, r)
	})
}

func TestRoutesThatCamePastTheGuardShowNothing(t *testing.T) {
	t.Parallel()
	w := start(t)
	id := w.open(t, question("a", `{}`))
	mux := http.NewServeMux()
	for _, r := range w.server.Routes() {
		mux.HandleFunc(r.Method+" "+r.Pattern, r.Serve)
	}
	w.handler = mux
	require.Equal(t, http.StatusNotFound, w.do("agent", "GET", "/v1/approvals/"+id, "").Code)
	require.Equal(t, http.StatusForbidden, w.do("agent", "POST", "/v1/approvals/"+id+"/approve", `{}`).Code)
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, o := range []operate.Options{{}, {Desk: &desk{}}, {Rules: &rules{}}, {Desk: &desk{}, Rules: &rules{}, Waits: -1}, {Desk: &desk{}, Rules: &rules{}, MaxBody: -1}} {
		_, err := operate.New(o)
		require.ErrorContains(t, err, "operate: ")
	}
}
