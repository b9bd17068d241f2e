package snapshot

import (
	"time"

	"m1/engine/call"
)

// Metrics is /api/m1/dashboard/metrics.
type Metrics struct {
	WindowS     int         `json:"window_s"`
	Operations  Operations  `json:"operations"`
	Performance Performance `json:"performance"`
	Errors      Errors      `json:"errors"`
	SLO         []SLO       `json:"slo"`
	Series      Series      `json:"series"`
}

// Operations counts since the engine's start, but for the rate and the gauge.
type Operations struct {
	AgentRunsTotal    int64   `json:"agent_runs_total"`
	ToolCallsTotal    int64   `json:"tool_calls_total"`
	PolicyChecksTotal int64   `json:"policy_checks_total"`
	CacheHits         int64   `json:"cache_hits"`
	CacheMisses       int64   `json:"cache_misses"`
	CacheEvictions    int64   `json:"cache_evictions"`
	ApprovalsPending  int64   `json:"approvals_pending"`
	CallsPerS         float64 `json:"calls_per_s"` // mean over the window
}

// Performance holds one latency summary per step, over the window.
type Performance struct {
	Policy     Latency `json:"policy"`
	CacheRead  Latency `json:"cache_read"`
	CacheWrite Latency `json:"cache_write"`
	Redis      Latency `json:"redis"`
	Tool       Latency `json:"tool"`
	AgentRun   Latency `json:"agent_run"`
	Ledger     Latency `json:"ledger"`  // waiting until a record is durable
	Propose    Latency `json:"propose"` // the whole way from proposal to answer
}

// Latency summarises a histogram in microseconds. Percentiles are the upper
// bound of their bucket, at most 3.2 % above the true value.
type Latency struct {
	Count  int64   `json:"count"`
	P50US  float64 `json:"p50_us"`
	P95US  float64 `json:"p95_us"`
	P99US  float64 `json:"p99_us"`
	MaxUS  float64 `json:"max_us"`
	MeanUS float64 `json:"mean_us"`
}

// Errors counts failures in the window. A denial is a decision, not an error.
type Errors struct {
	ToolErrors    int64            `json:"tool_errors"`
	PolicyDenials int64            `json:"policy_denials"`
	ErrorRate     float64          `json:"error_rate"` // failed reports / reports
	M1Errors      int64            `json:"m1_errors"`  // calls that M1 itself could not serve
	M1ErrorRate   float64          `json:"m1_error_rate"`
	ByTool        []ToolErrors     `json:"by_tool"` // most errors first
	ByClass       map[string]int64 `json:"by_class"`
}

// ToolErrors is one tool's share of the errors.
type ToolErrors struct {
	Tool   string  `json:"tool"`
	Calls  int64   `json:"calls"`
	Errors int64   `json:"errors"`
	Rate   float64 `json:"rate"`
}

// Names of the levels that a panel of the screen shows.
const (
	SLOPolicy    = "policy_p99"
	SLODecisions = "decision_hit_rate"
	SLOErrors    = "m1_error_rate"
)

// SLO is one promised level. BudgetRemaining is the share of the error budget
// that is left: 1 nothing used, 0 or less exhausted.
type SLO struct {
	Name            string  `json:"name"`
	Target          float64 `json:"target"`
	Actual          float64 `json:"actual"`
	Unit            string  `json:"unit"` // "us", "ms" or "ratio"
	AtLeast         bool    `json:"at_least"`
	OK              bool    `json:"ok"`
	NoData          bool    `json:"no_data"`
	BudgetRemaining float64 `json:"budget_remaining"`
}

// Series are parallel columns, oldest first. A null stands where nothing
// happened: no data is not zero.
type Series struct {
	T               []time.Time `json:"t"`
	PolicyP99US     []*float64  `json:"policy_p99_us"`
	ToolP95US       []*float64  `json:"tool_p95_us"`
	DecisionHitRate []*float64  `json:"decision_hit_rate"`
	ResultHitRate   []*float64  `json:"result_hit_rate"`
	ResultCeiling   []*float64  `json:"result_ceiling"` // hit rate that a perfect cache would reach
	ErrorRate       []*float64  `json:"error_rate"`
	USDPerHour      []*float64  `json:"usd_per_hour"`
	CallsPerS       []*float64  `json:"calls_per_s"`
}

// Cache is /api/m1/dashboard/cache. Counts are since the engine's start; the
// hit rates are over the window.
type Cache struct {
	Decisions DecisionCache `json:"decisions"`
	Results   ResultCache   `json:"results"`
	Local     LocalTier     `json:"local"`
	Redis     RedisTier     `json:"redis"`
	ByTool    []ToolCache   `json:"by_tool"`
	Classes   []CacheClass  `json:"classes"`
	Coherence Coherence     `json:"coherence"`
}

// DecisionCache is the cache of policy answers per agent and tool.
type DecisionCache struct {
	Hits    int64   `json:"hits"`
	Misses  int64   `json:"misses"`
	HitRate float64 `json:"hit_rate"`
}

// ResultCache is the cache of tool results. Ceiling is the hit rate that an
// ideal cache would have reached on the same calls.
type ResultCache struct {
	Hits           int64   `json:"hits"`
	Misses         int64   `json:"misses"`
	HitRate        float64 `json:"hit_rate"`
	Ceiling        float64 `json:"ceiling"`
	StalePrevented int64   `json:"stale_prevented"`
	Invalidations  int64   `json:"invalidations"`
	Bypassed       int64   `json:"bypassed"`
}

// LocalTier is the memory tier.
type LocalTier struct {
	Entries   int64 `json:"entries"`
	Bytes     int64 `json:"bytes"`
	MaxBytes  int64 `json:"max_bytes"`
	Evictions int64 `json:"evictions"`
	Tags      int64 `json:"tags"` // points that changes pass through, told apart in memory
}

// RedisTier is the second tier. State is connected, degraded, open or disabled.
type RedisTier struct {
	Configured bool       `json:"configured"`
	State      string     `json:"state"`
	Latency    Latency    `json:"latency"`
	UsedMemory int64      `json:"used_memory"`
	Keys       int64      `json:"keys"`
	LastError  string     `json:"last_error"`
	Since      *time.Time `json:"since"`

	Mode          string           `json:"mode"`    // standalone, sentinel or cluster
	Breaker       string           `json:"breaker"` // closed, open or none
	BreakerOpened int64            `json:"breaker_opened"`
	FillsDropped  int64            `json:"fills_dropped"`
	Errors        map[string]int64 `json:"errors"` // by class
}

// CacheClass is one kind of cached answer. Counts are since the engine's start.
type CacheClass struct {
	Name           string           `json:"name"`
	Fresh          string           `json:"fresh"` // ack, linear, or bounded and its bound
	HitsLocal      int64            `json:"hits_local"`
	HitsRedis      int64            `json:"hits_redis"`
	Misses         int64            `json:"misses"`
	StaleServed    int64            `json:"stale_served"`    // past their age, served while they were renewed
	IsolatedServed int64            `json:"isolated_served"` // own loads, served while Redis is out of reach
	StalePrevented int64            `json:"stale_prevented"` // held, and not used: a change had made them wrong
	Bypassed       int64            `json:"bypassed"`        // could not be trusted or kept: no lease, an open change, Redis slow
	Refused        int64            `json:"refused"`         // answers not kept
	LoadErrors     int64            `json:"load_errors"`
	Loading        int64            `json:"loading"` // under way now
	Entries        int64            `json:"entries"`
	Bytes          int64            `json:"bytes"`
	Broken         map[string]int64 `json:"broken"` // entries of Redis that could not be used, by reason
}

// Coherence says how far this node may trust what it holds in memory.
type Coherence struct {
	State         string  `json:"state"` // alone (no Redis), coherent, or isolated: memory is not served
	LeaseMS       float64 `json:"lease_ms"`
	Nodes         int     `json:"nodes"`
	SeqLag        int64   `json:"seq_lag"` // changes announced and not yet applied here
	AckP50US      float64 `json:"ack_p50_us"`
	AckP99US      float64 `json:"ack_p99_us"` // until all nodes had applied a change of this one
	AckTimeouts   int64   `json:"ack_timeouts"`
	Journal       int     `json:"journal"` // changes of this node that Redis has not seen yet
	NotPropagated int64   `json:"not_propagated"`
	Drops         int64   `json:"drops"` // times everything was forgotten
	Gaps          int64   `json:"gaps"`
	Replayed      int64   `json:"replayed"`
	ForeignSecret bool    `json:"foreign_secret"` // a node of the space uses another cache key
}

// ToolCache is one tool's share of the result cache.
type ToolCache struct {
	Tool    string  `json:"tool"`
	Hits    int64   `json:"hits"`
	Misses  int64   `json:"misses"`
	HitRate float64 `json:"hit_rate"`
}

// Policy is /api/m1/dashboard/policy. Counts are since the engine's start.
type Policy struct {
	Version        string      `json:"version"`
	Name           string      `json:"name"` // file, or the built-in policy
	Observe        bool        `json:"observe"`
	LoadedAt       time.Time   `json:"loaded_at"`
	Rules          int         `json:"rules"`
	Checks         int64       `json:"checks"`
	Allowed        int64       `json:"allowed"`
	Denied         int64       `json:"denied"`
	Asked          int64       `json:"asked"`
	HeldBack       int64       `json:"held_back"` // calls really denied or asked; 0 in observe mode
	AllowRate      float64     `json:"allow_rate"`
	ByRule         []RuleCount `json:"by_rule"`
	TopDeniedTools []ToolCount `json:"top_denied_tools"` // at most 5
	Scopes         ScopeCounts `json:"scopes"`
	Approvals      Approvals   `json:"approvals"`
	Grants         Grants      `json:"grants"`

	Failure     *PolicyFailure  `json:"failure,omitempty"`  // of the newest try to load a policy; nil once one succeeds
	Versions    []PolicyVersion `json:"versions,omitempty"` // newest first, at most 10
	ShadowRules []ShadowFlip    `json:"shadow,omitempty"`   // since the policy was loaded
}

// RuleCount says how often a rule decided.
type RuleCount struct {
	Rule   string      `json:"rule_id"`
	Effect call.Effect `json:"effect"`
	Count  int64       `json:"count"`
}

// ToolCount counts something per tool.
type ToolCount struct {
	Tool  string `json:"tool"`
	Count int64  `json:"count"`
}

// ScopeCounts counts decided calls by the scope of their tool.
type ScopeCounts struct {
	Read    int64 `json:"read"`
	Write   int64 `json:"write"`
	Execute int64 `json:"execute"`
}

// Approvals counts open questions to people.
type Approvals struct {
	Pending      int64   `json:"pending"`
	Approved     int64   `json:"approved"`
	Rejected     int64   `json:"rejected"`
	Expired      int64   `json:"expired"`
	MedianWaitMS float64 `json:"median_wait_ms"`
}

// Grants counts signed approvals.
type Grants struct {
	Issued  int64            `json:"issued"`
	Used    int64            `json:"used"`
	Revoked int64            `json:"revoked"`
	Refused map[string]int64 `json:"refused"` // by reason
}

// Costs is /api/m1/dashboard/costs. Amounts in dollars for reading and in
// nano-dollars for adding up.
type Costs struct {
	TotalUSD          string      `json:"total_usd"`
	TotalNanoUSD      call.Nano   `json:"total_nano_usd"`
	USDPerHour        float64     `json:"usd_per_hour"` // over the window
	ProjectedMonthUSD float64     `json:"projected_month_usd"`
	CostPerRunUSD     float64     `json:"cost_per_run_usd"`
	SavedUSD          string      `json:"saved_usd"`
	SavedNanoUSD      call.Nano   `json:"saved_nano_usd"`
	Unpriced          Unpriced    `json:"unpriced"`
	ByModel           []ModelCost `json:"by_model"`
	ByAgent           []AgentCost `json:"by_agent"`
	Tokens            Tokens      `json:"tokens"`
	Budgets           []Budget    `json:"budgets"`
	Series            CostSeries  `json:"series"`
	PriceVersion      string      `json:"price_version"`
}

// Unpriced is what no price is known for: never counted as free.
type Unpriced struct {
	Models []string `json:"models"`
	Tokens int64    `json:"tokens"`
	Calls  int64    `json:"calls"`
}

// ModelCost is one model's share.
type ModelCost struct {
	Model   string    `json:"model"`
	Calls   int64     `json:"calls"`
	Tokens  int64     `json:"tokens"`
	NanoUSD call.Nano `json:"nano_usd"`
	USD     string    `json:"usd"`
	Priced  bool      `json:"priced"`
}

// AgentCost is one agent's share.
type AgentCost struct {
	Agent   string    `json:"agent"`
	Calls   int64     `json:"calls"`
	Tokens  int64     `json:"tokens"`
	NanoUSD call.Nano `json:"nano_usd"`
	USD     string    `json:"usd"`
}

// Tokens sums the kinds of tokens.
type Tokens struct {
	Input      int64 `json:"input"`
	Output     int64 `json:"output"`
	CacheRead  int64 `json:"cache_read"`
	CacheWrite int64 `json:"cache_write"`
}

// Budget is one limit in money.
type Budget struct {
	ID          string     `json:"id"`
	LimitUSD    string     `json:"limit_usd"`
	UsedUSD     string     `json:"used_usd"`
	ReservedUSD string     `json:"reserved_usd"`
	UsedRatio   float64    `json:"used_ratio"`
	ExhaustedAt *time.Time `json:"exhausted_at,omitempty"`
}

// CostSeries is money over time, oldest first.
type CostSeries struct {
	T          []time.Time `json:"t"`
	USDPerHour []*float64  `json:"usd_per_hour"`
}

// Health is /api/m1/dashboard/health.
type Health struct {
	Status  string           `json:"status"` // healthy, degraded or critical
	Version string           `json:"version"`
	Mode    string           `json:"mode"`    // what feeds the engine: live, replay or demo
	NoAuth  bool             `json:"no_auth"` // the API is open to everybody on the engine's machine
	UptimeS int64            `json:"uptime_s"`
	Checks  map[string]Check `json:"checks"`
	Memory  Memory           `json:"memory"`
	Process Process          `json:"process"`
	Node    string           `json:"node"`
	Nodes   []string         `json:"nodes"`
}

// Check is one part's own word on its state: healthy, degraded, critical or
// disabled.
type Check struct {
	Status  string    `json:"status"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// Memory is the Go heap. LimitBytes is 0 without a limit.
type Memory struct {
	HeapBytes  int64 `json:"heap_bytes"`
	LimitBytes int64 `json:"limit_bytes"`
}

// Process is what watching costs: share of one core, over the last second.
type Process struct {
	CPURatio   float64 `json:"cpu_ratio"`
	Goroutines int     `json:"goroutines"`
}

// Runs is /api/m1/dashboard/runs.
type Runs struct {
	Total       int64       `json:"total"`  // active + completed + failed
	Active      int64       `json:"active"` // begun and not ended, those the engine no longer remembers included
	Completed   int64       `json:"completed"`
	Failed      int64       `json:"failed"`
	SuccessRate float64     `json:"success_rate"` // completed / ended; 0 while none ended
	Duration    RunDuration `json:"duration"`
	Recent      []Run       `json:"recent"` // the 10 that moved last
	Loops       []Loop      `json:"loops"`

	// All are the runs that the engine remembers, last moved first; the page
	// lists them, the endpoint does not.
	All []Run `json:"-"`
}

// RunDuration summarises ended runs.
type RunDuration struct {
	MeanMS float64 `json:"mean_ms"`
	P50MS  float64 `json:"p50_ms"`
	P95MS  float64 `json:"p95_ms"`
	P99MS  float64 `json:"p99_ms"`
}

// Run is one agent run. Status is active, completed or failed.
type Run struct {
	ID         call.RunID   `json:"run_id"`
	Agent      call.AgentID `json:"agent"`
	Goal       string       `json:"goal"`
	Status     string       `json:"status"`
	StopReason string       `json:"stop_reason,omitempty"`
	StartedAt  time.Time    `json:"started_at"`
	LastAt     time.Time    `json:"last_at"`
	DurationMS int64        `json:"duration_ms"`
	ToolCalls  int64        `json:"tool_calls"`
	Errors     int64        `json:"errors"`
	Denied     int64        `json:"denied"`
	CacheHits  int64        `json:"cache_hits"`
	Repeats    int64        `json:"repeats"`
	Streak     int          `json:"longest_streak"`
	CostNano   call.Nano    `json:"cost_nano_usd"`
	CostUSD    string       `json:"cost_usd"`
	Unpriced   bool         `json:"unpriced"` // some of its usage has no price
}

// Loop is a run that repeats one unchanged call, five times in a row or more.
type Loop struct {
	Run    call.RunID   `json:"run_id"`
	Agent  call.AgentID `json:"agent"`
	Tool   string       `json:"tool"`
	Streak int          `json:"streak"`
	Since  time.Time    `json:"since"`
	Open   bool         `json:"open"` // the last call of the run still belongs to it
}
