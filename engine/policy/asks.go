package policy

import (
	"slices"

	"m1/engine/call"
)

// and are the terms that both rules hold to: the shorter times, the fewer uses, the
// more people, and of approvers those that both name. It is nil if both name some
// and none in common: then nobody may answer.
func (a *AskRule) and(b *AskRule) *AskRule {
	if a == b {
		return a
	}
	out := &AskRule{
		TTL: min(a.TTL, b.TTL), MaxTTL: min(a.MaxTTL, b.MaxTTL), MaxUses: min(a.MaxUses, b.MaxUses), Approvals: max(a.Approvals, b.Approvals),
	}
	switch {
	case len(a.Approvers) == 0:
		out.Approvers = b.Approvers
	case len(b.Approvers) == 0:
		out.Approvers = a.Approvers
	default:
		for _, name := range a.Approvers {
			if slices.Contains(b.Approvers, name) {
				out.Approvers = append(out.Approvers, name)
			}
		}
		if len(out.Approvers) == 0 {
			return nil
		}
	}
	return out
}

// Asks are the ids and terms of all rules that could ask about some call of the
// tool by the agent, whatever its arguments.
func (s *Set) Asks(agent call.AgentID, tool string) (ids []string, terms []*AskRule) {
	for _, r := range s.rules {
		if r.effect != call.Ask {
			continue
		}
		if slices.ContainsFunc(r.tools, func(m mention) bool { return m.tools.match(tool) }) &&
			slices.ContainsFunc(r.agents, func(w who) bool { return w.agents.match(string(agent)) }) {
			ids, terms = append(ids, r.id), append(terms, r.ask)
		}
	}
	return ids, terms
}
