package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/limit"
	"m1/engine/policy"
	"m1/engine/source"
	"m1/engine/tool"
)

// keptPolicies is how many policies that decided are kept, the live one included.
const keptPolicies = 10

// replayed is how many of the last recorded calls a new policy is tried on.
const replayed = 1000

// Shelf keeps policies over restarts. Its methods may block for the disk.
type Shelf interface {
	// Put keeps a policy as the newest and forgets all but the newest ten.
	Put(v snapshot.PolicyVersion, source []byte) error
	// All returns what is kept, newest first.
	All() ([]Shelved, error)
}

// Shelved is a policy on the shelf.
type Shelved struct {
	snapshot.PolicyVersion
	Source []byte
}

// rules are the policies that decided here, and the last failure to load one.
type rules struct {
	loading sync.Mutex // one load at a time

	mu      sync.Mutex
	kept    []Shelved // newest first; the first is live
	failure *snapshot.PolicyFailure
}

// init takes what former starts have kept. The policy of this start comes on top,
// unless it decided last anyway.
func (rs *rules) init(set *policy.Set, at time.Time, kept []Shelved) {
	rs.kept = kept
	if len(kept) > 0 && kept[0].Version == set.Version() {
		rs.kept[0].Live = true
		return
	}
	rs.push(Shelved{
		PolicyVersion: snapshot.PolicyVersion{Version: set.Version(), Name: set.Name(), LoadedAt: at.UTC(), By: "start", Rules: set.Rules()},
		Source:        []byte(set.Source()),
	})
}

// push makes v the live one.
func (rs *rules) push(v Shelved) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for i := range rs.kept {
		rs.kept[i].Live = false
	}
	v.Live = true
	rest := slices.DeleteFunc(slices.Clone(rs.kept), func(o Shelved) bool { return o.Version == v.Version })
	rs.kept = append([]Shelved{v}, rest...)
	rs.kept = rs.kept[:min(len(rs.kept), keptPolicies)]
	rs.failure = nil
}

// find looks a kept policy up by its version or a beginning of it that no other has.
func (rs *rules) find(version string) (found Shelved, ok bool) {
	const least = 4 // hexadecimal digits; fewer are a slip
	digits := strings.TrimPrefix(version, "sha256:")
	if len(digits) < least {
		return Shelved{}, false
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, k := range rs.kept {
		if !strings.HasPrefix(strings.TrimPrefix(k.Version, "sha256:"), digits) {
			continue
		}
		if ok {
			return Shelved{}, false
		}
		found, ok = k, true
	}
	return found, ok
}

func (rs *rules) versions() ([]snapshot.PolicyVersion, *snapshot.PolicyFailure) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	out := make([]snapshot.PolicyVersion, len(rs.kept))
	for i, k := range rs.kept {
		out[i] = k.PolicyVersion
	}
	return out, rs.failure
}

// shelve keeps the policy of this start for the next ones.
func (e *Engine) shelve() {
	if e.o.Shelf == nil {
		return
	}
	e.rules.mu.Lock()
	live := e.rules.kept[0]
	e.rules.mu.Unlock()
	if err := e.o.Shelf.Put(live.PolicyVersion, live.Source); err != nil {
		e.o.Logger.Error("policy: not kept for the next start", "version", live.Version, "error", err)
	}
}

// Load is a policy to be loaded.
type Load struct {
	Name    string
	Source  []byte
	Tools   *tool.Catalogue // the catalogue beside the policy's own; nil: the one in force
	By      string          // "file", "signal", or "operator" and a name
	Comment string
	DryRun  bool // only say what would change
}

// ErrUnknownPolicy means that no policy with this version is kept.
var ErrUnknownPolicy = errors.New("engine: unknown policy version")

// LoadPolicy reads, checks and tests a policy, compares it with the live one, and
// puts it in force with one swap: a call is decided by the one or by the other as a
// whole. The swap is recorded before it happens. With an error, which is
// source.Problems where the policy is wrong, the live policy goes on deciding, and
// the dashboard shows the failure.
func (e *Engine) LoadPolicy(ctx context.Context, l Load) (snapshot.PolicyVersion, snapshot.PolicyDiff, error) {
	e.rules.loading.Lock()
	defer e.rules.loading.Unlock()
	live := e.ruling.Load()
	if l.Tools == nil {
		l.Tools = live.base
	}
	set, err := policy.Parse(l.Name, l.Source, l.Tools)
	if err != nil {
		if !l.DryRun {
			e.RefusePolicy(ctx, l, err)
		}
		return snapshot.PolicyVersion{}, snapshot.PolicyDiff{}, err
	}
	next := newRuling(set, l.Tools, e.o.Now())
	v := snapshot.PolicyVersion{
		Version: set.Version(), Name: l.Name, LoadedAt: next.loaded.UTC(), By: l.By, Comment: l.Comment, Rules: set.Rules(), Live: !l.DryRun,
	}
	diff, err := e.compare(ctx, live, next)
	if err != nil || l.DryRun {
		return v, diff, err
	}
	ev := e.event(event.PolicyLoaded, event.PolicyLoadedData{Name: l.Name, Version: v.Version, Rules: v.Rules, Observe: set.Observe(), By: l.By, Comment: l.Comment})
	if _, err := e.o.Ledger.Append(ctx, ev); err != nil {
		return snapshot.PolicyVersion{}, snapshot.PolicyDiff{}, fmt.Errorf("record the policy: %w", err)
	}
	e.ruling.Store(next)
	e.rules.push(Shelved{PolicyVersion: v, Source: l.Source})
	if e.o.Shelf != nil {
		if err := e.o.Shelf.Put(v, l.Source); err != nil {
			return v, diff, fmt.Errorf("%w: the policy decides, but is not kept for the next start: %w", ErrUnrecorded, err)
		}
	}
	return v, diff, nil
}

// RefusePolicy remembers and records that a policy could not be loaded, for the
// dashboard; the live one goes on deciding. LoadPolicy calls it by itself.
func (e *Engine) RefusePolicy(ctx context.Context, l Load, err error) {
	f := &snapshot.PolicyFailure{At: e.o.Now().UTC(), By: l.By, Name: l.Name}
	if many, is := errors.AsType[source.Problems](err); is {
		for _, p := range many[:min(len(many), 20)] {
			f.Problems = append(f.Problems, p.String())
		}
	} else {
		f.Problems = []string{err.Error()}
	}
	e.rules.mu.Lock()
	e.rules.failure = f
	e.rules.mu.Unlock()
	e.o.Logger.Error("policy: not loaded, the one before goes on deciding", "name", l.Name, "by", l.By, "problems", f.Problems)
	_ = e.record(ctx, false, e.event(event.PolicyRefused, event.PolicyRefusedData{Name: f.Name, By: f.By, Problems: f.Problems})) // told on the dashboard and in the log anyway
}

// Rollback puts a policy that decided before in force again. A beginning of its
// version is enough if no other version kept begins so.
func (e *Engine) Rollback(ctx context.Context, to, comment, by string) (snapshot.PolicyVersion, error) {
	old, ok := e.rules.find(to)
	if !ok {
		return snapshot.PolicyVersion{}, ErrUnknownPolicy
	}
	v, _, err := e.LoadPolicy(ctx, Load{Name: old.Name, Source: old.Source, By: by, Comment: comment})
	return v, err
}

// Policies returns the source of the policy that decides, the versions kept, newest
// first, and the failure of the last load; nil if it went well.
func (e *Engine) Policies() (src []byte, kept []snapshot.PolicyVersion, failure *snapshot.PolicyFailure) {
	kept, failure = e.rules.versions()
	return []byte(e.ruling.Load().set.Source()), kept, failure
}

// compare says what next changes: for every pair of agent and tool, and for the
// last recorded calls.
func (e *Engine) compare(ctx context.Context, live, next *ruling) (snapshot.PolicyDiff, error) {
	agents := map[string]bool{}
	for name := range e.meter.Agents.All() {
		agents[name] = true
	}
	known := make([]string, 0, len(agents))
	for name := range agents {
		known = append(known, name)
	}
	slices.Sort(known)
	diff := policy.Diff(live.set, next.set, live.tools, next.tools, known)
	for name, m := range e.meter.Shadow.All() {
		diff.Shadow = append(diff.Shadow, snapshot.ShadowFlip{Rule: name, Matched: m.Matched.Load(), Would: m.Would.Load()})
	}
	for ev, err := range e.o.Ledger.Events(ctx, ledger.Query{Kind: event.Decided, Limit: replayed, Last: true}) {
		if err != nil {
			return diff, fmt.Errorf("read the recorded calls: %w", err)
		}
		e.replay(&diff, live, next, ev)
	}
	return diff, nil
}

// mostFlips is how many flipped calls a diff lists.
const mostFlips = 100

// replay tries one recorded call on both policies, with what is counted now.
func (e *Engine) replay(diff *snapshot.PolicyDiff, live, next *ruling, ev event.Event) {
	var d event.DecidedData
	if json.Unmarshal(ev.Data, &d) != nil || d.Args == nil {
		return // recorded without its arguments: they were too large
	}
	diff.Replayed++
	before, after := e.dry(live, ev, d.Args), e.dry(next, ev, d.Args)
	if before.Effect == after.Effect {
		return
	}
	diff.Moved++
	if len(diff.Calls) < mostFlips {
		diff.Calls = append(diff.Calls, snapshot.CallFlip{Call: ev.Call, Agent: ev.Agent, Tool: ev.Tool, Before: before.Effect, After: after.Effect, Rule: after.Rule})
	}
}

// dry is what r says of a recorded call, nothing counted.
func (e *Engine) dry(r *ruling, ev event.Event, args json.RawMessage) policy.Verdict {
	m := r.mean(ev.Tool, args)
	if m.bad != nil {
		return badArguments(m.bad)
	}
	return r.set.Decide(&policy.Request{
		Agent: ev.Agent, Run: ev.Run, Tool: ev.Tool, Known: m.known, Scope: m.use.Scope, Args: args,
		Digest: call.DigestOf(ev.Tool, args), Now: e.o.Now(), Facts: e.book, Dry: true,
	})
}

// Explain says what the policy would answer to p now, and how it comes about.
// Nothing is counted or recorded, and no question is raised. The error wraps
// call.ErrArgs.
func (e *Engine) Explain(_ context.Context, p call.Proposal) (snapshot.Explanation, error) {
	start := e.o.Now()
	c := proposed{p: p, at: start, ruling: e.ruling.Load()}
	var err error
	if c.args, err = call.Canonical(p.Args); err != nil {
		return snapshot.Explanation{}, err
	}
	c.digest = call.DigestOf(p.Tool, c.args)
	c.meant = c.ruling.mean(p.Tool, c.args)
	c.state = e.runs.ahead(p.Run, c.digest)
	r := e.request(&c)
	r.Dry = true
	x := c.ruling.set.Explain(&r)
	if c.bad != nil {
		v := badArguments(c.bad)
		x.Effect, x.Rule, x.Reason, x.ForModel = v.Effect, v.Rule, v.Reason, v.Reason
		x.ForPerson = v.Reason
	}
	x.TookUS = micros(e.o.Now().Sub(start))
	return x, nil
}

var _ policy.Facts = (*limit.Book)(nil)
