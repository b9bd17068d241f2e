// Package operate owns the HTTP way in for operators: it turns requests of the
// wire into answers to approvals, orders of grants and changes of the policy, lets
// agents wait for what a person answers, and holds the client that does the
// reverse. Whom M1 talks to is the guard's concern.
package operate

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// Desk is the part of the engine that keeps approvals and grants. Every method is
// safe for concurrent use. Besides the errors named here it returns those of
// package approval, ErrDenied and ErrUnrecorded; any other error means that it cannot
// act at the moment, such as when the ledger records nothing, and that nothing was
// changed.
type Desk interface {
	// Approvals lists those with status, the newest first; "" lists all.
	Approvals(status string) []snapshot.Approval
	// Await blocks until the approval is answered or expired, or ctx ends: then it
	// returns the approval as it is and no error. A ctx that has ended already
	// just looks.
	Await(ctx context.Context, id string) (snapshot.Approval, error)
	// Answer records one person's answer.
	Answer(ctx context.Context, a approval.Answer) (snapshot.Approval, error)
	// IssueGrant permits calls before they are asked about, and returns the signed
	// token too. *BadOrder if it cannot be granted.
	IssueGrant(ctx context.Context, o GrantOrder, by approval.Person) (snapshot.Grant, string, error)
	// Grants lists those that are known, the newest first.
	Grants() []snapshot.Grant
	// RevokeGrant ends a grant at once; ErrUnknownGrant. Once more is no error.
	RevokeGrant(ctx context.Context, id string, by approval.Person) error
	// RotateKeys signs with a new key from now on and returns its id;
	// ErrCannotRotate.
	RotateKeys(ctx context.Context, by approval.Person) (kid string, err error)
}

// Rules is the part of the engine that keeps the policy. Every method is safe for
// concurrent use.
type Rules interface {
	Policy() PolicyState
	// PutPolicy loads another policy; with dryRun it only says what that would
	// change. source.Problems if the policy is not valid.
	PutPolicy(ctx context.Context, source, comment string, by approval.Person, dryRun bool) (snapshot.PolicyVersion, snapshot.PolicyDiff, error)
	// Rollback loads a version that decided before; ErrUnknownVersion.
	Rollback(ctx context.Context, to, comment string, by approval.Person) (snapshot.PolicyVersion, error)
	// Explain says how p would be decided. It counts and records nothing.
	Explain(ctx context.Context, p call.Proposal) (snapshot.Explanation, error)
}

// GrantOrder asks for a grant before any call asks for it.
type GrantOrder struct {
	Agent  call.AgentID
	Run    call.RunID // "" is any run
	Tool   string
	Scope  call.Scope      // the most that a call may reach; NoScope is that of the tool
	TTL    time.Duration   // 0 is the default of the engine
	Uses   int             // 0 is 1
	Narrow json.RawMessage // members that the arguments must have, canonical; nil: none
	Args   json.RawMessage // exactly these arguments, canonical; nil: any that Narrow lets through
}

// PolicyState is the policy that decides and those before it.
type PolicyState struct {
	Current  snapshot.PolicyVersion   `json:"current"`
	Source   string                   `json:"source"`            // of Current, as it was written
	Versions []snapshot.PolicyVersion `json:"versions"`          // at most 10, the newest first
	Failure  *snapshot.PolicyFailure  `json:"failure,omitempty"` // of a newer policy that was refused
}

// DefaultWaits is the default of Options.Waits.
const DefaultWaits = 1024

// Options of New.
type Options struct {
	Desk  Desk  // required
	Rules Rules // required
	// MaxBody bounds the body of a request, in bytes. Default: guard.MaxBody.
	MaxBody int64
	// Waits bounds how many requests may wait for an answer at once. Default:
	// DefaultWaits.
	Waits int
	// Log gets the reasons behind answers with status 503; default: none.
	Log *slog.Logger
}

// Server serves one engine to its operators.
type Server struct {
	Options
	slots chan struct{} // one token per request that waits
	ended chan struct{} // closed by EndWaits
	end   sync.Once
}

// New returns a Server. It starts nothing.
func New(o Options) (*Server, error) {
	switch {
	case o.Desk == nil:
		return nil, errors.New("operate: Desk must be set")
	case o.Rules == nil:
		return nil, errors.New("operate: Rules must be set")
	case o.MaxBody < 0 || o.Waits < 0:
		return nil, errors.New("operate: MaxBody and Waits must not be negative")
	}
	if o.MaxBody == 0 {
		o.MaxBody = guard.MaxBody
	}
	if o.Waits == 0 {
		o.Waits = DefaultWaits
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{Options: o, slots: make(chan struct{}, o.Waits), ended: make(chan struct{})}, nil
}

// EndWaits answers every request that waits with the approval as it is, and makes
// those to come wait no more, so that a server can shut down; it fits
// http.Server.RegisterOnShutdown.
func (s *Server) EndWaits() { s.end.Do(func() { close(s.ended) }) }

// Routes returns the routes for operators, and those where agents wait for them, to
// be served by guard.New.
func (s *Server) Routes() []guard.Route {
	return []guard.Route{
		{Method: http.MethodGet, Pattern: "/v1/approvals", Roles: guard.Viewers, Serve: s.approvals},
		{Method: http.MethodGet, Pattern: "/v1/approvals/{id}", Roles: guard.AgentsAndViewers, Serve: s.approval},
		{Method: http.MethodPost, Pattern: "/v1/approvals/{id}/approve", Roles: guard.Operators, Serve: s.approve},
		{Method: http.MethodPost, Pattern: "/v1/approvals/{id}/reject", Roles: guard.Operators, Serve: s.reject},
		{Method: http.MethodGet, Pattern: "/v1/grants", Roles: guard.Viewers, Serve: s.grants},
		{Method: http.MethodPost, Pattern: "/v1/grants", Roles: guard.Operators, Serve: s.issue},
		{Method: http.MethodDelete, Pattern: "/v1/grants/{jti}", Roles: guard.Operators, Serve: s.revoke},
		{Method: http.MethodPost, Pattern: "/v1/grants/rotate", Roles: guard.Admins, Serve: s.rotate},
		{Method: http.MethodGet, Pattern: "/v1/policy", Roles: guard.Viewers, Serve: s.policy},
		{Method: http.MethodPut, Pattern: "/v1/policy", Roles: guard.Admins, Serve: s.putPolicy},
		{Method: http.MethodPost, Pattern: "/v1/policy/rollback", Roles: guard.Admins, Serve: s.rollback},
		{Method: http.MethodPost, Pattern: "/v1/policy/explain", Roles: guard.AgentsAndViewers, Serve: s.explain},
	}
}
