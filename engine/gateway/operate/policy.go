package operate

import (
	"net/http"
	"strconv"
	"strings"

	"m1/engine/gateway/api"
	"m1/engine/gateway/guard"
)

func (s *Server) policy(w http.ResponseWriter, r *http.Request) {
	if _, refusal := query(r); refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	out := s.Rules.Policy()
	out.Versions = list(out.Versions)
	answer(w, http.StatusOK, out)
}

func (s *Server) putPolicy(w http.ResponseWriter, r *http.Request) {
	q, refusal := query(r, "dry_run")
	var dry bool
	if refusal == nil && q.Get("dry_run") != "" {
		var err error
		if dry, err = strconv.ParseBool(q.Get("dry_run")); err != nil {
			// Read as false it would load what was only to be looked at.
			refusal = badQuery("dry_run", "must be 1 or 0")
		}
	} else if refusal == nil && q.Has("dry_run") {
		refusal = badQuery("dry_run", "must be 1 or 0")
	}
	var in policyRequest
	if refusal == nil {
		refusal = guard.ReadJSON(w, r, s.MaxBody, &in)
	}
	if refusal == nil && strings.TrimSpace(in.Source) == "" {
		refusal = guard.Missing("source")
	}
	if refusal == nil {
		refusal = guard.Short(guard.Text("comment", in.Comment, guard.MaxText))
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	version, diff, err := s.Rules.PutPolicy(r.Context(), in.Source, in.Comment, person(r), dry)
	if err != nil {
		s.fail(w, r, "load the policy", err)
		return
	}
	answer(w, http.StatusOK, policyAnswer{dry, version, fullDiff(diff)})
}

func (s *Server) rollback(w http.ResponseWriter, r *http.Request) {
	var in rollbackRequest
	refusal := s.read(w, r, &in)
	if refusal == nil && in.To == "" {
		refusal = guard.Missing("to")
	}
	if refusal == nil {
		refusal = guard.Short(guard.Name("to", in.To), guard.Text("comment", in.Comment, guard.MaxText))
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	version, err := s.Rules.Rollback(r.Context(), in.To, in.Comment, person(r))
	if err != nil {
		s.fail(w, r, "roll back the policy", err)
		return
	}
	answer(w, http.StatusOK, rollbackAnswer{version})
}

// explain takes the body of POST /v1/tool_calls. An agent asks for itself only, and
// is told no more than its model would be.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	_, refusal := query(r)
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	body, refusal := guard.ReadBody(w, r, s.MaxBody)
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	proposal, refusal := api.ReadProposal(body)
	if refusal == nil {
		refusal = mayAsk(r, proposal.Agent)
	}
	if refusal != nil {
		guard.Fail(w, refusal)
		return
	}
	e, err := s.Rules.Explain(r.Context(), proposal)
	switch {
	case err != nil:
		s.fail(w, r, "explain the decision", err)
	case !mayRead(r):
		answer(w, http.StatusOK, modelAnswer{e.ForModel})
	default:
		e.Candidates = list(e.Candidates)
		if len(e.Args) == 0 {
			e.Args = proposal.Args
		}
		answer(w, http.StatusOK, e)
	}
}
