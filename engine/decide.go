package engine

import (
	"time"

	"m1/engine/call"
	"m1/engine/policy"
	"m1/engine/tool"
)

// ruling is a policy with everything that depends on it. It is replaced as a
// whole, so no call ever meets a part of two policies.
type ruling struct {
	set    *policy.Set
	base   *tool.Catalogue // without the tools of the policy
	tools  *tool.Catalogue
	loaded time.Time
}

func newRuling(set *policy.Set, base *tool.Catalogue, now time.Time) *ruling {
	return &ruling{set: set, base: base, tools: tool.Merge(base, set.Tools()), loaded: now}
}

// meant is what the catalogue says of a call.
type meant struct {
	use    tool.Use
	known  bool
	schema string // digest of the entry
	bad    error  // the arguments are not what the tool takes
	entry  *tool.Entry
}

// mean says what the call touches. A tool that nobody has listed is taken for the
// worst: it executes and changes everything.
func (r *ruling) mean(name string, args []byte) meant {
	entry, ok := r.tools.Lookup(name)
	if !ok {
		return meant{use: tool.Use{Scope: call.Execute, ChangesAll: true}}
	}
	return meant{use: entry.Use(args), known: true, schema: entry.Digest(), bad: entry.Check(args), entry: entry}
}

// request is the question that the policy is asked about a call.
func (e *Engine) request(c *proposed) policy.Request {
	return policy.Request{
		Agent: c.p.Agent, Run: c.p.Run, Tool: c.p.Tool, Known: c.known, Scope: c.use.Scope,
		Args: c.args, Digest: c.digest, Now: c.at, Facts: e.book, RunState: c.state,
	}
}

// CodeBadArguments says that the arguments are not what the tool takes.
const CodeBadArguments = "bad_arguments"

// badArguments is the verdict on arguments that the catalogue does not allow: no
// rule was written for such a call.
func badArguments(err error) policy.Verdict {
	return policy.Verdict{
		Effect: call.Deny, Rule: CodeBadArguments, Code: CodeBadArguments,
		Reason: "the arguments are not what this tool takes: " + trimmed(err) + "; send them as its schema says",
	}
}
