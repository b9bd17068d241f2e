package trace

import (
	"time"

	"m1/engine/call"
)

// Names that transcripts do not carry. All subagents of a session share one
// name, for there can be hundreds and they live for minutes.
const (
	claudeSource   = "claude-code"
	claudeMain     = call.AgentID("claude-code")
	claudeSubagent = call.AgentID("claude-code/subagent")
)

// synthetic is the model that the client names where no model was called, such
// as for a message about an API error.
const synthetic = "<synthetic>"

// item is an event that may still change: its usage while the answer streams,
// its result until that is found.
type item struct {
	ev  Event
	key time.Time // place in the order of time
}

// conversationRun is one session in the making.
type conversationRun struct {
	id          call.RunID
	first, last point
	items       []*item
	model       string
	cwd         string
	version     string
}

// point is a line that begins or ends a run.
type point struct {
	at   time.Time
	file string
	line int
}

// result is a tool result that came before its call was read.
type result struct {
	block block
	entry entry
	only  bool
}

// join gives a call its result; the first one stands.
func (it *item) join(res result) {
	if it.ev.Result != nil {
		return
	}
	text := res.block.text()
	it.ev.Result, it.ev.IsError, it.ev.End = &text, res.block.IsError, res.entry.at
	if !res.only {
		return // toolUseResult speaks of one result, and cannot say of which
	}
	o := res.entry.outcome()
	it.ev.DurationMS, it.ev.Interrupted = o.Duration, o.Interrupted
	it.ev.SubagentTokens, it.ev.SubagentToolCalls = o.TotalTokens, o.TotalToolUse
}

func (r *conversationRun) mark(p point) {
	if r.first.line == 0 || !p.at.IsZero() && (r.first.at.IsZero() || p.at.Before(r.first.at)) {
		r.first = p
	}
	if r.last.line == 0 || !p.at.Before(r.last.at) {
		r.last = p
	}
}

func (r *conversationRun) edge(t Type, p point) Event {
	return Event{
		File: p.file, Line: p.line, HasTime: !p.at.IsZero(), At: p.at,
		Run: r.id, Agent: claudeMain, Type: t, Source: claudeSource,
	}
}
