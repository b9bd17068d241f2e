package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/policy"
	"m1/engine/token"
)

const asking = `
version: 1
tools:
  refund: { scope: execute, args: { order: string, amount: double } }
  get:    { scope: read }
  wipe:   { scope: execute }
rules:
  - { id: gets,  effect: allow, tools: [get] }
  - { id: small, effect: allow, tools: [refund], when: 'args.amount > 0 && args.amount < 100' }
  - { id: large, effect: ask,   tools: [refund], when: 'args.amount >= 100', reason: "a person decides on large refunds", grant: { max: 10m, uses: 3 } }
  - { id: huge,  effect: deny,  tools: [refund], when: 'args.amount > 1000', reason: "never this much" }
  - { id: two,   effect: ask,   tools: [wipe], approvals: 2, approvers: [lead] }
`

var (
	anna = approval.Person{Name: "anna"}
	ben  = approval.Person{Name: "ben", Groups: []string{"lead"}}
	carl = approval.Person{Name: "carl", Groups: []string{"lead"}}
)

// desk is an engine that asks, with keys of its own.
func desk(t testing.TB, change ...func(*engine.Options)) world {
	t.Helper()
	ring, err := token.Open(token.Options{Dir: t.TempDir(), Node: "here"})
	require.NoError(t, err)
	return open(t, asking, append([]func(*engine.Options){func(o *engine.Options) { o.Grants = ring }}, change...)...)
}

func (w world) with(t testing.TB, grant, name, args string) call.Decision {
	t.Helper()
	d, err := w.Propose(context.Background(), call.Proposal{Agent: "bot", Run: "r", Tool: name, Args: json.RawMessage(args), Grant: grant})
	require.NoError(t, err)
	return d
}

// approved asks for the call and has anna approve it.
func (w world) approved(t testing.TB, args string, change ...func(*approval.Answer)) string {
	t.Helper()
	d := w.with(t, "", "refund", args)
	require.Equal(t, call.Ask, d.Effect, d.Reason)
	require.NotNil(t, d.Approval)
	a := approval.Answer{ID: d.Approval.ID, By: anna, Approve: true}
	for _, c := range change {
		c(&a)
	}
	_, err := w.Answer(t.Context(), a)
	require.NoError(t, err)
	got, err := w.Await(t.Context(), d.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, snapshot.Approved, got.Status)
	require.NotEmpty(t, got.Grant)
	return got.Grant
}

func TestAnApprovedCallRunsOnceAndAsApproved(t *testing.T) {
	t.Parallel()
	w := desk(t)
	grant := w.approved(t, `{"order":"1","amount":250}`)

	changed := w.with(t, grant, "refund", `{"order":"1","amount":251}`)
	require.Equal(t, call.Deny, changed.Effect)
	require.Equal(t, engine.CodeGrant, changed.Code)
	require.Contains(t, changed.Reason, "wrong_binding")

	allowed := w.with(t, grant, "refund", `{ "amount": 2.5e2, "order": "1" }`) // the same call, written otherwise
	require.Equal(t, call.Allow, allowed.Effect, allowed.Reason)
	require.Equal(t, "large", allowed.Rule)
	require.Contains(t, allowed.Reason, "anna")

	again := w.with(t, grant, "refund", `{"order":"1","amount":250}`)
	require.Equal(t, call.Deny, again.Effect)
	require.Contains(t, again.Reason, "spent")
	require.Equal(t, int64(1), w.Meter().Grants.Used.Load())
}

// The promise that matters most: however many try at once, one call runs.
func TestOneGrantSpentAThousandTimesAtOnceOpensOneCall(t *testing.T) {
	t.Parallel()
	w := desk(t)
	grant := w.approved(t, `{"order":"1","amount":250}`)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			d, err := w.Propose(context.Background(), call.Proposal{Agent: "bot", Run: "r", Tool: "refund", Args: json.RawMessage(`{"order":"1","amount":250}`), Grant: grant})
			if err == nil && d.Effect == call.Allow {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), allowed.Load())
	require.Len(t, w.kinds(t, event.GrantSpent), 1)
}

func (w world) kinds(t testing.TB, k event.Kind) (out []event.Event) {
	t.Helper()
	for ev, err := range w.ledger.Events(t.Context(), ledger.Query{Kind: k}) {
		require.NoError(t, err)
		out = append(out, ev)
	}
	return out
}

func TestADenyRuleHoldsWhateverWasApproved(t *testing.T) {
	t.Parallel()
	w := desk(t)
	d := w.with(t, "", "refund", `{"order":"1","amount":250}`)
	stricter := asking + "  - { id: stop, effect: deny, tools: [refund], reason: \"no refunds today\" }\n"

	_, _, err := w.LoadPolicy(t.Context(), engine.Load{Name: "stricter", Source: []byte(stricter), By: "file"})
	require.NoError(t, err)
	_, err = w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true})
	require.ErrorIs(t, err, engine.ErrDenied)

	w = desk(t)
	grant := w.approved(t, `{"order":"1","amount":250}`)
	_, _, err = w.LoadPolicy(t.Context(), engine.Load{Name: "stricter", Source: []byte(stricter), By: "file"})
	require.NoError(t, err)
	denied := w.with(t, grant, "refund", `{"order":"1","amount":250}`)
	require.Equal(t, call.Deny, denied.Effect)
	require.Equal(t, "stop", denied.Rule)
	require.Zero(t, w.Meter().Grants.Used.Load(), "a call that is denied must not spend the grant")
}

func TestAGrantOfAnOlderPolicyOpensNothing(t *testing.T) {
	t.Parallel()
	w := desk(t)
	grant := w.approved(t, `{"order":"1","amount":250}`)
	_, _, err := w.LoadPolicy(t.Context(), engine.Load{Name: "other", Source: []byte(asking + "# changed\n"), By: "file"})
	require.NoError(t, err)
	d := w.with(t, grant, "refund", `{"order":"1","amount":250}`)
	require.Equal(t, call.Deny, d.Effect)
	require.Equal(t, engine.CodeGrant, d.Code)
	require.Contains(t, d.Reason, "propose it without the grant")
}

func TestAQuorumNeedsDifferentPeopleWhoMayAnswer(t *testing.T) {
	t.Parallel()
	w := desk(t)
	d := w.with(t, "", "wipe", `{}`)
	require.Equal(t, call.Ask, d.Effect)
	yes := func(p approval.Person) error {
		_, err := w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: p, Approve: true})
		return err
	}
	require.ErrorIs(t, yes(anna), approval.ErrNotApprover)
	require.NoError(t, yes(ben))
	require.ErrorIs(t, yes(ben), approval.ErrTwice)
	a, err := w.Await(canceled(t), d.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, snapshot.Pending, a.Status)
	require.NoError(t, yes(carl))
	a, err = w.Await(t.Context(), d.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, snapshot.Approved, a.Status)
	require.Equal(t, call.Allow, w.with(t, a.Grant, "wipe", `{}`).Effect)
}

func canceled(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestARejectionReachesTheAgentWithItsReason(t *testing.T) {
	t.Parallel()
	w := desk(t)
	d := w.with(t, "", "refund", `{"order":"1","amount":250}`)
	_, err := w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Reason: "ask the customer first"})
	require.NoError(t, err)
	a, err := w.Await(t.Context(), d.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, snapshot.Rejected, a.Status)
	require.Equal(t, "ask the customer first", a.Note)
	require.Empty(t, a.Grant)
	require.Len(t, w.kinds(t, event.ApprovalAnswered), 1)
}

func TestAGroupAnswerOpensWhatItNarrowsToUpToItsUses(t *testing.T) {
	t.Parallel()
	w := desk(t)
	other := w.with(t, "", "refund", `{"order":"1","amount":300}`)
	grant := w.approved(t, `{"order":"1","amount":250}`, func(a *approval.Answer) {
		a.Uses, a.TTL, a.Narrow = 3, time.Minute, json.RawMessage(`{"order":"1"}`)
	})
	a, err := w.Await(t.Context(), other.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, snapshot.Approved, a.Status, "a question that the answer covers is answered with it")
	require.Equal(t, grant, a.Grant)

	require.Equal(t, call.Deny, w.with(t, grant, "refund", `{"order":"2","amount":250}`).Effect)
	require.Equal(t, call.Deny, w.with(t, grant, "refund", `{"order":"1","amount":5000}`).Effect, "deny rules hold")
	for i := range 3 {
		require.Equal(t, call.Allow, w.with(t, grant, "refund", fmt.Sprintf(`{"order":"1","amount":%d}`, 200+i)).Effect)
	}
	require.Equal(t, call.Deny, w.with(t, grant, "refund", `{"order":"1","amount":210}`).Effect)
}

func TestAGrantIssuedBeforehandSavesTheQuestion(t *testing.T) {
	t.Parallel()
	w := desk(t)
	_, signed, err := w.IssueGrant(t.Context(), engine.Order{Agent: "bot", Tool: "refund", Uses: 2, TTL: time.Hour}, anna)
	require.NoError(t, err)
	for range 2 {
		require.Equal(t, call.Allow, w.with(t, signed, "refund", `{"order":"1","amount":250}`).Effect)
	}
	require.Equal(t, call.Deny, w.with(t, signed, "refund", `{"order":"1","amount":250}`).Effect)

	g, signed, err := w.IssueGrant(t.Context(), engine.Order{Agent: "bot", Tool: "refund", Uses: 2, TTL: time.Hour}, anna)
	require.NoError(t, err)
	require.NoError(t, w.RevokeGrant(t.Context(), g.ID, anna))
	d := w.with(t, signed, "refund", `{"order":"1","amount":250}`)
	require.Equal(t, call.Deny, d.Effect)
	require.Contains(t, d.Reason, "revoked")
	require.ErrorIs(t, w.RevokeGrant(t.Context(), "gr_unknown", anna), engine.ErrUnknownGrant)

	for _, bad := range []engine.Order{{Tool: "refund"}, {Agent: "bot", Tool: "nothing"}, {Agent: "bot", Tool: "refund", TTL: 48 * time.Hour}, {Agent: "bot", Tool: "refund", Uses: -1},
		{Agent: "bot", Tool: "refund", Args: json.RawMessage(`{"order":7}`)}, {Agent: "bot", Tool: "refund", Narrow: json.RawMessage(`{"ordr":"7"}`)}} {
		_, _, err := w.IssueGrant(t.Context(), bad, anna)
		var order *engine.BadOrder
		require.ErrorAs(t, err, &order)
	}
}

func TestARestartForgetsNoQuestionAndNoSpentGrant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := func(o *engine.Options) {
		ring, err := token.Open(token.Options{Dir: dir, Node: "here"})
		require.NoError(t, err)
		o.Grants = ring
	}
	before := open(t, asking, keys)
	spent := before.approved(t, `{"order":"1","amount":250}`)
	require.Equal(t, call.Allow, before.with(t, spent, "refund", `{"order":"1","amount":250}`).Effect)
	waiting := before.with(t, "", "refund", `{"order":"2","amount":250}`)
	answered := before.with(t, "", "refund", `{"order":"3","amount":250}`)
	_, err := before.Answer(t.Context(), approval.Answer{ID: answered.Approval.ID, By: anna, Approve: true})
	require.NoError(t, err)
	voted := before.with(t, "", "wipe", `{}`)
	_, err = before.Answer(t.Context(), approval.Answer{ID: voted.Approval.ID, By: ben, Approve: true})
	require.NoError(t, err)
	require.NoError(t, before.ledger.Flush(t.Context()))

	after := open(t, asking, keys, func(o *engine.Options) { o.Ledger = before.ledger })
	require.Contains(t, after.with(t, spent, "refund", `{"order":"1","amount":250}`).Reason, "spent")
	_, err = after.Answer(t.Context(), approval.Answer{ID: waiting.Approval.ID, By: anna, Approve: true})
	require.NoError(t, err)
	a, err := after.Await(t.Context(), answered.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, call.Allow, after.with(t, a.Grant, "refund", `{"order":"3","amount":250}`).Effect, "the agent had not fetched it yet")
	_, err = after.Answer(t.Context(), approval.Answer{ID: voted.Approval.ID, By: ben, Approve: true})
	require.ErrorIs(t, err, approval.ErrTwice)
	_, err = after.Answer(t.Context(), approval.Answer{ID: voted.Approval.ID, By: carl, Approve: true})
	require.NoError(t, err)
}

func TestNobodyAnswersIsANo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := desk(t)
		d := w.with(t, "", "refund", `{"order":"1","amount":250}`)
		a, err := w.Await(t.Context(), d.Approval.ID)
		require.NoError(t, err)
		require.Equal(t, snapshot.Expired, a.Status)
		_, err = w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true})
		require.ErrorIs(t, err, approval.ErrExpired)
	})
}

func TestWhatTheLedgerDoesNotTakeIsNotApproved(t *testing.T) {
	t.Parallel()
	store := &stubborn{Store: inMemory(t)}
	w := desk(t, func(o *engine.Options) { o.Ledger = store })
	d := w.with(t, "", "refund", `{"order":"1","amount":250}`)
	grant := w.approved(t, `{"order":"2","amount":250}`)
	store.broken.Store(true)

	_, err := w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true})
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	a, err := w.Await(canceled(t), d.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, snapshot.Pending, a.Status)

	spend := call.Proposal{Agent: "bot", Run: "r", Tool: "refund", Args: json.RawMessage(`{"order":"2","amount":250}`), Grant: grant}
	denied, err := w.Propose(t.Context(), spend)
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.Equal(t, call.Deny, denied.Effect)
	asked, err := w.Propose(t.Context(), call.Proposal{Agent: "bot", Run: "r", Tool: "refund", Args: json.RawMessage(`{"order":"9","amount":250}`)})
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.Nil(t, asked.Approval)
	require.Len(t, w.Approvals(snapshot.Pending), 1, "a question that is not recorded is not asked")

	store.broken.Store(false)
	allowed, err := w.Propose(t.Context(), spend)
	require.NoError(t, err)
	require.Equal(t, call.Allow, allowed.Effect, "a use that was not recorded is not used up")
}

// stubborn is a ledger that takes nothing while it is broken.
type stubborn struct {
	ledger.Store
	broken atomic.Bool
}

func (s *stubborn) Append(ctx context.Context, evs ...event.Event) (uint64, error) {
	if s.broken.Load() {
		return 0, fmt.Errorf("%w: planted", ledger.ErrUnavailable)
	}
	return s.Store.Append(ctx, evs...)
}

func (s *stubborn) Enqueue(evs ...event.Event) error {
	if s.broken.Load() {
		return fmt.Errorf("%w: planted", ledger.ErrUnavailable)
	}
	return s.Store.Enqueue(evs...)
}

func TestKeysRotateWithoutAFailedCall(t *testing.T) {
	t.Parallel()
	w := desk(t)
	grant := w.approved(t, `{"order":"1","amount":250}`)
	for range 3 {
		_, err := w.RotateKeys(t.Context(), anna)
		require.NoError(t, err)
	}
	require.Equal(t, call.Allow, w.with(t, grant, "refund", `{"order":"1","amount":250}`).Effect)
}

// The attack: a person who may not answer the question grants it beforehand.
func TestWhoMayNotAnswerMayNotGrantBeforehandEither(t *testing.T) {
	t.Parallel()
	w := open(t, `
version: 1
tools:
  pay:   { scope: execute, args: { amount: int } }
  close: { scope: execute }
rules:
  - { id: b-pay, effect: ask, tools: [pay], approvers: [lead] }
  - { id: close, effect: ask, tools: [close], approvals: 2 }
`)
	_, _, err := w.IssueGrant(t.Context(), engine.Order{Agent: "bot", Tool: "pay"}, anna)
	require.ErrorIs(t, err, approval.ErrNotApprover)
	_, _, err = w.IssueGrant(t.Context(), engine.Order{Agent: "bot", Tool: "pay"}, ben)
	require.NoError(t, err)
	var bad *engine.BadOrder
	_, _, err = w.IssueGrant(t.Context(), engine.Order{Agent: "bot", Tool: "close"}, ben)
	require.ErrorAs(t, err, &bad, "two people must agree")
}

// The attack: a group answer to one rule opens what another rule asks other people
// about.
func TestAnAnswerToOneRuleOpensNothingThatAnotherAsks(t *testing.T) {
	t.Parallel()
	w := open(t, `
version: 1
tools:
  pay: { scope: execute, args: { to: string, amount: int } }
rules:
  - { id: small, effect: ask, tools: [pay], when: 'args.amount < 100', grant: { max: 5m, uses: 5 } }
  - { id: large, effect: ask, tools: [pay], when: 'args.amount >= 100', approvers: [lead] }
`)
	d := w.with(t, "", "pay", `{"to":"x","amount":5}`)
	_, err := w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true, Uses: 5, Narrow: json.RawMessage(`{"to":"x"}`)})
	require.NoError(t, err)
	a, err := w.Await(t.Context(), d.Approval.ID)
	require.NoError(t, err)
	require.Equal(t, call.Allow, w.with(t, a.Grant, "pay", `{"to":"x","amount":6}`).Effect)
	large := w.with(t, a.Grant, "pay", `{"to":"x","amount":500}`)
	require.Equal(t, call.Deny, large.Effect)
	require.Contains(t, large.Reason, "wrong_binding")
}

// Rules that ask about the same call are all heard: the strictest terms hold.
func TestSeveralRulesThatAskAreAllHeard(t *testing.T) {
	t.Parallel()
	const head = "version: 1\ntools: { pay: { scope: execute } }\nrules:\n  - { id: a-review, effect: ask, tools: [pay] }\n"
	w := open(t, head+"  - { id: money, effect: ask, tools: [pay], approvers: [lead], approvals: 2 }\n")
	d := w.with(t, "", "pay", `{}`)
	q := w.Approvals("")[0]
	require.Equal(t, []string{"lead"}, q.Approvers)
	require.Equal(t, 2, q.Needed)
	_, err := w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true})
	require.ErrorIs(t, err, approval.ErrNotApprover)

	w = open(t, head+"  - { id: b, effect: ask, tools: [pay], approvers: [lead] }\n  - { id: c, effect: ask, tools: [pay], approvers: [finance] }\n")
	d = w.with(t, "", "pay", `{}`)
	require.Equal(t, call.Deny, d.Effect, "nobody may answer for both")
	require.Equal(t, "policy_error", d.Code)
}

func TestARestartForgetsNoLimit(t *testing.T) {
	t.Parallel()
	const limited = `
version: 1
tools:
  pay:  { scope: execute, args: { amount: int } }
  test: { scope: execute }
  ship: { scope: execute }
rules:
  - { id: pay,  effect: allow, tools: [pay], total: { of: args.amount, max: 100, per: month, key: agent } }
  - { id: test, effect: allow, tools: [test], limit: 1/h }
  - { id: ship, effect: allow, tools: [ship], requires: { tool: test, outcome: ok, within: 1h } }
`
	before := open(t, limited)
	require.Equal(t, call.Allow, before.propose(t, "r", "pay", `{"amount":80}`).Effect)
	require.Equal(t, call.Deny, before.propose(t, "r", "ship", `{}`).Effect)
	before.report(t, before.propose(t, "r", "test", `{}`), `"ok"`)
	require.NoError(t, before.ledger.Flush(t.Context()))

	after := open(t, limited, func(o *engine.Options) { o.Ledger = before.ledger })
	require.Equal(t, call.Deny, after.propose(t, "r", "pay", `{"amount":30}`).Effect)
	require.Equal(t, call.Allow, after.propose(t, "r", "pay", `{"amount":20}`).Effect)
	require.Equal(t, call.Deny, after.propose(t, "r", "test", `{}`).Effect)
	require.Equal(t, call.Allow, after.propose(t, "r", "ship", `{}`).Effect)
}

// The attack: somebody answers an old question alone after the policy wants two of
// others.
func TestAnOldQuestionIsNotAnsweredOnOldTerms(t *testing.T) {
	t.Parallel()
	const one = "version: 1\ntools: { pay: { scope: execute } }\nrules:\n  - { id: pay, effect: ask, tools: [pay] }\n"
	w := open(t, one)
	d := w.with(t, "", "pay", `{}`)
	stricter := "version: 1\ntools: { pay: { scope: execute } }\nrules:\n  - { id: pay, effect: ask, tools: [pay], approvers: [lead], approvals: 2 }\n"
	_, _, err := w.LoadPolicy(t.Context(), engine.Load{Name: "p", Source: []byte(stricter), By: "file"})
	require.NoError(t, err)
	_, err = w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true})
	require.ErrorIs(t, err, engine.ErrDenied)

	w = open(t, one)
	d = w.with(t, "", "pay", `{}`)
	_, _, err = w.LoadPolicy(t.Context(), engine.Load{Name: "p", Source: []byte(one + "# a comment\n"), By: "file"})
	require.NoError(t, err)
	_, err = w.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true})
	require.NoError(t, err, "on the same terms it may be answered")
}

// The attack: after a restart the second of two people gives more than the first
// agreed to.
func TestARestartDoesNotWidenWhatTheFirstVoteAgreedTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keys := func(o *engine.Options) {
		ring, err := token.Open(token.Options{Dir: dir, Node: "here"})
		require.NoError(t, err)
		o.Grants = ring
	}
	const quorum = "version: 1\ntools: { pay: { scope: execute } }\nrules:\n  - { id: pay, effect: ask, tools: [pay], approvals: 2, grant: { max: 15m, uses: 3 } }\n"
	before := open(t, quorum, keys)
	d := before.with(t, "", "pay", `{}`)
	_, err := before.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: anna, Approve: true, Uses: 1, TTL: 30 * time.Second})
	require.NoError(t, err)
	after := open(t, quorum, keys, func(o *engine.Options) { o.Ledger = before.ledger })
	_, err = after.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: ben, Approve: true, Uses: 3, TTL: 15 * time.Minute})
	require.ErrorIs(t, err, approval.ErrCeiling)
	_, err = after.Answer(t.Context(), approval.Answer{ID: d.Approval.ID, By: ben, Approve: true, Uses: 1, TTL: 30 * time.Second})
	require.NoError(t, err)
}

// The attack: a run shakes off its limits by a restart, or by a flood of other runs.
func TestARunKeepsItsCountsOverARestartAndAFlood(t *testing.T) {
	t.Parallel()
	const limited = "version: 1\nlimits: { max_tool_calls: 3 }\nrules:\n  - { id: all, effect: allow, tools: [\"*\"] }\n  - { id: again, effect: deny, tools: [think], repeated: { same: args, times: 3, within: 1h } }\n"
	before := open(t, limited, func(o *engine.Options) { o.Runs = 10 })
	for i := range 3 {
		require.Equal(t, call.Allow, before.propose(t, "r", "list_orders", fmt.Sprintf(`{"n":%d}`, i)).Effect)
	}
	for range 2 {
		require.Equal(t, call.Allow, before.propose(t, "thinker", "think", `{}`).Effect)
	}
	for i := range 50 {
		before.propose(t, fmt.Sprintf("flood-%d", i), "list_orders", `{}`)
	}
	require.Equal(t, policy.RunLimit, before.propose(t, "r", "list_orders", `{"n":9}`).Rule)
	require.NoError(t, before.ledger.Flush(t.Context()))

	after := open(t, limited, func(o *engine.Options) { o.Ledger = before.ledger })
	require.Equal(t, policy.RunLimit, after.propose(t, "r", "list_orders", `{"n":9}`).Rule)
	require.Equal(t, "again", after.propose(t, "thinker", "think", `{}`).Rule)
}

func TestWhatNobodyCanReadIsNotAsked(t *testing.T) {
	t.Parallel()
	w := open(t, "version: 1\ntools: { pay: { scope: execute } }\nrules:\n  - { id: pay, effect: ask, tools: [pay] }\n")
	d := w.with(t, "", "pay", `{"a":"`+strings.Repeat("x", 300<<10)+`"}`)
	require.Equal(t, call.Deny, d.Effect)
	require.Equal(t, engine.CodeTooLarge, d.Code)
	require.Empty(t, w.Approvals(""))
}
