package policy

import (
	"time"

	"m1/engine/call"
)

// Decide is the strongest answer of all rules that match: deny, then ask, then
// allow; no rule means deny. Order never matters: of rules with the same effect
// the one with the smallest id is named. Before the rules come the limits that no
// rule can lift: an agent that the file does not know, a tool that is not in the
// catalogue, and the agent's max_scope. A deny or ask rule that cannot be asked
// denies; an allow rule that cannot be asked does not match.
//
// Decide looks at nothing but the Request. Unless that is Dry, it takes from the
// limit of the allow rule that decides, and from no other. It does not allocate
// once it has met an agent with a tool, unless a condition does.
func (s *Set) Decide(r *Request) Verdict {
	r.ready = false
	p, memo := s.pair(r)
	v := s.answer(r, p)
	v.Memo = memo
	return v
}

func (s *Set) answer(r *Request, p *pair) Verdict {
	if v, final := s.before(r, p.limit); final {
		return v
	}
	held := s.loop.fires(r)
	v := s.walk(r, p.steps, r.Dry || held)
	if held && v.Effect > s.loop.effect {
		v.Effect, v.Rule, v.Reason, v.Code, v.Ask = s.loop.effect, Loop, s.loop.reason(r), Loop, nil
		if v.Effect == call.Ask {
			v.Ask = s.ask
		} else {
			v.Counted, v.Amount = nil, 0
		}
	}
	return v
}

// before answers where rules are not looked at.
func (s *Set) before(r *Request, limit call.Scope) (v Verdict, final bool) {
	if limit == call.NoScope {
		return Verdict{Rule: UnknownAgent, Reason: unknownAgentReason, Code: UnknownAgent}, true
	}
	scope := r.Scope
	if !r.Known {
		if s.unknown.Effect == call.Deny {
			return s.unknown, true
		}
		scope = call.Execute
	}
	if scope == call.NoScope || scope > call.Execute {
		scope = call.Execute
	}
	if scope > limit {
		return Verdict{Rule: MaxScope, Reason: maxScopeReasons[limit][scope], Code: MaxScope}, true
	}
	return v, false
}

// walk asks what is left, deny rules first. Every ask rule is asked even after
// one has matched: one that cannot be asked denies, whatever its id.
func (s *Set) walk(r *Request, steps []step, dry bool) Verdict {
	i := 0
	for ; i < len(steps) && steps[i].rule.effect == call.Deny; i++ {
		switch steps[i].ask(r) {
		case yes:
			return steps[i].rule.verdict
		case broken:
			return steps[i].rule.broken()
		}
	}
	if reason := s.overRun(r); reason != "" {
		return Verdict{Rule: RunLimit, Reason: reason, Code: RunLimit}
	}
	var asked *step
	var terms *AskRule
	var amount int64
	for ; i < len(steps) && steps[i].rule.effect == call.Ask; i++ {
		st := &steps[i]
		switch st.ask(r) {
		case no:
			continue
		case broken:
			return st.rule.broken()
		}
		n, a, retry := st.count(r, true)
		switch {
		case a == broken:
			return st.rule.broken()
		case a == no:
			return st.rule.usedUp(retry)
		case asked == nil:
			asked, terms, amount = st, st.rule.ask, n
		default:
			if terms = terms.and(st.rule.ask); terms == nil {
				return asked.rule.disagree(st.rule)
			}
		}
	}
	if asked != nil {
		v := asked.rule.verdict
		v.Counted, v.Amount, v.Ask = asked.rule.counted, amount, terms
		return v
	}
	if !r.Known && s.unknown.Effect == call.Ask {
		return s.unknown // a rule can be stricter with an unknown tool than the default, never laxer
	}
	var refused *rule
	var wait time.Duration
	for ; i < len(steps); i++ {
		st := &steps[i]
		if st.ask(r) != yes {
			continue
		}
		n, a, retry := st.count(r, dry)
		if a == yes {
			v := st.rule.verdict
			v.Counted, v.Amount = st.rule.counted, n
			return v
		}
		if a == no && refused == nil {
			refused, wait = st.rule, retry
		}
	}
	switch {
	case !r.Known:
		return s.unknown
	case refused != nil:
		return refused.usedUp(wait)
	default:
		return Verdict{Rule: Default, Reason: defaultReason, Code: Default}
	}
}

// answer to one question. The zero value is the one that lets nothing pass.
type answer uint8

const (
	broken answer = iota // it could not be asked
	no
	yes
)

// ask reports whether a rule matches, but for its limit.
func (st *step) ask(r *Request) answer {
	rule := st.rule
	if rule.over(r.Now) {
		return no
	}
	if rule.when.some {
		if st.when == nil {
			return broken
		}
		if is, err := st.when.Eval(r.input()); err != nil {
			return broken
		} else if !is {
			return no
		}
	}
	if rule.requires != nil && !rule.requires.happened(r, rule.effect) ||
		rule.after != nil && !rule.after.happened(r, rule.effect) ||
		rule.repeated != nil && !rule.repeated.happened(r, rule.effect) {
		return no
	}
	return yes
}

// over reports whether a rule has expired. Where nobody says what time it is, only
// what denies has not.
func (r *rule) over(now time.Time) bool {
	if r.expires.IsZero() {
		return false
	}
	return !now.Before(r.expires) || now.IsZero() && r.effect != call.Deny
}

// count takes from the limit of a rule, or only looks.
func (st *step) count(r *Request, dry bool) (amount int64, a answer, retry time.Duration) {
	c := st.rule.counted
	if c == nil {
		return 0, yes, 0
	}
	if st.rule.amount.some {
		if st.amount == nil {
			return 0, broken, 0
		}
		n, err := st.amount.Eval(r.input())
		if err != nil || n < 0 {
			return 0, broken, 0
		}
		amount = n
	}
	if r.Facts == nil {
		return amount, no, 0
	}
	take := r.Facts.Take
	if dry {
		take = r.Facts.Peek
	}
	ok, retry := take(c, r.who(), amount, r.Now)
	if ok {
		return amount, yes, 0
	}
	return amount, no, retry
}
