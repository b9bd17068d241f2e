package policy

import (
	"fmt"
	"strconv"
	"time"

	"m1/engine/call"
)

// Reasons are sentences that an agent can act on: what was refused, what to do.
const (
	defaultReason      = "no rule lets this agent use this tool; use another tool, or ask the operator to add a rule"
	unknownAgentReason = "the policy does not know this agent; ask the operator to add it under agents"
)

var unknownToolReasons = [...]string{
	call.Deny:  "this tool is not in the catalogue; use a tool that is, or ask the operator to add it",
	call.Ask:   "this tool is not in the catalogue, so a person decides; wait for the answer",
	call.Allow: "this tool is not in the catalogue, and the policy allows such tools",
}

// maxScopeReasons[limit][scope] is the sentence for a tool that reaches further
// than its agent may.
var maxScopeReasons = func() (rs [call.Execute + 1][call.Execute + 1]string) {
	for limit := call.Read; limit < call.Execute; limit++ {
		for scope := limit + 1; scope <= call.Execute; scope++ {
			rs[limit][scope] = fmt.Sprintf(
				"this call has scope %s, but this agent may go no further than %s; do it with a tool of scope %s, or ask the operator",
				scope, limit, limit)
		}
	}
	return rs
}()

// reason is what the file gives, or a sentence that names the rule.
func reason(id string, effect call.Effect, given string) string {
	if given != "" {
		return given
	}
	rule := "the rule " + strconv.Quote(id)
	switch effect {
	case call.Allow:
		return rule + " allows this call"
	case call.Ask:
		return rule + " wants a person to decide; wait for the answer"
	default:
		return rule + " denies this call; do not repeat it, do it another way or ask the operator"
	}
}

// broken denies because a rule that would be stricter could not be asked.
func (r *rule) broken() Verdict {
	return Verdict{
		Rule: r.id, Code: PolicyError,
		Reason: "policy error in rule " + strconv.Quote(r.id) + ": its condition could not be read with these arguments, so the call is denied; check the arguments, or ask the operator",
	}
}

// usedUp denies because the limit of the only rule that lets it through is used up.
func (r *rule) usedUp(retry time.Duration) Verdict {
	return Verdict{
		Rule: r.id, Code: RateLimit, Retry: max(retry, 0),
		Reason: "the limit of rule " + strconv.Quote(r.id) + " is used up (" + counts(r.counted) + "); try again " + sooner(retry),
	}
}

// disagree is the verdict where two rules ask, and nobody may answer for both.
func (r *rule) disagree(o *rule) Verdict {
	return Verdict{Rule: r.id, Code: PolicyError, Reason: fmt.Sprintf(
		"policy error: the rules %q and %q both ask about this call, and no approver is named by both; ask the operator to mend the rules", r.id, o.id)}
}
