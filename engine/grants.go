package engine

import (
	"cmp"
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/policy"
	"m1/engine/schema"
	"m1/engine/token"
	"m1/engine/tool"
)

// ErrUnknownGrant means that this node issued no such grant, or that it has ended.
var ErrUnknownGrant = errors.New("engine: unknown grant")

// maxGrants bounds the grants that are remembered. One that could still be spent
// is never forgotten: then no new one is issued.
const maxGrants = 1 << 16

// grants are those that this node issued and that could still be spent. What it
// does not know it does not honour.
type grants struct {
	ring *token.Ring
	now  func() time.Time

	mu    sync.Mutex
	byID  map[string]*list.Element
	order *list.List // of *issued, oldest first
}

type issued struct {
	view snapshot.Grant
	held int // uses that are being recorded
}

func (g *grants) init(ring *token.Ring, now func() time.Time) {
	g.ring, g.now, g.byID, g.order = ring, now, map[string]*list.Element{}, list.New()
}

// add remembers a grant that is recorded.
func (g *grants) add(v snapshot.Grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.byID[v.ID]; !known {
		g.byID[v.ID] = g.order.PushBack(&issued{view: v})
	}
}

// room reports whether one more can be remembered, after those that have ended
// are forgotten.
func (g *grants) room() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	return len(g.byID) < maxGrants
}

// ended is how long after its end a grant is still listed, and its token told
// apart from one that was never issued.
const ended = time.Hour

// forget drops grants that ended long ago. g.mu is held.
func (g *grants) forget() {
	before := g.now().Add(-ended)
	for el := g.order.Front(); el != nil; {
		next := el.Next()
		if i := el.Value.(*issued); i.held == 0 && i.view.ExpiresAt.Before(before) {
			delete(g.byID, i.view.ID)
			g.order.Remove(el)
		}
		el = next
	}
}

// hold takes one use; who holds it must settle it.
func (g *grants) hold(id string) *token.Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	el, ok := g.byID[id]
	if !ok {
		return &token.Refusal{Reason: token.Revoked, Detail: "this node has no record of the grant"}
	}
	i := el.Value.(*issued)
	switch {
	case i.view.RevokedAt != nil:
		return &token.Refusal{Reason: token.Revoked, Detail: "an operator has revoked it"}
	case i.view.Used+i.held >= i.view.Uses:
		return &token.Refusal{Reason: token.Spent, Detail: fmt.Sprintf("all of its uses (%d) are spent", i.view.Uses)}
	}
	i.held++
	return nil
}

// settle ends a hold: the use is recorded, or it is free again.
func (g *grants) settle(id string, recorded bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if el, ok := g.byID[id]; ok {
		i := el.Value.(*issued)
		i.held--
		if recorded {
			i.view.Used++
		}
	}
}

// used counts a use that was recorded before a restart.
func (g *grants) used(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if el, ok := g.byID[id]; ok {
		el.Value.(*issued).view.Used++
	}
}

// revoke reports whether the grant is known, and whether it was not revoked yet.
func (g *grants) revoke(id string, at time.Time) (known, changed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	el, ok := g.byID[id]
	if !ok || el.Value.(*issued).view.RevokedAt != nil {
		return ok, false
	}
	el.Value.(*issued).view.RevokedAt = &at
	return true, true
}

func (g *grants) get(id string) (snapshot.Grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	el, ok := g.byID[id]
	if !ok {
		return snapshot.Grant{}, false
	}
	return el.Value.(*issued).view, true
}

func (g *grants) list() []snapshot.Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forget()
	out := make([]snapshot.Grant, 0, len(g.byID))
	for el := g.order.Back(); el != nil; el = el.Prev() {
		out = append(out, el.Value.(*issued).view)
	}
	return out
}

// spending is a use of a grant that a call holds until it is recorded.
type spending struct {
	grant token.Grant
	local bool // this node issued it
}

// spend checks the grant that the call presents and holds one use of it. The
// policy has been asked just before: what it denies, no grant opens.
func (e *Engine) spend(ctx context.Context, c *proposed) (*spending, *token.Refusal) {
	g, err := e.verify(ctx, c.p.Grant)
	if err != nil {
		return nil, refusal(err)
	}
	about := c.bound()
	if err := g.Covers(about); err != nil {
		return nil, refusal(err)
	}
	if g.Rule != "" && g.Rule != c.v.Rule {
		return nil, &token.Refusal{Reason: token.WrongBinding, Detail: fmt.Sprintf("it answers the rule %q, and %q asks", g.Rule, c.v.Rule)}
	}
	if g.Issuer != e.grants.ring.Node() {
		if e.o.Peers == nil {
			return nil, &token.Refusal{Reason: token.IssuerUnreachable, Detail: "this node shares nothing with " + g.Issuer}
		}
		if err := e.o.Peers.Spend(ctx, g, about); err != nil {
			return nil, refusal(err)
		}
		return &spending{grant: g}, nil
	}
	if r := e.grants.hold(g.ID); r != nil {
		return nil, r
	}
	return &spending{grant: g, local: true}, nil
}

// verify checks the token. A key that nobody here knows may be that of a node which
// has just come or just rotated.
func (e *Engine) verify(ctx context.Context, signed string) (token.Grant, error) {
	g, err := e.grants.ring.Verify(signed)
	if r, is := errors.AsType[*token.Refusal](err); is && r.Reason == token.UnknownKid && e.o.Peers != nil && e.o.Peers.Learn(ctx) == nil {
		return e.grants.ring.Verify(signed)
	}
	return g, err
}

// refusal is err as the reason why a grant opens nothing.
func refusal(err error) *token.Refusal {
	if r, is := errors.AsType[*token.Refusal](err); is {
		return r
	}
	return &token.Refusal{Reason: token.IssuerUnreachable, Detail: trimmed(err)}
}

// bound is all of the call that a grant is bound to.
func (c *proposed) bound() token.Call {
	return token.Call{
		Agent: c.p.Agent, Run: c.p.Run, Tool: c.p.Tool, Scope: c.use.Scope,
		Digest: c.digest.String(), Args: c.args, Schema: c.schema, Version: c.d.Version,
	}
}

// SpendFor spends one use of a grant of this node for another node, which has
// checked the call and vouches for it. The use is durable when it returns nil; a
// *token.Refusal says why it is not spent.
func (e *Engine) SpendFor(ctx context.Context, node, id string, c token.Call) error {
	view, ok := e.grants.get(id)
	if !ok {
		return &token.Refusal{Reason: token.Revoked, Detail: "the issuer has no record of the grant"}
	}
	if !e.o.Now().Before(view.ExpiresAt) {
		return &token.Refusal{Reason: token.Expired, Detail: "the issuer's clock says that it has ended"}
	}
	if r := e.grants.hold(id); r != nil {
		e.meter.Grants.Refused.Get(string(r.Reason)).Inc()
		return r
	}
	ev := e.event(event.GrantSpent, event.GrantSpentData{Grant: id, Node: node}) // the call is in that node's ledger
	ev.Run, ev.Agent, ev.Tool = c.Run, c.Agent, c.Tool
	_, err := e.o.Ledger.Append(ctx, ev)
	e.grants.settle(id, err == nil)
	if err != nil {
		return fmt.Errorf("record the use: %w", err)
	}
	e.meter.Grants.Used.Inc()
	return nil
}

// Order asks for a grant before there is a question.
type Order struct {
	Agent  call.AgentID
	Run    call.RunID // empty: any run
	Tool   string
	Scope  call.Scope      // the most that a call may reach; NoScope: that of the tool
	TTL    time.Duration   // whole seconds; 0: 5 min
	Uses   int             // 0: 1
	Narrow json.RawMessage // members that the arguments must have; nil: none
	Args   json.RawMessage // exactly these arguments; nil: all that Narrow lets through
}

// BadOrder says why a grant cannot be issued.
type BadOrder struct{ Field, Msg, Hint string }

func (e *BadOrder) Error() string { return "engine: " + e.Field + ": " + e.Msg }

// Bounds of an Order.
const (
	DefaultGrantTTL = 5 * time.Minute
	MaxGrantTTL     = token.DefaultMaxTTL
	MaxGrantUses    = 10_000
)

// check completes the order and says what is wrong with it.
func (o *Order) check(entry *tool.Entry) error {
	bad := func(field, msg, hint string) error { return &BadOrder{field, msg, hint} }
	if o.Scope == call.NoScope {
		o.Scope = entry.Scope
	}
	o.TTL, o.Uses = cmp.Or(o.TTL, DefaultGrantTTL), cmp.Or(o.Uses, 1)
	switch {
	case o.Agent == "":
		return bad("agent", "missing", "a grant belongs to one agent")
	case o.TTL < time.Second || o.TTL > MaxGrantTTL || o.TTL%time.Second != 0:
		return bad("ttl_s", fmt.Sprintf("%s is out of range", o.TTL), "give whole seconds, up to 24 h")
	case o.Uses < 1 || o.Uses > MaxGrantUses:
		return bad("uses", fmt.Sprintf("%d is out of range", o.Uses), fmt.Sprintf("give 1 to %d", MaxGrantUses))
	case o.Narrow != nil && o.Args != nil:
		return bad("args", "exact and narrowed arguments exclude each other", "give one of them")
	}
	for _, args := range []*json.RawMessage{&o.Narrow, &o.Args} {
		if *args == nil {
			continue
		}
		canonical, err := call.Canonical(*args)
		if err != nil {
			return bad("args", trimmed(err), "give one JSON object")
		}
		*args = canonical
	}
	if err := entry.Check(o.Args); o.Args != nil && err != nil {
		return bad("args", "are not what the tool takes: "+trimmed(err), "GET /v1/tools lists the tools")
	}
	if name := stranger(entry.Args, o.Narrow); name != "" {
		return bad("args", fmt.Sprintf("the tool has no argument %q, so the grant would open nothing", name), "GET /v1/tools lists the tools")
	}
	return nil
}

// stranger is a member of narrow that no call of the tool can have; empty if there is
// none.
func stranger(args *schema.Type, narrow json.RawMessage) string {
	var members map[string]json.RawMessage
	if args == nil || args.Kind != schema.Object || args.Open || json.Unmarshal(narrow, &members) != nil {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.ContainsFunc(args.Fields, func(f schema.Field) bool { return f.Name == name }) {
			return name
		}
	}
	return ""
}

// IssueGrant makes a grant for calls that the policy would ask about. It is
// recorded before it is returned; the token is returned this once.
func (e *Engine) IssueGrant(ctx context.Context, o Order, by approval.Person) (snapshot.Grant, string, error) {
	r := e.ruling.Load()
	entry, ok := r.tools.Lookup(o.Tool)
	if !ok {
		return snapshot.Grant{}, "", &BadOrder{"tool", fmt.Sprintf("%q is not in the catalogue", o.Tool), "GET /v1/tools lists it"}
	}
	if err := o.check(entry); err != nil {
		return snapshot.Grant{}, "", err
	}
	if err := mayGrant(r.set, o, by); err != nil {
		return snapshot.Grant{}, "", err
	}
	g := token.Grant{
		Agent: o.Agent, Run: o.Run, Tool: o.Tool, Scope: o.Scope, Narrow: o.Narrow,
		Schema: entry.Digest(), Version: r.set.Version(), Uses: o.Uses, By: by.Name,
	}
	if o.Args != nil {
		g.Digest = call.DigestOf(o.Tool, o.Args).String()
	}
	return e.issue(ctx, g, o.TTL)
}

// mayGrant refuses what by could not answer either: a grant is bound to this very
// policy, so no other rule will ask about its calls.
func mayGrant(set *policy.Set, o Order, by approval.Person) error {
	ids, terms := set.Asks(o.Agent, o.Tool)
	for i, ask := range terms {
		switch {
		case !by.MayAnswer(ask.Approvers):
			return fmt.Errorf("%w: the rule %q asks %s", approval.ErrNotApprover, ids[i], strings.Join(ask.Approvers, ", "))
		case ask.Approvals > 1:
			return &BadOrder{"tool", fmt.Sprintf("the rule %q asks %d people, so one cannot grant it beforehand", ids[i], ask.Approvals), "let the agent ask"}
		}
	}
	return nil
}

// errGrantsFull means that too many grants could still be spent.
var errGrantsFull = errors.New("engine: too many grants are open: revoke some, or wait until they end")

// issue signs g, records it with evs before it, and remembers it.
func (e *Engine) issue(ctx context.Context, g token.Grant, ttl time.Duration, evs ...event.Event) (snapshot.Grant, string, error) {
	if !e.grants.room() {
		return snapshot.Grant{}, "", errGrantsFull
	}
	now := e.o.Now().UTC().Truncate(time.Second)
	g.ID, g.Issuer, g.IssuedAt, g.ExpiresAt = token.NewID(), e.grants.ring.Node(), now, now.Add(ttl)
	signed, err := e.grants.ring.Sign(g)
	if err != nil {
		return snapshot.Grant{}, "", err
	}
	view := viewOf(g)
	ev := e.event(event.GrantIssued, view)
	ev.Run, ev.Agent, ev.Tool = g.Run, g.Agent, g.Tool
	if _, err := e.o.Ledger.Append(ctx, append(evs, ev)...); err != nil {
		return snapshot.Grant{}, "", fmt.Errorf("record the grant: %w", err)
	}
	e.grants.add(view)
	e.meter.Grants.Issued.Inc()
	return view, signed, nil
}

func viewOf(g token.Grant) snapshot.Grant {
	return snapshot.Grant{
		ID: g.ID, Agent: g.Agent, Run: g.Run, Tool: g.Tool, Scope: g.Scope, Args: g.Digest, Narrow: g.Narrow, Schema: g.Schema,
		Rule: g.Rule, Version: g.Version, Uses: g.Uses, By: g.By, Approval: g.Approval, Node: g.Issuer,
		IssuedAt: g.IssuedAt, ExpiresAt: g.ExpiresAt,
	}
}

// grantOf is what viewOf was made of.
func grantOf(v snapshot.Grant) token.Grant {
	return token.Grant{
		ID: v.ID, Agent: v.Agent, Run: v.Run, Tool: v.Tool, Scope: v.Scope, Digest: v.Args, Narrow: v.Narrow, Schema: v.Schema,
		Rule: v.Rule, Version: v.Version, Uses: v.Uses, By: v.By, Approval: v.Approval, Issuer: v.Node,
		IssuedAt: v.IssuedAt, ExpiresAt: v.ExpiresAt,
	}
}

// Grants lists the grants of this node that could still be spent, and those that
// ended within the hour; newest first.
func (e *Engine) Grants() []snapshot.Grant { return e.grants.list() }

// RevokeGrant ends a grant of this node at once; once more is no error. It is recorded before it returns, but holds
// from the first moment: what cannot be recorded is revoked all the same.
func (e *Engine) RevokeGrant(ctx context.Context, id string, by approval.Person) error {
	now := e.o.Now().UTC()
	if known, changed := e.grants.revoke(id, now); !changed {
		if known {
			return nil
		}
		return ErrUnknownGrant
	}
	e.meter.Grants.Revoked.Inc()
	ev := e.event(event.GrantRevoked, event.GrantRevokedData{Grant: id, By: by.Name})
	if _, err := e.o.Ledger.Append(ctx, ev); err != nil {
		return fmt.Errorf("%w: the grant is revoked, but a restart would forget it: %w", ErrUnrecorded, err)
	}
	return nil
}

// RotateKeys signs with a new key from now on and returns its id. Grants of the old
// one hold until they end. token.ErrShared if a secret from a file signs.
func (e *Engine) RotateKeys(ctx context.Context, by approval.Person) (string, error) {
	kid, err := e.grants.ring.Rotate()
	if err != nil {
		return "", err
	}
	_, err = e.o.Ledger.Append(ctx, e.event(event.KeyRotated, event.KeyRotatedData{Key: kid, By: by.Name}))
	if err != nil {
		return kid, fmt.Errorf("%w: the key is rotated: %w", ErrUnrecorded, err)
	}
	return kid, nil
}

// CodeGrant says that the grant which a call presents does not open it.
const CodeGrant = "grant_refused"

// grantRefused is the verdict on a call whose grant does not open it.
func grantRefused(v policy.Verdict, r *token.Refusal) policy.Verdict {
	return policy.Verdict{
		Effect: call.Deny, Rule: v.Rule, Code: CodeGrant,
		Reason: fmt.Sprintf("the approval does not open this call (%s): %s; propose it without the grant to ask again", r.Reason, r.Detail),
	}
}
