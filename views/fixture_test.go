package views_test

import (
	"fmt"
	"math"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
	"m1/views"
)

var at = time.Date(2026, 3, 14, 9, 41, 22, 0, time.UTC)

func ptr(v float64) *float64 { return &v }

// wave is a series that looks measured and is the same every time.
func wave(n int, f func(i int, noise float64) float64) []*float64 {
	out := make([]*float64, n)
	seed := uint32(7)
	for i := range out {
		seed = seed*1664525 + 1013904223
		if v := f(i, float64(seed>>8)/(1<<24)); !math.IsNaN(v) {
			out[i] = ptr(v)
		}
	}
	return out
}

var actions = []views.Action{
	{Keys: "1 2 3 4 5 7", Title: "pages", Group: "Screen"},
	{Keys: "f", Title: "freeze", Group: "Screen", Footer: true},
	{Keys: "+ -", Title: "window", Group: "Screen"},
	{Keys: "t", Title: "theme", Group: "Screen"},
	{Keys: "/", Title: "filter", Group: "Lists", Footer: true},
	{Keys: "s", Title: "sort", Group: "Lists", Footer: true},
	{Keys: "j ↓", Title: "next row", Group: "Lists"},
	{Keys: "k ↑", Title: "row before", Group: "Lists"},
	{Keys: "Enter", Title: "open", Group: "Lists", Footer: true},
	{Keys: "Esc", Title: "back one level", Group: "Lists"},
	{Keys: "q", Title: "quit", Group: "Session", Footer: true},
}

// dashboard is an engine on an ordinary morning: a tool that times out, an
// agent in a loop, a model without a price.
func dashboard() *snapshot.Dashboard {
	const n = 300
	series := snapshot.Series{T: make([]time.Time, n)}
	for i := range series.T {
		series.T[i] = at.Add(time.Duration(i-n+1) * time.Second)
	}
	series.PolicyP99US = wave(n, func(i int, x float64) float64 { return 7 + 6*x + 90*math.Exp(-math.Abs(float64(i-120))/2) })
	series.ToolP95US = wave(n, func(i int, x float64) float64 {
		if i > 60 && i < 85 {
			return math.NaN()
		}
		return 1e3 * (120 + 300*x + 1500*math.Exp(-math.Pow(float64(i-225)/14, 2)))
	})
	series.DecisionHitRate = wave(n, func(i int, x float64) float64 { return 0.975 + 0.02*x })
	series.ResultHitRate = wave(n, func(i int, x float64) float64 { return 0.02 + 0.03*x })
	series.ResultCeiling = wave(n, func(i int, x float64) float64 { return 0.22 })
	series.ErrorRate = wave(n, func(i int, x float64) float64 {
		return 0.01*x + 0.12/(1+math.Exp(-float64(i-220)/8))
	})
	series.USDPerHour = wave(n, func(i int, x float64) float64 { return 11 + 2*math.Sin(float64(i)/40) + 0.6*x })
	series.CallsPerS = wave(n, func(i int, x float64) float64 { return 290 + 60*math.Sin(float64(i)/30) + 20*x })

	d := &snapshot.Dashboard{
		Timestamp: at,
		Metrics: snapshot.Metrics{
			WindowS:    300,
			Operations: snapshot.Operations{AgentRunsTotal: 42, ToolCallsTotal: 93_641, PolicyChecksTotal: 93_641, CallsPerS: 312.4},
			Performance: snapshot.Performance{
				Policy: snapshot.Latency{Count: 93_641, P50US: 0.4, P95US: 4.2, P99US: 11, MaxUS: 402, MeanUS: 0.9},
				Tool:   snapshot.Latency{Count: 88_102, P50US: 38_000, P95US: 412_000, P99US: 2_100_000, MaxUS: 30e6},
			},
			Errors: snapshot.Errors{
				ToolErrors: 3_711, ErrorRate: 0.042, M1Errors: 1, M1ErrorRate: 0.0004,
				ByTool: []snapshot.ToolErrors{{Tool: "db.query", Calls: 4_120, Errors: 511, Rate: 0.124}, {Tool: "shell", Calls: 9_800, Errors: 402, Rate: 0.041}, {Tool: "web.fetch", Calls: 2_204, Errors: 31, Rate: 0.014}},
			},
			SLO: []snapshot.SLO{
				{Name: "policy_p99", Target: 1000, Actual: 11, Unit: "us", OK: true, BudgetRemaining: 0.98},
				{Name: "m1_error_rate", Target: 0.001, Actual: 0.0004, Unit: "ratio", OK: true, BudgetRemaining: 0.61},
				{Name: "decision_hit_rate", Target: 0.95, Actual: 0.988, Unit: "ratio", AtLeast: true, OK: true, BudgetRemaining: 0.76},
				{Name: "redis_p99", Target: 2000, Unit: "us", NoData: true, BudgetRemaining: 1},
			},
			Series: series,
		},
		Cache: snapshot.Cache{
			Decisions: snapshot.DecisionCache{Hits: 92_517, Misses: 1_124, HitRate: 0.988},
			Results:   snapshot.ResultCache{Hits: 1_204, Misses: 30_211, HitRate: 0.038, Ceiling: 0.042, StalePrevented: 43, Invalidations: 812, Bypassed: 61_900},
			Local:     snapshot.LocalTier{Entries: 12_431, Bytes: 43_200_000, MaxBytes: 64 << 20, Evictions: 310, Tags: 8_812},
			Redis:     snapshot.RedisTier{State: "disabled", Breaker: "none"},
			Classes:   []snapshot.CacheClass{{Name: "results", Fresh: "ack", HitsLocal: 1_204, Misses: 30_211, StalePrevented: 43, Bypassed: 61_900, Refused: 7, Loading: 2, Entries: 12_431, Bytes: 43_200_000}},
			Coherence: snapshot.Coherence{State: "alone"},
			ByTool:    []snapshot.ToolCache{{Tool: "get_order", Hits: 840, Misses: 12_004, HitRate: 0.071}, {Tool: "db.query", Hits: 0, Misses: 9_301}, {Tool: "Read", Hits: 364, Misses: 8_906, HitRate: 0.039}},
		},
		Policy: snapshot.Policy{Version: "sha256:9f3c21ab77d0", Name: "prod.yaml", Rules: 214, Checks: 93_641},
		Costs: snapshot.Costs{
			TotalNanoUSD: 118_204_113_000, USDPerHour: 12.41, ProjectedMonthUSD: 8_935, SavedNanoUSD: 3_020_000_000,
			Unpriced: snapshot.Unpriced{Models: []string{"local-llm"}, Tokens: 41_000, Calls: 3},
			Budgets: []snapshot.Budget{
				{ID: "team-payments", LimitUSD: "500.00", UsedUSD: "305.10", UsedRatio: 0.6102},
				{ID: "build-bot", LimitUSD: "40.00", UsedUSD: "37.20", UsedRatio: 0.93},
			},
		},
		Health: snapshot.Health{Status: "healthy", Version: "0.1.0", UptimeS: 3*86_400 + 4*3_600, Node: "prod-eu-1"},
		Alerts: []snapshot.Alert{
			{ID: "a1", Severity: "P2", Title: "ERRORS db.query", Detail: "12.4 % of 5 min, was 0.3 %", Since: at.Add(-5 * time.Minute)},
			{ID: "a2", Severity: "P2", Title: "Runaway loop", Detail: "an agent repeats a call unchanged, 100 times in a row", Since: at.Add(-2 * time.Minute)},
		},
		Source: snapshot.Source{Mode: "live", Listen: "127.0.0.1:7600"},
	}
	d.Calls = calls(400)
	d.Runs = runs()
	return d
}

// shared is that engine as one of three nodes around a Redis.
func shared(f *views.Frame) {
	c := &f.Snap.Cache
	f.Snap.Metrics.SLO[3].NoData, f.Snap.Metrics.SLO[3].OK, f.Snap.Metrics.SLO[3].Actual = false, true, 1_900
	c.Redis = snapshot.RedisTier{
		Configured: true, State: "connected", Mode: "standalone", Breaker: "closed", BreakerOpened: 2, FillsDropped: 12,
		Latency: snapshot.Latency{Count: 4_120, P50US: 380, P95US: 900, P99US: 1_900}, UsedMemory: 112 << 20, Keys: 40_112,
		LastError: "read tcp 10.0.0.4:51812->10.0.0.9:6379: i/o timeout", Since: since(29 * time.Minute), Errors: map[string]int64{"timeout": 12, "oom": 3},
	}
	c.Coherence = snapshot.Coherence{
		State: "coherent", LeaseMS: 182, Nodes: 3, AckP50US: 241, AckP99US: 1_200, AckTimeouts: 1, NotPropagated: 4, Gaps: 2, Replayed: 9, Drops: 1,
	}
	c.Classes = []snapshot.CacheClass{
		{
			Name: "results", Fresh: "ack", HitsLocal: 1_010, HitsRedis: 194, Misses: 30_211, StalePrevented: 43, Bypassed: 61_900, Refused: 7, LoadErrors: 12, Loading: 2,
			Entries: 12_431, Bytes: 43_200_000, StaleServed: 5, IsolatedServed: 31, Broken: map[string]int64{"version": 4, "seal": 1},
		},
		{Name: "decisions", Fresh: "ack", HitsRedis: 310, Misses: 814, Entries: 512, Bytes: 91_000},
	}
	for i := range 14 {
		c.ByTool = append(c.ByTool, snapshot.ToolCache{Tool: fmt.Sprintf("mcp.search_%02d", i), Hits: int64(i % 3), Misses: int64(90 - i), HitRate: float64(i%3) / 90})
	}
}

// cutOff is that node a minute after Redis went away.
func cutOff(f *views.Frame) {
	shared(f)
	r, c := &f.Snap.Cache.Redis, &f.Snap.Cache.Coherence
	r.State, r.Breaker, r.BreakerOpened, r.Since, r.LastError = "open", "open", 3, since(72*time.Second), "dial tcp 10.0.0.9:6379: connect: connection refused"
	r.Latency, r.Errors = snapshot.Latency{}, map[string]int64{"refused": 61, "timeout": 12, "oom": 3}
	c.State, c.LeaseMS, c.Journal, c.NotPropagated, c.SeqLag = "isolated", 0, 7, 11, 3
}

func since(ago time.Duration) *time.Time { t := at.Add(-ago); return &t }

var tools = []struct {
	name, cache, rule string
	scope             call.Scope
	ms                float64
}{
	{"get_order", "hit", "orders-read", call.Read, 0},
	{"db.query", "miss", "db-read", call.Read, 412},
	{"Edit", "bypass", "repo-write", call.Write, 18},
	{"shell", "bypass", "shell-safe", call.Execute, 2_310},
	{"search_docs", "miss", "docs-read", call.Read, 96},
	{"refund_order", "bypass", "refunds-over-100", call.Execute, 0},
	{"Read", "hit", "repo-read", call.Read, 0},
	{"web.fetch", "miss", "web-allowlist", call.Read, 730},
}

var agents = []string{"billing-bot", "build-bot", "support-agent-eu", "research"}

func calls(n int) []*snapshot.Call {
	out := make([]*snapshot.Call, n)
	for i := range out {
		t := tools[(i*5+i/7)%len(tools)]
		c := &snapshot.Call{
			ID: call.ID(fmt.Sprintf("tc_%05d", n-i)), At: at.Add(-time.Duration(i) * 230 * time.Millisecond),
			Agent: call.AgentID(agents[(i/3)%len(agents)]), Run: call.RunID(fmt.Sprintf("run_%04d", 4711-i%7)), ToolUse: fmt.Sprintf("toolu_%04d", i),
			Tool: t.name, Scope: t.scope, Effect: call.Allow, Would: call.Allow, Rule: t.rule, Reason: "a rule allows it", Version: "sha256:9f3c21ab77d0", Memo: i%9 != 0,
			Args: `{"id":"ord_8812","note":"two words"}`, ArgsBytes: 37, Digest: "b1946ac92492d2347c6235b4d2611184",
			Cache: t.cache, Streak: 1, PolicyUS: 0.4 + float64(i%9)*0.3, CacheUS: 1.2, LedgerUS: 380, TotalUS: 391,
			ToolMS: t.ms * (1 + float64(i%5)/10), Outcome: call.OK, Result: `{"status":"shipped"}`, ResultBytes: 20,
		}
		switch {
		case t.cache == "hit":
			c.Outcome, c.Tier, c.CacheAgeMS = "", "local", 4_200
		case t.name == "refund_order":
			c.Effect, c.Would, c.Outcome, c.Reason = call.Deny, call.Deny, "", "refunds over $100 need a person; ask in #payments"
			c.Result, c.ResultBytes = "", 0
		case t.name == "db.query" && i%3 != 0:
			c.Outcome, c.ErrorType = call.Failed, "timeout"
		case i == 0:
			c.Outcome = ""
		}
		if c.Agent == "research" && t.name == "web.fetch" {
			c.Streak = 12
		}
		out[i] = c
	}
	return out
}

func runs() snapshot.Runs {
	goals := []string{"Reconcile the invoices of March", "Fix the flaky test in payments", "Answer ticket 8812", "Summarise the security advisories of this week", "Nightly dependency update", "Migrate the orders table", "日本語の問い合わせに答える"}
	r := snapshot.Runs{
		Total: 42, Active: 5, Completed: 34, Failed: 3, SuccessRate: 0.919, Duration: snapshot.RunDuration{P50MS: 184_000},
		Loops: []snapshot.Loop{
			{Run: "run_4708", Agent: "research", Tool: "web.fetch", Streak: 12, Since: at.Add(-40 * time.Second), Open: true},
			{Run: "run_4690", Agent: "build-bot", Tool: "shell", Streak: 7, Since: at.Add(-9 * time.Minute)},
		},
	}
	for i := range 42 {
		run := snapshot.Run{
			ID: call.RunID(fmt.Sprintf("run_%04d", 4711-i)), Agent: call.AgentID(agents[i%len(agents)]), Goal: goals[i%len(goals)], Status: "active",
			StartedAt: at.Add(-time.Duration(i+1) * 97 * time.Second), LastAt: at.Add(-time.Duration(i) * time.Second), DurationMS: int64(i+1) * 97_000,
			ToolCalls: int64(12 + i*37), Errors: int64(i % 4 * 3), Denied: int64(i % 3), CacheHits: int64(i * 2), Repeats: int64(i * 3), Streak: 1 + i%3, CostNano: call.Nano(i+1) * 83_120_000,
		}
		switch {
		case i == 3:
			run.Streak = 12
		case i == 4:
			run.Unpriced, run.CostNano = true, 0
		case i >= 5 && i%11 == 7:
			run.Status, run.StopReason = "failed", "limit_exceeded"
		case i >= 5:
			run.Status, run.StopReason = "completed", "completed"
		}
		r.All = append(r.All, run)
	}
	r.Recent = r.All[:10]
	return r
}

// frame is the overview of that morning; plain text unless a test wants more.
func frame(w, h int) views.Frame {
	theme, _ := themes.ByName("dark", themes.Plain)
	return views.Frame{
		Snap: dashboard(), Now: at.Add(200 * time.Millisecond), Width: w, Height: h, Theme: theme, Page: views.Overview,
		Window: 5 * time.Minute, Refresh: time.Second, Actions: actions, Self: views.Self{CPU: 0.004, BytesPerS: 3_690},
	}
}
