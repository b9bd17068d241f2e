package collector

import (
	"cmp"
	"slices"

	"m1/collector/snapshot"
	"m1/engine/meter"
)

func (v view) metrics() snapshot.Metrics {
	m, d := v.meter, v.delta
	return snapshot.Metrics{
		WindowS: int(v.window.Seconds()),
		Operations: snapshot.Operations{
			AgentRunsTotal:    m.Runs.Load(),
			ToolCallsTotal:    m.Calls.Load(),
			PolicyChecksTotal: m.Checks.Load(),
			CacheHits:         m.ResultHits.Load(),
			CacheMisses:       m.ResultMisses.Load(),
			CacheEvictions:    v.status.Cache.Local.Evictions,
			ApprovalsPending:  v.status.Asked.Pending,
			CallsPerS:         perSecond(d.Count(&m.Calls), d.Covered()),
		},
		Performance: snapshot.Performance{
			Policy:     latency(d.Distribution(&m.Policy)),
			CacheRead:  latency(d.Distribution(&m.CacheRead)),
			CacheWrite: latency(d.Distribution(&m.CacheWrite)),
			Redis:      latency(d.Distribution(&m.Redis)),
			Tool:       latency(d.Distribution(&m.Tool)),
			AgentRun:   latency(d.Distribution(&m.AgentRun)),
			Ledger:     latency(d.Distribution(&m.Ledger)),
			Propose:    latency(d.Distribution(&m.Propose)),
		},
		Errors: v.errors(),
		SLO:    v.slo(),
		Series: v.series,
	}
}

func latency(d meter.Distribution) snapshot.Latency {
	return snapshot.Latency{
		Count:  d.Count(),
		P50US:  micros(d.Quantile(0.50)),
		P95US:  micros(d.Quantile(0.95)),
		P99US:  micros(d.Quantile(0.99)),
		MaxUS:  micros(d.Max()),
		MeanUS: micros(d.Mean()),
	}
}

func (v view) errors() snapshot.Errors {
	m, d := v.meter, v.delta
	out := snapshot.Errors{
		ToolErrors:    d.Count(&m.ToolErrors),
		PolicyDenials: d.Count(&m.Denied),
		ErrorRate:     ratio(d.Count(&m.ToolErrors), d.Count(&m.Reports)),
		M1Errors:      d.Count(&m.M1Errors),
		M1ErrorRate:   ratio(d.Count(&m.M1Errors), d.Count(&m.Calls)),
		ByTool:        []snapshot.ToolErrors{},
		ByClass:       map[string]int64{},
	}
	for _, t := range v.tools {
		if failed, reports := d.Count(&t.Errors), d.Count(&t.Reports); failed > 0 {
			out.ByTool = append(out.ByTool, snapshot.ToolErrors{Tool: t.name, Calls: reports, Errors: failed, Rate: ratio(failed, reports)})
		}
	}
	slices.SortFunc(out.ByTool, func(a, b snapshot.ToolErrors) int {
		return cmp.Or(cmp.Compare(b.Errors, a.Errors), cmp.Compare(a.Tool, b.Tool))
	})
	for _, c := range v.classes {
		if n := d.Count(c.Counter); n > 0 {
			out.ByClass[c.name] = n
		}
	}
	return out
}
