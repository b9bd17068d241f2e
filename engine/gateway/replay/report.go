package replay

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"m1/engine/call"
	"m1/engine/meter"
)

// Report is what `m1 replay --json` prints. Names and nesting of the figures
// about the traffic are those of the recordings' own expected figures, so that a
// script can compare the two.
type Report struct {
	File         string    `json:"file"`
	Format       string    `json:"format"`
	Events       int64     `json:"events"`
	Skipped      int       `json:"skipped"`
	Complete     bool      `json:"complete"` // false: stopped before the end
	Runs         int       `json:"runs"`
	ToolCalls    int       `json:"tool_calls"`
	LLMCalls     int       `json:"llm_calls"`
	Tools        int       `json:"distinct_tools"`
	ReadCalls    int       `json:"read_calls"`
	WriteCalls   int       `json:"write_calls"`
	ExecuteCalls int       `json:"execute_calls"`
	UnknownTools int       `json:"tools_without_entry"`
	Errors       int       `json:"errors"`
	Cacheable    int       `json:"cacheable_reads"`
	Repeats      Repeats   `json:"repeats"`
	Loops        Loops     `json:"loops"`
	Decisions    Decisions `json:"decisions"`
	Cache        Caches    `json:"cache"`
	Cost         Cost      `json:"cost"`
	Latency      Latencies `json:"latency"`
	ElapsedMS    int64     `json:"elapsed_ms"`
	CallsPerS    float64   `json:"calls_per_s"`
}

// Repeats counts calls that their run had made before, to the letter.
type Repeats struct {
	InRun     int64   `json:"in_run"`
	InRunRate float64 `json:"in_run_rate"`
}

// Loops tells of identical calls in a row.
type Loops struct {
	LongestStreak int64 `json:"longest_streak"`
}

// Decisions tells how the policy answered. RepeatByTool is the most that a cache
// keyed by tool could hit; CacheHits is what M1's decision cache did.
type Decisions struct {
	RepeatByTool     int     `json:"repeat_by_tool"`
	RepeatByToolRate float64 `json:"repeat_by_tool_rate"`
	CacheHits        int64   `json:"cache_hits"`
	CacheHitRate     float64 `json:"cache_hit_rate"`
	Policy           string  `json:"policy"`
	Observe          bool    `json:"observe"`
	Allow            int     `json:"allow"` // by what the policy says
	Ask              int     `json:"ask"`
	Deny             int     `json:"deny"`
	HeldBack         int     `json:"held_back"` // calls that were really not let through
}

// Caches holds what the result cache did, under the rule it follows: tagged.
type Caches struct {
	Tagged Tagged `json:"tagged"`
	Ideal  Ideal  `json:"ideal"`
}

// Tagged is the cache with invalidation by overlapping collections.
type Tagged struct {
	Hits     int     `json:"hits"`
	HitRate  float64 `json:"hit_rate"`
	Right    int     `json:"right"`
	Stale    int     `json:"stale"`
	Masked   int     `json:"masked"`
	Diverged int     `json:"diverged"`
}

// Ideal is the most that any correct cache could have answered.
type Ideal struct {
	Hits    int64   `json:"hits"`
	HitRate float64 `json:"hit_rate"`
}

// Cost compares prices with what the source recorded. Amounts are in USD.
type Cost struct {
	PricedUSD      json.Number `json:"priced_usd"`
	PricedNanoUSD  call.Nano   `json:"priced_nano_usd"`
	RecordedUSD    float64     `json:"recorded_usd"`
	UnpricedTokens int64       `json:"unpriced_tokens"`
	UnpricedCalls  int         `json:"unpriced_calls"`
	UnpricedModels []string    `json:"unpriced_models"`
	Compared       int         `json:"compared"`       // usages with a recorded cost and a price
	Equal          int         `json:"equal"`          // of those, equal to 1e-9 USD
	BelowRecorded  int         `json:"below_recorded"` // of those, priced lower
	PriceVersion   string      `json:"price_version"`
}

// Latencies are M1's own times in microseconds.
type Latencies struct {
	Policy     Latency `json:"policy"`
	CacheRead  Latency `json:"cache_read"`
	CacheWrite Latency `json:"cache_write"`
	Ledger     Latency `json:"ledger"`
	Propose    Latency `json:"propose"`
}

// Latency summarises one step.
type Latency struct {
	Count int64   `json:"count"`
	P50US float64 `json:"p50_us"`
	P99US float64 `json:"p99_us"`
	MaxUS float64 `json:"max_us"`
}

// Meta is what a Report says beside the tally.
type Meta struct {
	File, Format, Policy, PriceVersion string
	Observe, Complete                  bool
	Events                             int64
	Skipped                            int
	Elapsed                            time.Duration
}

// Report puts the tally and the engine's own meter together. The meter must have
// counted this replay alone.
func (t *Tally) Report(m *meter.Meter, about Meta) Report {
	calls := float64(t.ToolCalls)
	unpriced := slices.AppendSeq([]string{}, maps.Keys(t.models)) // never null
	slices.Sort(unpriced)
	return Report{
		File: about.File, Format: about.Format, Events: about.Events, Skipped: about.Skipped, Complete: about.Complete,
		Runs: t.Runs, ToolCalls: t.ToolCalls, LLMCalls: t.LLMCalls, Tools: t.Tools(),
		ReadCalls: t.Scopes[call.Read], WriteCalls: t.Scopes[call.Write], ExecuteCalls: t.Scopes[call.Execute],
		UnknownTools: t.UnknownTools, Errors: t.Errors, Cacheable: t.Cacheable,
		Repeats: Repeats{InRun: m.Repeats.Load(), InRunRate: ratio(float64(m.Repeats.Load()), calls)},
		Loops:   Loops{LongestStreak: m.LongestStreak.Load()},
		Decisions: Decisions{
			RepeatByTool: t.Repeated, RepeatByToolRate: ratio(float64(t.Repeated), calls),
			CacheHits: m.DecisionHits.Load(), CacheHitRate: ratio(float64(m.DecisionHits.Load()), calls),
			Policy: about.Policy, Observe: about.Observe,
			Allow: t.Would[call.Allow], Ask: t.Would[call.Ask], Deny: t.Would[call.Deny],
			HeldBack: t.Effects[call.Ask] + t.Effects[call.Deny],
		},
		Cache: Caches{
			Tagged: Tagged{Hits: t.Hits, HitRate: ratio(float64(t.Hits), float64(t.Cacheable)), Right: t.Right, Stale: t.Stale, Masked: t.Masked, Diverged: t.Diverged},
			Ideal:  Ideal{Hits: m.ResultIdeal.Load(), HitRate: ratio(float64(m.ResultIdeal.Load()), float64(t.Cacheable))},
		},
		Cost: Cost{
			PricedUSD: json.Number(t.Priced.String()), PricedNanoUSD: t.Priced, RecordedUSD: t.Recorded,
			UnpricedTokens: t.Unpriced, UnpricedCalls: t.UnpricedCalls, UnpricedModels: unpriced,
			Compared: t.Compared, Equal: t.Equal, BelowRecorded: t.Below, PriceVersion: about.PriceVersion,
		},
		Latency: Latencies{
			Policy: latency(&m.Policy), CacheRead: latency(&m.CacheRead), CacheWrite: latency(&m.CacheWrite),
			Ledger: latency(&m.Ledger), Propose: latency(&m.Propose),
		},
		ElapsedMS: about.Elapsed.Milliseconds(), CallsPerS: ratio(calls, about.Elapsed.Seconds()),
	}
}

func latency(h *meter.Histogram) Latency {
	d := h.Read()
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return Latency{Count: d.Count(), P50US: us(d.Quantile(0.50)), P99US: us(d.Quantile(0.99)), MaxUS: us(d.Max())}
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
