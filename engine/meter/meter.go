// Package meter counts and times what the engine does, without locks on the
// hot path.
package meter

// Meter holds every instrument of one engine. All of it is safe for concurrent
// use; the zero value is not usable, see New.
type Meter struct {
	// Counters since New.
	Runs           Counter // agent runs begun
	RunsCompleted  Counter // agent runs ended well
	RunsFailed     Counter // agent runs ended otherwise
	Calls          Counter // proposals
	Repeats        Counter // proposals that their run had made before, to the letter
	LongestStreak  Peak    // identical proposals in a row within one run
	Checks         Counter // policy verdicts, cached ones included
	Allowed        Counter // verdicts by what the policy says
	Asked          Counter
	Denied         Counter
	HeldBack       Counter       // answers that were not allow
	Scopes         [4]Counter    // decided calls by call.Scope
	Decisions      [3][4]Counter // answers by call.Effect and call.Scope
	DecisionHits   Counter
	DecisionMisses Counter
	ResultHits     Counter
	ResultMisses   Counter
	ResultBypassed Counter
	ResultIdeal    Counter // cacheable reads that an ideal cache would have answered
	Reports        Counter
	ToolErrors     Counter // reports with outcome error
	M1Errors       Counter // calls that M1 itself could not serve
	Usages         Counter
	CostNano       Counter
	UnpricedCalls  Counter
	UnpricedTokens Counter
	TokensIn       Counter
	TokensOut      Counter
	TokensRead     Counter // from the provider's cache
	TokensWritten  Counter // to the provider's cache

	// How long each step took.
	Policy     Histogram
	CacheRead  Histogram
	CacheWrite Histogram
	Redis      Histogram
	Tool       Histogram
	AgentRun   Histogram
	Ledger     Histogram
	Propose    Histogram

	// The same by name. A family keeps a bounded number of names; what comes
	// after is counted under Other.
	Tools   *Family[ToolMeter]
	Rules   *Family[RuleMeter]
	Models  *Family[ModelMeter]
	Agents  *Family[AgentMeter]
	Classes *Family[Counter] // failed reports by class of error
	Shadow  *Family[ShadowMeter]

	Grants GrantMeter
}

// New returns a Meter that has counted nothing.
func New() *Meter {
	return &Meter{
		Tools:   new(Family[ToolMeter]),
		Rules:   new(Family[RuleMeter]),
		Models:  new(Family[ModelMeter]),
		Agents:  new(Family[AgentMeter]),
		Classes: new(Family[Counter]),
		Shadow:  new(Family[ShadowMeter]),
		Grants:  GrantMeter{Refused: new(Family[Counter])},
	}
}

// ToolMeter is one tool's share.
type ToolMeter struct {
	Calls, Denied, Reports, Errors, Hits, Misses Counter
	Latency                                      Histogram
}

// RuleMeter is one policy rule's share, by the effect of the verdict.
type RuleMeter struct{ Allowed, Asked, Denied Counter }

// ModelMeter is one model's share.
type ModelMeter struct{ Calls, Tokens, Nano, Unpriced Counter }

// AgentMeter is one agent's share.
type AgentMeter struct{ Calls, Denied, Usages, Tokens, Nano Counter }
