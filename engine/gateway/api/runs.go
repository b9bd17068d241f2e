package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// stopReasons are the ways in which a run may end.
var stopReasons = []string{"completed", "limit_exceeded", "approval_required", "policy_denied", "error"}

// earliest is before any model that has a price. A time far off either way is a
// mistake of units, and would be priced wrongly without a word.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *server) startRun(w http.ResponseWriter, r *http.Request) {
	var in runRequest
	if !s.request(w, r, &in) {
		return
	}
	var refusal *guard.Error
	switch {
	case in.RunID == "":
		refusal = missing("run_id")
	case in.Agent == nil || in.Agent.ID == "":
		refusal = missing("agent.id")
	default:
		refusal = short(text{"run_id", in.RunID, maxName}, text{"agent.id", in.Agent.ID, maxName}, text{"agent.type", in.Agent.Type, maxName}, text{"goal", in.Goal, maxText})
	}
	if c := in.Constraints; c != nil && refusal == nil {
		// A limit that is accepted and not kept would be worse than none.
		const hint = "leave it out, and keep this limit in the agent"
		switch {
		case given(c.MaxToolCalls):
			refusal = unsupported("constraints.max_tool_calls", hint)
		case given(c.MaxRuntimeS):
			refusal = unsupported("constraints.max_runtime_s", hint)
		case given(c.MaxUSD):
			refusal = unsupported("constraints.max_usd", hint)
		}
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	run := call.Run{ID: call.RunID(in.RunID), Agent: call.AgentID(in.Agent.ID), Goal: in.Goal}
	if err := s.Decider.StartRun(r.Context(), run); err != nil {
		guard.Fail(w, s.refused(r.Context(), "start the run", err, ""))
		return
	}
	guard.JSON(w, http.StatusOK, runAnswer{run.ID})
}

func (s *server) endRun(w http.ResponseWriter, r *http.Request) {
	var in endRequest
	if !s.request(w, r, &in) {
		return
	}
	switch {
	case in.StopReason == "":
		guard.Fail(w, missing("stop_reason"))
		return
	case !slices.Contains(stopReasons, in.StopReason):
		guard.Fail(w, invalid("stop_reason", "must be one of "+strings.Join(stopReasons, ", ")))
		return
	}
	run := call.RunID(r.PathValue("id"))
	if err := s.Decider.EndRun(r.Context(), run, in.StopReason); err != nil {
		guard.Fail(w, s.refused(r.Context(), "end the run", err, ""))
		return
	}
	guard.JSON(w, http.StatusOK, endAnswer{run, in.StopReason})
}

func (s *server) use(w http.ResponseWriter, r *http.Request) {
	var in usageRequest
	if !s.request(w, r, &in) {
		return
	}
	usage, refusal := s.readUsage(in)
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	charge, err := s.Decider.Use(r.Context(), usage)
	if err != nil {
		guard.Fail(w, s.refused(r.Context(), "record usage", err, ""))
		return
	}
	out := usageAnswer{Priced: charge.Priced, PriceVersion: charge.Version}
	if charge.Priced {
		usd := charge.Cost.String()
		out.CostUSD, out.CostNanoUSD = &usd, &charge.Cost
	}
	guard.JSON(w, http.StatusOK, out)
}

func (s *server) readUsage(in usageRequest) (call.Usage, *guard.Error) {
	if in.Agent == nil {
		in.Agent = &agentName{}
	}
	switch {
	case in.Provider == "":
		return call.Usage{}, missing("provider")
	case in.Model == "":
		return call.Usage{}, missing("model")
	case !given(in.Usage):
		return call.Usage{}, missing("usage")
	case in.Usage.Kind() != '{':
		return call.Usage{}, invalid("usage", "want the usage object of the vendor, got "+nameOf(in.Usage.Kind()))
	}
	if e := short(
		text{"provider", in.Provider, maxName}, text{"model", in.Model, maxName}, text{"run_id", in.RunID, maxName},
		text{"message_id", in.MessageID, maxName}, text{"agent.id", in.Agent.ID, maxName}, text{"agent.type", in.Agent.Type, maxName},
	); e != nil {
		return call.Usage{}, e
	}
	at := time.Now()
	if in.OccurredAt != "" {
		var err error
		if at, err = time.Parse(time.RFC3339Nano, in.OccurredAt); err != nil {
			return call.Usage{}, invalid("occurred_at", "want a time such as 2026-11-22T14:03:05Z (RFC 3339)")
		}
		if at.Before(earliest) || at.After(time.Now().Add(24*time.Hour)) {
			return call.Usage{}, invalid("occurred_at", "must lie between the year 2000 and tomorrow")
		}
	}
	usage, err := s.ParseUsage(in.Provider, json.RawMessage(in.Usage))
	if err != nil {
		return call.Usage{}, invalid("usage", err.Error())
	}
	usage.Provider, usage.Model, usage.Message = in.Provider, in.Model, in.MessageID
	usage.Run, usage.Agent, usage.At = call.RunID(in.RunID), call.AgentID(in.Agent.ID), at.UTC()
	return usage, nil
}

type text struct {
	field, value string
	limit        int // bytes
}

// short refuses the first of texts that is too long.
func short(texts ...text) *guard.Error {
	for _, t := range texts {
		if len(t.value) > t.limit {
			return invalid(t.field, fmt.Sprintf("is longer than %d bytes", t.limit))
		}
	}
	return nil
}
