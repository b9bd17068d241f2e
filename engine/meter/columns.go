package meter

import "time"

// columns gives every number of every tracked instrument a place in one vector.
// A counter takes one place; a histogram one per bucket, then one for its sum
// and one for its count.
type columns struct {
	counters   map[*Counter]int
	histograms map[*Histogram]int
	order      []instrument
	last       []int64 // the readings before
}

// instrument is one of the two.
type instrument struct {
	counter   *Counter
	histogram *Histogram
}

const (
	sumColumn   = buckets
	countColumn = buckets + 1
	histColumns = buckets + 2
)

func newColumns() *columns {
	return &columns{counters: map[*Counter]int{}, histograms: map[*Histogram]int{}}
}

func (c *columns) addCounter(counter *Counter) {
	if _, have := c.counters[counter]; have {
		return
	}
	c.counters[counter] = len(c.last)
	c.order = append(c.order, instrument{counter: counter})
	c.last = append(c.last, 0)
}

func (c *columns) addHistogram(h *Histogram) {
	if _, have := c.histograms[h]; have {
		return
	}
	c.histograms[h] = len(c.last)
	c.order = append(c.order, instrument{histogram: h})
	c.last = append(c.last, make([]int64, histColumns)...)
}

// read calls changed for every number that moved since the read before.
func (c *columns) read(changed func(column int, delta int64)) {
	at := 0
	set := func(column int, n int64) {
		if delta := n - c.last[column]; delta != 0 {
			c.last[column] = n
			changed(column, delta)
		}
	}
	for _, in := range c.order {
		if in.counter != nil {
			set(at, in.counter.Load())
			at++
			continue
		}
		var count int64
		for b := range in.histogram.counts {
			n := in.histogram.counts[b].Load()
			count += n
			set(at+b, n)
		}
		set(at+sumColumn, in.histogram.sum.Load())
		set(at+countColumn, count)
		at += histColumns
	}
}

func (c *columns) deltas(v []int64, from, to time.Time) Deltas {
	return Deltas{columns: c, v: v, covered: max(to.Sub(from), 0)}
}

// Deltas is what the tracked instruments counted in one stretch of time.
type Deltas struct {
	columns *columns
	v       []int64
	covered time.Duration
}

// Covered is how long the stretch is.
func (d Deltas) Covered() time.Duration { return d.covered }

// Count is how far c rose; 0 if c is not tracked.
func (d Deltas) Count(c *Counter) int64 {
	if at, ok := d.columns.counters[c]; ok {
		return d.v[at]
	}
	return 0
}

// Distribution is what h observed; empty if h is not tracked.
func (d Deltas) Distribution(h *Histogram) Distribution {
	at, ok := d.columns.histograms[h]
	if !ok {
		return Distribution{}
	}
	return Distribution{
		counts: d.v[at : at+buckets],
		count:  d.v[at+countColumn],
		sum:    time.Duration(d.v[at+sumColumn]),
		max:    time.Duration(h.max.Load()),
	}
}
