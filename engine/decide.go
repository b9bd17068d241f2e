package engine

import (
	"context"
	"time"

	"m1/cache/local"
	"m1/engine/call"
	"m1/engine/policy"
	"m1/engine/tool"
)

// ruling is a policy with everything that depends on it. It is replaced as a
// whole, so the decisions that it remembers can never outlive the rules.
type ruling struct {
	set    *policy.Set
	tools  *tool.Catalogue
	loaded time.Time
	memo   *local.Store[question, policy.Verdict]
}

// question is all that a verdict depends on: arguments matter through the scope
// alone.
type question struct {
	agent call.AgentID
	tool  string
	known bool
	scope call.Scope
}

// memoBytes bounds the remembered decisions: about 20,000 pairs of agent and tool.
const memoBytes = 8 << 20

func newRuling(set *policy.Set, tools *tool.Catalogue, now time.Time) (*ruling, error) {
	memo, err := local.New(local.Options[question, policy.Verdict]{MaxBytes: memoBytes, Weigh: func(q question, _ policy.Verdict) uint32 {
		// The verdict's texts mostly belong to the policy; the question's are held here.
		return uint32(len(q.agent) + len(q.tool) + 320)
	}})
	if err != nil {
		return nil, err
	}
	return &ruling{set: set, tools: tool.Merge(tools, set.Tools()), loaded: now, memo: memo}, nil
}

// use says what the call touches. A tool that nobody has listed is taken for the
// worst: it executes and changes everything.
func (r *ruling) use(name string, args []byte) (tool.Use, bool) {
	if entry, ok := r.tools.Lookup(name); ok {
		return entry.Use(args), true
	}
	return tool.Use{Scope: call.Execute, ChangesAll: true}, false
}

// verdict answers from memory where the question was asked before.
func (r *ruling) verdict(ctx context.Context, a *answers, q question) (v policy.Verdict, remembered bool) {
	if v, ok := r.memo.Get(q); ok {
		return v, true
	}
	v = a.verdict(ctx, r, q)
	r.memo.Set(q, v)
	return v, false
}
