package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"m1/cache"
	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/tool"
)

// argsLimit is how much of the arguments a record keeps; their digest and length
// are always kept.
const argsLimit = 16 << 10

// proposed is one call on its way through Propose.
type proposed struct {
	p      call.Proposal
	id     call.ID
	args   json.RawMessage // canonical
	digest call.Digest
	use    tool.Use
	known  bool
	memo   bool
	ticket cache.Ticket
	streak int // identical calls of the run in a row, this one included
	d      call.Decision

	start                       time.Time
	policyTook, cacheTook, kept time.Duration
}

// Propose decides a call. A call that is let through and may write or execute is
// durably recorded before Propose returns; other records follow within 50 ms.
// With an error the decision denies: the error wraps call.ErrArgs if the
// arguments are not usable, ledger.ErrUnavailable if the record cannot be kept,
// or the context's error.
func (e *Engine) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	c := proposed{p: p, start: e.o.Now()}
	var err error
	if c.args, err = call.Canonical(p.Args); err != nil {
		return call.Decision{Rule: "bad_arguments", Reason: err.Error()}, err
	}
	c.id = call.ID("tc_" + rand.Text())
	c.digest = call.DigestOf(p.Tool, c.args)
	e.meter.Calls.Inc()
	e.meter.Tools.Get(p.Tool).Calls.Inc()
	e.meter.Agents.Get(string(p.Agent)).Calls.Inc()

	e.judge(ctx, &c)
	c.streak = e.runs.propose(&c)
	var change *cache.Change
	if c.d.Effect == call.Allow {
		e.lookUp(ctx, &c)
		change = e.answers.begin(ctx, p.Run, c.use)
	}
	if err := e.keep(ctx, &c); err != nil {
		if change != nil {
			_ = change.Done(context.WithoutCancel(ctx))
		}
		if !gaveUp(ctx, err) {
			e.meter.M1Errors.Inc()
		}
		e.runs.answered(p.Run, call.Deny, false)
		return call.Decision{ID: c.id, Scope: c.use.Scope, Version: c.d.Version, Rule: "ledger_unavailable",
			Reason: "M1 cannot record this call, so it must not run; see the health of the ledger"}, err
	}
	if c.d.Effect == call.Allow && c.d.Cache.Status != call.CacheHit {
		e.open.add(&openCall{id: c.id, run: p.Run, tool: p.Tool, agent: p.Agent, digest: c.digest, at: c.start,
			cacheable: c.use.Cacheable, ticket: c.ticket, change: change})
	}
	c.d.Duration = e.o.Now().Sub(c.start)
	e.runs.answered(p.Run, c.d.Effect, c.d.Cache.Status == call.CacheHit)
	e.count(&c)
	e.recent.add(c.picture())
	return c.d, nil
}

// gaveUp says that err is the caller's own doing: it hung up, or had no more time.
// Counted as an error of M1, it would let any client take M1 out of service.
func gaveUp(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}

// judge asks the policy. In observe mode the answer is counted and everything
// is let through.
func (e *Engine) judge(ctx context.Context, c *proposed) {
	start := e.o.Now()
	r := e.ruling.Load()
	c.use, c.known = r.use(c.p.Tool, c.args)
	v, remembered := r.verdict(ctx, &e.answers, question{c.p.Agent, c.p.Tool, c.known, c.use.Scope})
	c.memo = remembered
	c.d = call.Decision{ID: c.id, Effect: v.Effect, Would: v.Effect, Rule: v.Rule, Reason: v.Reason,
		Version: r.set.Version(), Scope: c.use.Scope, Cache: call.CacheAnswer{Status: call.CacheBypass}}
	if r.set.Observe() && v.Effect != call.Allow {
		c.d.Effect = call.Allow
		c.d.Reason = fmt.Sprintf("observed only; an enforcing policy would %s: %s", v.Effect, v.Reason)
	}
	c.policyTook = e.o.Now().Sub(start)
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
	}
	if len(c.args) <= argsLimit {
		data.Args = c.args
	}
	ev := e.event(event.Decided, data)
	ev.Run, ev.Call, ev.Agent, ev.Tool = c.p.Run, c.id, c.p.Agent, c.p.Tool

	start := e.o.Now()
	err := e.record(ctx, ev, c.d.Effect == call.Allow && c.use.Scope != call.Read)
	c.kept = e.o.Now().Sub(start)
	return err
}

// record keeps ev: durable on return if it must be, else within the flush
// interval. A queue that takes nothing, because it is full or the disk failed,
// makes it wait for the disk and have its outcome: no record is promised that
// might be lost, and who asks next finds out that the disk works again.
func (e *Engine) record(ctx context.Context, ev event.Event, durable bool) error {
	start := e.o.Now()
	var err error
	if durable {
		_, err = e.o.Ledger.Append(ctx, ev)
		e.meter.Ledger.Observe(e.o.Now().Sub(start))
	} else if err = e.o.Ledger.Enqueue(ev); err == nil {
		select {
		case e.batched <- struct{}{}:
		default: // Run has been told already
		}
	} else if errors.Is(err, ledger.ErrFull) || errors.Is(err, ledger.ErrUnavailable) {
		_, err = e.o.Ledger.Append(ctx, ev)
		e.meter.Ledger.Observe(e.o.Now().Sub(start))
	}
	if err != nil {
		return fmt.Errorf("record %s: %w", ev.Kind, err)
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
	if c.memo {
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
		Effect: c.d.Effect, Would: c.d.Would, Rule: c.d.Rule, Reason: c.d.Reason, Version: c.d.Version, Memo: c.memo,
		Cache: string(c.d.Cache.Status), Tier: c.d.Cache.Tier, CacheAgeMS: c.d.Cache.Age.Milliseconds(), Streak: c.streak,
		PolicyUS: micros(c.policyTook), CacheUS: micros(c.cacheTook), LedgerUS: micros(c.kept), TotalUS: micros(c.d.Duration),
		Result: preview(c.d.Cache.Result), ResultBytes: len(c.d.Cache.Result),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
