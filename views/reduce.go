package views

import (
	"math"
	"time"
)

// fold says what one column of a chart shows of the samples it covers.
type fold uint8

const (
	worst fold = iota // the greatest: a spike of one sample stays visible
	mean              // for rates, where a single sample says little
)

// timeline is the stretch of time that a chart covers.
type timeline struct{ from, to time.Time }

// column is the column of n in which t falls; it may lie outside.
func (l timeline) column(t time.Time, n int) int {
	share := float64(t.Sub(l.from)) / float64(l.to.Sub(l.from))
	if t.Equal(l.to) {
		return n - 1
	}
	return int(math.Floor(min(max(share, -1), 2) * float64(n)))
}

// reduce spreads samples over exactly n columns. NaN stands where there is no
// sample; what is not finite counts as none. A sample covers the time since the
// one before it, but not a pause in which nobody looked.
func reduce(t []time.Time, v []*float64, over timeline, n int, how fold) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	size := min(len(t), len(v))
	if size == 0 || n == 0 || !over.to.After(over.from) {
		return out
	}
	step := time.Duration(0)
	if size > 1 {
		step = 2 * t[size-1].Sub(t[0]) / time.Duration(size-1)
	}
	folded := make([]int, n)
	last := 0
	for i := range size {
		before := last
		last = over.column(t[i], n)
		if v[i] == nil || !finite(*v[i]) {
			continue
		}
		first := last
		if i > 0 && t[i].Sub(t[i-1]) <= step {
			first = min(before+1, last)
		}
		for c := max(first, 0); c <= min(last, n-1); c++ {
			switch x := *v[i]; {
			case folded[c] == 0:
				out[c] = x
			case how == worst:
				out[c] = max(out[c], x)
			default: // a running mean
				out[c] += (x - out[c]) / float64(folded[c]+1)
			}
			folded[c]++
		}
	}
	return out
}

// latest is the newest sample that is a number, false if there is none.
func latest(v []*float64) (float64, bool) {
	for i := len(v) - 1; i >= 0; i-- {
		if v[i] != nil && finite(*v[i]) {
			return *v[i], true
		}
	}
	return 0, false
}

// extent is the least and greatest sample; ok is false if there is none.
func extent(v []*float64) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, p := range v {
		if p != nil && finite(*p) {
			lo, hi, ok = min(lo, *p), max(hi, *p), true
		}
	}
	return lo, hi, ok
}
