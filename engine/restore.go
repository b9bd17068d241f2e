package engine

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/limit"
	"m1/engine/policy"
	"m1/engine/token"
)

// remembered is how far back the records are read at a start at least: no grant
// lives longer, and no question.
const remembered = token.DefaultMaxTTL + time.Hour

// horizon is how far back a record can still count for the policy.
func horizon(set *policy.Set) time.Duration {
	const day = 24 * time.Hour
	h := remembered
	for _, l := range set.Limits() {
		if l.Rate != nil {
			h = max(h, l.Rate.Per)
		}
		if l.Total != nil {
			switch l.Total.Period {
			case limit.Week:
				h = max(h, 7*day)
			case limit.Month:
				h = max(h, 31*day)
			}
		}
	}
	for _, p := range set.Pasts() {
		h = max(h, p.Within)
	}
	return h
}

// restore brings back, from the records, what must outlive a restart: open
// questions, grants and how often each was spent, and what limits have counted.
func (e *Engine) restore() error {
	ctx := context.Background() // a start is not hurried: what is not read would be granted twice
	since := e.o.Now().Add(-horizon(e.o.Policy))
	from, err := seqBefore(ctx, e.o.Ledger, since)
	if err != nil {
		return fmt.Errorf("restore from the ledger: %w", err)
	}
	r := restorer{e: e, asked: map[string]snapshot.Approval{}, approved: map[string]snapshot.Approval{}, counted: map[string]*limit.Rule{}, past: map[string]*limit.Past{}}
	for _, l := range e.o.Policy.Limits() {
		r.counted[l.ID] = l
	}
	for _, p := range e.o.Policy.Pasts() {
		r.past[p.ID] = p
	}
	for ev, err := range e.o.Ledger.Events(ctx, ledger.Query{After: from}) {
		if err != nil {
			return fmt.Errorf("restore from the ledger: %w", err)
		}
		if err := r.event(ev); err != nil {
			return fmt.Errorf("restore from the ledger: record %d (%s): %w", ev.Seq, ev.Kind, err)
		}
	}
	r.finish()
	return nil
}

// seqBefore is the Seq of the last event before t: records are in the order in
// which they were accepted, which is that of time but for moments.
func seqBefore(ctx context.Context, l ledger.Store, t time.Time) (uint64, error) {
	low, high := uint64(0), l.Status().Events // every event up to low is before t
	for low < high {
		mid := low + (high-low+1)/2
		at, err := timeOf(ctx, l, mid)
		if err != nil {
			return 0, err
		}
		if at.Before(t) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low, nil
}

func timeOf(ctx context.Context, l ledger.Store, seq uint64) (time.Time, error) {
	for ev, err := range l.Events(ctx, ledger.Query{After: seq - 1, Limit: 1}) {
		return ev.At, err
	}
	return time.Time{}, fmt.Errorf("record %d is missing", seq)
}

// restorer reads the records in order.
type restorer struct {
	e        *Engine
	asked    map[string]snapshot.Approval // questions without an answer so far
	approved map[string]snapshot.Approval
	counted  map[string]*limit.Rule // of the policy, by id
	past     map[string]*limit.Past
}

func (r *restorer) event(ev event.Event) error {
	switch ev.Kind {
	case event.RunStarted:
		return read(ev, func(d event.RunStartedData) {
			r.e.runs.former.start(ev.Run, ev.At, call.RunLimits{MaxToolCalls: d.MaxToolCalls, MaxSteps: d.MaxSteps, MaxRuntime: time.Duration(d.MaxRuntimeMS) * time.Millisecond})
		})
	case event.Used:
		r.e.runs.former.step(ev.Run, ev.At)
	case event.Decided:
		return read(ev, func(d event.DecidedData) { r.decided(ev, d) })
	case event.Reported:
		return read(ev, func(d event.ReportedData) { r.remember(ev, d.Past, true) })
	case event.ApprovalAsked:
		return read(ev, func(a snapshot.Approval) { r.asked[a.ID] = a })
	case event.ApprovalVoted:
		return read(ev, func(d event.ApprovalAnsweredData) {
			if a, open := r.asked[d.Approval]; open {
				a.Votes = append(a.Votes, snapshot.Vote{By: d.By, At: ev.At, Approve: true, Note: d.Reason})
				a.MaxTTLS, a.MaxUses = min(a.MaxTTLS, max(d.MaxTTLS, 1)), min(a.MaxUses, max(d.MaxUses, 1))
				r.asked[d.Approval] = a
			}
		})
	case event.ApprovalAnswered, event.ApprovalExpired:
		return read(ev, func(d event.ApprovalAnsweredData) { r.answered(ev, d) })
	case event.GrantIssued:
		return read(ev, r.issued)
	case event.GrantSpent:
		return read(ev, func(d event.GrantSpentData) { r.e.grants.used(d.Grant) })
	case event.GrantRevoked:
		return read(ev, func(d event.GrantRevokedData) { r.e.grants.revoke(d.Grant, ev.At) })
	}
	return nil
}

// answered keeps an approved question until its grant comes, which is recorded
// with it.
func (r *restorer) answered(ev event.Event, d event.ApprovalAnsweredData) {
	a, open := r.asked[d.Approval]
	delete(r.asked, d.Approval)
	if open && d.Status == snapshot.Approved {
		at := ev.At
		a.Status, a.By, a.Note, a.AnsweredAt = d.Status, d.By, d.Reason, &at
		r.approved[a.ID] = a
	}
}

// issued brings a grant back, and the answer that carried it: the agent may not
// have fetched it yet.
func (r *restorer) issued(v snapshot.Grant) {
	r.e.grants.add(v)
	a, ok := r.approved[v.Approval]
	if !ok || !r.e.o.Now().Before(v.ExpiresAt) {
		return
	}
	signed, err := r.e.grants.ring.Sign(grantOf(v))
	if err != nil {
		return // the agent asks again
	}
	a.GrantID, a.Grant = v.ID, signed
	r.e.desk.Restore(a)
}

// read gives the payload of ev to f. A record that cannot be read must not be
// skipped: it may say that a grant is spent.
func read[T any](ev event.Event, f func(T)) error {
	var data T
	if err := json.Unmarshal(ev.Data, &data); err != nil {
		return err
	}
	f(data)
	return nil
}

func (r *restorer) decided(ev event.Event, d event.DecidedData) {
	r.e.runs.former.call(ev.Run, ev.At)
	var digest call.Digest
	if n, err := hex.Decode(digest[:], []byte(d.Digest)); err == nil && n == len(digest) {
		r.e.book.Propose(limit.Who{Agent: ev.Agent, Run: ev.Run}, digest, ev.At)
	}
	if d.Effect != call.Allow {
		return
	}
	if rule := r.counted[d.Counted]; rule != nil {
		r.e.book.Take(rule, limit.Who{Agent: ev.Agent, Run: ev.Run}, d.Amount, ev.At)
	}
	r.remember(ev, d.Past, false)
}

// remember brings back pieces of history that were made when a call was let
// through, or when it was reported to have gone well.
func (r *restorer) remember(ev event.Event, ids []string, ok bool) {
	for _, id := range ids {
		if p := r.past[id]; p != nil && p.OK == ok {
			r.e.book.Remember(p, limit.Who{Agent: ev.Agent, Run: ev.Run}, ev.At)
		}
	}
}

func (r *restorer) finish() {
	now := r.e.o.Now()
	for _, a := range r.asked {
		if now.Before(a.ExpiresAt) {
			r.e.desk.Restore(a)
		}
	}
}
