package views

import (
	"math"
	"time"

	"m1/themes"

	"github.com/guptarohit/asciigraph"
)

// line is one series of a chart. Lines differ by their strokes as well as by
// colour.
type line struct {
	name   lit
	token  themes.Token
	values []*float64
	how    fold
}

// chart draws series over time with asciigraph, always in exactly the space it
// is given: one row of legend, the plot, one row of time. Later lines are drawn
// below earlier ones.
type chart struct {
	t      []time.Time
	over   timeline
	lines  []line
	scale  scale
	note   lit     // right end of the legend, such as "log scale"
	limit  float64 // promised level, drawn across if the scale holds it; 0 for none
	bound  lit     // how the level is written: "<1ms"
	empty  lit     // what will be seen here, when there is no sample at all
	frozen lit     // the time at the right end if it is not now
}

const (
	gutter   = tickCells + 2 // labels, a blank and the axis
	minPlotW = 8
	minPlotH = 3
)

// strokes per token of a series: full, dashed, dotted.
var strokes = map[themes.Token]asciigraph.CharSet{
	themes.SeriesA: {Horizontal: "─", VerticalLine: "│"},
	themes.SeriesB: {Horizontal: "╌", VerticalLine: "╎"},
	themes.SeriesC: {Horizontal: "┈", VerticalLine: "┊", ArcDownRight: "┈", ArcDownLeft: "┈", ArcUpRight: "┈", ArcUpLeft: "┈", EndCap: "┈", StartCap: "┈"},
}

var strokeSign = map[themes.Token]lit{themes.SeriesA: "──", themes.SeriesB: "╌╌", themes.SeriesC: "┈┈"}

// draw fills a. An area too small for a plot keeps the legend alone.
func (c chart) draw(a area) {
	if a.h < 1 || a.w < 1 {
		return
	}
	c.legend(a.row(0))
	plot := a.sub(0, 1, a.w, a.h-2)
	if plot.h < minPlotH || plot.w < gutter+minPlotW {
		return
	}
	c.axis(a.sub(0, a.h-1, a.w, 1))
	if !c.any() {
		text := "no data yet — " + c.empty
		a.lit(max((a.w-width([]span{own(0, text)}))/2, 0), 1+plot.h/2, themes.Muted, text)
		return
	}
	c.labels(plot)
	body := plot.sub(gutter, 0, plot.w-gutter, plot.h)
	for i := len(c.lines) - 1; i >= 0; i-- {
		c.plot(plot.sub(gutter-1, 0, body.w+1, plot.h), c.lines[i])
	}
}

func (c chart) any() bool {
	for _, l := range c.lines {
		if _, ok := latest(l.values); ok {
			return true
		}
	}
	return false
}

func (c chart) legend(a area) {
	x := 0
	for _, l := range c.lines {
		x = a.lit(x, 0, l.token, strokeSign[l.token])
		x = a.lit(x+1, 0, themes.Muted, l.name) + 3
	}
	if n := len([]rune(string(c.note))); n > 0 && x+n <= a.w {
		a.litRight(a.w, 0, themes.Muted, c.note)
	}
}

// labels draws the value axis and the promised level.
func (c chart) labels(a area) {
	for i, label := range c.scale.ticks(a.h) {
		y := a.h - 1 - i
		a.set(gutter-1, y, themes.Border, '│')
		if label != "" {
			a.set(gutter-1, y, themes.Border, '┤')
			a.litRight(tickCells, y, themes.Muted, label)
		}
	}
	if c.limit <= 0 || !c.scale.holds(c.limit) {
		return
	}
	y := a.h - 1 - c.scale.row(c.limit, a.h)
	a.fill(0, y, tickCells, themes.Threshold, ' ')
	a.litRight(tickCells, y, themes.Threshold, c.bound)
	a.set(gutter-1, y, themes.Threshold, '┤')
	a.fill(gutter, y, a.w-gutter, themes.Threshold, '┄')
}

// axis draws the time below the plot: relative, so that it stands still.
func (c chart) axis(a area) {
	whole := c.over.to.Sub(c.over.from)
	a.set(gutter-1, 0, themes.Border, '╰')
	a.fill(gutter, 0, a.w-gutter, themes.Border, '─')
	a.lit(gutter, 0, themes.Muted, " -"+windowLabel(whole)+" ")
	end := lit(" now")
	if c.frozen != "" {
		end = " " + c.frozen
	}
	a.litRight(a.w, 0, themes.Muted, end)
	if room := a.w - gutter; room >= 36 {
		half := " -" + windowLabel(whole/2) + " "
		a.lit(gutter+(room-len(half))/2, 0, themes.Muted, half)
	}
}

// windowLabel writes a span of time without empty parts: "5m", "2m30s".
func windowLabel(d time.Duration) lit {
	if d >= time.Minute && d%time.Minute == 0 {
		if d >= time.Hour && d%time.Hour == 0 {
			return count(int64(d/time.Hour)) + "h"
		}
		if d < time.Hour {
			return count(int64(d/time.Minute)) + "m"
		}
	}
	return span2(d)
}

// plot lets asciigraph draw one line and copies it cell by cell; a's first
// column is the axis. The values are turned into rows before, because
// asciigraph's height follows the data, and it panics on what is not finite.
func (c chart) plot(a area, l line) {
	columns := reduce(c.t, l.values, c.over, a.w-1, l.how)
	rows := make([]float64, 0, len(columns)+1)
	seen := false
	for _, v := range columns {
		if !math.IsNaN(v) {
			v, seen = float64(c.scale.row(v, a.h)), true
		}
		rows = append(rows, v)
	}
	if !seen {
		return
	}
	// asciigraph draws the way from a value to the next: the last needs one more.
	rows = append(rows, rows[len(rows)-1])
	text := asciigraph.Plot(rows,
		asciigraph.Height(a.h-1), asciigraph.LowerBound(0), asciigraph.UpperBound(float64(a.h-1)),
		asciigraph.Offset(1), asciigraph.SeriesChars(strokes[l.token]),
		asciigraph.YAxisValueFormatter(func(float64) string { return "" }))
	x, y := 0, 0
	for _, r := range text {
		switch r {
		case '\n':
			x, y = -1, y+1
		case ' ', '┤':
		case '┼':
			a.set(x, y, l.token, '┼')
		default:
			a.set(x, y, l.token, r)
		}
		x++
	}
}
