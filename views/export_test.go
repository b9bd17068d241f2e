package views

import (
	"strings"
	"time"

	"m1/themes"
)

// DrawChart draws values over time into w x h cells, as plain text.
func DrawChart(w, h int, values [][]*float64, t []time.Time, over [2]time.Time, log bool, limit float64) string {
	c := newCanvas(w, h)
	tokens := []themes.Token{themes.SeriesA, themes.SeriesB, themes.SeriesC}
	ch := chart{t: t, over: timeline{over[0], over[1]}, limit: limit, bound: "<x", empty: "it will come"}
	lo, hi := 0.0, 0.0
	for i, v := range values {
		ch.lines = append(ch.lines, line{"line", tokens[i], v, worst})
		if a, b, ok := extent(v); ok {
			lo, hi = min(lo, a), max(hi, b)
		}
	}
	ch.scale = upTo(hi, 0.01, tickDollars)
	if log {
		ch.scale = decades(lo, hi, h-2, tickMicros)
	}
	ch.draw(c.all())
	return c.render(themes.Theme{})
}

// Reduce is reduce with the worst of each column.
func Reduce(t []time.Time, v []*float64, from, to time.Time, n int) []float64 {
	return reduce(t, v, timeline{from, to}, n, worst)
}

// PlotRows are the rows of the plot in a chart that DrawChart drew, without
// labels and axis.
func PlotRows(chart string) []string {
	lines := strings.Split(chart, "\n")
	lines = lines[1 : len(lines)-1]
	for i, l := range lines {
		r := []rune(l)
		lines[i] = string(r[min(gutter-1, len(r)):])
	}
	return lines
}

func Micros(v float64) string  { return string(micros(v)) }
func Percent(v float64) string { return string(percent(v)) }
func Dollars(v float64) string { return string(dollars(v)) }
func Brief(n int64) string     { return string(brief(n)) }
func Rate(v float64) string    { return string(rate(v)) }
