// Package pricing is what model calls cost: a dated table of prices, the exact
// sum for one call, and the readers of the vendors' usage objects.
package pricing

import (
	"math"
	"strings"
	"time"

	"m1/engine/call"
)

// Table is a list of prices. It does not change once it is read, and is safe for
// concurrent use.
type Table struct {
	version  string
	date     time.Time
	names    map[string]*model // model names and aliases, as they are
	suffixes []string
	prefixes []prefix // longest first
}

// prefix is taken off the names of some vendors' models.
type prefix struct {
	text    string
	vendors uint64 // bit set
}

type model struct {
	vendor  uint64           // one bit
	factors map[string]int64 // by service tier, in thousandths
	rows    []row            // by time, not overlapping
}

// row is what holds from one day to another.
type row struct {
	from, until time.Time // zero: open; until is excluded
	rates       []rates   // by rising threshold; the first is 0
}

// rates are prices in pico-dollars per token: 1 USD per million tokens is
// 1,000,000 of them. none means that there is no price.
type rates struct {
	above int64 // tokens of the prompt
	kinds [kinds]int64
}

const none = -1

// The kinds of tokens.
const (
	input = iota
	output
	cacheRead
	cacheWrite5m
	cacheWrite1h
	kinds
)

// Version names the table: its date and the beginning of the SHA-256 of its
// text, such as "2026-11-22-1f0c9a3e".
func (t *Table) Version() string { return t.version }

// Charge prices one model call at the moment u.At; the zero time stands for the
// date of the table. The sum is exact and rounded once, half up, to nano-dollars;
// a sum beyond call.Nano is the largest Nano.
//
// A call is unpriced when the model is unknown, when no price holds at that
// time, when it used a kind of token or a service tier that has no price, and
// when a count is negative. The name of the model decides, not u.Provider.
func (t *Table) Charge(u call.Usage) call.Charge {
	unpriced := call.Charge{Version: t.version}
	m := t.find(u.Model)
	if m == nil {
		return unpriced
	}
	at := u.At
	if at.IsZero() {
		at = t.date
	}
	r := m.at(at)
	if r == nil {
		return unpriced
	}
	factor := int64(1000)
	if u.Tier != "" {
		if factor = m.factors[u.Tier]; factor == 0 {
			return unpriced
		}
	}
	counts := [kinds]int64{u.Input, u.Output, u.CacheRead, u.CacheWrite5m, u.CacheWrite1h}
	for _, n := range counts {
		if n < 0 {
			return unpriced
		}
	}
	cost, ok := r.of(counts).sum(counts, factor)
	if !ok {
		return unpriced
	}
	return call.Charge{Cost: cost, Priced: true, Version: t.version}
}

// find resolves a name without ever guessing: what is left after taking off
// known beginnings and endings must be in the table as it is.
func (t *Table) find(name string) *model {
	if m := t.names[name]; m != nil {
		return m
	}
	for _, s := range t.suffixes {
		if bare, ok := strings.CutSuffix(name, s); ok {
			name = bare
			break
		}
	}
	vendors := uint64(math.MaxUint64)
	for range maxPrefixes {
		if m := t.names[name]; m != nil {
			if m.vendor&vendors == 0 {
				return nil
			}
			return m
		}
		p := t.prefixOf(name)
		if p == nil {
			return nil
		}
		vendors &= p.vendors
		name = name[len(p.text):]
	}
	return nil
}

// maxPrefixes is enough for a router, a cloud and a vendor, and a look at the
// rest.
const maxPrefixes = 4

func (t *Table) prefixOf(name string) *prefix {
	for i := range t.prefixes {
		if strings.HasPrefix(name, t.prefixes[i].text) {
			return &t.prefixes[i]
		}
	}
	return nil
}

func (m *model) at(moment time.Time) *row {
	for i := len(m.rows) - 1; i >= 0; i-- {
		r := &m.rows[i]
		if !moment.Before(r.from) && (r.until.IsZero() || moment.Before(r.until)) {
			return r
		}
	}
	return nil
}

// of chooses the rates by the whole prompt: what the provider read, from its
// cache or not, and what it wrote there.
func (r *row) of(counts [kinds]int64) *rates {
	// Each part is cut far above any threshold, so that the sum cannot overflow.
	const most = math.MaxInt64 / 4
	prompt := min(counts[input], most) + min(counts[cacheRead], most) +
		min(counts[cacheWrite5m], most) + min(counts[cacheWrite1h], most)
	chosen := &r.rates[0]
	for i := range r.rates {
		if prompt > r.rates[i].above {
			chosen = &r.rates[i]
		}
	}
	return chosen
}
