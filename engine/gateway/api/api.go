// Package api owns the HTTP way in for agents: it turns requests of the wire
// into calls of a Decider and its answers into JSON, and it holds the client
// that does the reverse. Whom M1 talks to is the guard's concern.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"m1/engine/call"
	"m1/engine/gateway"
	"m1/engine/gateway/guard"
)

// The defaults of Options.
const (
	DefaultMaxBody   = guard.MaxBody
	DefaultKeepFor   = 10 * time.Minute
	DefaultKeepBytes = 32 << 20
)

// Options of Agents.
type Options struct {
	Decider gateway.Decider // required
	// Tools lists the catalogue, in the order in which it is to be shown; required.
	Tools func() []Tool
	// ParseUsage reads a vendor's own usage object; required. Its error is shown
	// to the caller.
	ParseUsage func(provider string, raw json.RawMessage) (call.Usage, error)
	// MaxBody bounds the body of a request, in bytes. Default: DefaultMaxBody.
	MaxBody int64
	// KeepFor and KeepBytes bound how long and how many answers are kept for
	// callers that repeat a request with the same Idempotency-Key. Defaults:
	// DefaultKeepFor, DefaultKeepBytes.
	KeepFor   time.Duration
	KeepBytes int
	// Log gets the reasons behind answers with status 503; default: none.
	Log *slog.Logger
}

// Tool is one entry of the catalogue as agents see it.
type Tool struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Scope       call.Scope `json:"scope"`
	Reads       []string   `json:"reads"`   // collections
	Changes     []string   `json:"changes"` // collections
	Cacheable   bool       `json:"cacheable"`
}

type server struct {
	Options
	kept *answers
}

// Agents returns the routes for agents, to be served by guard.New. It starts
// nothing.
func Agents(o Options) ([]guard.Route, error) {
	switch {
	case o.Decider == nil:
		return nil, errors.New("api: Decider must be set")
	case o.Tools == nil:
		return nil, errors.New("api: Tools must be set")
	case o.ParseUsage == nil:
		return nil, errors.New("api: ParseUsage must be set")
	case o.MaxBody < 0 || o.KeepFor < 0 || o.KeepBytes < 0:
		return nil, errors.New("api: MaxBody, KeepFor and KeepBytes must not be negative")
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.KeepFor == 0 {
		o.KeepFor = DefaultKeepFor
	}
	if o.KeepBytes == 0 {
		o.KeepBytes = DefaultKeepBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o, kept: newAnswers(o.KeepFor, o.KeepBytes)}
	return []guard.Route{
		{Method: http.MethodPost, Pattern: "/v1/tool_calls", Roles: guard.Agents, Serve: s.propose},
		{Method: http.MethodPost, Pattern: "/v1/tool_calls/{id}/result", Roles: guard.Agents, Serve: s.report},
		{Method: http.MethodPost, Pattern: "/v1/usage", Roles: guard.Agents, Serve: s.use},
		{Method: http.MethodPost, Pattern: "/v1/runs", Roles: guard.Agents, Serve: s.startRun},
		{Method: http.MethodPost, Pattern: "/v1/runs/{id}/end", Roles: guard.Agents, Serve: s.endRun},
		{Method: http.MethodGet, Pattern: "/v1/tools", Roles: guard.AgentsAndViewers, Serve: s.tools},
	}, nil
}

func (s *server) tools(w http.ResponseWriter, _ *http.Request) {
	list := s.Tools()
	out := toolsAnswer{Tools: make([]Tool, len(list))}
	for i, t := range list {
		// An empty list is [], never null.
		t.Reads, t.Changes = append([]string{}, t.Reads...), append([]string{}, t.Changes...)
		out.Tools[i] = t
	}
	guard.JSON(w, http.StatusOK, out)
}

// refused maps what the engine says to the wire. It is the only place that does.
func (s *server) refused(ctx context.Context, doing string, err error, reason string) *guard.Error {
	switch {
	case errors.Is(err, call.ErrArgs):
		return &guard.Error{Status: http.StatusBadRequest, Code: "invalid_field", Message: err.Error(), Hint: "send one JSON object without repeated names", Field: "tool_input"}
	case errors.Is(err, call.ErrUnknownCall):
		return &guard.Error{Status: http.StatusNotFound, Code: "unknown_call", Message: "M1 holds no open call with this id", Hint: "report each allowed call once, with the id of its decision; a cache hit needs no report"}
	case errors.Is(err, call.ErrUnknownRun):
		return &guard.Error{Status: http.StatusNotFound, Code: "unknown_run", Message: "M1 holds no open run with this id", Hint: "end each run once; a run begins with POST /v1/runs or its first call"}
	}
	s.Log.ErrorContext(ctx, "cannot "+doing, "err", err)
	if reason == "" {
		reason = "M1 cannot " + doing + " at the moment"
	}
	return &guard.Error{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: reason, Hint: "block the call and try again; /readyz and the log of M1 say why"}
}
