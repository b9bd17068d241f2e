// Package trace is recorded agent traffic: the event format and its readers.
//
// Two formats are read: M1's own trace files (one JSON object a line) and the
// transcripts that Claude Code writes. Both become the same stream of Events,
// so that whoever replays them need not know where they come from.
package trace

import (
	"encoding/json"
	"time"

	"m1/engine/call"
)

// Type says what an Event records.
type Type string

// The types of events. Inside a run a RunStart comes first and a RunEnd last.
const (
	RunStart Type = "run_start"
	ToolCall Type = "tool_call"
	LLMUsage Type = "llm_usage"
	RunEnd   Type = "run_end"
)

// Event is one recorded fact of an agent run. A value that the source did not
// record is nil, empty or zero; none is made up. An Event shares no memory with
// its reader.
type Event struct {
	File string // the name of the file as it was opened or found
	Line int    // counted from 1; where the event begins

	HasTime bool      // whether At was recorded
	At      time.Time // UTC
	End     time.Time // ToolCall: when the result was there; may be zero

	Run    call.RunID
	Agent  call.AgentID
	Seq    int // 0, 1, 2 … inside a run
	Type   Type
	Source string // the data set, or "claude-code"

	// RunStart; Model is also set on LLMUsage.
	Model         string
	Task          string
	Cwd           string
	ClientVersion string

	// ToolCall
	Tool              string
	Args              json.RawMessage // always a JSON object
	CallID            string
	Result            *string // nil: none recorded
	Withheld          bool    // there was a result, but it is left out of the recording
	IsError           *bool   // nil: the source has no flag
	ExitCode          *int64
	Interrupted       *bool
	SubagentTokens    *int64
	SubagentToolCalls *int64

	// ToolCall and RunEnd: as the tool or the source itself reported it.
	DurationMS *float64

	// LLMUsage. Usage is complete with model, run, agent and time. Without
	// CacheSplit the source does not tell cached tokens apart, and Usage.Input is
	// the whole prompt.
	Usage      call.Usage
	CacheSplit bool

	// LLMUsage and RunEnd: as recorded; 0 can mean that the source knew no price.
	CostUSD *float64

	// RunEnd
	Outcome      string
	Reward       *float64
	AgentCostUSD *float64
	UserCostUSD  *float64
	APICalls     *int64
}
