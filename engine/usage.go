package engine

import (
	"context"

	"m1/engine/call"
	"m1/engine/event"
)

// Use records what a model call consumed and prices it at the moment of the
// call. Usage of a model without a price is counted in tokens and never as free.
func (e *Engine) Use(ctx context.Context, u call.Usage) (call.Charge, error) {
	if u.At.IsZero() {
		u.At = e.o.Now()
	}
	charge := e.o.Prices.Charge(u)
	ev := e.event(event.Used, event.UsedData{
		Provider: u.Provider, Model: u.Model, Tier: u.Tier, Message: u.Message, Input: u.Input, Output: u.Output, CacheRead: u.CacheRead,
		CacheWrite5m: u.CacheWrite5m, CacheWrite1h: u.CacheWrite1h, Priced: charge.Priced, CostNano: charge.Cost, PriceVersion: charge.Version,
	})
	ev.Run, ev.Agent = u.Run, u.Agent
	if err := e.record(ctx, false, ev); err != nil {
		return call.Charge{}, err
	}
	e.countUsage(u, charge)
	return charge, nil
}

func (e *Engine) countUsage(u call.Usage, charge call.Charge) {
	m, model, agent := e.meter, e.meter.Models.Get(u.Model), e.meter.Agents.Get(string(u.Agent))
	tokens := u.Tokens()
	m.Usages.Inc()
	model.Calls.Inc()
	model.Tokens.Add(tokens)
	agent.Usages.Inc()
	agent.Tokens.Add(tokens)
	m.TokensIn.Add(u.Input)
	m.TokensOut.Add(u.Output)
	m.TokensRead.Add(u.CacheRead)
	m.TokensWritten.Add(u.CacheWrite5m)
	m.TokensWritten.Add(u.CacheWrite1h)
	if charge.Priced {
		m.CostNano.Add(int64(charge.Cost))
		model.Nano.Add(int64(charge.Cost))
		agent.Nano.Add(int64(charge.Cost))
	} else {
		m.UnpricedCalls.Inc()
		m.UnpricedTokens.Add(tokens)
		model.Unpriced.Inc()
	}
	e.runs.use(u, charge, e.o.Now())
}
