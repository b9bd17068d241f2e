package operate_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
	"m1/engine/gateway/operate"
)

// who are the callers of the tests, by their tokens.
var who = map[string]guard.Identity{
	"m1_agent":  {Name: "agent", Role: guard.Agent},
	"m1_narrow": {Name: "narrow", Role: guard.Agent, Agents: []string{"build-*"}},
	"m1_viewer": {Name: "vera", Role: guard.Viewer},
	"m1_alice":  {Name: "alice", Role: guard.Operator, Groups: []string{"oncall"}},
	"m1_bob":    {Name: "bob", Role: guard.Operator},
	"m1_admin":  {Name: "root", Role: guard.Admin, Groups: []string{"lead"}},
}

// desk is an engine's desk, in which the approvals are the real ones.
type desk struct {
	*approval.Desk
	err error // of every action, if it is set

	mu      sync.Mutex
	waiting int
	seen    int // calls of Await
	answers []approval.Answer
	orders  []operate.GrantOrder
	by      []approval.Person
	list    []snapshot.Grant
}

var (
	_ operate.Desk  = (*desk)(nil)
	_ operate.Rules = (*rules)(nil)
)

const signed = "e.y.J"

// Approvals is of an engine that forgets to hide the token, and to make its lists.
func (d *desk) Approvals(status string) []snapshot.Approval {
	found := d.List(status)
	for i := range found {
		found[i].Grant = signed
		if len(found[i].Votes) == 0 {
			found[i].Approvers, found[i].Votes = nil, nil
		}
	}
	return found
}

func (d *desk) Await(ctx context.Context, id string) (snapshot.Approval, error) {
	d.mu.Lock()
	d.seen++
	d.mu.Unlock()
	if ctx.Err() == nil {
		d.mu.Lock()
		d.waiting++
		d.mu.Unlock()
		defer func() {
			d.mu.Lock()
			d.waiting--
			d.mu.Unlock()
		}()
	}
	return d.Wait(ctx, id)
}

func (d *desk) waits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting
}

func (d *desk) Answer(_ context.Context, a approval.Answer) (snapshot.Approval, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers = append(d.answers, a)
	if d.err != nil {
		return snapshot.Approval{}, d.err
	}
	out, err := d.Desk.Answer(a, func(snapshot.Approval) (string, string, error) { return "gr_1", signed, nil })
	out.Grant = signed // here too
	return out, err
}

func (d *desk) IssueGrant(_ context.Context, o operate.GrantOrder, by approval.Person) (snapshot.Grant, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return snapshot.Grant{}, "", d.err
	}
	d.orders, d.by = append(d.orders, o), append(d.by, by)
	g := snapshot.Grant{ID: "gr_2", Agent: o.Agent, Run: o.Run, Tool: o.Tool, Scope: cmp.Or(o.Scope, call.Execute), Narrow: o.Narrow, Uses: max(o.Uses, 1), By: by.Name, IssuedAt: began, ExpiresAt: began.Add(o.TTL)}
	d.list = append(d.list, g)
	return g, signed, nil
}

func (d *desk) Grants() []snapshot.Grant {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list
}

func (d *desk) RevokeGrant(_ context.Context, id string, by approval.Person) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.by = append(d.by, by)
	switch {
	case d.err != nil:
		return d.err
	case id != "gr_2":
		return fmt.Errorf("engine: revoke: %w", operate.ErrUnknownGrant)
	}
	return nil
}

func (d *desk) RotateKeys(_ context.Context, by approval.Person) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.by = append(d.by, by)
	return "key_2", d.err
}

// rules is an engine's policy.
type rules struct {
	err  error
	puts []put
	asks []call.Proposal
}

type put struct {
	source, comment string
	by              approval.Person
	dry             bool
}

var began = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

func (r *rules) Policy() operate.PolicyState {
	v := snapshot.PolicyVersion{Version: "sha256:ab", Name: "policy.yaml", LoadedAt: began, By: "file", Rules: 2, Live: true}
	return operate.PolicyState{
		Current: v, Source: "version: 1\n# <&>\n", Versions: []snapshot.PolicyVersion{v},
		Failure: &snapshot.PolicyFailure{At: began, By: "alice", Name: "policy.yaml", Problems: []string{"3:1: unknown field"}},
	}
}

func (r *rules) PutPolicy(_ context.Context, src, comment string, by approval.Person, dry bool) (snapshot.PolicyVersion, snapshot.PolicyDiff, error) {
	r.puts = append(r.puts, put{src, comment, by, dry})
	if r.err != nil {
		return snapshot.PolicyVersion{}, snapshot.PolicyDiff{}, r.err
	}
	return snapshot.PolicyVersion{Version: "sha256:cd", LoadedAt: began, By: by.Name, Comment: comment}, snapshot.PolicyDiff{Old: "sha256:ab", New: "sha256:cd", Flipped: 1, Flips: []snapshot.Flip{{Agent: "a", Tool: "t", Before: "deny", After: "allow"}}}, nil
}

func (r *rules) Rollback(_ context.Context, to, comment string, by approval.Person) (snapshot.PolicyVersion, error) {
	r.puts = append(r.puts, put{to, comment, by, false})
	if r.err != nil {
		return snapshot.PolicyVersion{}, r.err
	}
	return snapshot.PolicyVersion{Version: to, LoadedAt: began, By: by.Name, Comment: comment}, nil
}

func (r *rules) Explain(_ context.Context, p call.Proposal) (snapshot.Explanation, error) {
	r.asks = append(r.asks, p)
	if _, err := call.Canonical(p.Args); err != nil {
		return snapshot.Explanation{}, err
	}
	return snapshot.Explanation{
		Effect: call.Ask, Rule: "merge", Agent: p.Agent, Tool: p.Tool, Scope: call.Execute, Args: p.Args, MaxScope: call.Execute,
		Candidates: []snapshot.Candidate{{Rule: "merge", Effect: call.Ask, Matched: true, Decides: true}}, ForPerson: "for people", ForModel: "ask a person", TookUS: 1.5,
	}, r.err
}

// question is one that agent asks, with its args.
func question(agent, args string, change ...func(*approval.Question)) approval.Question {
	q := approval.Question{
		Agent: call.AgentID(agent), Run: "r1", Call: "tc_1", Tool: "merge_pr", Scope: call.Execute, Args: json.RawMessage(args),
		Rule: "merge", Reason: "a person must look", Version: "sha256:ab", TTL: 4 * time.Minute, MaxTTL: 15 * time.Minute, MaxUses: 3,
	}
	for _, c := range change {
		c(&q)
	}
	return q
}

type world struct {
	*desk
	rules   *rules
	server  *operate.Server
	handler http.Handler
}

func start(t testing.TB, change ...func(*operate.Options)) *world {
	t.Helper()
	w := &world{desk: &desk{Desk: approval.NewDesk(approval.Options{})}, rules: &rules{}}
	o := operate.Options{Desk: w.desk, Rules: w.rules}
	for _, c := range change {
		c(&o)
	}
	var err error
	w.server, err = operate.New(o)
	require.NoError(t, err)
	auth := func(token string) (guard.Identity, bool) { id, ok := who[token]; return id, ok }
	w.handler, err = guard.New(guard.Options{Auth: auth}, w.server.Routes())
	require.NoError(t, err)
	return w
}

// open puts a question and returns its id.
func (w *world) open(t testing.TB, q approval.Question) string {
	t.Helper()
	a, _, err := w.Ask(q)
	require.NoError(t, err)
	return a.ID
}

// do sends a request as the caller with token; an empty body is none.
func (w *world) do(token, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer m1_"+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// refusal reads the error object that every answer but 2xx has.
func refusal(t testing.TB, w *httptest.ResponseRecorder) guard.Error {
	t.Helper()
	var body struct{ Error guard.Error }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), w.Body)
	e := body.Error
	require.NotEmpty(t, e.Code, w.Body)
	require.NotEmpty(t, e.Message, w.Body)
	require.NotEmpty(t, e.Hint, w.Body)
	e.Status = w.Code
	return e
}

// read reads a 2xx answer; v must know every member.
func read[T any](t testing.TB, w *httptest.ResponseRecorder) T {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	var v T
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&v))
	return v
}
