package trace

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
)

// wire is one line of M1's trace format. Fields that it does not know are left
// alone, so that a recording may carry more.
type wire struct {
	TS     string       `json:"ts"`
	TSEnd  string       `json:"ts_end"`
	Run    call.RunID   `json:"run"`
	Agent  call.AgentID `json:"agent"`
	Seq    *int         `json:"seq"`
	Type   Type         `json:"type"`
	Source string       `json:"source"`

	Model         string `json:"model"`
	Task          string `json:"task"`
	Cwd           string `json:"cwd"`
	ClientVersion string `json:"client_version"`

	Tool              string         `json:"tool"`
	Args              jsontext.Value `json:"args"`
	CallID            string         `json:"call_id"`
	Result            *string        `json:"result"`
	Withheld          bool           `json:"withheld"`
	IsError           *bool          `json:"is_error"`
	DurationMS        *float64       `json:"duration_ms"`
	ExitCode          *int64         `json:"exit_code"`
	Interrupted       *bool          `json:"interrupted"`
	SubagentTokens    *int64         `json:"subagent_total_tokens"`
	SubagentToolCalls *int64         `json:"subagent_tool_calls"`

	Usage   *wireUsage `json:"usage"`
	CostUSD *float64   `json:"cost_usd"`

	Outcome      string   `json:"outcome"`
	Reward       *float64 `json:"reward"`
	AgentCostUSD *float64 `json:"agent_cost_usd"`
	UserCostUSD  *float64 `json:"user_cost_usd"`
	APICalls     *int64   `json:"api_calls"`
}

type wireUsage struct {
	Input        *int64 `json:"input_tokens"`
	Output       *int64 `json:"output_tokens"`
	CacheRead    *int64 `json:"cache_read_tokens"`
	CacheWrite   *int64 `json:"cache_write_tokens"`
	CacheWrite1h *int64 `json:"cache_write_1h_tokens"`
}

// unplaced says why the line has no place in a run.
func (w *wire) unplaced() string {
	switch {
	case !w.Type.known():
		return w.unknownType()
	case w.Run == "":
		return missing("run")
	case w.Seq == nil:
		return missing("seq")
	default:
		return fmt.Sprintf(`field "seq": want 0 to %d, got %d`, maxSeq, *w.Seq)
	}
}

func (w *wire) unknownType() string {
	if w.Type == "" {
		return missing("type")
	}
	return fmt.Sprintf("unknown type %.40q: want run_start, tool_call, llm_usage or run_end", w.Type)
}

func (t Type) known() bool {
	return t == RunStart || t == ToolCall || t == LLMUsage || t == RunEnd
}

func missing(field string) string { return fmt.Sprintf("field %q is missing", field) }

// event builds the Event without its place in the file, or says what is wrong.
func (w *wire) event() (ev Event, wrong string) {
	if !w.Type.known() {
		return ev, w.unknownType()
	}
	if w.Agent == "" {
		return ev, missing("agent")
	}
	ev = Event{
		Run: w.Run, Agent: w.Agent, Seq: *w.Seq, Type: w.Type, Source: w.Source, Model: w.Model,
		DurationMS: w.DurationMS, CostUSD: w.CostUSD,
	}
	if w.TS != "" {
		if ev.At, wrong = moment("ts", w.TS); wrong != "" {
			return ev, wrong
		}
		ev.HasTime = true
	}
	if w.DurationMS != nil && *w.DurationMS < 0 {
		return ev, fmt.Sprintf(`field "duration_ms": want 0 or more, got %v`, *w.DurationMS)
	}
	if w.CostUSD != nil && *w.CostUSD < 0 {
		return ev, fmt.Sprintf(`field "cost_usd": want 0 or more, got %v`, *w.CostUSD)
	}
	switch w.Type {
	case RunStart:
		ev.Task, ev.Cwd, ev.ClientVersion = w.Task, w.Cwd, w.ClientVersion
	case ToolCall:
		wrong = w.toolCall(&ev)
	case LLMUsage:
		wrong = w.llmUsage(&ev)
	case RunEnd:
		ev.Outcome, ev.Reward = w.Outcome, w.Reward
		ev.AgentCostUSD, ev.UserCostUSD, ev.APICalls = w.AgentCostUSD, w.UserCostUSD, w.APICalls
	}
	return ev, wrong
}

func (w *wire) toolCall(ev *Event) (wrong string) {
	if w.Tool == "" {
		return missing("tool")
	}
	switch w.Args.Kind() {
	case '{':
	case jsontext.KindInvalid:
		return missing("args")
	default:
		return fmt.Sprintf(`field "args": want an object, got %s`, kindOf(w.Args.Kind()))
	}
	if w.TSEnd != "" {
		if ev.End, wrong = moment("ts_end", w.TSEnd); wrong != "" {
			return wrong
		}
	}
	ev.Tool, ev.Args, ev.CallID = w.Tool, []byte(w.Args), w.CallID
	ev.Result, ev.Withheld, ev.IsError = w.Result, w.Withheld, w.IsError
	ev.ExitCode, ev.Interrupted = w.ExitCode, w.Interrupted
	ev.SubagentTokens, ev.SubagentToolCalls = w.SubagentTokens, w.SubagentToolCalls
	return ""
}

func (w *wire) llmUsage(ev *Event) (wrong string) {
	switch {
	case w.Model == "":
		return missing("model")
	case w.Usage == nil:
		return missing("usage")
	case w.Usage.Input == nil:
		return missing("usage.input_tokens")
	case w.Usage.Output == nil:
		return missing("usage.output_tokens")
	}
	u, t := w.Usage, tokens{}
	input := t.of("usage.input_tokens", u.Input)
	output := t.of("usage.output_tokens", u.Output)
	read := t.of("usage.cache_read_tokens", u.CacheRead)
	write := t.of("usage.cache_write_tokens", u.CacheWrite)
	write1h := t.of("usage.cache_write_1h_tokens", u.CacheWrite1h)
	if t.wrong != "" {
		return t.wrong
	}
	if write1h > write {
		return fmt.Sprintf(`field "usage.cache_write_1h_tokens": want at most cache_write_tokens (%d), of which it is a part, got %d`, write, write1h)
	}
	ev.CacheSplit = u.CacheRead != nil
	ev.Usage = call.Usage{
		Model: w.Model, Run: w.Run, Agent: w.Agent, At: ev.At,
		Input: input, Output: output, CacheRead: read,
		CacheWrite5m: write - write1h, CacheWrite1h: write1h,
	}
	return ""
}

// maxTokens is far beyond any model call; above it a figure is a mistake.
const maxTokens = 1_000_000_000_000

// tokens checks token counts and keeps the first complaint.
type tokens struct{ wrong string }

func (t *tokens) of(field string, n *int64) int64 {
	if n == nil {
		return 0
	}
	if (*n < 0 || *n > maxTokens) && t.wrong == "" {
		t.wrong = fmt.Sprintf("field %q: want 0 to %d, got %d", field, int64(maxTokens), *n)
	}
	return *n
}

// moment reads RFC 3339. An unknown offset, written -00:00, keeps its figures
// and is taken as UTC. Years that do not fit in nanoseconds are mistakes.
func moment(field, s string) (time.Time, string) {
	at, err := time.Parse(time.RFC3339Nano, s)
	at = at.UTC()
	if err != nil || at.Year() < 1970 || at.Year() > 2261 {
		return time.Time{}, fmt.Sprintf("field %q: want a time such as 2026-01-05T12:17:31Z, got %.40q", field, s)
	}
	return at, ""
}
