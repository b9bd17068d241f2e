// Package call is the vocabulary of one proposed tool call: who proposes it,
// what is decided about it and what came of it. It holds values only; nothing
// here waits, locks or looks at a clock.
package call

import (
	"encoding/json"
	"time"
)

// AgentID names who proposes. It is what the way in has proved, never what the
// arguments claim.
type AgentID string

// RunID names one agent run or conversation: the scope of the result cache and
// of run limits. Empty means that the caller named none; such a call is decided
// and recorded, but its result is never cached.
type RunID string

// ID names one proposed call, unique over restarts. It begins with "tc_".
type ID string

// Proposal is a tool call that an agent would like to make.
type Proposal struct {
	Agent     AgentID
	AgentType string // the kind of client, such as "claude-code"; may be empty
	Run       RunID
	ToolUse   string          // the caller's own id of the call; may be empty
	Tool      string          // name in the catalogue
	Args      json.RawMessage // a JSON object; empty means {}
	Model     string          // the model that proposed the call; may be empty
	Grant     string          // a signed approval to spend on it; mostly empty
	At        time.Time       // when it was proposed, for what is counted over time; zero: now. Only recorded traffic has one
}

// Decision answers a Proposal. The zero value denies.
type Decision struct {
	ID       ID
	Effect   Effect
	Rule     string // id of the rule that decided, or a reason code such as "unknown_tool"
	Code     string // why that rule decided, such as "rate_limit"; see policy.Code
	Reason   string // one sentence for the agent
	Version  string // "sha256:…" of the policy that decided
	Scope    Scope  // scope of the tool with these arguments
	Would    Effect // what the policy says; differs from Effect only in observe mode
	Cache    CacheAnswer
	Duration time.Duration // from proposal to answer, without the time a person took
	Approval *Approval     // the open question; nil unless Effect is Ask
	Retry    time.Duration // when a limit lets the next call through; 0 if none held this one back
}

// Approval names an open question to a person.
type Approval struct {
	ID        string // "ap_…"
	ExpiresAt time.Time
}

// CacheStatus says what the result cache did for a call.
type CacheStatus string

// The three answers of the result cache.
const (
	CacheHit    CacheStatus = "hit"    // Result is the answer; the tool need not run
	CacheMiss   CacheStatus = "miss"   // cacheable, but not held
	CacheBypass CacheStatus = "bypass" // not cacheable, or not released
)

// CacheAnswer is the result cache's part of a Decision. Result is set on a hit
// only and must not be changed by the caller.
type CacheAnswer struct {
	Status CacheStatus
	Tier   string // "local" or "redis" on a hit
	Age    time.Duration
	Result json.RawMessage
}

// Outcome says how an executed call ended.
type Outcome string

// The outcomes that a Report may carry.
const (
	OK        Outcome = "ok"
	Failed    Outcome = "error"
	Cancelled Outcome = "cancelled"
)

// Report tells what came of a released call. A call answered from the cache
// needs no report.
type Report struct {
	ID        ID
	Outcome   Outcome
	Result    json.RawMessage // any JSON; empty means that none was given, and nothing is cached
	Duration  time.Duration   // of the tool itself; 0 means not measured
	ErrorType string          // class of the failure, such as "timeout"; free text, may be empty
}

// Run describes an agent run at its start.
type Run struct {
	ID     RunID
	Agent  AgentID
	Goal   string
	Model  string
	Limits RunLimits
}

// RunLimits bound one run; 0 is no limit of its own. Those of the policy hold
// beside them, the stricter counts.
type RunLimits struct {
	MaxToolCalls int64
	MaxSteps     int64 // model calls, as usage tells them
	MaxRuntime   time.Duration
}

// Usage is what one model call consumed. Input counts only tokens that were
// neither read from nor written to the provider's cache.
type Usage struct {
	Provider     string
	Model        string
	Run          RunID
	Agent        AgentID
	Message      string    // the vendor's message id; may be empty
	Tier         string    // served at other terms than the list price, such as "batch"; empty: standard
	At           time.Time // when the model was called: the price of that moment counts
	Input        int64
	Output       int64
	CacheRead    int64
	CacheWrite5m int64
	CacheWrite1h int64
}

// Tokens is the sum over all kinds, at most the greatest int64. A kind with a
// negative number, which no vendor reports, counts as none.
func (u Usage) Tokens() int64 {
	var sum int64
	for _, n := range [...]int64{u.Input, u.Output, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h} {
		sum = plus(sum, max(n, 0))
	}
	return sum
}

// Charge is what a Usage costs. Unpriced usage has Priced false and no cost.
type Charge struct {
	Cost    Nano
	Priced  bool
	Version string // of the price table
}
