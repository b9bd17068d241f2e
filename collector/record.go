package collector

import (
	"time"

	"m1/collector/snapshot"
	"m1/engine/meter"
)

// slotLengths are those of snapshot.Windows: about 60 points a window.
var slotLengths = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second,
	time.Minute, 5 * time.Minute, 15 * time.Minute,
}

// record is the engine's meter with a memory.
type record struct {
	meter   *meter.Meter
	history *meter.History[point]

	// What the collector itself takes, which is promised too.
	metricsTime  meter.Histogram // one metrics part
	snapshotTime meter.Histogram // one sample with its default picture

	// Names in the order in which their family saw them first; the history
	// follows them from then on.
	tools   []tool
	classes []class
}

type tool struct {
	name string
	*meter.ToolMeter
}

type class struct {
	name string
	*meter.Counter
}

func newRecord(m *meter.Meter, started time.Time) *record {
	r := &record{meter: m}
	spans := make([]meter.Span, len(snapshot.Windows))
	for i, w := range snapshot.Windows {
		spans[i] = meter.Span{Window: w, Slot: slotLengths[i]}
	}
	r.history = meter.NewHistory(started, r.point, spans...)
	r.history.TrackCounters(
		&m.Calls, &m.Denied, &m.Reports, &m.ToolErrors, &m.M1Errors, &m.Usages, &m.CostNano,
		&m.DecisionHits, &m.DecisionMisses, &m.ResultHits, &m.ResultMisses, &m.ResultIdeal,
	)
	r.history.TrackHistograms(
		&m.Policy, &m.CacheRead, &m.CacheWrite, &m.Redis, &m.Tool, &m.AgentRun, &m.Ledger, &m.Propose,
		&r.metricsTime, &r.snapshotTime,
	)
	return r
}

func (r *record) sample(at time.Time) {
	r.follow()
	r.history.Sample(at)
}

// follow finds names that were not there the last time.
func (r *record) follow() {
	if r.meter.Tools.Len() > len(r.tools) {
		skip := len(r.tools)
		for name, t := range r.meter.Tools.All() {
			if skip--; skip >= 0 {
				continue
			}
			r.tools = append(r.tools, tool{name, t})
			r.history.TrackCounters(&t.Reports, &t.Errors, &t.Hits, &t.Misses)
		}
	}
	if r.meter.Classes.Len() > len(r.classes) {
		skip := len(r.classes)
		for name, n := range r.meter.Classes.All() {
			if skip--; skip >= 0 {
				continue
			}
			r.classes = append(r.classes, class{name, n})
			r.history.TrackCounters(n)
		}
	}
}

// point is one moment of every chart; nil where nothing happened.
type point struct {
	policyP99, toolP95, decisionHits, resultHits, resultCeiling, errorRate, usdPerHour, callsPerS *float64
}

func (r *record) point(d meter.Deltas) point {
	m := r.meter
	var p point
	if policy := d.Distribution(&m.Policy); policy.Count() > 0 {
		p.policyP99 = new(micros(policy.Quantile(0.99)))
	}
	if tool := d.Distribution(&m.Tool); tool.Count() > 0 {
		p.toolP95 = new(micros(tool.Quantile(0.95)))
	}
	p.decisionHits = known(d.Count(&m.DecisionHits), d.Count(&m.DecisionHits)+d.Count(&m.DecisionMisses))
	lookups := d.Count(&m.ResultHits) + d.Count(&m.ResultMisses)
	p.resultHits = known(d.Count(&m.ResultHits), lookups)
	if lookups > 0 {
		p.resultCeiling = new(ceiling(d.Count(&m.ResultIdeal), lookups))
	}
	p.errorRate = known(d.Count(&m.ToolErrors), d.Count(&m.Reports))
	if d.Count(&m.Usages) > 0 {
		p.usdPerHour = new(usdPerHour(d.Count(&m.CostNano), d.Covered()))
	}
	if calls := d.Count(&m.Calls); calls > 0 {
		p.callsPerS = new(perSecond(calls, d.Covered()))
	}
	return p
}

// series returns the points of the i-th window, oldest first. The slot that is
// still open is left out during its first half, unless it is the only one: a
// rate over its first moments would make the end of the chart jump.
func (r *record) series(i int) snapshot.Series {
	var s snapshot.Series
	add := func(at time.Time, p point) bool {
		s.T = append(s.T, at.UTC())
		s.PolicyP99US = append(s.PolicyP99US, p.policyP99)
		s.ToolP95US = append(s.ToolP95US, p.toolP95)
		s.DecisionHitRate = append(s.DecisionHitRate, p.decisionHits)
		s.ResultHitRate = append(s.ResultHitRate, p.resultHits)
		s.ResultCeiling = append(s.ResultCeiling, p.resultCeiling)
		s.ErrorRate = append(s.ErrorRate, p.errorRate)
		s.USDPerHour = append(s.USDPerHour, p.usdPerHour)
		s.CallsPerS = append(s.CallsPerS, p.callsPerS)
		return true
	}
	r.history.Points(i)(add)
	if at, open := r.history.Open(i); len(s.T) == 0 || open.Covered() >= slotLengths[i]/2 {
		add(at, r.point(open))
	}
	return s
}

// Small arithmetic that every part of the picture shares.

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// ratio is part/whole, and 0 of nothing.
func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// known is part/whole, and nil of nothing.
func known(part, whole int64) *float64 {
	if whole == 0 {
		return nil
	}
	r := ratio(part, whole)
	return &r
}

func perSecond(n int64, in time.Duration) float64 {
	if in <= 0 {
		return 0
	}
	return float64(n) / in.Seconds()
}

func usdPerHour(nano int64, in time.Duration) float64 { return perSecond(nano, in) * 3600 / 1e9 }
