package engine

import (
	"context"
	"strconv"
	"strings"
	"time"

	"m1/cache"
	"m1/engine/call"
	"m1/engine/policy"
	"m1/engine/tool"
)

// answers are the two kinds of answers that the cache holds for the engine.
type answers struct {
	cache   *cache.Cache
	results *cache.Of[[]byte]
	// verdicts are what other nodes have decided, where they may be believed.
	verdicts *cache.Of[policy.Verdict]
	shared   bool
}

// Names of the classes, as /cache lists them.
const (
	resultClass   = "results"
	decisionClass = "decisions"
)

// compressFrom is the size of a result from which its copy in Redis is
// compressed: below, it costs more than it saves.
const compressFrom = 4 << 10

func newAnswers(c *cache.Cache, encrypt, shareDecisions bool) (answers, error) {
	a := answers{cache: c, shared: c.Shared() && shareDecisions}
	var err error
	// Every change of what results depend on goes through Begin and Done.
	if a.results, err = cache.Register(c, cache.Class{Name: resultClass, Fresh: cache.Linear, Compress: compressFrom, Encrypt: encrypt}, cache.Bytes{}); err != nil {
		return a, err
	}
	if a.shared {
		a.verdicts, err = cache.Register(c, cache.Class{Name: decisionClass, TTL: 24 * time.Hour, Jitter: 0.1, Encrypt: encrypt}, cache.JSON[policy.Verdict]{})
	}
	return a, err
}

// verdict is what a node that shares this one's policy has decided, or decides
// itself.
func (a *answers) verdict(ctx context.Context, r *ruling, q question) policy.Verdict {
	decide := func() policy.Verdict {
		return r.set.Decide(policy.Request{Agent: q.agent, Tool: q.tool, Known: q.known, Scope: q.scope})
	}
	if !a.shared {
		return decide()
	}
	key, err := a.verdicts.Key(cache.Question{
		Principal: "agent:" + string(q.agent), Tool: q.tool, Policy: r.set.Version(),
		Schema: strconv.FormatBool(q.known) + " " + q.scope.String(),
	})
	if err != nil {
		return decide()
	}
	v, _, err := a.verdicts.Get(ctx, key, nil, func(context.Context) (policy.Verdict, error) { return decide(), nil })
	if err != nil {
		return decide()
	}
	return v
}

// result looks up the answer to a cacheable read. Its key covers all that the
// answer may depend on: who asks, in which run, by which rules and which entry of
// the catalogue.
func (a *answers) result(ctx context.Context, c *proposed) (answer []byte, info cache.Info, t cache.Ticket, hit bool) {
	key, err := a.results.Key(cache.Question{
		Principal: "agent:" + string(c.p.Agent), Session: string(c.p.Run), Tool: c.p.Tool,
		Schema: schema(c.use), Policy: c.d.Version, Args: c.args,
	})
	if err != nil {
		return nil, cache.Info{}, cache.Ticket{}, false
	}
	return a.results.Lookup(ctx, key, tags(c.p.Run, c.use.Reads))
}

// schema tells two entries of a catalogue apart by what they make of a call.
func schema(u tool.Use) string {
	var b strings.Builder
	b.WriteString(u.Scope.String())
	for _, it := range u.Reads {
		b.WriteString("\x00" + it.Collection + "\x01" + it.ID)
	}
	return b.String()
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
