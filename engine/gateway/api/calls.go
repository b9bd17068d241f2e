package api

import (
	"crypto/sha256"
	"encoding/json"
	"math"
	"net/http"
	"time"

	jsonx "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// Names end up in the ledger and on the screen, so their length is bounded.
const (
	maxName = 256  // bytes
	maxText = 4096 // bytes
)

// maxDepth is how deep arguments and results may be nested. A result comes back
// inside an answer and must still be JSON that everybody reads: the usual
// readers, M1's own among them, end at 10,000.
const maxDepth = 1000

// longest is the longest duration that a report may claim.
const longest = 30 * 24 * time.Hour

func (s *server) propose(w http.ResponseWriter, r *http.Request) {
	body, refusal := s.read(w, r)
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	proposal, refusal := readProposal(body)
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		answer, _, refusal := s.decide(r, proposal)
		reply(w, answer, refusal)
		return
	}
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxName {
		guard.Fail(w, &guard.Error{Status: http.StatusBadRequest, Code: "invalid_header", Message: "Idempotency-Key must be given once, with 1 to 256 bytes", Hint: "send the tool_use_id of the call"})
		return
	}
	// Two agents may number their calls alike.
	key := keyOf(string(proposal.Agent), keys[0])
	answer, repeated, refusal := s.kept.once(r.Context(), key, sha256.Sum256(body), func() ([]byte, bool, *guard.Error) {
		return s.decide(r, proposal)
	})
	if repeated {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	reply(w, answer, refusal)
}

func reply(w http.ResponseWriter, answer []byte, refusal *guard.Error) {
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	guard.Raw(w, http.StatusOK, answer)
}

func readProposal(body []byte) (call.Proposal, *guard.Error) {
	var in toolCallRequest
	if e := decode(body, &in); e != nil {
		return call.Proposal{}, e
	}
	if in.Agent == nil || in.Agent.ID == "" {
		return call.Proposal{}, missing("agent.id")
	}
	switch {
	case in.ToolName == "":
		return call.Proposal{}, missing("tool_name")
	case !given(in.ToolInput):
		return call.Proposal{}, missing("tool_input")
	case in.ToolInput.Kind() != '{':
		return call.Proposal{}, invalid("tool_input", "want an object, got "+nameOf(in.ToolInput.Kind()))
	case deeper(in.ToolInput, maxDepth):
		return call.Proposal{}, tooDeep("tool_input")
	case given(in.Grant):
		return call.Proposal{}, unsupported("grant", "leave it out; this version has no approvals")
	case in.EstimatedUsage != nil && in.EstimatedUsage.MaxOutputTokens < 0:
		return call.Proposal{}, invalid("estimated_usage.max_output_tokens", "must not be negative")
	}
	if e := short(
		text{"agent.id", in.Agent.ID, maxName}, text{"agent.type", in.Agent.Type, maxName}, text{"run_id", in.RunID, maxName},
		text{"tool_use_id", in.ToolUseID, maxName}, text{"tool_name", in.ToolName, maxName}, text{"model", in.Model, maxName},
	); e != nil {
		return call.Proposal{}, e
	}
	return call.Proposal{
		Agent:     call.AgentID(in.Agent.ID),
		AgentType: in.Agent.Type,
		Run:       call.RunID(in.RunID),
		ToolUse:   in.ToolUseID,
		Tool:      in.ToolName,
		Args:      json.RawMessage(in.ToolInput),
		Model:     in.Model,
	}, nil
}

// decide says beside its answer whether that may be given again. A hit may not:
// what it holds may have changed since, and to decide again costs the same.
func (s *server) decide(r *http.Request, p call.Proposal) (answer []byte, keep bool, refusal *guard.Error) {
	d, err := s.Decider.Propose(r.Context(), p)
	if err != nil {
		return nil, false, s.refused(r.Context(), "decide", err, d.Reason)
	}
	out := toolCallAnswer{
		ID: d.ID, Decision: d.Effect, Reason: d.Reason, RuleID: d.Rule, PolicyVersion: d.Version,
		Scope: d.Scope.String(), DurationUS: d.Duration.Microseconds(),
		Cache: cacheAnswer{Status: d.Cache.Status},
	}
	if d.Would != d.Effect {
		out.Would = &d.Would
	}
	if d.Cache.Status == call.CacheHit {
		age := d.Cache.Age.Milliseconds()
		out.Cache.Tier, out.Cache.AgeMS, out.Cache.Result = d.Cache.Tier, &age, jsontext.Value(d.Cache.Result)
	}
	if answer, err = jsonx.Marshal(out); err != nil {
		return nil, false, s.refused(r.Context(), "decide", err, "")
	}
	return append(answer, '\n'), d.Cache.Status != call.CacheHit, nil
}

func (s *server) report(w http.ResponseWriter, r *http.Request) {
	var in resultRequest
	if !s.request(w, r, &in) {
		return
	}
	outcome := call.Outcome(in.Status)
	var refusal *guard.Error
	switch {
	case in.Status == "":
		refusal = missing("status")
	case outcome != call.OK && outcome != call.Failed && outcome != call.Cancelled:
		refusal = invalid("status", "must be ok, error or cancelled")
	case deeper(in.Result, maxDepth):
		refusal = tooDeep("result")
	case given(in.Usage):
		refusal = unsupported("usage", "send it to POST /v1/usage, which takes provider and model with it")
	case !(in.DurationMS >= 0 && in.DurationMS <= float64(longest.Milliseconds())):
		refusal = invalid("duration_ms", "must lie between 0 and 30 days")
	default:
		refusal = short(text{"error_type", in.ErrorType, maxName})
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	report := call.Report{
		ID:        call.ID(r.PathValue("id")),
		Outcome:   outcome,
		Result:    json.RawMessage(in.Result),
		Duration:  time.Duration(math.Round(in.DurationMS * float64(time.Millisecond))),
		ErrorType: in.ErrorType,
	}
	if err := s.Decider.Report(r.Context(), report); err != nil {
		guard.Fail(w, s.refused(r.Context(), "record", err, ""))
		return
	}
	guard.JSON(w, http.StatusOK, resultAnswer{ID: report.ID, Status: outcome})
}

// request reads and decodes the body into the struct that into points to. It
// has answered when it returns false.
func (s *server) request(w http.ResponseWriter, r *http.Request, into any) bool {
	body, refusal := s.read(w, r)
	if refusal == nil {
		refusal = decode(body, into)
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return false
	}
	return true
}
