package views

import (
	"maps"
	"slices"
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
func Tick(us float64) string   { return string(tickMicros(us)) }

// Spent is spent.
func Spent(t []time.Time, usdPerHour []*float64, total float64) []*float64 {
	return spent(t, usdPerHour, total)
}

// Wrap are the lines of s in n cells.
func Wrap(s string, n int) (lines []string) {
	for _, l := range MakeSafe(s).wrap(n) {
		lines = append(lines, l.String())
	}
	return lines
}

// FilterWords are the fields and states that the two filters know.
func FilterWords() (calls, runs, states []string) {
	calls, runs = slices.Collect(maps.Keys(callFilter.field)), slices.Collect(maps.Keys(runFilter.field))
	return calls, runs, append(slices.Collect(maps.Keys(callFilter.state)), slices.Collect(maps.Keys(runFilter.state))...)
}
