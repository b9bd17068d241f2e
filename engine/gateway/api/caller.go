package api

import (
	"fmt"
	"net/http"
	"strings"

	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// foreign refuses a request in the name of an agent that the caller's token does
// not speak for. A body names who it likes; the token proves who may.
func foreign(r *http.Request, agent call.AgentID) *guard.Error {
	who := guard.Caller(r)
	if who.SpeaksFor(string(agent)) {
		return nil
	}
	hint := "use a token of the role agent"
	if len(who.Agents) > 0 {
		hint = "it is for " + strings.Join(who.Agents, ", ") + "; m1 token create --role agent --agent PATTERN --name NAME makes one for others"
	}
	return &guard.Error{
		Status: http.StatusForbidden, Code: "foreign_agent", Field: "agent.id",
		Message: fmt.Sprintf("the token %q does not speak for this agent", who.Name), Hint: hint,
	}
}

// runner is a Decider that knows whose a run is; the engine is one.
type runner interface {
	RunAgent(call.RunID) (call.AgentID, bool)
}

// foreignRun refuses to begin or end the run of an agent that the token does not speak
// for: its limits and its history hang on it.
func (s *server) foreignRun(r *http.Request, run call.RunID) *guard.Error {
	d, ok := s.Decider.(runner)
	if !ok {
		return nil
	}
	if agent, known := d.RunAgent(run); known {
		if refusal := foreign(r, agent); refusal != nil {
			refusal.Field, refusal.Message = "run_id", fmt.Sprintf("the run belongs to an agent that the token %q does not speak for", guard.Caller(r).Name)
			return refusal
		}
	}
	return nil
}
