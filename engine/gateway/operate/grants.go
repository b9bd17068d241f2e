package operate

import (
	"net/http"
	"strings"
	"time"

	"m1/engine/call"
	"m1/engine/gateway/guard"
)

func (s *Server) grants(w http.ResponseWriter, r *http.Request) {
	if _, refusal := query(r); refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	answer(w, http.StatusOK, grantsAnswer{list(s.Desk.Grants())})
}

func (s *Server) issue(w http.ResponseWriter, r *http.Request) {
	var in grantRequest
	refusal := s.read(w, r, &in)
	var order GrantOrder
	if refusal == nil {
		order, refusal = readOrder(in)
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	grant, token, err := s.Desk.IssueGrant(r.Context(), order, person(r))
	if err != nil {
		s.fail(w, r, "issue the grant", err)
		return
	}
	answer(w, http.StatusOK, grantAnswer{grant, token})
}

func readOrder(in grantRequest) (GrantOrder, *guard.Error) {
	o := GrantOrder{
		Agent: call.AgentID(in.Agent), Run: call.RunID(in.RunID), Tool: in.Tool,
		TTL: time.Duration(in.TTLS) * time.Second, Uses: int(in.Uses),
	}
	switch {
	case in.Agent == "":
		return o, guard.Missing("agent")
	case in.Tool == "":
		return o, guard.Missing("tool")
	case strings.Contains(in.Agent, "*"):
		return o, guard.Invalid("agent", "must be the id of one agent, not a pattern")
	case strings.Contains(in.Tool, "*"):
		return o, guard.Invalid("tool", "must be the name of one tool, not a pattern")
	case guard.Given(in.Args) && guard.Given(in.Input):
		return o, guard.Invalid("args", "cannot stand beside tool_input, which names all arguments already")
	case in.Scope != "" && o.Scope.UnmarshalText([]byte(in.Scope)) != nil:
		return o, guard.Invalid("scope", "must be read, write or execute; leave it out for the scope of the tool")
	}
	refusal := guard.Short(guard.Name("agent", in.Agent), guard.Name("run_id", in.RunID), guard.Name("tool", in.Tool))
	if refusal == nil {
		refusal = checkGrant(in.TTLS, in.Uses)
	}
	if refusal == nil {
		o.Narrow, refusal = readArgs("args", in.Args)
	}
	if refusal == nil {
		o.Args, refusal = readArgs("tool_input", in.Input)
	}
	if refusal == nil && string(o.Narrow) == "{}" {
		refusal = guard.Invalid("args", "names no member; leave it out to grant every call of the tool")
	}
	return o, refusal
}

func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	if _, refusal := query(r); refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	id := r.PathValue("jti")
	if err := s.Desk.RevokeGrant(r.Context(), id, person(r)); err != nil {
		s.fail(w, r, "revoke the grant", err)
		return
	}
	answer(w, http.StatusOK, revokeAnswer{id, true})
}

func (s *Server) rotate(w http.ResponseWriter, r *http.Request) {
	if refusal := s.read(w, r, &struct{}{}); refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	kid, err := s.Desk.RotateKeys(r.Context(), person(r))
	if err != nil {
		s.fail(w, r, "rotate the keys", err)
		return
	}
	answer(w, http.StatusOK, rotateAnswer{kid})
}
