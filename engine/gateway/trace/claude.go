package trace

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
)

// lenient reads what another program wrote: as that program would read it.
var lenient = []jsonv2.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// entry is one line of a transcript, as far as M1 reads it.
type entry struct {
	Type        string         `json:"type"`
	UUID        string         `json:"uuid"`
	Session     string         `json:"sessionId"`
	Sidechain   bool           `json:"isSidechain"`
	Timestamp   string         `json:"timestamp"`
	Cwd         string         `json:"cwd"`
	Version     string         `json:"version"`
	Message     message        `json:"message"`
	ToolOutcome jsontext.Value `json:"toolUseResult"`

	at     time.Time // zero: not recorded
	blocks []block
}

type message struct {
	ID      string         `json:"id"`
	Model   string         `json:"model"`
	Usage   *claudeUsage   `json:"usage"`
	Content jsontext.Value `json:"content"` // a string or an array of blocks
}

type block struct {
	Type      string         `json:"type"`
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Input     jsontext.Value `json:"input"`
	ToolUseID string         `json:"tool_use_id"`
	Content   jsontext.Value `json:"content"` // a string or an array of parts
	IsError   *bool          `json:"is_error"`
}

// claudeUsage: input_tokens leaves out what was read from or written to the
// cache.
type claudeUsage struct {
	Input         *int64 `json:"input_tokens"`
	Output        *int64 `json:"output_tokens"`
	CacheRead     *int64 `json:"cache_read_input_tokens"`
	CacheWrite    *int64 `json:"cache_creation_input_tokens"`
	CacheCreation *struct {
		FiveMinutes *int64 `json:"ephemeral_5m_input_tokens"`
		OneHour     *int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	ServiceTier string `json:"service_tier"`
	Geo         string `json:"inference_geo"`
	Speed       string `json:"speed"`
}

// parseEntry reads one line. ok is false for the kinds of lines that hold neither
// calls nor usage: their form is the other program's business.
func parseEntry(text []byte) (e entry, ok bool, wrong string) {
	if err := jsonv2.Unmarshal(text, &e, lenient...); err != nil {
		var kind struct {
			Type jsontext.Value `json:"type"`
		}
		if jsonv2.Unmarshal(text, &kind, lenient...) == nil && !conversation(strings.Trim(string(kind.Type), `"`)) {
			return e, false, ""
		}
		return e, false, explain(err)
	}
	if !conversation(e.Type) {
		return e, false, ""
	}
	if e.Timestamp != "" {
		if e.at, wrong = moment("timestamp", e.Timestamp); wrong != "" {
			return e, false, wrong
		}
	}
	if e.Message.Content.Kind() == '[' {
		if err := jsonv2.Unmarshal(e.Message.Content, &e.blocks, lenient...); err != nil {
			return e, false, "message.content: " + explain(err)
		}
	}
	return e, true, ""
}

func conversation(kind string) bool { return kind == "user" || kind == "assistant" }

// text is the result as the model saw it: the text parts of an array, one a line.
func (b *block) text() string {
	var s string
	if b.Content.Kind() == '"' && jsonv2.Unmarshal(b.Content, &s, lenient...) == nil {
		return s
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if b.Content.Kind() != '[' || jsonv2.Unmarshal(b.Content, &parts, lenient...) != nil {
		return ""
	}
	var texts []string
	for _, p := range parts {
		if p.Type == "text" {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// input is the arguments of a tool_use block; none given is {}.
func (b *block) input() (args json.RawMessage, wrong string) {
	switch b.Input.Kind() {
	case '{':
		return []byte(b.Input), ""
	case jsontext.KindInvalid, 'n':
		return json.RawMessage("{}"), ""
	default:
		return nil, fmt.Sprintf("input of tool call %.60q: want an object, got %s", b.ID, kindOf(b.Input.Kind()))
	}
}

// outcome is what a tool reports beside its result. Other tools report other
// things there; those are left alone.
type outcome struct {
	Duration      *float64 `json:"durationMs"`
	TotalDuration *float64 `json:"totalDurationMs"`
	TotalTokens   *int64   `json:"totalTokens"`
	TotalToolUse  *int64   `json:"totalToolUseCount"`
	Interrupted   *bool    `json:"interrupted"`
}

func (e *entry) outcome() outcome {
	var o outcome
	if e.ToolOutcome.Kind() != '{' || jsonv2.Unmarshal(e.ToolOutcome, &o, lenient...) != nil {
		return outcome{}
	}
	if o.Duration == nil {
		o.Duration = o.TotalDuration
	}
	if o.Duration != nil && *o.Duration < 0 {
		o.Duration = nil
	}
	return o
}

// usage is the counts and terms of a model call, or what is wrong with them.
func (c *claudeUsage) usage() (u call.Usage, wrong string) {
	t := tokens{}
	u.Input = t.of("message.usage.input_tokens", c.Input)
	u.Output = t.of("message.usage.output_tokens", c.Output)
	u.CacheRead = t.of("message.usage.cache_read_input_tokens", c.CacheRead)
	total := t.of("message.usage.cache_creation_input_tokens", c.CacheWrite)
	if split := c.CacheCreation; split != nil {
		u.CacheWrite5m = t.of("message.usage.cache_creation.ephemeral_5m_input_tokens", split.FiveMinutes)
		u.CacheWrite1h = t.of("message.usage.cache_creation.ephemeral_1h_input_tokens", split.OneHour)
	}
	// Older clients give the total only: those writes were kept five minutes.
	u.CacheWrite5m = max(u.CacheWrite5m, total-u.CacheWrite1h)
	u.Tier = c.terms()
	return u, t.wrong
}

// terms are what differs from service at list price, joined by "+".
func (c *claudeUsage) terms() string {
	var terms []string
	for _, word := range []string{c.ServiceTier, c.Geo, c.Speed} {
		switch word {
		case "", "standard", "global", "not_available":
		default:
			terms = append(terms, word)
		}
	}
	return strings.Join(terms, "+")
}
