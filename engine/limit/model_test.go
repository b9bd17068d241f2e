package limit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/limit"
)

// The model keeps every take for ever and counts anew each time.
type model map[string]*modelCounter

type modelCounter struct {
	last  time.Time
	takes []*modelTake
}

type modelTake struct {
	at, told time.Time
	amount   int64
	rate     bool
}

func modelKey(r *limit.Rule, s limit.Scope, who limit.Who) string {
	switch {
	case s == limit.PerRule:
		return fmt.Sprintf("%q all", r.ID)
	case s == limit.PerRun && who.Run != "":
		return fmt.Sprintf("%q run %q", r.ID, who.Run)
	}
	return fmt.Sprintf("%q agent %q", r.ID, who.Agent)
}

func (m model) counter(key string) *modelCounter {
	if m[key] == nil {
		m[key] = &modelCounter{}
	}
	return m[key]
}

func (c *modelCounter) clock(now time.Time) time.Time {
	if now.Before(c.last) {
		return c.last
	}
	return now
}

func period(p limit.Period, t time.Time) string {
	t = t.UTC()
	switch p {
	case limit.Minute:
		return t.Format("2006-01-02 15:04")
	case limit.Hour:
		return t.Format("2006-01-02 15")
	case limit.Day:
		return t.Format("2006-01-02")
	case limit.Week:
		y, w := t.ISOWeek()
		return fmt.Sprint(y, w)
	case limit.Month:
		return t.Format("2006-01")
	}
	return "run"
}

func (m model) rate(r *limit.Rule, who limit.Who, now time.Time) (n int) {
	c := m.counter(modelKey(r, r.Rate.For, who))
	now = c.clock(now)
	for _, k := range c.takes {
		if k.rate && now.Sub(k.at) < r.Rate.Per {
			n++
		}
	}
	return n
}

func (m model) total(r *limit.Rule, who limit.Who, now time.Time) (sum int64) {
	c := m.counter(modelKey(r, r.Total.For, who))
	now = c.clock(now)
	for _, k := range c.takes {
		if !k.rate && period(r.Total.Period, k.at) == period(r.Total.Period, now) {
			sum += k.amount
		}
	}
	return sum
}

func (m model) fits(r *limit.Rule, who limit.Who, amount int64, now time.Time) bool {
	if r.Rate != nil && m.rate(r, who, now) >= r.Rate.N {
		return false
	}
	return r.Total == nil || amount >= 0 && m.total(r, who, now)+amount <= r.Total.Max
}

func (m model) take(r *limit.Rule, who limit.Who, amount int64, now time.Time) {
	// Two counters of one holder have one clock.
	if r.Rate != nil {
		c := m.counter(modelKey(r, r.Rate.For, who))
		c.last = c.clock(now)
		c.takes = append(c.takes, &modelTake{at: c.last, told: now, rate: true})
	}
	if r.Total != nil {
		c := m.counter(modelKey(r, r.Total.For, who))
		c.last = c.clock(now)
		c.takes = append(c.takes, &modelTake{at: c.last, told: now, amount: amount})
	}
}

// give drops one take of each counter that was told this time and amount.
func (m model) give(r *limit.Rule, who limit.Who, amount int64, told time.Time) {
	drop := func(s limit.Scope, rate bool, amount int64) {
		c := m.counter(modelKey(r, s, who))
		for i, k := range c.takes {
			if k.rate == rate && k.told.Equal(told) && k.amount == amount {
				c.takes = append(c.takes[:i:i], c.takes[i+1:]...)
				return
			}
		}
	}
	if r.Rate != nil {
		drop(r.Rate.For, true, 0)
	}
	if r.Total != nil {
		drop(r.Total.For, false, amount)
	}
}

type given struct {
	r      *limit.Rule
	who    limit.Who
	amount int64
	at     time.Time
}

func randomRules(rng *rand.Rand, n int) []*limit.Rule {
	rules := make([]*limit.Rule, n)
	for i := range rules {
		r := &limit.Rule{ID: fmt.Sprint("r", i)}
		if rng.IntN(4) > 0 {
			r.Rate = &limit.Rate{N: 1 + rng.IntN(5), Per: time.Duration(1+rng.IntN(90)) * time.Second, For: limit.Scope(rng.IntN(3))}
		}
		if r.Rate == nil || rng.IntN(2) > 0 {
			r.Total = &limit.Total{Max: int64(rng.IntN(20)), Period: limit.Period(rng.IntN(6)), For: limit.Scope(rng.IntN(3))}
		}
		rules[i] = r
	}
	return rules
}

func randomWho(rng *rand.Rand) limit.Who {
	return limit.Who{
		Agent: call.AgentID([]string{"a", "b", ""}[rng.IntN(3)]),
		Run:   call.RunID([]string{"", "a", "r"}[rng.IntN(3)]),
	}
}

var strides = []time.Duration{0, 1, time.Second, 7 * time.Second, time.Minute, 11 * time.Minute, 5 * time.Hour, 60 * time.Hour, 400 * time.Hour}

func TestTheBookAgreesWithAModelThatForgetsNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		rng := rand.New(rand.NewPCG(seed, 1))
		steps := seed%2 == 1 // with a clock that steps back; then nothing is given back
		book, m := limit.New(limit.Options{}), model{}
		rules, now := randomRules(rng, 4), time.Unix(1_790_000_000+rng.Int64N(1e7), rng.Int64N(1e9))
		var open []given
		for range 1000 {
			r, who, amount := rules[rng.IntN(len(rules))], randomWho(rng), int64(rng.IntN(8)-1)
			switch now = now.Add(strides[min(rng.IntN(len(strides)), rng.IntN(len(strides)))]); {
			case steps && rng.IntN(8) == 0:
				now = now.Add(-strides[rng.IntN(len(strides))])
			case !steps && rng.IntN(6) == 0 && len(open) > 0:
				g := open[len(open)-1-rng.IntN(min(len(open), 4))] // older ones have mostly left
				open = without(open, g)
				book.Give(g.r, g.who, g.amount, g.at)
				m.give(g.r, g.who, g.amount, g.at)
				continue
			}
			want := m.fits(r, who, amount, now)
			peek, _ := book.Peek(r, who, amount, now)
			require.Equal(t, want, peek, "seed %d: %+v", seed, r)
			requireState(t, m, book, r, who, now)
			ok, retry := book.Take(r, who, amount, now)
			require.Equal(t, want, ok, "seed %d: %+v", seed, r)
			if ok {
				require.Zero(t, retry)
				m.take(r, who, amount, now)
				open = append(open, given{r, who, amount, now})
				continue
			}
			if retry < 0 {
				require.False(t, m.fits(r, who, amount, now.Add(1000*time.Hour)))
				continue
			}
			require.True(t, m.fits(r, who, amount, now.Add(retry)), "fits when it was said to: %v", retry)
			require.False(t, m.fits(r, who, amount, now.Add(retry-1)), "and not earlier: %v", retry)
		}
	}
}

func without(open []given, g given) []given {
	var out []given
	for _, o := range open {
		if o != g {
			out = append(out, o)
		}
	}
	return out
}

func requireState(t *testing.T, m model, book *limit.Book, r *limit.Rule, who limit.Who, now time.Time) {
	t.Helper()
	states := book.State(r, who, now)
	if r.Rate != nil {
		require.Equal(t, float64(m.rate(r, who, now)), states[0].Used)
		require.Equal(t, float64(r.Rate.N), states[0].Max)
		states = states[1:]
	}
	if r.Total != nil {
		require.InDelta(t, float64(m.total(r, who, now))/1e6, states[0].Used, 1e-12)
		states = states[1:]
	}
	require.Empty(t, states)
}

// A clock that steps, calls that are given back, and a table that is too small:
// whatever the book lets through, the model lets through as well.
func TestNothingOpensALimit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		tight := seed%2 == 0
		o := limit.Options{}
		if tight {
			o.MaxKeys = 3 + rng.IntN(6)
		}
		book, m := limit.New(o), model{}
		rules, now := randomRules(rng, 5), time.Unix(1_790_000_000, 0)
		var open []given
		granted := 0
		for range 1000 {
			r, who, amount := rules[rng.IntN(len(rules))], randomWho(rng), int64(rng.IntN(8)-1)
			switch now = now.Add(strides[min(rng.IntN(len(strides)), rng.IntN(len(strides)))]); {
			case !tight && rng.IntN(8) == 0:
				now = now.Add(-strides[rng.IntN(len(strides))])
			case rng.IntN(6) == 0 && len(open) > 0:
				g := open[len(open)-1-rng.IntN(min(len(open), 4))] // older ones have mostly left
				open = without(open, g)
				book.Give(g.r, g.who, g.amount, g.at)
				m.give(g.r, g.who, g.amount, g.at)
				continue
			}
			allowed := m.fits(r, who, amount, now)
			if ok, _ := book.Take(r, who, amount, now); ok {
				granted++
				require.True(t, allowed, "seed %d: %+v", seed, r)
				m.take(r, who, amount, now)
				open = append(open, given{r, who, amount, now})
			}
			if tight {
				require.LessOrEqual(t, book.Len(), o.MaxKeys)
			}
		}
		require.Greater(t, granted, 5, "seed %d: the test would be about nothing", seed)
	}
}
