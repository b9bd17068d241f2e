package policy

import "m1/engine/call"

// Decide is the strongest answer of all rules that match: deny, then ask, then
// allow; no rule means deny. Order never matters: of rules with the same effect
// the one with the smallest id is named. Before the rules come the limits that no
// rule can lift: an agent that the file does not know, a tool that is not in the
// catalogue, and the agent's max_scope. Decide is pure and does not allocate.
func (s *Set) Decide(r Request) Verdict {
	limit := call.Execute
	if s.agents != nil {
		class := s.agents.best(string(r.Agent))
		if class == none {
			return Verdict{call.Deny, UnknownAgent, unknownAgentReason}
		}
		limit = s.classes[class]
	}
	scope := r.Scope
	if !r.Known {
		if s.unknown.Effect == call.Deny {
			return s.unknown
		}
		scope = call.Execute
	}
	if scope == call.NoScope || scope > call.Execute {
		scope = call.Execute
	}
	if scope > limit {
		return Verdict{call.Deny, MaxScope, maxScopeReasons[limit][scope]}
	}
	rank := s.tools.best(r.Tool, string(r.Agent))
	if !r.Known {
		// A rule can be stricter with an unknown tool than the default, never laxer.
		if rank == none || s.ranked[rank].Effect > s.unknown.Effect {
			return s.unknown
		}
		return s.ranked[rank]
	}
	if rank == none {
		return Verdict{call.Deny, Default, defaultReason}
	}
	return s.ranked[rank]
}
