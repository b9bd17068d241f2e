package collector

import (
	"cmp"
	"slices"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/meter"
)

const hoursPerMonth = 730

func (v view) costs() snapshot.Costs {
	m, d := v.meter, v.delta
	total := call.Nano(m.CostNano.Load())
	out := snapshot.Costs{
		TotalUSD: total.String(), TotalNanoUSD: total,
		SavedUSD:   call.Nano(0).String(), // tool calls have no price: no saving can be stated
		USDPerHour: usdPerHour(d.Count(&m.CostNano), d.Covered()),
		Unpriced: snapshot.Unpriced{
			Models: []string{}, Tokens: m.UnpricedTokens.Load(), Calls: m.UnpricedCalls.Load(),
		},
		ByModel: v.models,
		ByAgent: v.agents,
		Tokens: snapshot.Tokens{
			Input: m.TokensIn.Load(), Output: m.TokensOut.Load(),
			CacheRead: m.TokensRead.Load(), CacheWrite: m.TokensWritten.Load(),
		},
		Budgets:      []snapshot.Budget{},
		Series:       snapshot.CostSeries{T: v.series.T, USDPerHour: v.series.USDPerHour},
		PriceVersion: v.status.PriceVersion,
	}
	out.ProjectedMonthUSD = out.USDPerHour * hoursPerMonth
	if runs := m.Runs.Load(); runs > 0 {
		out.CostPerRunUSD = total.USD() / float64(runs)
	}
	for _, model := range v.models {
		if !model.Priced {
			out.Unpriced.Models = append(out.Unpriced.Models, model.Model)
		}
	}
	slices.Sort(out.Unpriced.Models)
	return out
}

// modelsOf lists the models, most expensive first. One with any usage that has
// no price counts as not priced: its cost is not the whole cost.
func modelsOf(m *meter.Meter) []snapshot.ModelCost {
	out := []snapshot.ModelCost{}
	for name, n := range m.Models.All() {
		cost := call.Nano(n.Nano.Load())
		out = append(out, snapshot.ModelCost{
			Model: name, Calls: n.Calls.Load(), Tokens: n.Tokens.Load(),
			NanoUSD: cost, USD: cost.String(), Priced: n.Unpriced.Load() == 0,
		})
	}
	slices.SortFunc(out, func(a, b snapshot.ModelCost) int {
		return cmp.Or(cmp.Compare(b.NanoUSD, a.NanoUSD), cmp.Compare(b.Tokens, a.Tokens), cmp.Compare(a.Model, b.Model))
	})
	return out
}

// agentsOf lists the agents, most expensive first. Usage that named none stands
// under a name that says so.
func agentsOf(m *meter.Meter) []snapshot.AgentCost {
	out := []snapshot.AgentCost{}
	for name, n := range m.Agents.All() {
		cost := call.Nano(n.Nano.Load())
		out = append(out, snapshot.AgentCost{
			Agent: cmp.Or(name, "(none)"), Calls: n.Calls.Load(), Tokens: n.Tokens.Load(), NanoUSD: cost, USD: cost.String(),
		})
	}
	slices.SortFunc(out, func(a, b snapshot.AgentCost) int {
		return cmp.Or(cmp.Compare(b.NanoUSD, a.NanoUSD), cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Agent, b.Agent))
	})
	return out
}
