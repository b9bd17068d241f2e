package collector

import (
	"time"

	"m1/collector/snapshot"
	"m1/engine/meter"
)

// The promised levels. A latency is kept while 99 % of what was timed is faster
// than its target: the 1 % beyond is its error budget.
const (
	policyTarget     = time.Millisecond
	cacheReadTarget  = 500 * time.Microsecond
	cacheWriteTarget = time.Millisecond
	redisTarget      = 2 * time.Millisecond
	metricsTarget    = 10 * time.Millisecond
	snapshotTarget   = 50 * time.Millisecond
	slowAllowed      = 0.01

	m1ErrorTarget     = 0.001
	decisionHitTarget = 0.95
	// The first call of each tool has to miss. Below this many lookups a single
	// miss breaks the promise, which would say nothing.
	decisionHitMin = 500
)

// slo lists what is promised, judged over the window. NoData marks what too
// little happened for; it counts as kept, with its whole budget left.
func (v view) slo() []snapshot.SLO {
	m, d := v.meter, v.delta
	lookups := d.Count(&m.DecisionHits) + d.Count(&m.DecisionMisses)
	hits := event(snapshot.SLODecisions, 1-decisionHitTarget, d.Count(&m.DecisionMisses), lookups)
	hits.Target, hits.Actual, hits.AtLeast = decisionHitTarget, ratio(d.Count(&m.DecisionHits), lookups), true
	if lookups < decisionHitMin {
		hits.NoData, hits.OK, hits.BudgetRemaining = true, true, 1
	}
	return []snapshot.SLO{
		fast(snapshot.SLOPolicy, policyTarget, time.Microsecond, d.Distribution(&m.Policy)),
		fast("cache_read_p99", cacheReadTarget, time.Microsecond, d.Distribution(&m.CacheRead)),
		fast("cache_write_p99", cacheWriteTarget, time.Microsecond, d.Distribution(&m.CacheWrite)),
		fast("redis_p99", redisTarget, time.Microsecond, d.Distribution(&m.Redis)),
		event(snapshot.SLOErrors, m1ErrorTarget, d.Count(&m.M1Errors), d.Count(&m.Calls)),
		hits,
		fast("dashboard_metrics_p99", metricsTarget, time.Millisecond, d.Distribution(&v.metricsTime)),
		fast("dashboard_snapshot_p99", snapshotTarget, time.Millisecond, d.Distribution(&v.snapshotTime)),
	}
}

// fast judges the 99th percentile of took, shown in unit. Without data nothing
// was broken.
func fast(name string, target, unit time.Duration, took meter.Distribution) snapshot.SLO {
	s := snapshot.SLO{
		Name:            name,
		Target:          float64(target) / float64(unit),
		Actual:          float64(took.Quantile(0.99)) / float64(unit),
		Unit:            "us",
		NoData:          took.Count() == 0,
		BudgetRemaining: budget(took.Above(target), slowAllowed, took.Count()),
	}
	if unit == time.Millisecond {
		s.Unit = "ms"
	}
	s.OK = s.Actual < s.Target
	return s
}

// event judges the share of bad events among all, of which allowed may be bad.
func event(name string, allowed float64, bad, all int64) snapshot.SLO {
	return snapshot.SLO{
		Name:            name,
		Target:          allowed,
		Actual:          ratio(bad, all),
		Unit:            "ratio",
		OK:              all == 0 || ratio(bad, all) < allowed,
		NoData:          all == 0,
		BudgetRemaining: budget(bad, allowed, all),
	}
}

// budget is the share of the allowed bad events that did not happen yet.
func budget(bad int64, allowed float64, all int64) float64 {
	if all == 0 {
		return 1
	}
	return 1 - float64(bad)/(allowed*float64(all))
}
