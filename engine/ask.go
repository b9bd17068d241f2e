package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/policy"
	"m1/engine/token"
)

// CodeTooMany says that too many questions are open already.
const CodeTooMany = "too_many_questions"

// CodeTooLarge says that the arguments are too large for a person to look at.
const CodeTooLarge = "too_large_to_ask"

// mostAsked bounds the arguments of a question: whoever answers must be able to read
// them, and open questions are held in memory.
const mostAsked = 256 << 10

// ask finds the answer of a person: in the grant that the call presents, or by
// raising the question. The verdict becomes what came of it.
func (e *Engine) ask(ctx context.Context, c *proposed) {
	if c.p.Grant != "" {
		e.redeem(ctx, c)
		return
	}
	if len(c.args) > mostAsked {
		c.v = policy.Verdict{Effect: call.Deny, Rule: c.v.Rule, Code: CodeTooLarge,
			Reason: fmt.Sprintf("a person must approve this call, and nobody can read arguments of more than %d KiB; make it smaller", mostAsked>>10)}
		return
	}
	rule := c.v.Ask
	a, fresh, err := e.desk.Ask(approval.Question{
		Agent: c.p.Agent, AgentType: c.p.AgentType, Run: c.p.Run, Call: c.id, Tool: c.p.Tool, Scope: c.use.Scope,
		Args: c.args, Digest: c.digest.String(), Schema: c.schema, Rule: c.v.Rule, Reason: c.v.Reason, Version: c.d.Version,
		Approvers: rule.Approvers, Needed: rule.Approvals, TTL: rule.TTL, MaxTTL: rule.MaxTTL, MaxUses: rule.MaxUses,
	})
	if err != nil {
		c.v = policy.Verdict{Effect: call.Deny, Rule: c.v.Rule, Code: CodeTooMany,
			Reason: "a person must approve this call, but too many questions are open already; wait until some are answered"}
		return
	}
	if fresh {
		c.fresh = &a
	}
	c.d.Approval = &call.Approval{ID: a.ID, ExpiresAt: a.ExpiresAt}
}

// redeem opens the call with the grant that it presents, or denies it.
func (e *Engine) redeem(ctx context.Context, c *proposed) {
	s, r := e.spend(ctx, c)
	if r == nil && c.v.Counted != nil {
		if ok, retry := e.book.Take(c.v.Counted, c.who(), c.v.Amount, c.at); !ok {
			e.letGo(s, false)
			c.v = policy.Verdict{Effect: call.Deny, Rule: c.v.Rule, Code: policy.RateLimit, Retry: retry, Reason: c.v.Reason}
			return
		}
	}
	if r != nil {
		e.meter.Grants.Refused.Get(string(r.Reason)).Inc()
		c.v = grantRefused(c.v, r)
		return
	}
	c.spend = s
	c.v.Effect, c.v.Ask = call.Allow, nil
	c.v.Reason = fmt.Sprintf("approved by %s (%s)", s.grant.By, s.grant.ID)
}

// letGo ends the hold on a use of a grant.
func (e *Engine) letGo(s *spending, recorded bool) {
	if s == nil {
		return
	}
	if s.local {
		e.grants.settle(s.grant.ID, recorded)
	}
	if recorded {
		e.meter.Grants.Used.Inc()
	}
}

// settle makes what the call has taken final: its decision is recorded.
func (e *Engine) settle(c *proposed) {
	e.letGo(c.spend, true)
	for _, p := range c.past {
		if !p.OK {
			e.book.Remember(p, c.who(), c.at)
		}
	}
}

// takeBack undoes what the call has taken: its decision could not be recorded, and
// it was not let through.
func (e *Engine) takeBack(c *proposed) {
	e.letGo(c.spend, false)
	if c.fresh != nil {
		e.desk.Withdraw(c.fresh.ID)
	}
	if c.v.Counted != nil && c.v.Effect == call.Allow {
		e.book.Give(c.v.Counted, c.who(), c.v.Amount, c.at)
	}
}

// Approvals lists the questions to people, newest first: those in one status, or
// all. Tokens are left out.
func (e *Engine) Approvals(status string) []snapshot.Approval {
	return e.desk.List(status)
}

// Await returns the question once it is answered or has expired, or as it stands
// when ctx ends. An approved one holds the grant to present with the same call.
func (e *Engine) Await(ctx context.Context, id string) (snapshot.Approval, error) {
	return e.desk.Wait(ctx, id)
}

// Answer records a person's answer to a question. What the policy would deny by
// now cannot be approved any more. Once the question has all the answers that it
// needs, a grant is signed and recorded. Errors are those of approval.Desk.Answer,
// ErrDenied, or wrap ledger.ErrUnavailable: then nothing was answered.
func (e *Engine) Answer(ctx context.Context, a approval.Answer) (snapshot.Approval, error) {
	var signed string
	out, err := e.desk.Answer(a, func(q snapshot.Approval) (id, _ string, err error) {
		view, token, err := e.grant(ctx, q, a)
		signed = token
		return view.ID, token, err
	})
	if err != nil {
		return snapshot.Approval{}, err
	}
	if out.Status != snapshot.Approved { // an approval was recorded together with its grant
		kind := event.ApprovalVoted
		if out.Status != snapshot.Pending {
			kind = event.ApprovalAnswered
		}
		if err := e.recordAnswer(ctx, kind, out, a); err != nil {
			return out, fmt.Errorf("%w: the answer holds: %w", ErrUnrecorded, err)
		}
	}
	if out.Status == snapshot.Approved && len(a.Narrow) > 0 {
		e.answerSimilar(a, out, signed)
	}
	return out, nil
}

// ErrDenied means that the policy denies by now what was asked.
var ErrDenied = errors.New("engine: the policy denies this call by now")

// grant signs and records what the answer to q opens. The call is judged again:
// the policy may have changed since.
func (e *Engine) grant(ctx context.Context, q snapshot.Approval, a approval.Answer) (snapshot.Grant, string, error) {
	c := proposed{p: call.Proposal{Agent: q.Agent, Run: q.Run, Tool: q.Tool}, args: q.Args, digest: call.DigestOf(q.Tool, q.Args), at: e.o.Now(), ruling: e.ruling.Load()}
	c.meant = c.ruling.mean(q.Tool, q.Args)
	c.state = e.runs.ahead(q.Run, c.digest)
	r := e.request(&c)
	r.Dry = true
	v := c.ruling.set.Decide(&r)
	if v.Effect == call.Deny {
		return snapshot.Grant{}, "", fmt.Errorf("%w: rule %s: %s", ErrDenied, v.Rule, v.Reason)
	}
	// Who answered did so on the terms of the question, and for its rule alone.
	if c.ruling.set.Version() != q.Version && v.Effect == call.Ask && !sameTerms(q, v) {
		return snapshot.Grant{}, "", fmt.Errorf("%w: the policy has changed since, and rule %s asks on other terms; the agent must ask again", ErrDenied, v.Rule)
	}
	g := token.Grant{
		Agent: q.Agent, Run: q.Run, Tool: q.Tool, Scope: c.use.Scope, Schema: c.schema, Rule: q.Rule,
		Version: c.ruling.set.Version(), Uses: q.MaxUses, By: names(q, a), Approval: q.ID,
	}
	if len(a.Narrow) > 0 {
		g.Narrow = a.Narrow
	} else {
		g.Digest = c.digest.String()
	}
	ttl := time.Duration(q.MaxTTLS) * time.Second // what all who voted agree to
	ev := e.event(event.ApprovalAnswered, event.ApprovalAnsweredData{Approval: q.ID, Status: snapshot.Approved, By: g.By, Reason: a.Reason})
	ev.Run, ev.Call, ev.Agent, ev.Tool = q.Run, q.Call, q.Agent, q.Tool
	return e.issue(ctx, g, ttl, ev)
}

// sameTerms reports whether v asks by the rule of q, the same people, as many of
// them, and for no less. The votes may have lowered what q opens already.
func sameTerms(q snapshot.Approval, v policy.Verdict) bool {
	return v.Rule == q.Rule && v.Ask.Approvals <= q.Needed && slices.Equal(v.Ask.Approvers, q.Approvers) &&
		q.MaxUses <= v.Ask.MaxUses && time.Duration(q.MaxTTLS)*time.Second <= v.Ask.MaxTTL
}

// names are all who said yes, the last one included.
func names(q snapshot.Approval, a approval.Answer) string {
	var by []string
	for _, v := range q.Votes {
		if v.Approve && v.By != a.By.Name {
			by = append(by, v.By)
		}
	}
	return strings.Join(append(by, a.By.Name), ", ")
}

func (e *Engine) recordAnswer(ctx context.Context, k event.Kind, q snapshot.Approval, a approval.Answer) error {
	ev := e.event(k, event.ApprovalAnsweredData{Approval: q.ID, Status: q.Status, By: a.By.Name, Reason: a.Reason, MaxTTLS: q.MaxTTLS, MaxUses: q.MaxUses})
	ev.Run, ev.Call, ev.Agent, ev.Tool = q.Run, q.Call, q.Agent, q.Tool
	_, err := e.o.Ledger.Append(ctx, ev)
	return err
}

// sweep ends questions that nobody answered.
func (e *Engine) sweep() {
	for _, q := range e.desk.Sweep(e.o.Now()) {
		ev := e.event(event.ApprovalExpired, event.ApprovalAnsweredData{Approval: q.ID, Status: snapshot.Expired})
		ev.Run, ev.Call, ev.Agent, ev.Tool = q.Run, q.Call, q.Agent, q.Tool
		// Its end can be told from its beginning: a record that is lost loses nothing.
		_ = e.record(context.Background(), false, ev)
	}
}

// answerSimilar gives the grant of a group answer to the other open questions of
// its run that it covers. Those that need more people stay open.
func (e *Engine) answerSimilar(a approval.Answer, first snapshot.Approval, signed string) {
	for _, q := range e.desk.Similar(first) {
		if q.Needed > 1 || q.Run != first.Run {
			continue
		}
		b := a
		b.ID, b.Digest = q.ID, ""
		out, err := e.desk.Answer(b, func(snapshot.Approval) (string, string, error) { return first.GrantID, signed, nil })
		if err != nil {
			continue // it is not covered, or somebody was faster
		}
		ev := e.event(event.ApprovalAnswered, event.ApprovalAnsweredData{Approval: out.ID, Status: out.Status, By: a.By.Name, Reason: a.Reason, Grant: first.GrantID})
		ev.Run, ev.Call, ev.Agent, ev.Tool = out.Run, out.Call, out.Agent, out.Tool
		_ = e.record(context.Background(), false, ev) // the grant itself is recorded
	}
}
