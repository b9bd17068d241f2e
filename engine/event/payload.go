package event

import (
	"encoding/json"

	"m1/engine/call"
)

// DecidedData is the payload of Decided.
type DecidedData struct {
	Effect     call.Effect     `json:"effect"`
	Would      call.Effect     `json:"would"` // what the policy says; differs in observe mode
	Rule       string          `json:"rule_id"`
	Reason     string          `json:"reason"`
	Version    string          `json:"policy_version"`
	Scope      call.Scope      `json:"scope"`
	Digest     string          `json:"args_sha256"`
	Args       json.RawMessage `json:"args,omitempty"` // canonical; left out above the engine's limit
	ArgsBytes  int             `json:"args_bytes"`
	ToolUse    string          `json:"tool_use_id,omitempty"`
	Model      string          `json:"model,omitempty"`
	Cache      string          `json:"cache"`
	DurationUS int64           `json:"duration_us"`
	Code       string          `json:"code,omitempty"`
	Counted    string          `json:"counted,omitempty"` // the rule whose limits the call used
	Amount     int64           `json:"amount_micro,omitempty"`
	Past       []string        `json:"past,omitempty"` // pieces of history that the call is
}

// ReportedData is the payload of Reported.
type ReportedData struct {
	Outcome      call.Outcome `json:"status"`
	ErrorType    string       `json:"error_type,omitempty"`
	DurationUS   int64        `json:"duration_us"`
	ResultBytes  int          `json:"result_bytes"`
	ResultSHA256 string       `json:"result_sha256,omitempty"`
	Past         []string     `json:"past,omitempty"` // pieces of history that a good outcome makes
}

// UsedData is the payload of Used.
type UsedData struct {
	Provider     string    `json:"provider,omitempty"`
	Model        string    `json:"model"`
	Tier         string    `json:"tier,omitempty"` // of service, such as batch
	Message      string    `json:"message_id,omitempty"`
	Input        int64     `json:"input_tokens"`
	Output       int64     `json:"output_tokens"`
	CacheRead    int64     `json:"cache_read_tokens"`
	CacheWrite5m int64     `json:"cache_write_5m_tokens"`
	CacheWrite1h int64     `json:"cache_write_1h_tokens"`
	Priced       bool      `json:"priced"`
	CostNano     call.Nano `json:"cost_nano_usd"`
	PriceVersion string    `json:"price_version,omitempty"`
}

// RunStartedData is the payload of RunStarted.
type RunStartedData struct {
	Goal         string `json:"goal,omitempty"`
	Model        string `json:"model,omitempty"`
	MaxToolCalls int64  `json:"max_tool_calls,omitempty"`
	MaxSteps     int64  `json:"max_steps,omitempty"`
	MaxRuntimeMS int64  `json:"max_runtime_ms,omitempty"`
}

// RunEndedData is the payload of RunEnded.
type RunEndedData struct {
	StopReason string    `json:"stop_reason"`
	ToolCalls  int64     `json:"tool_calls"`
	CostNano   call.Nano `json:"cost_nano_usd"`
}

// EngineStartedData is the payload of EngineStarted.
type EngineStartedData struct {
	Tools        int    `json:"tools"`
	PriceVersion string `json:"price_version"`
}

// PolicyLoadedData is the payload of PolicyLoaded.
type PolicyLoadedData struct {
	Name    string `json:"name"`
	Version string `json:"policy_version"`
	Rules   int    `json:"rules"`
	Observe bool   `json:"observe"`
	By      string `json:"loaded_by,omitempty"`
	Comment string `json:"comment,omitempty"`
}

// PolicyRefusedData is the payload of PolicyRefused.
type PolicyRefusedData struct {
	Name     string   `json:"name"`
	By       string   `json:"loaded_by"`
	Problems []string `json:"problems"`
}

// The payload of ApprovalAsked, and of GrantIssued, is the record that operators
// see: snapshot.Approval and snapshot.Grant.

// ApprovalAnsweredData is the payload of ApprovalVoted, ApprovalAnswered and
// ApprovalExpired.
type ApprovalAnsweredData struct {
	Approval string `json:"approval_id"`
	Status   string `json:"status"`
	By       string `json:"by,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Grant    string `json:"grant_id,omitempty"`
	MaxTTLS  int64  `json:"max_ttl_s,omitempty"` // what all votes so far agree to
	MaxUses  int    `json:"max_uses,omitempty"`
}

// GrantSpentData is the payload of GrantSpent.
type GrantSpentData struct {
	Grant string  `json:"jti"`
	Call  call.ID `json:"call_id,omitempty"`
	Node  string  `json:"node,omitempty"` // that spent it, if it was not the issuer
}

// GrantRevokedData is the payload of GrantRevoked.
type GrantRevokedData struct {
	Grant string `json:"jti"`
	By    string `json:"by"`
}

// KeyRotatedData is the payload of KeyRotated.
type KeyRotatedData struct {
	Key string `json:"kid"`
	By  string `json:"by"`
}
