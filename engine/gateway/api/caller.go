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
