package collector

import (
	"cmp"
	"slices"
	"time"

	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/call"
	"m1/engine/meter"
)

// sample is one look at the engine. What does not depend on a window is made
// once here and shared by the pictures of all windows.
type sample struct {
	at     time.Time
	status engine.Status
	source snapshot.Source
	policy snapshot.Policy
	runs   snapshot.Runs
	health snapshot.Health
	alerts []snapshot.Alert
	models []snapshot.ModelCost
	agents []snapshot.AgentCost
}

// view is a sample through one window.
type view struct {
	*sample
	*record
	window time.Duration
	delta  meter.Deltas
	series snapshot.Series
}

// look makes a sample of what record and process hold now. c.mu is held.
func (c *Collector) look(at time.Time, status engine.Status, source snapshot.Source) sample {
	m := c.record.meter
	s := sample{
		at:     at,
		status: status,
		source: source,
		policy: policyOf(m, status),
		runs:   runsOf(m, status),
		models: modelsOf(m),
		agents: agentsOf(m),
	}
	lately := c.record.history.Window(windowIndex(snapshot.DefaultWindow))
	s.health, s.alerts = c.judge.judge(facts{
		at: at, status: status, record: c.record, lately: lately, process: c.process.reading, models: s.models,
	})
	s.health.Version = c.o.Version
	s.health.Node, s.health.Nodes = c.o.Node, []string{c.o.Node}
	return s
}

// dashboard returns the picture of the i-th window of the sample now. c.mu is
// held.
func (c *Collector) dashboard(i int) *snapshot.Dashboard {
	if d := c.built[i]; d != nil {
		return d
	}
	began := time.Now()
	v := view{
		sample: &c.now, record: c.record, window: snapshot.Windows[i],
		delta: c.record.history.Window(i), series: c.record.series(i),
	}
	metrics := v.metrics()
	c.record.metricsTime.Observe(time.Since(began))
	health := v.health
	health.Mode, health.NoAuth = v.source.Mode, v.source.NoAuth
	c.built[i] = &snapshot.Dashboard{
		Timestamp: v.at.UTC(),
		Metrics:   metrics,
		Cache:     v.cache(),
		Policy:    v.policy,
		Costs:     v.costs(),
		Health:    health,
		Runs:      v.runs,
		Alerts:    v.alerts,
		Calls:     v.status.Calls,
		Approvals: v.status.Approvals,
		Source:    v.source,
	}
	return c.built[i]
}

func policyOf(m *meter.Meter, status engine.Status) snapshot.Policy {
	p := status.Policy
	out := snapshot.Policy{
		Version: p.Version, Name: p.Name, Observe: p.Observe, LoadedAt: p.LoadedAt, Rules: p.Rules,
		Checks: m.Checks.Load(), Allowed: m.Allowed.Load(), Denied: m.Denied.Load(), Asked: m.Asked.Load(), HeldBack: m.HeldBack.Load(),
		ByRule:         []snapshot.RuleCount{},
		TopDeniedTools: []snapshot.ToolCount{},
		Scopes: snapshot.ScopeCounts{
			Read: m.Scopes[call.Read].Load(), Write: m.Scopes[call.Write].Load(), Execute: m.Scopes[call.Execute].Load(),
		},
		Approvals: status.Asked,
		Grants: snapshot.Grants{
			Issued: m.Grants.Issued.Load(), Used: m.Grants.Used.Load(), Revoked: m.Grants.Revoked.Load(), Refused: map[string]int64{},
		},
		Failure: p.Failure, Versions: p.Versions,
	}
	for reason, n := range m.Grants.Refused.All() {
		out.Grants.Refused[reason] = n.Load()
	}
	for rule, n := range m.Shadow.All() {
		out.ShadowRules = append(out.ShadowRules, snapshot.ShadowFlip{Rule: rule, Matched: n.Matched.Load(), Would: n.Would.Load()})
	}
	slices.SortFunc(out.ShadowRules, func(a, b snapshot.ShadowFlip) int { return cmp.Compare(a.Rule, b.Rule) })
	out.AllowRate = ratio(out.Allowed, out.Checks)
	for rule, n := range m.Rules.All() {
		for effect, count := range map[call.Effect]int64{call.Allow: n.Allowed.Load(), call.Ask: n.Asked.Load(), call.Deny: n.Denied.Load()} {
			if count > 0 {
				out.ByRule = append(out.ByRule, snapshot.RuleCount{Rule: rule, Effect: effect, Count: count})
			}
		}
	}
	slices.SortFunc(out.ByRule, func(a, b snapshot.RuleCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Effect, b.Effect))
	})
	for name, t := range m.Tools.All() {
		if n := t.Denied.Load(); n > 0 {
			out.TopDeniedTools = append(out.TopDeniedTools, snapshot.ToolCount{Tool: name, Count: n})
		}
	}
	slices.SortFunc(out.TopDeniedTools, func(a, b snapshot.ToolCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Tool, b.Tool))
	})
	out.TopDeniedTools = first(5, out.TopDeniedTools)
	return out
}

func runsOf(m *meter.Meter, status engine.Status) snapshot.Runs {
	took := m.AgentRun.Read()
	// The ends are read before the beginnings, so that what is left is never below 0.
	ended, broken := m.RunsCompleted.Load(), m.RunsFailed.Load()
	total := m.Runs.Load()
	out := snapshot.Runs{
		Total: total, Active: total - ended - broken, Completed: ended, Failed: broken,
		Duration: snapshot.RunDuration{
			MeanMS: millis(took.Mean()), P50MS: millis(took.Quantile(0.5)),
			P95MS: millis(took.Quantile(0.95)), P99MS: millis(took.Quantile(0.99)),
		},
		Recent: first(10, present(status.Runs)),
		Loops:  present(status.Loops),
		All:    present(status.Runs),
	}
	out.SuccessRate = ratio(out.Completed, out.Completed+out.Failed)
	return out
}

// first cuts list to n; appending to what it returns does not reach the rest.
func first[T any](n int, list []T) []T {
	n = min(n, len(list))
	return list[:n:n]
}

// present makes a nil list an empty one: its JSON is an array, never null.
func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
