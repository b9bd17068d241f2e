package limit

import (
	"sync"
	"time"

	"m1/engine/call"
)

// counters holds what rates and totals count.
type counters struct {
	mu sync.Mutex
	table[counterKey, counter]
	// floor is when the last counter that made room was empty: a new one may be
	// that one again, and must not begin earlier.
	floor int64
}

type counterKey struct {
	rule string
	holder
}

// counter counts for one rule and one holder. Its rate and its total do not know
// each other.
type counter struct {
	last  int64 // the latest time it has seen
	takes times
	sum   int64
	from  int64 // the period of sum
	to    int64
}

type held = entry[counterKey, counter]

// Take counts one call of who against r, and amount (in millionths) against its
// total: both or, if one of them is used up, none. retry is then when it may fit
// again; negative means never. A rate or an amount that makes no sense (no room at
// all, a window without length, an amount below 0) never fits. It allocates only
// for a counter that is new or grows.
func (b *Book) Take(r *Rule, who Who, amount int64, now time.Time) (ok bool, retry time.Duration) {
	c, t := &b.counters, now.UnixNano()
	c.mu.Lock()
	defer c.mu.Unlock()
	rate, total := c.find(r, who)
	if free := c.free(r, rate, total, amount, t); free > t {
		return false, wait(t, free)
	}
	if free := c.reserve(r, rate, total, t); free > t {
		return false, wait(t, free)
	}
	if r.Rate != nil {
		countCall(c.hold(rate, r.ID, holderOf(r.Rate.For, who), t), r.Rate)
	}
	if r.Total != nil {
		countAmount(c.hold(total, r.ID, holderOf(r.Total.For, who), t), r.Total, amount)
	}
	return true, 0
}

// Peek is what Take would answer, and counts nothing.
func (b *Book) Peek(r *Rule, who Who, amount int64, now time.Time) (ok bool, retry time.Duration) {
	c, t := &b.counters, now.UnixNano()
	c.mu.Lock()
	defer c.mu.Unlock()
	rate, total := c.find(r, who)
	free := c.free(r, rate, total, amount, t)
	if free <= t {
		free = c.reserve(r, rate, total, t)
	}
	if free > t {
		return false, wait(t, free)
	}
	return true, 0
}

// Give gives back what one Take that was ok took; at is the time that Take was
// told. It must be called at most once for a Take. What has left its window or its
// period since then is not given back; when in doubt, because the clock stepped
// back, neither.
func (b *Book) Give(r *Rule, who Who, amount int64, at time.Time) {
	c, t := &b.counters, at.UnixNano()
	c.mu.Lock()
	defer c.mu.Unlock()
	rate, total := c.find(r, who)
	if r.Rate != nil && rate != nil {
		rate.value.give(r.Rate, t)
	}
	if v := total; r.Total != nil && v != nil && v.value.from <= t && t < v.value.to && amount > 0 {
		v.value.sum = max(v.value.sum-amount, 0)
	}
}

// State is how full the counters of r are, for people: the rate first, then the
// total in its own unit. It counts nothing.
func (b *Book) State(r *Rule, who Who, now time.Time) []State {
	c, t := &b.counters, now.UnixNano()
	c.mu.Lock()
	defer c.mu.Unlock()
	rate, total := c.find(r, who)
	var out []State
	if r.Rate != nil {
		clock := c.clock(rate, t)
		out = append(out, State{
			Used: float64(rateUse(r.Rate, rate, clock)), Max: float64(r.Rate.N),
			Retry: retry(t, clock, rateFree(r.Rate, rate, clock)),
		})
	}
	if r.Total != nil {
		const unit = 1e6
		clock := c.clock(total, t)
		sum, free := totalUse(r.Total, total, 1, clock)
		out = append(out, State{
			Used: float64(sum) / unit, Max: float64(r.Total.Max) / unit, Retry: retry(t, clock, free),
		})
	}
	return out
}

func (c *counters) endRun(run call.RunID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeRun(run)
}

func (c *counters) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries)
}

// find returns the counters of r that are there. They are one if both count for
// the same holder.
func (c *counters) find(r *Rule, who Who) (rate, total *held) {
	if r.Rate != nil {
		rate = c.entries[counterKey{r.ID, holderOf(r.Rate.For, who)}]
	}
	switch {
	case r.Total == nil:
	case r.Rate != nil && r.Rate.For == r.Total.For:
		total = rate
	default:
		total = c.entries[counterKey{r.ID, holderOf(r.Total.For, who)}]
	}
	return rate, total
}

// missing is how many counters a Take would have to make, at most.
func missing(r *Rule, rate, total *held) (n int) {
	if r.Rate != nil && rate == nil {
		n++
	}
	if r.Total != nil && total == nil && (r.Rate == nil || r.Rate.For != r.Total.For) {
		n++
	}
	return n
}

// clock is the time for a counter: its own never steps back.
func (c *counters) clock(e *held, t int64) int64 {
	if e == nil {
		return max(t, c.floor)
	}
	return max(t, e.value.last)
}

// free is when the call fits into both, at the earliest: t or before if it does.
func (c *counters) free(r *Rule, rate, total *held, amount, t int64) int64 {
	free := t
	if r.Rate != nil {
		clock := c.clock(rate, t)
		if f := rateFree(r.Rate, rate, clock); f > clock {
			free = max(free, f)
		}
	}
	if r.Total != nil {
		clock := c.clock(total, t)
		if _, f := totalUse(r.Total, total, amount, clock); f > clock {
			free = max(free, f)
		}
	}
	return free
}

// rateFree is when one more take fits, at the earliest t.
func rateFree(r *Rate, e *held, t int64) int64 {
	switch {
	case r.N <= 0 || r.Per <= 0:
		return never
	case e == nil || e.value.takes.n < r.N:
		return t
	}
	// Of the newest N the oldest must have left.
	q := &e.value.takes
	return max(t, after(q.at(q.n-r.N), r.Per))
}

// rateUse is how many takes count at t.
func rateUse(r *Rate, e *held, t int64) int {
	if e == nil || r.Per <= 0 {
		return 0
	}
	q := &e.value.takes
	return q.n - q.upTo(before(t, r.Per))
}

// totalUse is the sum at t, and when amount more fits.
func totalUse(r *Total, e *held, amount, t int64) (sum, free int64) {
	if free = t; amount < 0 || amount > r.Max {
		free = never
	}
	if e == nil || t >= e.value.to {
		return 0, free
	}
	if sum = e.value.sum; free != never && amount > r.Max-sum {
		free = e.value.to
	}
	return sum, free
}

// retry is how long one at t waits for what is free by the clock of its counter.
func retry(t, clock, free int64) time.Duration {
	if free <= clock {
		return 0
	}
	return wait(t, free)
}

// reserve makes room for the counters that a Take has to make: t or before if there
// is room, else when there may be.
func (c *counters) reserve(r *Rule, rate, total *held, t int64) int64 {
	n := missing(r, rate, total)
	if n == 0 {
		return t
	}
	for _, e := range []*held{rate, total} {
		if e != nil {
			e.due = max(e.due, after(t, 1)) // it must not make room for the other
		}
	}
	for len(c.entries)+n > c.max {
		e := c.first()
		if e == nil {
			return never // more than the table can ever hold
		}
		if e.due > t {
			return e.due
		}
		c.floor = max(c.floor, e.due)
		c.remove(e)
	}
	return t
}

// hold makes the counter if it is not there, and tells it the time.
func (c *counters) hold(e *held, rule string, h holder, t int64) *held {
	if e == nil {
		key := counterKey{rule, h}
		// The rate of the same Take may have made it.
		if e = c.entries[key]; e == nil {
			e = c.add(key, h.run(), max(t, c.floor))
			e.value = counter{last: c.floor, from: -never, to: -never}
		}
	}
	e.value.last = max(e.value.last, t)
	return e
}

// countCall counts one call that fits.
func countCall(e *held, r *Rate) {
	c := &e.value
	for gone := before(c.last, r.Per); c.takes.n > 0 && c.takes.at(0) <= gone; {
		c.takes.pop()
	}
	c.takes.push(c.last)
	e.due = max(e.due, after(c.last, r.Per))
}

// countAmount adds an amount that fits.
func countAmount(e *held, r *Total, amount int64) {
	c := &e.value
	if c.last >= c.to {
		c.sum = 0
		c.from, c.to = r.Period.span(c.last)
	}
	c.sum += amount
	e.due = max(e.due, c.to)
}

// give takes back the take that was told the time t. It was noted with t or, after
// a step of the clock, later. Of those that may be it the oldest goes: if it is
// another one, what stays counts for longer than it had to.
func (c *counter) give(r *Rate, t int64) {
	if t <= before(c.last, r.Per) {
		return // it has left, or cannot be told from one that has
	}
	if i := c.takes.upTo(t - 1); i < c.takes.n {
		c.takes.take(i)
	}
}
