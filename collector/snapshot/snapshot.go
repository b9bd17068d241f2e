// Package snapshot is the picture that a person looks at: plain immutable
// values, one type per dashboard endpoint, with the JSON of docs/dashboard.md.
package snapshot

import (
	"time"

	"m1/engine/call"
)

// Dashboard is one immutable picture of the engine. Whoever holds one may read
// it from any goroutine; nobody changes it.
type Dashboard struct {
	Timestamp time.Time `json:"timestamp"`
	Metrics   Metrics   `json:"metrics"`
	Cache     Cache     `json:"cache"`
	Policy    Policy    `json:"policy"`
	Costs     Costs     `json:"costs"`
	Health    Health    `json:"health"`
	Runs      Runs      `json:"runs"`
	Alerts    []Alert   `json:"alerts"` // the 20 newest

	// Calls are the newest calls, newest first. They have an endpoint of their
	// own (/v1/calls) and are not part of the dashboard's JSON.
	Calls []*Call `json:"-"`
	// Approvals are the questions to people: those that are pending, the first to
	// expire first, then the 50 answered last, newest first. They have an endpoint
	// of their own (/v1/approvals). None of them carries a token.
	Approvals []Approval `json:"-"`
	// Source says where the picture comes from, for the header of the screen.
	Source Source `json:"-"`
}

// Source describes the feed of a Dashboard.
type Source struct {
	Mode   string        // "live", "replay", "demo" or "attached"
	Title  string        // such as the file being replayed, or the URL
	Done   int64         // progress of a replay, in bytes of the recording
	Total  int64         // 0 while unknown
	Lag    time.Duration // age of the newest data when it arrived; attached only
	Err    string        // why the feed is broken at the moment; empty if it is not
	Ended  bool          // a replay has reached its end
	NoAuth bool          // the API is open to anybody on this machine
	Listen string        // address of the API; empty when it is not served
}

// AlertPolicyLoad is the ID of the alert that a policy could not be loaded.
const AlertPolicyLoad = "policy_load"

// Alert is one judgement that wants a person's eyes.
type Alert struct {
	ID       string    `json:"id"`
	Severity string    `json:"severity"` // P1 to P4
	Title    string    `json:"title"`
	Detail   string    `json:"detail"`
	Since    time.Time `json:"since"`
}

// Call is one decided call as the live table shows it.
type Call struct {
	ID         call.ID      `json:"id"`
	At         time.Time    `json:"at"`
	Agent      call.AgentID `json:"agent"`
	Run        call.RunID   `json:"run_id"`
	ToolUse    string       `json:"tool_use_id,omitempty"`
	Tool       string       `json:"tool"`
	Scope      call.Scope   `json:"scope"`
	Args       string       `json:"args"` // canonical JSON, cut at 1 KiB
	ArgsBytes  int          `json:"args_bytes"`
	Digest     string       `json:"args_sha256"`
	Effect     call.Effect  `json:"decision"`
	Would      call.Effect  `json:"would"`
	Rule       string       `json:"rule_id"`
	Reason     string       `json:"reason"`
	Version    string       `json:"policy_version"`
	Memo       bool         `json:"decision_cached"`
	Cache      string       `json:"cache"` // hit, miss or bypass
	Tier       string       `json:"tier,omitempty"`
	CacheAgeMS int64        `json:"cache_age_ms,omitempty"`
	Streak     int          `json:"streak"` // identical calls in a row, this one included

	// How long each step took, in microseconds.
	PolicyUS float64 `json:"policy_us"`
	CacheUS  float64 `json:"cache_us"`
	LedgerUS float64 `json:"ledger_us"`
	TotalUS  float64 `json:"total_us"`

	// What came of it. Outcome is empty while no report has arrived; a cache hit
	// needs none.
	Outcome     call.Outcome `json:"outcome,omitempty"`
	ErrorType   string       `json:"error_type,omitempty"`
	ToolMS      float64      `json:"tool_ms"` // 0 if not measured
	Result      string       `json:"result"`  // cut at 1 KiB
	ResultBytes int          `json:"result_bytes"`
}
