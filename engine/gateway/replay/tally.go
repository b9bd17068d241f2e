package replay

import (
	"bytes"
	"encoding/json"
	"math"

	"m1/engine/call"
	"m1/engine/gateway/trace"
)

// Tally counts what an engine answered to recorded traffic. It compares answers
// from the cache with what was really recorded, and prices with recorded costs.
type Tally struct {
	Runs          int
	ToolCalls     int
	LLMCalls      int
	Scopes        [4]int // by call.Scope
	Errors        int    // recorded failures
	Cacheable     int    // calls that the result cache looked up
	Repeated      int    // calls of a tool that was seen before in the recording
	UnknownTools  int
	tools         map[string]bool
	Hits          int
	Right         int // the held answer equals the recorded result
	Stale         int // it differs: a wrong answer
	Masked        int // the recorded call failed or kept no result: neither
	Diverged      int // it differs, but the engine held back a change that the recording went on with: neither
	diverged      map[call.RunID]bool
	Effects       [3]int
	Would         [3]int
	Priced        call.Nano
	Unpriced      int64 // tokens
	UnpricedCalls int
	models        map[string]bool // without a price
	Recorded      float64         // USD
	Compared      int             // usages with a recorded cost and a price
	Equal         int             // of those, equal to 1e-9 USD
	Below         int             // of those, priced below the recorded cost
}

func newTally() *Tally {
	return &Tally{tools: map[string]bool{}, models: map[string]bool{}, diverged: map[call.RunID]bool{}}
}

// Tools is the number of distinct tools called.
func (t *Tally) Tools() int { return len(t.tools) }

func (t *Tally) call(ev trace.Event, d call.Decision, recorded json.RawMessage) {
	t.ToolCalls++
	if t.tools[ev.Tool] {
		t.Repeated++
	}
	t.tools[ev.Tool] = true
	t.Scopes[d.Scope]++
	t.Effects[d.Effect]++
	t.Would[d.Would]++
	if d.Rule == "unknown_tool" {
		t.UnknownTools++
	}
	if failed(ev) {
		t.Errors++
	}
	if d.Cache.Status != call.CacheBypass {
		t.Cacheable++
	}
	if d.Effect != call.Allow && d.Scope != call.Read {
		t.diverged[ev.Run] = true
	}
	if d.Cache.Status != call.CacheHit {
		return
	}
	t.Hits++
	switch {
	case failed(ev) || recorded == nil:
		t.Masked++
	case bytes.Equal(d.Cache.Result, recorded):
		t.Right++
	case t.diverged[ev.Run]:
		t.Diverged++
	default:
		t.Stale++
	}
}

func (t *Tally) usage(ev trace.Event, charge call.Charge) {
	t.LLMCalls++
	if ev.CostUSD != nil {
		t.Recorded += *ev.CostUSD
	}
	if !charge.Priced {
		t.UnpricedCalls++
		t.Unpriced += ev.Usage.Tokens()
		t.models[ev.Usage.Model] = true
		return
	}
	t.Priced += charge.Cost
	if ev.CostUSD == nil || *ev.CostUSD == 0 { // a recorded 0 can mean that the source knew no price
		return
	}
	t.Compared++
	switch diff := charge.Cost.USD() - *ev.CostUSD; {
	case math.Abs(diff) <= 1e-9:
		t.Equal++
	case diff < 0:
		t.Below++
	}
}
