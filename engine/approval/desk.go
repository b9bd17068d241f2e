package approval

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// The limits of Options.
const (
	DefaultMaxPending  = 1000
	DefaultMaxPerAgent = 100
	DefaultKeep        = 1000
)

// Options are how a Desk is made. Zero and negative fields mean the default.
type Options struct {
	Now         func() time.Time // default time.Now
	MaxPending  int              // open questions in all; default 1000
	MaxPerAgent int              // open questions of one agent; default 100
	Keep        int              // closed questions that are remembered; default 1000
}

// Desk holds the open questions and the newest closed ones. It starts nothing, and is
// safe for concurrent use. Only Wait blocks, and Answer while a grant is made.
type Desk struct {
	now                   func() time.Time
	maxPending, maxPerOne int
	keep                  int

	mu       sync.Mutex
	seq      int64
	items    map[string]*item // open and closed, by id
	pending  map[string]*item // open, by id
	same     map[key]*item    // open, by what is asked
	agents   map[call.AgentID]int
	closed   []*item             // the oldest first, at most keep
	unswept  []snapshot.Approval // expired, but not yet returned by Sweep; at most maxPending
	next     time.Time           // before it nothing expires; zero: nothing is open
	approved int64
	rejected int64
	expired  int64
}

// NewDesk returns an empty desk.
func NewDesk(o Options) *Desk {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Desk{
		now:        o.Now,
		maxPending: positive(o.MaxPending, DefaultMaxPending),
		maxPerOne:  positive(o.MaxPerAgent, DefaultMaxPerAgent),
		keep:       positive(o.Keep, DefaultKeep),
		items:      map[string]*item{},
		pending:    map[string]*item{},
		same:       map[key]*item{},
		agents:     map[call.AgentID]int{},
	}
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// Ask puts a question on the desk. While the very same one is open (agent, run, tool,
// arguments, rule, and the same policy and entry in the catalogue), it gives that one
// and counts. Errors are ErrQuestion and ErrTooMany; then nothing is asked, and the
// call stays denied.
func (d *Desk) Ask(q Question) (a snapshot.Approval, fresh bool, err error) {
	a, err = q.approval()
	if err != nil {
		return snapshot.Approval{}, false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	d.expire(now)
	if it := d.same[keyOf(a)]; it != nil {
		it.a.Asked++
		return copyOf(it.a), false, nil
	}
	if len(d.pending) >= d.maxPending {
		return snapshot.Approval{}, false, fmt.Errorf("%w: %d wait for people, and no more may; answer or reject some", ErrTooMany, len(d.pending))
	}
	if n := d.agents[a.Agent]; n >= d.maxPerOne {
		return snapshot.Approval{}, false, fmt.Errorf("%w: agent %q has %d, and no more may wait", ErrTooMany, a.Agent, n)
	}
	a.ID = "ap_" + rand.Text()
	a.AskedAt = now
	a.ExpiresAt = now.Add(cmp.Or(q.TTL, DefaultTTL))
	d.open(a)
	return copyOf(a), true, nil
}

// approval checks q and fills in the defaults.
func (q Question) approval() (snapshot.Approval, error) {
	maxTTL, uses := cmp.Or(q.MaxTTL, DefaultTTL), cmp.Or(q.MaxUses, DefaultUses)
	switch {
	case q.Agent == "" || q.Tool == "":
		return snapshot.Approval{}, fmt.Errorf("%w: Agent and Tool are needed", ErrQuestion)
	case q.TTL < 0:
		return snapshot.Approval{}, fmt.Errorf("%w: TTL must not be negative, but is %s", ErrQuestion, q.TTL)
	case maxTTL < time.Second:
		return snapshot.Approval{}, fmt.Errorf("%w: MaxTTL must be at least 1s, not %s", ErrQuestion, q.MaxTTL)
	case uses < 0 || q.Needed < 0:
		return snapshot.Approval{}, fmt.Errorf("%w: MaxUses and Needed must not be negative", ErrQuestion)
	}
	args, err := call.Canonical(q.Args)
	if err != nil {
		return snapshot.Approval{}, fmt.Errorf("%w: %w", ErrQuestion, err)
	}
	digest := call.DigestOf(q.Tool, args).String()
	if q.Digest != "" && q.Digest != digest {
		return snapshot.Approval{}, fmt.Errorf("%w: Digest is not that of Tool and Args", ErrQuestion)
	}
	return snapshot.Approval{
		Status: snapshot.Pending, Agent: q.Agent, AgentType: q.AgentType, Run: q.Run, Call: q.Call,
		Tool: q.Tool, Scope: q.Scope, Args: args, ArgsSHA256: digest, Schema: q.Schema,
		Rule: q.Rule, Reason: q.Reason, Version: q.Version,
		Approvers: append([]string{}, q.Approvers...), Needed: max(q.Needed, 1), Votes: []snapshot.Vote{}, Asked: 1,
		MaxTTLS: int64(maxTTL / time.Second), MaxUses: uses,
	}, nil
}

// open adds an open question.
func (d *Desk) open(a snapshot.Approval) {
	it := d.add(a)
	d.pending[a.ID] = it
	d.same[keyOf(a)] = it
	d.agents[a.Agent]++
	d.watch(it)
}

func (d *Desk) add(a snapshot.Approval) *item {
	d.seq++
	it := &item{a: copyOf(a), seq: d.seq, changed: make(chan struct{}), turn: make(chan struct{}, 1)}
	d.items[a.ID] = it
	return it
}

// watch makes sure that expire looks at it in time.
func (d *Desk) watch(it *item) {
	if d.next.IsZero() || it.a.ExpiresAt.Before(d.next) {
		d.next = it.a.ExpiresAt
	}
}

// expire closes what is past its time. Every method calls it first, so no answer
// depends on when Sweep runs.
func (d *Desk) expire(now time.Time) {
	if d.next.IsZero() || now.Before(d.next) {
		return
	}
	d.next = time.Time{}
	var over []*item
	for _, it := range d.pending {
		switch {
		case it.due(now):
			over = append(over, it)
		case !it.granting:
			d.watch(it)
		}
	}
	slices.SortFunc(over, oldest)
	for _, it := range over {
		it.a.Status = snapshot.Expired
		d.end(it)
		d.unswept = append(d.unswept, shown(it.a))
	}
	if n := len(d.unswept) - d.maxPending; n > 0 {
		d.unswept = slices.Delete(d.unswept, 0, n)
	}
}

func oldest(a, b *item) int {
	return cmp.Or(a.a.AskedAt.Compare(b.a.AskedAt), cmp.Compare(a.seq, b.seq))
}

func newest(a, b *item) int { return oldest(b, a) }

// end moves a question whose Status says how it ended to the closed ones.
func (d *Desk) end(it *item) {
	delete(d.pending, it.a.ID)
	if k := keyOf(it.a); d.same[k] == it {
		delete(d.same, k)
	}
	if d.agents[it.a.Agent]--; d.agents[it.a.Agent] <= 0 {
		delete(d.agents, it.a.Agent)
	}
	d.close(it)
	it.wake()
}

// close counts a closed question and forgets the oldest beyond keep.
func (d *Desk) close(it *item) {
	switch it.a.Status {
	case snapshot.Approved:
		d.approved++
	case snapshot.Rejected:
		d.rejected++
	case snapshot.Expired:
		d.expired++
	}
	d.closed = append(d.closed, it)
	for len(d.closed) > d.keep {
		delete(d.items, d.closed[0].a.ID)
		d.closed[0] = nil // or the array behind the slice would hold it
		d.closed = d.closed[1:]
	}
}

// Get returns a question with its grant, if it has one: show it to the agent that
// asked only. Closed ones beyond Options.Keep are unknown.
func (d *Desk) Get(id string) (snapshot.Approval, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire(d.now())
	it, ok := d.items[id]
	if !ok {
		return snapshot.Approval{}, false
	}
	return copyOf(it.a), true
}

// Wait returns when the question is answered or expired, or with the state as it is
// when ctx ends. It returns the grant as Get does. An unknown id is ErrUnknown.
func (d *Desk) Wait(ctx context.Context, id string) (snapshot.Approval, error) {
	d.mu.Lock()
	it, ok := d.items[id]
	d.mu.Unlock()
	if !ok {
		return snapshot.Approval{}, fmt.Errorf("%w: %q", ErrUnknown, id)
	}
	for waits := true; ; {
		a, changed, left := d.look(it)
		if a.Status != snapshot.Pending || !waits {
			return a, nil
		}
		var over <-chan time.Time
		if left > 0 {
			over = time.After(left)
		}
		select {
		case <-changed:
		case <-over:
		case <-ctx.Done():
			waits = false // one more look: an answer may have come at the same time
		}
	}
}

// look returns the state of it, what tells of the next change, and the time until it
// expires. An open one past that time waits for its grant: only a change can end it.
func (d *Desk) look(it *item) (a snapshot.Approval, changed <-chan struct{}, left time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	d.expire(now)
	return copyOf(it.a), it.changed, it.a.ExpiresAt.Sub(now)
}

// Sweep closes what is past its time at now, and returns every question that expired
// since the last Sweep, the oldest first. Call it often enough for the ledger: it keeps
// no more than Options.MaxPending of them.
func (d *Desk) Sweep(now time.Time) []snapshot.Approval {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.expire(now)
	out := d.unswept
	d.unswept = nil
	return out
}

// Restore puts a question back that the ledger kept, open or closed, past the limits of
// Options if need be. An open one past its time comes back from the next Sweep. A known
// id is left alone. What the votes so far agreed to by Narrow is not kept: such a
// question can only be approved for its exact arguments.
func (d *Desk) Restore(a snapshot.Approval) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.items[a.ID]; known || a.ID == "" {
		return
	}
	if a.Status == snapshot.Pending {
		d.open(a)
		return
	}
	d.close(d.add(a))
}
