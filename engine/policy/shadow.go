package policy

import "m1/engine/call"

// ShadowHit is a rule in shadow mode that matched a call.
type ShadowHit struct {
	Rule   string
	Effect call.Effect // what the rule would have answered; deny if it could not be asked
	Would  bool        // the answer would have been another
}

// Shadow appends the rules in shadow mode that match the call, with whether each
// alone would have changed v, the verdict on it. It counts nothing.
func (s *Set) Shadow(r *Request, v Verdict, into []ShadowHit) []ShadowHit {
	if len(s.shadows) == 0 || v.Rule == UnknownAgent || v.Rule == MaxScope || v.Rule == UnknownTool && v.Effect == call.Deny {
		return into
	}
	f := finding{bound: none}
	f.ranks = f.few[:0]
	s.shadow.find(r.Tool, string(r.Agent), &f)
	if len(f.ranks) == 0 {
		return into
	}
	r.ready = false
	kind := s.kinds[r.Tool]
	for _, rank := range f.sorted() {
		st := s.shadows[rank].step(kind)
		if effect, hit := st.would(r); hit {
			into = append(into, ShadowHit{Rule: st.rule.id, Effect: effect, Would: flips(v, effect, r.Known)})
		}
	}
	return into
}

// would is what a rule that is alone would answer, if it matches.
func (st *step) would(r *Request) (call.Effect, bool) {
	a := st.ask(r)
	if a == yes {
		_, a, _ = st.count(r, true)
		if a == no && st.rule.effect == call.Ask {
			return call.Deny, true
		}
	}
	switch {
	case a == yes:
		return st.rule.effect, true
	case a == broken && st.rule.effect != call.Allow:
		return call.Deny, true
	default:
		return call.Deny, false
	}
}

// flips reports whether one more rule that answers effect would change v. What is
// denied for want of a rule becomes what the rule says; what a rule denies stays.
func flips(v Verdict, effect call.Effect, known bool) bool {
	if effect < v.Effect {
		return true
	}
	return known && v.Effect == call.Deny && effect > call.Deny && (v.Code == Default || v.Code == RateLimit && effect == call.Allow)
}
