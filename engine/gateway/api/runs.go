package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// stopReasons are the ways in which a run may end.
var stopReasons = []string{"completed", "limit_exceeded", "approval_required", "policy_denied", "error"}

// longestRun is the longest limit of a run's time.
const longestRun = 365 * 24 * time.Hour

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
		refusal = guard.Missing("run_id")
	case in.Agent == nil || in.Agent.ID == "":
		refusal = guard.Missing("agent.id")
	default:
		refusal = guard.Short(guard.Name("run_id", in.RunID), guard.Name("agent.id", in.Agent.ID), guard.Name("agent.type", in.Agent.Type), guard.Text("goal", in.Goal, guard.MaxText))
	}
	var limits call.RunLimits
	if refusal == nil {
		limits, refusal = readLimits(in.Constraints)
	}
	if refusal == nil {
		refusal = foreign(r, call.AgentID(in.Agent.ID))
	}
	if refusal == nil {
		refusal = s.foreignRun(r, call.RunID(in.RunID))
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	run := call.Run{ID: call.RunID(in.RunID), Agent: call.AgentID(in.Agent.ID), Goal: in.Goal, Limits: limits}
	if err := s.Decider.StartRun(r.Context(), run); err != nil {
		guard.Fail(w, s.refused(r.Context(), "start the run", err, ""))
		return
	}
	guard.JSON(w, http.StatusOK, runAnswer{run.ID})
}

// readLimits reads the limits of a run; without constraints there are none.
func readLimits(c *constraints) (call.RunLimits, *guard.Error) {
	var out call.RunLimits
	if c == nil {
		return out, nil
	}
	if guard.Given(c.MaxUSD) {
		// A limit that is accepted and not kept would be worse than none.
		return out, unsupported("constraints.max_usd", "leave it out, and keep this limit in the agent")
	}
	var seconds int64
	for _, l := range []struct {
		field string
		given *int64
		most  int64
		into  *int64
	}{
		{"max_tool_calls", c.MaxToolCalls, math.MaxInt64, &out.MaxToolCalls},
		{"max_steps", c.MaxSteps, math.MaxInt64, &out.MaxSteps},
		{"max_runtime_s", c.MaxRuntimeS, int64(longestRun / time.Second), &seconds},
	} {
		switch {
		case l.given == nil:
		case *l.given < 1:
			// 0 would read as no limit at all.
			return out, guard.Invalid("constraints."+l.field, "must be at least 1; leave it out for no limit")
		case *l.given > l.most:
			return out, guard.Invalid("constraints."+l.field, fmt.Sprintf("must be at most %d", l.most))
		default:
			*l.into = *l.given
		}
	}
	out.MaxRuntime = time.Duration(seconds) * time.Second
	return out, nil
}

func (s *server) endRun(w http.ResponseWriter, r *http.Request) {
	var in endRequest
	if !s.request(w, r, &in) {
		return
	}
	switch {
	case in.StopReason == "":
		guard.Fail(w, guard.Missing("stop_reason"))
		return
	case !slices.Contains(stopReasons, in.StopReason):
		guard.Fail(w, guard.Invalid("stop_reason", "must be one of "+strings.Join(stopReasons, ", ")))
		return
	}
	run := call.RunID(r.PathValue("id"))
	if refusal := s.foreignRun(r, run); refusal != nil {
		guard.Fail(w, refusal)
		return
	}
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
	if refusal == nil && usage.Agent != "" { // it may be nobody's
		refusal = foreign(r, usage.Agent)
	}
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
		return call.Usage{}, guard.Missing("provider")
	case in.Model == "":
		return call.Usage{}, guard.Missing("model")
	case !guard.Given(in.Usage):
		return call.Usage{}, guard.Missing("usage")
	case in.Usage.Kind() != '{':
		return call.Usage{}, guard.Invalid("usage", "want the usage object of the vendor, got "+guard.NameOf(in.Usage.Kind()))
	}
	if e := guard.Short(
		guard.Name("provider", in.Provider), guard.Name("model", in.Model), guard.Name("run_id", in.RunID),
		guard.Name("message_id", in.MessageID), guard.Name("agent.id", in.Agent.ID), guard.Name("agent.type", in.Agent.Type),
	); e != nil {
		return call.Usage{}, e
	}
	at := time.Now()
	if in.OccurredAt != "" {
		var err error
		if at, err = time.Parse(time.RFC3339Nano, in.OccurredAt); err != nil {
			return call.Usage{}, guard.Invalid("occurred_at", "want a time such as 2026-11-22T14:03:05Z (RFC 3339)")
		}
		if at.Before(earliest) || at.After(time.Now().Add(24*time.Hour)) {
			return call.Usage{}, guard.Invalid("occurred_at", "must lie between the year 2000 and tomorrow")
		}
	}
	usage, err := s.ParseUsage(in.Provider, json.RawMessage(in.Usage))
	if err != nil {
		return call.Usage{}, guard.Invalid("usage", err.Error())
	}
	usage.Provider, usage.Model, usage.Message = in.Provider, in.Model, in.MessageID
	usage.Run, usage.Agent, usage.At = call.RunID(in.RunID), call.AgentID(in.Agent.ID), at.UTC()
	return usage, nil
}
