package api

import (
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
)

// The bodies of requests and answers. A member that is null counts as absent.

type agent struct {
	ID   string `json:"id"`
	Type string `json:"type,omitzero"`
}

// agentName is an agent, or a string that is its id.
type agentName agent

func (a *agentName) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == '"' {
		return json.UnmarshalDecode(dec, &a.ID)
	}
	return json.UnmarshalDecode(dec, (*agent)(a))
}

type toolCallRequest struct {
	Agent          *agent          `json:"agent"`
	RunID          string          `json:"run_id,omitzero"`
	ToolUseID      string          `json:"tool_use_id,omitzero"`
	ToolName       string          `json:"tool_name"`
	ToolInput      jsontext.Value  `json:"tool_input"`
	Model          string          `json:"model,omitzero"`
	EstimatedUsage *estimatedUsage `json:"estimated_usage,omitzero"`
	Grant          string          `json:"grant,omitzero"` // signed
}

// estimatedUsage is what budgets will reserve for; without budgets it has no
// effect.
type estimatedUsage struct {
	MaxOutputTokens int64 `json:"max_output_tokens"`
}

type toolCallAnswer struct {
	ID            call.ID      `json:"id"`
	Decision      call.Effect  `json:"decision"`
	Would         *call.Effect `json:"would,omitzero"`
	Code          string       `json:"code,omitzero"`
	Reason        string       `json:"reason"`
	RuleID        string       `json:"rule_id"`
	PolicyVersion string       `json:"policy_version"`
	Scope         string       `json:"scope"`
	DurationUS    int64        `json:"duration_us"`
	RetryAfterMS  int64        `json:"retry_after_ms,omitzero"`
	Cache         cacheAnswer  `json:"cache"`

	Approval *approvalAnswer `json:"approval,omitzero"`
}

// approvalAnswer is the open question of a call that a person must answer.
type approvalAnswer struct {
	ID        string    `json:"id"`
	Status    string    `json:"status"`
	ExpiresAt time.Time `json:"expires_at"`
	Poll      string    `json:"poll"` // path that waits for the answer
}

// cacheAnswer has tier, age and result on a hit only.
type cacheAnswer struct {
	Status call.CacheStatus `json:"status"`
	Tier   string           `json:"tier,omitzero"`
	AgeMS  *int64           `json:"age_ms,omitzero"`
	Result jsontext.Value   `json:"result,omitzero"`
}

type resultRequest struct {
	Status     string         `json:"status"`
	Result     jsontext.Value `json:"result,omitzero"`
	DurationMS float64        `json:"duration_ms,omitzero"`
	ErrorType  string         `json:"error_type,omitzero"`
	Usage      jsontext.Value `json:"usage,omitzero"`
}

type resultAnswer struct {
	ID     call.ID      `json:"id"`
	Status call.Outcome `json:"status"`
}

type usageRequest struct {
	Provider   string         `json:"provider"`
	Model      string         `json:"model"`
	RunID      string         `json:"run_id,omitzero"`
	MessageID  string         `json:"message_id,omitzero"`
	Agent      *agentName     `json:"agent,omitzero"`
	Usage      jsontext.Value `json:"usage"`
	OccurredAt string         `json:"occurred_at,omitzero"`
}

// usageAnswer has no cost while the model has no price: unknown is not zero.
type usageAnswer struct {
	CostUSD      *string    `json:"cost_usd"`
	CostNanoUSD  *call.Nano `json:"cost_nano_usd"`
	Priced       bool       `json:"priced"`
	PriceVersion string     `json:"price_version"`
}

type runRequest struct {
	RunID       string       `json:"run_id"`
	Agent       *agentName   `json:"agent"`
	Goal        string       `json:"goal,omitzero"`
	Constraints *constraints `json:"constraints,omitzero"`
}

type constraints struct {
	MaxToolCalls *int64         `json:"max_tool_calls,omitzero"`
	MaxSteps     *int64         `json:"max_steps,omitzero"` // model calls
	MaxRuntimeS  *int64         `json:"max_runtime_s,omitzero"`
	MaxUSD       jsontext.Value `json:"max_usd,omitzero"`
}

type runAnswer struct {
	RunID call.RunID `json:"run_id"`
}

type endRequest struct {
	StopReason string `json:"stop_reason"`
}

type endAnswer struct {
	RunID      call.RunID `json:"run_id"`
	StopReason string     `json:"stop_reason"`
}

type toolsAnswer struct {
	Tools []Tool `json:"tools"`
}
