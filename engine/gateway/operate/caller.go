package operate

import (
	"fmt"
	"net/http"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// person is the operator who sent r. Nobody sits at the machine's own terminal here.
func person(r *http.Request) approval.Person {
	who := guard.Caller(r)
	return approval.Person{Name: who.Name, Groups: who.Groups}
}

// mayRead says whether the caller may read what concerns any agent.
func mayRead(r *http.Request) bool {
	switch guard.Caller(r).Role {
	case guard.Viewer, guard.Operator, guard.Admin, guard.Anonymous:
		return true
	}
	return false
}

func maySee(r *http.Request, a snapshot.Approval) bool { return mayRead(r) || maySpend(r, a) }

// maySpend says whether the caller may be given the grant of a: the agent that
// asked, and nobody who can approve.
func maySpend(r *http.Request, a snapshot.Approval) bool {
	return guard.Caller(r).SpeaksFor(string(a.Agent))
}

// mayAsk refuses an agent's question about another agent.
func mayAsk(r *http.Request, agent call.AgentID) *guard.Error {
	who := guard.Caller(r)
	if mayRead(r) || who.SpeaksFor(string(agent)) {
		return nil
	}
	return &guard.Error{
		Status: http.StatusForbidden, Code: "foreign_agent", Field: "agent.id",
		Message: fmt.Sprintf("the token %q may not speak for this agent", who.Name), Hint: "ask with the id of an agent that the token is for, or with the token of a viewer",
	}
}
