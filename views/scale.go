package views

import (
	"math"
	"strconv"
)

// scale maps values to the rows of a chart. Its bounds are round numbers, so
// that the axis stands still while the data moves.
type scale struct {
	lo, hi float64
	log    bool
	lift   bool              // only zero is drawn as zero: the least event is seen
	tick   func(float64) lit // at most tickCells wide
}

const tickCells = 6

// upTo is a linear scale from 0 to a round number not below hi, nor below
// least, on which whatever is more than nothing can be seen.
func upTo(hi, least float64, tick func(float64) lit) scale {
	if !finite(hi) {
		hi = least
	}
	return scale{hi: roundUp(max(hi, least)), lift: true, tick: tick}
}

// share is the linear scale from 0 to 100 %.
func share() scale { return scale{hi: 1, tick: tickPercent} }

// decades is a logarithmic scale for n rows that holds lo and hi: it keeps values
// apart that differ by a factor, however small they are. Every row is half a
// power of ten or whole powers above the one below, so that its label is exact
// and a row reads "about this". It begins at 1 unless hi would not fit then.
func decades(lo, hi float64, n int, tick func(float64) lit) scale {
	power := func(v float64) float64 {
		if !(v > 0) {
			return 0
		}
		return min(max(math.Round(math.Log10(v)), -3), 15)
	}
	bottom, top, rows := power(lo), max(power(hi), power(lo)), float64(max(n-1, 1))
	if bottom > 0 && top <= rows {
		bottom = 0
	}
	step := max(math.Ceil((top-bottom)/rows), 1)
	if 2*(top-bottom) <= rows {
		step = 0.5
	}
	return scale{lo: math.Pow(10, bottom), hi: math.Pow(10, bottom+step*rows), log: true, tick: tick}
}

// roundUp is the least of 1, 2, 5, 10, 20, 50 … that is not below v.
func roundUp(v float64) float64 {
	if !(v > 0) || !finite(v) {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range [...]float64{1, 2, 5} {
		// The tolerance keeps 0.3 a third of 1 in spite of its binary form.
		if v <= f*unit*(1+1e-9) {
			return f * unit
		}
	}
	return 10 * unit
}

// row is where v stands among n rows, 0 at the bottom. What lies outside goes to
// the edge.
func (s scale) row(v float64, n int) int {
	at := 0.0
	switch {
	case s.log && v > s.lo:
		at = math.Log10(v/s.lo) / math.Log10(s.hi/s.lo)
	case !s.log:
		at = (v - s.lo) / (s.hi - s.lo)
	}
	row := int(math.Round(min(max(at, 0), 1) * float64(n-1)))
	if s.lift && row == 0 && v > s.lo && n > 2 {
		return 1
	}
	return row
}

// holds tells whether v lies within the bounds.
func (s scale) holds(v float64) bool { return v >= s.lo && v <= s.hi }

// ticks are the labels of n rows, bottom first; most may be empty.
func (s scale) ticks(n int) []lit {
	labels := make([]lit, n)
	if s.log {
		step := math.Log10(s.hi/s.lo) / float64(max(n-1, 1))
		for i := range labels {
			if at := step * float64(i); math.Abs(at-math.Round(at)) < 0.1 {
				labels[i] = s.tick(s.lo * math.Pow(10, math.Round(at)))
			}
		}
		return labels
	}
	every := n - 1
	switch {
	case every%5 == 0:
		every /= 5
	case every%2 == 0:
		every /= 2
	}
	for i := 0; i < n; i += max(every, 1) {
		labels[i] = s.tick(s.lo + (s.hi-s.lo)*float64(i)/float64(max(n-1, 1)))
	}
	return labels
}

func round3(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

func tickMicros(us float64) lit {
	const minute, hour, day = 6e7, 36e8, 864e8
	switch {
	case us < 0.0995:
		return lit(round3(us*1e3)) + "ns"
	case us < 999.5:
		return lit(round3(us)) + "µs"
	case us < 999.5e3:
		return lit(round3(us/1e3)) + "ms"
	case us < 999.5e6:
		return lit(round3(us/1e6)) + "s"
	}
	// Minutes, hours and days are no powers of ten: the label is rounded.
	switch {
	case us < 59.5*minute:
		return lit(round2(us/minute)) + "m"
	case us < 47.5*hour:
		return lit(round2(us/hour)) + "h"
	}
	return lit(round2(us/day)) + "d"
}

// round2 keeps a decimal below 10 if there is one, and none above.
func round2(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

func tickPercent(ratio float64) lit {
	if ratio > 99 {
		return ">9999%"
	}
	return lit(round3(ratio*100)) + "%"
}

func tickDollars(usd float64) lit {
	switch {
	case usd < 1 && usd > 0 && usd < 0.001:
		return lit("$" + strconv.FormatFloat(usd, 'e', 0, 64))
	case usd < 999.5:
		return lit("$" + round3(usd))
	case usd < 999.5e3:
		return lit("$" + round3(usd/1e3) + "k")
	case usd < 999.5e6:
		return lit("$" + round3(usd/1e6) + "M")
	}
	return ">$1G"
}
