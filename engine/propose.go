package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"m1/cache"
	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/limit"
	"m1/engine/policy"
)

// argsLimit is how much of the arguments a record keeps; their digest and length
// are always kept.
const argsLimit = 16 << 10

// proposed is one call on its way through Propose.
type proposed struct {
	meant
	p      call.Proposal
	id     call.ID
	args   json.RawMessage // canonical
	digest call.Digest
	ruling *ruling
	state  policy.RunState // of its run, this call included
	v      policy.Verdict
	past   []*limit.Past      // what the call is to rules about history
	fresh  *snapshot.Approval // the question that the call raised; nil if it was open
	spend  *spending          // the grant that opens it; nil without one
	ticket cache.Ticket
	d      call.Decision

	start                       time.Time
	at                          time.Time // for what is counted: start, or when it was recorded
	policyTook, cacheTook, kept time.Duration
}

// Propose decides a call. A call that is let through and may write or execute is
// durably recorded before Propose returns, and so is a question to a person and
// the use of a grant; other records follow within 50 ms. With an error the
// decision denies: the error wraps call.ErrArgs if the arguments are not usable,
// ledger.ErrUnavailable if the record cannot be kept, or the context's error.
func (e *Engine) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	c := proposed{p: p, start: e.o.Now()}
	if c.at = p.At; c.at.IsZero() {
		c.at = c.start
	}
	var err error
	if c.args, err = call.Canonical(p.Args); err != nil {
		return call.Decision{Rule: CodeBadArguments, Code: CodeBadArguments, Reason: err.Error()}, err
	}
	c.id = call.ID("tc_" + rand.Text())
	c.digest = call.DigestOf(p.Tool, c.args)
	e.meter.Calls.Inc()
	e.meter.Tools.Get(p.Tool).Calls.Inc()
	e.meter.Agents.Get(string(p.Agent)).Calls.Inc()

	c.state = e.runs.propose(&c)
	e.judge(ctx, &c)
	var change *cache.Change
	if c.d.Effect == call.Allow {
		e.lookUp(ctx, &c)
		change = e.answers.begin(ctx, p.Run, c.use)
	}
	if err := e.keep(ctx, &c); err != nil {
		if change != nil {
			_ = change.Done(context.WithoutCancel(ctx))
		}
		e.takeBack(&c)
		if !gaveUp(ctx, err) {
			e.meter.M1Errors.Inc()
		}
		e.runs.answered(p.Run, call.Deny, false)
		return call.Decision{ID: c.id, Scope: c.use.Scope, Version: c.d.Version, Rule: codeLedger, Code: codeLedger,
			Reason: "M1 cannot record this call, so it must not run; see the health of the ledger"}, err
	}
	e.settle(&c)
	if c.d.Effect == call.Allow && c.d.Cache.Status != call.CacheHit {
		e.open.add(&openCall{id: c.id, run: p.Run, tool: p.Tool, agent: p.Agent, digest: c.digest, at: c.start, counted: c.at,
			cacheable: c.use.Cacheable, ticket: c.ticket, change: change, past: c.past})
	}
	c.d.Duration = e.o.Now().Sub(c.start)
	e.runs.answered(p.Run, c.d.Effect, c.d.Cache.Status == call.CacheHit)
	e.count(&c)
	e.recent.add(c.picture())
	return c.d, nil
}

const codeLedger = "ledger_unavailable"

// gaveUp says that err is the caller's own doing: it hung up, or had no more time.
// Counted as an error of M1, it would let any client take M1 out of service.
func gaveUp(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// judge asks the policy, and for a call that a person must approve either spends
// the grant that it presents or raises the question. In observe mode the answer is
// counted and everything is let through.
func (e *Engine) judge(ctx context.Context, c *proposed) {
	start := e.o.Now()
	c.ruling = e.ruling.Load()
	set := c.ruling.set
	c.meant = c.ruling.mean(c.p.Tool, c.args)
	e.book.Propose(c.who(), c.digest, c.at)
	q := e.request(c)
	if c.bad != nil {
		c.v = badArguments(c.bad)
	} else {
		c.v = set.Decide(&q)
	}
	c.policyTook = e.o.Now().Sub(start)
	c.d = call.Decision{ID: c.id, Version: set.Version(), Scope: c.use.Scope, Cache: call.CacheAnswer{Status: call.CacheBypass}}
	e.shadow(set, &q, c.v)
	if c.v.Effect == call.Ask && !set.Observe() {
		e.ask(ctx, c)
	}
	c.d.Effect, c.d.Would, c.d.Rule, c.d.Code, c.d.Reason, c.d.Retry = c.v.Effect, c.v.Effect, c.v.Rule, string(c.v.Code), c.v.Reason, c.v.Retry
	if set.Observe() && c.v.Effect != call.Allow {
		c.d.Effect = call.Allow
		c.d.Reason = fmt.Sprintf("observed only; an enforcing policy would %s: %s", c.v.Effect, c.v.Reason)
	}
	if c.d.Effect == call.Allow {
		c.past = set.Past(&q, nil)
	}
}

func (c *proposed) who() limit.Who { return limit.Who{Agent: c.p.Agent, Run: c.p.Run} }

// shadow counts what rules in shadow mode would have done.
func (e *Engine) shadow(set *policy.Set, q *policy.Request, v policy.Verdict) {
	for _, hit := range set.Shadow(q, v, nil) {
		m := e.meter.Shadow.Get(hit.Rule)
		m.Matched.Inc()
		if hit.Would {
			m.Would.Inc()
		}
	}
}

// lookUp answers a cacheable read from what its run already knows.
func (e *Engine) lookUp(ctx context.Context, c *proposed) {
	if !c.use.Cacheable || c.p.Run == "" {
		return
	}
	start := e.o.Now()
	answer, info, ticket, hit := e.answers.result(ctx, c)
	c.cacheTook = e.o.Now().Sub(start)
	if info.Tier == cache.Local || !e.answers.cache.Shared() { // what Redis takes is measured there
		e.meter.CacheRead.Observe(c.cacheTook)
	}
	if !e.open.doubtful(c.p.Run, start) {
		c.ticket = ticket
	}
	switch c.d.Cache.Status = call.CacheMiss; info.Why {
	case cache.NoLease, cache.Slow, cache.Unheard, cache.Unusable: // Redis's doing, not the call's
		c.d.Cache.Status = call.CacheBypass
	}
	if hit {
		c.d.Cache = call.CacheAnswer{Status: call.CacheHit, Tier: string(info.Tier), Age: info.Age, Result: answer}
	}
}

// keep records the decision: no record, no action.
func (e *Engine) keep(ctx context.Context, c *proposed) error {
	data := event.DecidedData{
		Effect: c.d.Effect, Would: c.d.Would, Rule: c.d.Rule, Reason: c.d.Reason, Version: c.d.Version, Scope: c.d.Scope,
		Digest: c.digest.String(), ArgsBytes: len(c.args), ToolUse: c.p.ToolUse, Model: c.p.Model,
		Cache: string(c.d.Cache.Status), DurationUS: e.o.Now().Sub(c.start).Microseconds(),
		Code: c.d.Code,
	}
	if c.v.Counted != nil {
		data.Counted, data.Amount = c.v.Counted.ID, c.v.Amount
	}
	for _, p := range c.past {
		data.Past = append(data.Past, p.ID)
	}
	if len(c.args) <= argsLimit {
		data.Args = c.args
	}
	ev := e.event(event.Decided, data)
	ev.Run, ev.Call, ev.Agent, ev.Tool = c.p.Run, c.id, c.p.Agent, c.p.Tool

	start := e.o.Now()
	durable := c.d.Effect == call.Allow && c.use.Scope != call.Read
	evs := []event.Event{ev}
	if c.fresh != nil {
		evs, durable = append(evs, e.about(c, event.ApprovalAsked, c.fresh)), true
	}
	if s := c.spend; s != nil {
		durable = true
		if s.local { // else its issuer has recorded it
			evs = append(evs, e.about(c, event.GrantSpent, event.GrantSpentData{Grant: s.grant.ID, Call: c.id}))
		}
	}
	err := e.record(ctx, durable, evs...)
	c.kept = e.o.Now().Sub(start)
	return err
}

// about is an event of the call beside its decision.
func (e *Engine) about(c *proposed, k event.Kind, data any) event.Event {
	ev := e.event(k, data)
	ev.Run, ev.Call, ev.Agent, ev.Tool = c.p.Run, c.id, c.p.Agent, c.p.Tool
	return ev
}

// record keeps evs: durable on return if it must be, else within the flush
// interval. A queue that takes nothing, because it is full or the disk failed,
// makes it wait for the disk and have its outcome: no record is promised that
// might be lost, and who asks next finds out that the disk works again.
func (e *Engine) record(ctx context.Context, durable bool, evs ...event.Event) error {
	start := e.o.Now()
	var err error
	if durable {
		_, err = e.o.Ledger.Append(ctx, evs...)
		e.meter.Ledger.Observe(e.o.Now().Sub(start))
	} else if err = e.o.Ledger.Enqueue(evs...); err == nil {
		select {
		case e.batched <- struct{}{}:
		default: // Run has been told already
		}
	} else if errors.Is(err, ledger.ErrFull) || errors.Is(err, ledger.ErrUnavailable) {
		_, err = e.o.Ledger.Append(ctx, evs...)
		e.meter.Ledger.Observe(e.o.Now().Sub(start))
	}
	if err != nil {
		return fmt.Errorf("record %s: %w", evs[0].Kind, err)
	}
	return nil
}

// event builds an event of this moment. Payloads are this program's own types:
// one that does not marshal is a defect, and the record says so.
func (e *Engine) event(k event.Kind, data any) event.Event {
	ev := event.Event{At: e.o.Now().UTC(), Kind: k}
	if data == nil {
		return ev
	}
	b, err := json.Marshal(data)
	if err != nil {
		e.o.Logger.Error("engine: payload does not marshal", "kind", k, "error", err)
		b, _ = json.Marshal(map[string]string{"error": err.Error()})
	}
	ev.Data = b
	return ev
}

// count adds the finished decision to the meter.
func (e *Engine) count(c *proposed) {
	m := e.meter
	m.Checks.Inc()
	m.Policy.Observe(c.policyTook)
	m.Propose.Observe(c.d.Duration)
	m.Scopes[c.use.Scope].Inc()
	m.Decisions[c.d.Effect][c.use.Scope].Inc()
	t, rule := m.Tools.Get(c.p.Tool), m.Rules.Get(c.d.Rule)
	switch c.d.Would {
	case call.Allow:
		m.Allowed.Inc()
		rule.Allowed.Inc()
	case call.Ask:
		m.Asked.Inc()
		rule.Asked.Inc()
	default:
		m.Denied.Inc()
		rule.Denied.Inc()
		t.Denied.Inc()
		m.Agents.Get(string(c.p.Agent)).Denied.Inc()
	}
	if c.d.Effect != call.Allow {
		m.HeldBack.Inc()
	}
	if c.v.Memo {
		m.DecisionHits.Inc()
	} else {
		m.DecisionMisses.Inc()
	}
	switch c.d.Cache.Status {
	case call.CacheHit:
		m.ResultHits.Inc()
		m.ResultIdeal.Inc()
		t.Hits.Inc()
	case call.CacheMiss:
		m.ResultMisses.Inc()
		t.Misses.Inc()
	default:
		m.ResultBypassed.Inc()
	}
}

// picture is the call as the live table shows it before its report.
func (c *proposed) picture() *snapshot.Call {
	return &snapshot.Call{
		ID: c.id, At: c.start, Agent: c.p.Agent, Run: c.p.Run, ToolUse: c.p.ToolUse, Tool: c.p.Tool, Scope: c.use.Scope,
		Args: preview(c.args), ArgsBytes: len(c.args), Digest: c.digest.String(),
		Effect: c.d.Effect, Would: c.d.Would, Rule: c.d.Rule, Reason: c.d.Reason, Version: c.d.Version, Memo: c.v.Memo,
		Cache: string(c.d.Cache.Status), Tier: c.d.Cache.Tier, CacheAgeMS: c.d.Cache.Age.Milliseconds(), Streak: max(c.state.Streak, 1),
		PolicyUS: micros(c.policyTook), CacheUS: micros(c.cacheTook), LedgerUS: micros(c.kept), TotalUS: micros(c.d.Duration),
		Result: preview(c.d.Cache.Result), ResultBytes: len(c.d.Cache.Result),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// trimmed is the text of err for readers who know no packages.
func trimmed(err error) string {
	msg := err.Error()
	if pkg, rest, ok := strings.Cut(msg, ": "); ok && strings.Trim(pkg, "abcdefghijklmnopqrstuvwxyz") == "" {
		return rest
	}
	return msg
}
