package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
	"m1/engine/source"
	"m1/engine/token"
)

var (
	// ErrUnknownGrant means that no grant has this id.
	ErrUnknownGrant = errors.New("operate: unknown grant")
	// ErrUnknownVersion means that no such policy is kept.
	ErrUnknownVersion = errors.New("operate: unknown version of the policy")
	// ErrDenied means that the policy denies by now what was asked, so that nobody can
	// approve it.
	ErrDenied = errors.New("operate: the policy denies this call by now")
	// ErrCannotRotate means that M1 signs with a secret of the operator's own.
	ErrCannotRotate = errors.New("operate: a shared secret cannot be rotated")
	// ErrUnrecorded means that what was ordered is done, but not recorded.
	ErrUnrecorded = errors.New("operate: done, but not recorded")
)

// BadOrder says why a grant cannot be issued.
type BadOrder struct {
	Field   string // as the wire has it, such as "tool"
	Message string
	Hint    string
}

func (e *BadOrder) Error() string {
	return fmt.Sprintf("operate: %s: %s; %s", e.Field, e.Message, e.Hint)
}

// refused maps what the engine says to the wire. It is the only place that does.
// detail stands beside the error object; mostly nil.
func (s *Server) refused(ctx context.Context, doing string, err error) (e *guard.Error, detail any) {
	if first, is := errors.AsType[*approval.Answered](err); is {
		return &guard.Error{Status: http.StatusConflict, Code: "already_answered", Message: plain(err), Hint: "nothing is left to do; GET /v1/approvals lists what is open"}, (*answered)(first)
	}
	if bad, is := errors.AsType[*BadOrder](err); is {
		return &guard.Error{Status: http.StatusUnprocessableEntity, Code: "invalid_grant", Message: bad.Message, Hint: bad.Hint, Field: bad.Field}, nil
	}
	if problems, is := errors.AsType[source.Problems](err); is {
		return &guard.Error{Status: http.StatusUnprocessableEntity, Code: "invalid_policy", Message: fmt.Sprintf("the policy is not valid (mistakes: %d); the one before goes on deciding", len(problems)), Hint: "mend every place listed under problems", Field: "source"}, problemLines(problems)
	}
	if refusal, is := errors.AsType[*token.Refusal](err); is && refusal.Reason == token.TooLong {
		err = fmt.Errorf("%w: %s", approval.ErrCeiling, refusal.Detail)
	}
	for _, m := range meanings {
		if errors.Is(err, m.err) {
			if m.status == http.StatusServiceUnavailable {
				s.Log.ErrorContext(ctx, "cannot "+doing, "err", err)
			}
			return &guard.Error{Status: m.status, Code: m.code, Message: cmp.Or(m.says, plain(err)), Hint: m.hint, Field: m.field}, nil
		}
	}
	if errors.Is(err, call.ErrArgs) {
		return &guard.Error{Status: http.StatusBadRequest, Code: "invalid_field", Message: plain(err), Hint: "send one JSON object without repeated names", Field: "tool_input"}, nil
	}
	s.Log.ErrorContext(ctx, "cannot "+doing, "err", err)
	return &guard.Error{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "M1 cannot " + doing + " at the moment; nothing was changed", Hint: "try again; /readyz and the log of M1 say why"}, nil
}

// meanings are the errors that the caller can do something about. Server and client
// share them, so that an error means the same on both sides. What does not exist
// and what the caller may not see is answered with the same words.
var meanings = []struct {
	err    error
	status int
	code   string
	says   string // to the caller; "" is what err says
	hint   string
	field  string
}{
	{approval.ErrUnknown, http.StatusNotFound, "unknown_approval", "M1 knows no approval with this id", "see GET /v1/approvals; answered ones are not kept for ever", ""},
	{approval.ErrExpired, http.StatusConflict, "expired", "", "nobody answered in time, which is a no; let the agent ask again", ""},
	{approval.ErrNotApprover, http.StatusForbidden, "not_an_approver", "", "ask one of those who may", ""},
	{approval.ErrTwice, http.StatusConflict, "voted_already", "", "another person must answer too", ""},
	{approval.ErrChanged, http.StatusConflict, "arguments_changed", "", "look at the arguments again, and send args_sha256 of what you saw", "args_sha256"},
	{approval.ErrCeiling, http.StatusUnprocessableEntity, "above_ceiling", "", "ask for less; max_ttl_s and max_uses of the approval are the most that its rule gives", ""},
	{ErrUnknownGrant, http.StatusNotFound, "unknown_grant", "M1 knows no grant with this id", "see GET /v1/grants", ""},
	{ErrUnknownVersion, http.StatusNotFound, "unknown_version", "M1 keeps no policy of this version", "see versions of GET /v1/policy", "to"},
	{ErrDenied, http.StatusConflict, "denied_by_policy", "", "reject it, or change the policy first", ""},
	{ErrUnrecorded, http.StatusServiceUnavailable, "unrecorded", "it is done and holds, but M1 could not record it: a restart would forget it", "do it again once /readyz says that M1 is well; the log of M1 says more", ""},
	{ErrCannotRotate, http.StatusConflict, "not_rotatable", "M1 signs with the secret of a file, which it cannot change", "write another secret into its file and restart M1", ""},
}

// plain is the text of err without the names of packages, which are no use to the
// caller.
func plain(err error) string {
	text := err.Error()
	for _, p := range []string{"engine: ", "operate: ", "approval: "} {
		text = strings.ReplaceAll(text, p, "")
	}
	return text
}

// fail answers with what err means.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, doing string, err error) {
	e, detail := s.refused(r.Context(), doing, err)
	switch d := detail.(type) {
	case *answered:
		answer(w, e.Status, struct {
			Error    *guard.Error `json:"error"`
			Answered *answered    `json:"answered"`
		}{e, d})
	case []problem:
		answer(w, e.Status, struct {
			Error    *guard.Error `json:"error"`
			Problems []problem    `json:"problems"`
		}{e, d})
	default:
		guard.Fail(w, e)
	}
}

// problem is one mistake of a policy.
type problem struct {
	Line    int    `json:"line"` // from 1; 0 without a place
	Col     int    `json:"col"`
	Field   string `json:"field"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

func problemLines(problems source.Problems) []problem {
	lines := make([]problem, len(problems))
	for i, p := range problems {
		lines[i] = problem{p.Line, p.Col, p.Field, p.Msg, p.Hint}
	}
	return lines
}

// answered says who was first.
type answered struct {
	ID     string    `json:"id"`
	Status string    `json:"status"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}
