package engine

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"m1/cache"
	"m1/engine/call"
	"m1/engine/tool"
)

// answers are the results of tools that the cache holds for the engine.
type answers struct {
	cache   *cache.Cache
	results *cache.Of[[]byte]
}

// resultClass is the name of the class, as /cache lists it.
const resultClass = "results"

// compressFrom is the size of a result from which its copy in Redis is
// compressed: below, it costs more than it saves.
const compressFrom = 4 << 10

func newAnswers(c *cache.Cache, encrypt bool) (a answers, err error) {
	a.cache = c
	// Every change of what results depend on goes through Begin and Done.
	a.results, err = cache.Register(c, cache.Class{Name: resultClass, Fresh: cache.Linear, Compress: compressFrom, Encrypt: encrypt}, cache.Bytes{})
	return a, err
}

// result looks up the answer to a cacheable read. Its key covers all that the
// answer may depend on: who asks, in which run, by which rules and which entry of
// the catalogue.
func (a *answers) result(ctx context.Context, c *proposed) (answer []byte, info cache.Info, t cache.Ticket, hit bool) {
	key, err := a.results.Key(cache.Question{
		Principal: "agent:" + string(c.p.Agent), Session: string(c.p.Run), Tool: c.p.Tool,
		Schema: meaning(c), Policy: c.d.Version, Args: asked(c.entry, c.args),
	})
	if err != nil {
		return nil, cache.Info{}, cache.Ticket{}, false
	}
	return a.results.Lookup(ctx, key, tags(c.p.Run, c.use.Reads))
}

// meaning tells two entries of a catalogue apart by what they make of a call. An
// entry with a lifetime of its own has another key in each stretch of that length,
// so that nothing is served for longer.
func meaning(c *proposed) string {
	var b strings.Builder
	b.WriteString(c.use.Scope.String())
	for _, it := range c.use.Reads {
		b.WriteString("\x00" + it.Collection + "\x01" + it.ID)
	}
	if ttl := c.entry.TTL; ttl > 0 {
		b.WriteString("\x02" + strconv.FormatInt(c.start.UnixNano()/int64(ttl), 36))
	}
	return b.String()
}

// asked are the arguments that the answer depends on: those that the entry names,
// or all.
func asked(e *tool.Entry, canonical json.RawMessage) json.RawMessage {
	if e.Key == nil {
		return canonical
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(canonical, &all) != nil {
		return canonical
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return !slices.Contains(e.Key, name) })
	some, err := json.Marshal(all) // sorted, and its values are canonical already
	if err != nil {
		return canonical
	}
	return some
}

// begin fences what the call may change until its report; nil if it changes
// nothing. Nodes that cannot be told now are told later, which the cache counts:
// it is no reason to fail the call.
func (a *answers) begin(ctx context.Context, run call.RunID, u tool.Use) *cache.Change {
	if run == "" || !u.ChangesAll && len(u.Changes) == 0 {
		return nil
	}
	ts := []cache.Tag{{Scope: string(run), Collection: cache.Everything}}
	if !u.ChangesAll {
		ts = tags(run, u.Changes)
	}
	change, _ := a.cache.Begin(ctx, ts...)
	return change
}

// forget drops every result of a run.
func (a *answers) forget(ctx context.Context, run call.RunID) {
	_, _ = a.cache.Invalidate(ctx, cache.Tag{Scope: string(run), Collection: cache.Everything}) // as in begin
}

func tags(run call.RunID, items []tool.Item) []cache.Tag {
	ts := make([]cache.Tag, len(items))
	for i, it := range items {
		ts[i] = cache.Tag{Scope: string(run), Collection: it.Collection, Item: it.ID}
	}
	return ts
}
