package engine

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/meter"
	"m1/engine/policy"
)

// LoopStreak is the number of identical calls in a row from which a run is shown
// as looping. In the recorded traffic of the design a streak of five was always
// a runaway agent.
const LoopStreak = 5

// Bounds of what is remembered of the calls of all runs together; calls beyond
// are still decided and counted, but repeats of them are not seen.
const maxSightings = 1 << 18

// Completed is the stop reason of a run that ended well.
const Completed = "completed"

// runs follows every agent run that the engine has seen lately.
type runs struct {
	meter *meter.Meter

	mu        sync.Mutex // guards what follows
	max       int
	order     *list.List // of *run, last moved first
	byID      map[call.RunID]*list.Element
	sightings int // over all runs
	former    former

	// The last answer of views; nil once something has moved. An idle engine is
	// sampled four times a second all the same.
	seenRuns  []snapshot.Run
	seenLoops []snapshot.Loop
}

type run struct {
	view snapshot.Run
	seen map[call.Digest]*memory

	ended  time.Time // zero while it is active
	limits call.RunLimits
	began  time.Time // or when its first call was recorded
	calls  int64     // since it began, or began again
	steps  int64     // model calls, likewise

	last   call.Digest // of the last call
	tool   string      // of the last call
	streak int         // identical calls in a row, up to the last
	since  time.Time   // of the streak's first call
	worst  snapshot.Loop
}

// memory is what a run knows of one exact call.
type memory struct {
	result [32]byte // digest of its last good result
	good   bool
}

func (rs *runs) init(limit int, m *meter.Meter) {
	rs.meter, rs.max, rs.order, rs.byID = m, limit, list.New(), map[call.RunID]*list.Element{}
	rs.former.init()
}

const (
	active    = "active"
	completed = "completed"
	failed    = "failed"
)

// touch returns the run, made if need be, and moves it to the front. A run that
// has ended stays so, whatever comes late. rs.mu is held.
func (rs *runs) touch(id call.RunID, agent call.AgentID, now time.Time) *run {
	rs.moved()
	if el, ok := rs.byID[id]; ok {
		rs.order.MoveToFront(el)
		r := el.Value.(*run)
		r.view.LastAt = now
		return r
	}
	rs.meter.Runs.Inc()
	if rs.order.Len() >= rs.max {
		rs.remove(rs.order.Back())
	}
	r := &run{began: now, view: snapshot.Run{ID: id, Agent: agent, Status: active, StartedAt: now, LastAt: now, CostUSD: call.Nano(0).String()}, seen: map[call.Digest]*memory{}}
	if c := rs.former.take(id); c != nil {
		r.began, r.calls, r.steps, r.limits = c.began, c.calls, c.steps, c.limits
	}
	rs.byID[id] = rs.order.PushFront(r)
	return r
}

// moved forgets the last answer of views. rs.mu is held.
func (rs *runs) moved() { rs.seenRuns, rs.seenLoops = nil, nil }

func (rs *runs) remove(el *list.Element) {
	r := rs.order.Remove(el).(*run)
	rs.sightings -= len(r.seen)
	delete(rs.byID, r.view.ID)
	if r.view.Status == active && r.calls+r.steps > 0 {
		c := rs.former.of(r.view.ID, r.began)
		c.began, c.calls, c.steps, c.limits = r.began, r.calls, r.steps, r.limits
	}
}

// propose counts a proposal for its run and returns where the run stands with it.
// Without a run nothing is known.
func (rs *runs) propose(c *proposed) policy.RunState {
	if c.p.Run == "" {
		return policy.RunState{}
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.touch(c.p.Run, c.p.Agent, c.start)
	r.view.ToolCalls++
	if r.calls++; r.calls == 1 && !c.p.At.IsZero() {
		r.began = c.at
	}
	if r.seen[c.digest] != nil {
		r.view.Repeats++
		rs.meter.Repeats.Inc()
	} else if rs.sightings < maxSightings {
		r.seen[c.digest] = &memory{}
		rs.sightings++
	}
	if r.streak == 0 || r.last != c.digest {
		r.last, r.tool, r.streak, r.since = c.digest, c.p.Tool, 0, c.start
	}
	r.streak++
	rs.meter.LongestStreak.Observe(int64(r.streak))
	if r.streak > r.view.Streak {
		r.view.Streak = r.streak
		r.worst = snapshot.Loop{Run: c.p.Run, Agent: c.p.Agent, Tool: c.p.Tool, Streak: r.streak, Since: r.since}
	}
	return r.state()
}

func (r *run) state() policy.RunState {
	return policy.RunState{Calls: r.calls, Steps: r.steps, Started: r.began, Streak: r.streak, Limits: r.limits}
}

// ahead is the state that a proposal would find, without counting it.
func (rs *runs) ahead(id call.RunID, d call.Digest) policy.RunState {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	el, ok := rs.byID[id]
	if !ok {
		return policy.RunState{}
	}
	r := el.Value.(*run)
	s := r.state()
	s.Calls++
	if r.last == d {
		s.Streak++
	} else {
		s.Streak = 1
	}
	return s
}

// answered counts what became of a proposal.
func (rs *runs) answered(id call.RunID, effect call.Effect, hit bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	el, ok := rs.byID[id]
	if !ok {
		return
	}
	rs.moved()
	r := el.Value.(*run)
	if effect != call.Allow {
		r.view.Denied++
	}
	if hit {
		r.view.CacheHits++
	}
}

// report counts an outcome and says whether an ideal cache, one that knows the
// future, would have answered the call: its run had this very result before.
func (rs *runs) report(o *openCall, r call.Report, sum [32]byte) (ideal bool) {
	if o.run == "" {
		return false
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	el, ok := rs.byID[o.run]
	if !ok {
		return false
	}
	rs.moved()
	run := el.Value.(*run)
	if r.Outcome == call.Failed {
		run.view.Errors++
	}
	m := run.seen[o.digest]
	if m == nil || !o.cacheable || r.Outcome != call.OK {
		return false
	}
	known := len(r.Result) > 0
	ideal = known && m.good && m.result == sum
	m.result, m.good = sum, known
	return ideal
}

func (rs *runs) use(u call.Usage, charge call.Charge, now time.Time) {
	if u.Run == "" {
		return
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.touch(u.Run, u.Agent, now)
	r.steps++
	r.view.CostNano = r.view.CostNano.Plus(charge.Cost)
	r.view.CostUSD = r.view.CostNano.String()
	r.view.Unpriced = r.view.Unpriced || !charge.Priced
}

// RunAgent returns the agent that began a run which the engine follows.
func (e *Engine) RunAgent(id call.RunID) (call.AgentID, bool) {
	e.runs.mu.Lock()
	defer e.runs.mu.Unlock()
	el, ok := e.runs.byID[id]
	if !ok {
		return "", false
	}
	return el.Value.(*run).view.Agent, true
}

// StartRun records the beginning of a run. It may be left out: a run begins with
// its first call or usage. A run that has ended begins again: it is counted as
// one more, and its own sums go on.
func (e *Engine) StartRun(ctx context.Context, r call.Run) error {
	if r.ID == "" {
		return call.ErrUnknownRun
	}
	ev := e.event(event.RunStarted, event.RunStartedData{
		Goal: r.Goal, Model: r.Model,
		MaxToolCalls: r.Limits.MaxToolCalls, MaxSteps: r.Limits.MaxSteps, MaxRuntimeMS: r.Limits.MaxRuntime.Milliseconds(),
	})
	ev.Run, ev.Agent = r.ID, r.Agent
	if err := e.record(ctx, false, ev); err != nil {
		return err
	}
	e.runs.mu.Lock()
	defer e.runs.mu.Unlock()
	e.runs.start(r, e.o.Now())
	return nil
}

// start begins a run, again if it had ended. rs.mu is held.
func (rs *runs) start(r call.Run, now time.Time) {
	run := rs.touch(r.ID, r.Agent, now)
	v := &run.view
	if v.Status != active {
		rs.meter.Runs.Inc()
		v.Status, v.StopReason, v.StartedAt = active, "", now
		run.ended, run.began, run.calls, run.steps, run.limits = time.Time{}, now, 0, 0, call.RunLimits{}
	}
	v.Agent, v.Goal = r.Agent, r.Goal
	if r.Limits != (call.RunLimits{}) { // told once more without them, those before hold
		run.limits = r.Limits
	}
}

// EndRun records the end of a run and forgets its cached results. What comes
// late, calls and usage, is decided, priced and counted in the run like before,
// and the run stays ended. It returns call.ErrUnknownRun for a run that the engine
// has not seen or that has ended. After any other error the run goes on: end it
// again.
func (e *Engine) EndRun(ctx context.Context, id call.RunID, stopReason string) error {
	if err := e.ending.take(ctx, id); err != nil {
		return fmt.Errorf("another end of this run is being recorded: %w", err)
	}
	defer e.ending.give(id)
	view, ok := e.runs.active(id)
	if !ok {
		return call.ErrUnknownRun
	}
	ev := e.event(event.RunEnded, event.RunEndedData{StopReason: stopReason, ToolCalls: view.ToolCalls, CostNano: view.CostNano})
	ev.Run, ev.Agent = id, view.Agent
	if err := e.record(ctx, false, ev); err != nil {
		return err
	}
	e.answers.forget(ctx, id)
	e.book.EndRun(id)
	if view, ok = e.runs.end(id, stopReason, e.o.Now()); ok { // else newer runs took its place
		e.meter.AgentRun.Observe(view.LastAt.Sub(view.StartedAt))
	}
	return nil
}

// active returns the run as it stands, unless it has ended.
func (rs *runs) active(id call.RunID) (snapshot.Run, bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	el, ok := rs.byID[id]
	if !ok || el.Value.(*run).view.Status != active {
		return snapshot.Run{}, false
	}
	return el.Value.(*run).view, true
}

func (rs *runs) end(id call.RunID, reason string, now time.Time) (snapshot.Run, bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	el, ok := rs.byID[id]
	if !ok || el.Value.(*run).view.Status != active {
		return snapshot.Run{}, false
	}
	rs.moved()
	rs.order.MoveToFront(el)
	r := el.Value.(*run)
	r.view.LastAt, r.view.StopReason, r.ended = now, reason, now
	if reason == Completed {
		r.view.Status = completed
		rs.meter.RunsCompleted.Inc()
	} else {
		r.view.Status = failed
		rs.meter.RunsFailed.Inc()
	}
	rs.sightings -= len(r.seen)
	r.seen = map[call.Digest]*memory{}
	r.streak = 0 // a late call begins a new one, which is shown like any other
	return r.view, true
}

// views returns every remembered run, last moved first, and the loops among
// them, open ones first. Nobody may change them.
func (rs *runs) views() ([]snapshot.Run, []snapshot.Loop) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.seenRuns != nil {
		return rs.seenRuns, rs.seenLoops
	}
	out := make([]snapshot.Run, 0, rs.order.Len())
	var open, past []snapshot.Loop
	for el := rs.order.Front(); el != nil; el = el.Next() {
		r := el.Value.(*run)
		v := r.view
		until := v.LastAt
		if v.Status != active {
			until = r.ended // what came late does not make it longer
		}
		v.DurationMS = until.Sub(v.StartedAt).Milliseconds()
		out = append(out, v)
		switch {
		case r.streak >= LoopStreak:
			open = append(open, snapshot.Loop{Run: v.ID, Agent: v.Agent, Tool: r.tool, Streak: r.streak, Since: r.since, Open: true})
		case r.worst.Streak >= LoopStreak:
			past = append(past, r.worst)
		}
	}
	rs.seenRuns, rs.seenLoops = out, append(open, past...)
	return rs.seenRuns, rs.seenLoops
}
