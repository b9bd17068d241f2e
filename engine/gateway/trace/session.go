package trace

import (
	"cmp"
	"slices"
	"time"

	"m1/engine/call"
)

// gathering collects the lines of one session's files. A model call is found
// again by its message id, a tool call by its own id; both may stand in several
// lines and files.
type gathering struct {
	src     *transcripts
	id      string // session id of the files
	runs    map[string]*conversationRun
	order   []*conversationRun
	keys    []string         // everything counted here, for the sessions that follow
	known   map[string]*item // by key
	results map[string]result
	clock   time.Time // time of the line before, for lines without one
}

func (g *gathering) runOf(id string) *conversationRun {
	// Lines copied from a session that is read by itself belong to the copy here:
	// what they have in common is counted once, whichever comes first.
	if id == "" || g.src.owned[id] {
		id = g.id
	}
	if r := g.runs[id]; r != nil {
		return r
	}
	r := &conversationRun{id: call.RunID(id)}
	g.runs[id] = r
	g.order = append(g.order, r)
	return r
}

// fresh notes a key and says whether it is new to this and all earlier sessions.
func (g *gathering) fresh(key string) bool {
	if _, ok := g.known[key]; ok || g.src.counted(key) {
		return false
	}
	g.known[key] = nil
	g.keys = append(g.keys, key)
	return true
}

// add takes one line. It says what is wrong before it changes anything.
func (g *gathering) add(e entry, sidechain bool, file string, line int) (wrong string) {
	events, wrong := g.events(&e, file, line)
	if wrong != "" {
		return wrong
	}
	if e.UUID != "" {
		key := "line " + e.UUID
		if g.src.counted(key) {
			return "" // copied from an earlier session
		}
		g.keys = append(g.keys, key)
	}
	r := g.runOf(e.Session)
	if !e.at.IsZero() {
		g.clock = e.at
	}
	r.mark(point{e.at, file, line})
	r.cwd, r.version = cmp.Or(r.cwd, e.Cwd), cmp.Or(r.version, e.Version)
	if e.Type == "user" {
		g.addResults(&e)
		return ""
	}
	agent := claudeMain
	if sidechain || e.Sidechain {
		agent = claudeSubagent
	} else if e.Message.Model != synthetic {
		r.model = cmp.Or(r.model, e.Message.Model)
	}
	for _, ev := range events {
		ev.Run, ev.Agent = r.id, agent
		if ev.Type == LLMUsage {
			ev.Usage.Run, ev.Usage.Agent = r.id, agent
		}
		g.put(r, ev, cmp.Or(e.Message.ID, e.UUID))
	}
	return ""
}

// events are the model call and the tool calls of an assistant line.
func (g *gathering) events(e *entry, file string, line int) (out []Event, wrong string) {
	if e.Type != "assistant" {
		return nil, ""
	}
	base := Event{File: file, Line: line, HasTime: !e.at.IsZero(), At: e.at, Source: claudeSource}
	if u := e.Message.Usage; u != nil && e.Message.Model != synthetic {
		ev := base
		ev.Type, ev.Model, ev.CacheSplit = LLMUsage, e.Message.Model, true
		if ev.Usage, wrong = u.usage(); wrong != "" {
			return nil, wrong
		}
		ev.Usage.Provider, ev.Usage.Model = "anthropic", ev.Model
		ev.Usage.Message, ev.Usage.At = e.Message.ID, e.at
		out = append(out, ev)
	}
	for i := range e.blocks {
		b := &e.blocks[i]
		if b.Type != "tool_use" {
			continue
		}
		ev := base
		ev.Type, ev.Tool, ev.CallID = ToolCall, b.Name, b.ID
		if ev.Args, wrong = b.input(); wrong == "" && b.Name == "" {
			wrong = missing("message.content.name")
		}
		if wrong != "" {
			return nil, wrong
		}
		out = append(out, ev)
	}
	return out, ""
}

// put counts an event once. A model call that is known already takes the newer
// figures: the answer was still being written when the older ones were.
func (g *gathering) put(r *conversationRun, ev Event, message string) {
	key := "call " + ev.CallID
	if ev.Type == LLMUsage {
		key = "message " + message
	}
	anonymous := ev.CallID == "" && ev.Type == ToolCall || message == "" && ev.Type == LLMUsage
	if !anonymous && !g.fresh(key) {
		if it := g.known[key]; it != nil && ev.Type == LLMUsage {
			ev.Usage.At, ev.Usage.Run, ev.Usage.Agent = it.ev.Usage.At, it.ev.Usage.Run, it.ev.Usage.Agent
			it.ev.Usage, it.ev.Model = ev.Usage, ev.Model
		}
		return
	}
	it := &item{ev: ev, key: g.clock}
	r.items = append(r.items, it)
	if anonymous {
		return
	}
	g.known[key] = it
	if res, ok := g.results[ev.CallID]; ok && ev.Type == ToolCall {
		it.join(res)
		delete(g.results, ev.CallID)
	}
}

// addResults joins the tool results of a user line to their calls.
func (g *gathering) addResults(e *entry) {
	n := 0
	for i := range e.blocks {
		if e.blocks[i].Type == "tool_result" {
			n++
		}
	}
	for _, b := range e.blocks {
		if b.Type != "tool_result" || b.ToolUseID == "" {
			continue
		}
		res := result{block: b, entry: *e, only: n == 1}
		if it := g.known["call "+b.ToolUseID]; it != nil {
			it.join(res)
		} else if !g.src.counted("call " + b.ToolUseID) {
			g.results[b.ToolUseID] = res
		}
	}
}

// finish gives the events of every run in which something was called.
func (g *gathering) finish() (out []Event) {
	slices.SortStableFunc(g.order, func(a, b *conversationRun) int { return a.first.at.Compare(b.first.at) })
	for _, r := range g.order {
		g.src.owned[string(r.id)] = true
		if len(r.items) == 0 {
			continue
		}
		slices.SortStableFunc(r.items, func(a, b *item) int { return a.key.Compare(b.key) })
		begin := r.edge(RunStart, r.first)
		begin.Model, begin.Cwd, begin.ClientVersion = r.model, r.cwd, r.version
		start := len(out)
		out = append(out, begin)
		for _, it := range r.items {
			out = append(out, it.ev)
		}
		out = append(out, r.edge(RunEnd, r.last))
		for i := range out[start:] {
			out[start+i].Seq = i
		}
	}
	return out
}
