package policy

import (
	"strconv"
	"strings"

	"m1/collector/snapshot"
	"m1/engine/call"
)

// why says in words what made a rule match or not.
func (st *step) why(r *Request, a, counted answer) string {
	rule := st.rule
	switch {
	case a == yes && counted == yes && !rule.open():
		return "agent and tool match"
	case a == yes && counted == yes:
		return "everything it asks for holds"
	case a == yes && counted == no && rule.effect == call.Ask:
		return "its limit is used up, so it denies"
	case a == yes && counted == no:
		return "its limit is used up"
	case rule.over(r.Now):
		return "it expired on " + rule.expires.UTC().Format("2006-01-02 15:04 UTC")
	case a == broken || counted == broken:
		if rule.effect == call.Allow {
			return "its condition could not be read with these arguments, so it does not match" + st.failure(r)
		}
		return "its condition could not be read with these arguments, so it denies" + st.failure(r)
	case rule.requires != nil && !rule.requires.happened(r, rule.effect):
		return "it waits for " + rule.requires.words() + " to end well, within " + short(rule.requires.key.Within)
	case rule.after != nil && !rule.after.happened(r, rule.effect):
		return "no such call as " + rule.after.words() + " within " + short(rule.after.key.Within)
	case rule.repeated != nil && !rule.repeated.happened(r, rule.effect):
		return "the call was not repeated " + strconv.Itoa(rule.repeated.times) + " times within " + short(rule.repeated.within)
	default:
		return "its condition is false"
	}
}

func (st *step) failure(r *Request) string {
	if st.when == nil {
		return ""
	}
	if _, err := st.when.Eval(r.input()); err != nil {
		return ": " + strings.TrimPrefix(err.Error(), "condition: ")
	}
	return ""
}

// words names a kind of earlier calls.
func (p *past) words() string {
	if at := p.matching; at.some && at.all != nil {
		return p.tool.text + " with " + at.all.Source()
	}
	return p.tool.text
}

// nearest says what would have let the call through, if it is one thing.
func nearest(r *Request, v Verdict, steps []step, cs []snapshot.Candidate) string {
	if v.Code == RateLimit {
		return "would be let through " + sooner(v.Retry) + " by " + v.Rule
	}
	if v.Code != Default {
		return ""
	}
	best, rank := "", 0
	for i := len(cs) - 1; i >= 0; i-- {
		c := &cs[i]
		if c.Effect == call.Deny || c.Shadow || c.Matched {
			continue
		}
		miss, waits := steps[i].miss(r)
		if miss == "" {
			continue
		}
		// Waiting changes nothing of the call; being allowed is more than being asked.
		n := 2 * int(c.Effect)
		if waits {
			n += 3
		}
		if n < rank {
			continue
		}
		verb := "would be allowed "
		if c.Effect == call.Ask {
			verb = "a person could be asked "
		}
		best, rank = verb+miss+" (rule "+c.Rule+")", n
	}
	return best
}

// miss names the one thing that a rule lacks; empty if it lacks more.
func (st *step) miss(r *Request) (miss string, waits bool) {
	rule := st.rule
	if rule.over(r.Now) {
		return "", false
	}
	when := ""
	if rule.when.some {
		if st.when == nil {
			return "", false
		}
		is, err := st.when.Eval(r.input())
		if err != nil {
			return "", false
		}
		if !is {
			if when = st.when.NearMiss(r.input()); when == "" {
				return "", false
			}
		}
	}
	waits = rule.requires != nil && !rule.requires.happened(r, rule.effect)
	switch {
	case rule.after != nil && !rule.after.happened(r, rule.effect),
		rule.repeated != nil && !rule.repeated.happened(r, rule.effect):
		return "", false
	case waits && when == "":
		return "after " + rule.requires.words() + " ended well: wait for " + rule.requires.tool.text + " to finish", true
	case !waits && when != "":
		return "if " + when, false
	default:
		return "", false
	}
}
