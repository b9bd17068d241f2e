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

// maxGrant bounds a grant, in bytes: no token that M1 signs is longer.
const maxGrant = 8 << 10

// longest is the longest duration that a report may claim.
const longest = 30 * 24 * time.Hour

func (s *server) propose(w http.ResponseWriter, r *http.Request) {
	body, refusal := guard.ReadBody(w, r, s.MaxBody)
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	proposal, refusal := ReadProposal(body)
	if refusal == nil {
		refusal = foreign(r, proposal.Agent)
	}
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
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > guard.MaxName {
		guard.Fail(w, &guard.Error{Status: http.StatusBadRequest, Code: "invalid_header", Message: "Idempotency-Key must be given once, with 1 to 256 bytes", Hint: "send the tool_use_id of the call"})
		return
	}
	// Two agents may number their calls alike, and a call that had to be asked
	// about comes again with its grant.
	key := keyOf(string(proposal.Agent), keys[0], proposal.Grant)
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

// ReadProposal reads the body of POST /v1/tool_calls: other routes take the same.
func ReadProposal(body []byte) (call.Proposal, *guard.Error) {
	var in toolCallRequest
	if e := guard.Decode(body, &in); e != nil {
		return call.Proposal{}, e
	}
	if in.Agent == nil || in.Agent.ID == "" {
		return call.Proposal{}, guard.Missing("agent.id")
	}
	switch {
	case in.ToolName == "":
		return call.Proposal{}, guard.Missing("tool_name")
	case !guard.Given(in.ToolInput):
		return call.Proposal{}, guard.Missing("tool_input")
	case in.ToolInput.Kind() != '{':
		return call.Proposal{}, guard.Invalid("tool_input", "want an object, got "+guard.NameOf(in.ToolInput.Kind()))
	case in.EstimatedUsage != nil && in.EstimatedUsage.MaxOutputTokens < 0:
		return call.Proposal{}, guard.Invalid("estimated_usage.max_output_tokens", "must not be negative")
	}
	if e := guard.TooDeep("tool_input", in.ToolInput); e != nil {
		return call.Proposal{}, e
	}
	if e := guard.Short(
		guard.Name("agent.id", in.Agent.ID), guard.Name("agent.type", in.Agent.Type), guard.Name("run_id", in.RunID),
		guard.Name("tool_use_id", in.ToolUseID), guard.Name("tool_name", in.ToolName), guard.Name("model", in.Model),
		guard.Text("grant", in.Grant, maxGrant),
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
		Grant:     in.Grant,
	}, nil
}

// decide says beside its answer whether that may be given again. A hit may not:
// what it holds may have changed since, and to decide again costs the same. Nor
// may an ask: its question may be over, while the same question that is still
// open is asked once however often it comes.
func (s *server) decide(r *http.Request, p call.Proposal) (answer []byte, keep bool, refusal *guard.Error) {
	d, err := s.Decider.Propose(r.Context(), p)
	if err != nil {
		return nil, false, s.refused(r.Context(), "decide", err, d.Reason)
	}
	out := toolCallAnswer{
		ID: d.ID, Decision: d.Effect, Code: d.Code, Reason: d.Reason, RuleID: d.Rule, PolicyVersion: d.Version,
		Scope: d.Scope.String(), DurationUS: d.Duration.Microseconds(),
		Cache: cacheAnswer{Status: d.Cache.Status},
	}
	if d.Would != d.Effect {
		out.Would = &d.Would
	}
	if d.Retry > 0 {
		out.RetryAfterMS = max(d.Retry.Milliseconds(), 1)
	}
	if d.Approval != nil {
		out.Approval = &approvalAnswer{
			ID: d.Approval.ID, Status: "pending", ExpiresAt: d.Approval.ExpiresAt.UTC(),
			Poll: "/v1/approvals/" + guard.Segment(d.Approval.ID) + "?wait=25s",
		}
	}
	if d.Cache.Status == call.CacheHit {
		age := d.Cache.Age.Milliseconds()
		out.Cache.Tier, out.Cache.AgeMS, out.Cache.Result = d.Cache.Tier, &age, jsontext.Value(d.Cache.Result)
	}
	if answer, err = jsonx.Marshal(out); err != nil {
		return nil, false, s.refused(r.Context(), "decide", err, "")
	}
	return append(answer, '\n'), d.Cache.Status != call.CacheHit && d.Effect != call.Ask, nil
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
		refusal = guard.Missing("status")
	case outcome != call.OK && outcome != call.Failed && outcome != call.Cancelled:
		refusal = guard.Invalid("status", "must be ok, error or cancelled")
	case guard.Given(in.Usage):
		refusal = unsupported("usage", "send it to POST /v1/usage, which takes provider and model with it")
	case !(in.DurationMS >= 0 && in.DurationMS <= float64(longest.Milliseconds())):
		refusal = guard.Invalid("duration_ms", "must lie between 0 and 30 days")
	default:
		refusal = guard.Short(guard.Name("error_type", in.ErrorType))
	}
	if refusal == nil {
		refusal = guard.TooDeep("result", in.Result)
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
	if refusal := guard.ReadJSON(w, r, s.MaxBody, into); refusal != nil {
		guard.Fail(w, refusal)
		return false
	}
	return true
}

func unsupported(field, hint string) *guard.Error {
	return &guard.Error{Status: http.StatusBadRequest, Code: "not_supported", Message: "not supported by this version", Hint: hint, Field: field}
}
