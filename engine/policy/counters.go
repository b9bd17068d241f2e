package policy

import "m1/collector/snapshot"

// counters are the limit of a rule as people see it.
func (st *step) counters(r *Request) []snapshot.Counter {
	c := st.rule.counted
	out := make([]snapshot.Counter, 0, 2)
	if r.Facts == nil {
		return append(out, snapshot.Counter{Text: counts(c)})
	}
	states := r.Facts.State(c, r.who(), r.Now)
	one := func(text string, i int) {
		if i >= len(states) {
			return
		}
		s := states[i]
		n := snapshot.Counter{Text: text, Used: s.Used, Max: s.Max, Holds: s.Used >= s.Max}
		if s.Retry > 0 {
			n.Retry = short(s.Retry)
		}
		out = append(out, n)
	}
	i := 0
	if c.Rate != nil {
		one(rateWords(c.Rate), i)
		i++
	}
	if c.Total != nil {
		one(totalWords(c.Total), i)
	}
	return out
}

// pastCounters are the pieces of history as counters of one.
func (st *step) pastCounters(r *Request) []snapshot.Counter {
	var out []snapshot.Counter
	if r.Facts == nil {
		return out
	}
	for _, p := range []*past{st.rule.requires, st.rule.after} {
		if p == nil {
			continue
		}
		c := snapshot.Counter{Text: p.words() + " within " + short(p.key.Within), Max: 1}
		if p.happened(r, st.rule.effect) {
			c.Used = 1
		}
		c.Holds = (c.Used == 0) == p.key.OK
		out = append(out, c)
	}
	if p := st.rule.repeated; p != nil {
		n := r.Facts.Repeats(r.who(), r.Digest, p.within, r.Now)
		out = append(out, snapshot.Counter{
			Text: "the same call within " + short(p.within), Used: float64(n), Max: float64(p.times), Holds: n >= p.times,
		})
	}
	return out
}
