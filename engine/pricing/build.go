package pricing

import (
	"fmt"
	"maps"
	"slices"

	"m1/engine/source"
)

// model adds one model under all of its names.
func (b *builder) model(e *entry) {
	m := &model{factors: map[string]int64{}}
	bit, known := b.bits[e.Vendor]
	if !known {
		hint := source.DidYouMean(e.Vendor, slices.Sorted(maps.Keys(b.bits)))
		b.problems.Add(e.In("vendor", fmt.Sprintf("%q is no vendor of this table", e.Vendor), hint))
	}
	m.vendor = bit
	for tier, f := range b.doc.Vendors[e.Vendor].Tiers {
		m.factors[tier] = int64(f)
	}
	for i := range e.Prices {
		m.rows = append(m.rows, b.row(&e.Prices[i]))
		if i == 0 {
			continue
		}
		if before := m.rows[i-1]; before.until.IsZero() || m.rows[i].from.Before(before.until) {
			b.problems.Add(e.Prices[i].In("from", "overlaps the prices before it", "list prices by time and end each with until"))
		}
	}
	if len(e.Prices) == 0 {
		b.problems.Add(e.In("prices", "missing", "leave the model out, then it is unpriced"))
	}
	b.name(e.Name, m, e.Field("name"), e.Node)
	for i, alias := range e.Field("aliases").Items() {
		b.name(e.Aliases[i], m, alias, e.Node)
	}
}

func (b *builder) name(name string, m *model, at, owner source.Node) {
	switch {
	case name == "":
		b.problems.Add(owner.In("name", "missing", ""))
	case b.table.names[name] != nil:
		b.problems.Add(at.Problem(fmt.Sprintf("%q is in the table already", name), "a name has one price"))
	default:
		b.table.names[name] = m
	}
}

func (b *builder) row(p *period) row {
	r := row{from: p.From.Time, until: p.Until.Time}
	if !r.until.IsZero() && !r.until.After(r.from) {
		b.problems.Add(p.In("until", "must be after from", ""))
	}
	r.rates = append(r.rates, b.rates(&p.List, p.Node))
	for i := range p.Long {
		l := &p.Long[i]
		next := b.rates(&l.List, l.Node)
		next.above = l.Above
		b.rising(&r.rates[len(r.rates)-1], &next, l.Node)
		r.rates = append(r.rates, next)
	}
	return r
}

func (b *builder) rates(list *prices, at source.Node) rates {
	var r rates
	for kind, p := range [kinds]usd{list.Input, list.Output, list.CacheRead, list.CacheWrite5m, list.CacheWrite1h} {
		switch field := kindNames[kind]; {
		case p.set && !p.asInput:
			r.kinds[kind] = p.pico
		case p.asInput && (kind == input || kind == output):
			b.problems.Add(at.In(field, "as_input is for cache tokens", "give a price"))
		case p.asInput:
			r.kinds[kind] = list.Input.pico
		case kind == input || kind == output:
			b.problems.Add(at.In(field, "missing", "give its price in USD per million tokens"))
		default:
			r.kinds[kind] = none
		}
	}
	return r
}

// rising keeps the promise that more tokens never cost less. A long prompt that
// is cheaper by the token is a mistyped table.
func (b *builder) rising(lower, upper *rates, at source.Node) {
	if upper.above <= lower.above {
		b.problems.Add(at.In("above", fmt.Sprintf("want more than %d tokens", lower.above), "list thresholds in rising order"))
	}
	for kind, field := range kindNames {
		switch {
		case lower.kinds[kind] == none:
		case upper.kinds[kind] == none:
			b.problems.Add(at.In(field, "missing, but given for shorter prompts", "give the price above the threshold too"))
		case upper.kinds[kind] < lower.kinds[kind]:
			b.problems.Add(at.In(field, "lower than for shorter prompts", "check the price"))
		}
	}
}
