package policy

import (
	"time"

	"m1/engine/call"
	"m1/engine/condition"
	"m1/engine/limit"
)

// What Verdict.Rule says when no rule of the file decided, and what Verdict.Code
// says of why. Rules cannot have these ids.
const (
	Rule         = "rule"          // code only: a rule of the file decided
	Default      = "default"       // no rule matches: denied
	UnknownTool  = "unknown_tool"  // the tool is not in the catalogue
	UnknownAgent = "unknown_agent" // the file has agents, and this is none of them
	MaxScope     = "max_scope"     // the tool reaches further than the agent may
	RunLimit     = "run_limit"     // the run has had its calls, its steps or its time
	Loop         = "loop"          // the very same call too often in a row
	PolicyError  = "policy_error"  // code only: a deny or ask rule could not be asked
	RateLimit    = "rate_limit"    // code only: a rule would let it through, but its limit is used up
	BadArguments = "bad_arguments" // the arguments are not those of the tool; told by the engine
)

// Code says why a verdict is what it is: one of the constants above.
type Code string

// Request asks what an agent may do with a tool. Deciding writes notes into it, so
// that it need not allocate: one goroutine at a time may use a Request, and the
// same one may be used again after its fields were changed.
type Request struct {
	Agent  call.AgentID // as the way in has proved it
	Run    call.RunID
	Tool   string
	Known  bool        // the tool is in the catalogue
	Scope  call.Scope  // of the tool with these arguments; NoScope counts as Execute
	Args   []byte      // a JSON object; empty is {}
	Digest call.Digest // of the tool and its canonical arguments
	Now    time.Time
	Facts  Facts // nil: every limit refuses, and what denies counts as met
	RunState
	Dry bool // count nothing

	in    condition.Input
	ready bool // in is filled
}

// RunState is how far the run of a call is. The zero value is no run.
type RunState struct {
	Calls   int64 // proposed in this run, this one included
	Steps   int64 // model calls
	Started time.Time
	Streak  int            // how often this very call was proposed in a row, this one included
	Limits  call.RunLimits // of this run alone; those of the policy hold beside them
}

// Facts is what happened before. *limit.Book is one.
type Facts interface {
	// Take counts one call of amount, all or nothing of rate and total.
	Take(r *limit.Rule, who limit.Who, amount int64, now time.Time) (ok bool, retry time.Duration)
	// Peek answers like Take and counts nothing.
	Peek(r *limit.Rule, who limit.Who, amount int64, now time.Time) (ok bool, retry time.Duration)
	// State is the rate first, then the total.
	State(r *limit.Rule, who limit.Who, now time.Time) []limit.State
	// Last is when such a call happened last.
	Last(p *limit.Past, who limit.Who, now time.Time) (time.Time, bool)
	// Repeats is how often this very call was proposed, this one included.
	Repeats(who limit.Who, d call.Digest, within time.Duration, now time.Time) int
}

var _ Facts = (*limit.Book)(nil)

// Verdict answers a Request. The zero value denies.
type Verdict struct {
	Effect call.Effect
	Rule   string // id of the rule that decided, or Default, UnknownTool, …
	Reason string // a sentence for the agent: what was refused, and what to do
	Code   Code
	Memo   bool // the rules for this agent and tool came from memory
	// Counted is the limit of the rule that decided. An Allow has taken Amount from
	// it, unless the Request was Dry; an Ask has only looked: whoever spends the
	// grant takes then.
	Counted *limit.Rule
	Amount  int64         // in millionths; 0 if the rule has no total
	Ask     *AskRule      // nil unless Effect is Ask
	Retry   time.Duration // when a limit that held the call back lets one through; 0 if none did
}

// AskRule says who answers a question and what the answer opens. It must not be
// changed.
type AskRule struct {
	TTL       time.Duration // how long the question stays open; then the answer is no
	Approvers []string      // names or groups of operators; empty: every operator
	Approvals int           // how many different people must agree
	MaxTTL    time.Duration // the most that a grant may open
	MaxUses   int
}

// who is whose counters a call moves.
func (r *Request) who() limit.Who { return limit.Who{Agent: r.Agent, Run: r.Run} }

// input is what conditions look at.
func (r *Request) input() *condition.Input {
	if !r.ready {
		r.in.Reset()
		r.in.Agent, r.in.Tool, r.in.Run, r.in.Scope, r.in.Args = r.Agent, r.Tool, r.Run, r.Scope, r.Args
		r.ready = true
	}
	return &r.in
}

var noArgs = []byte("{}")
