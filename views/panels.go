package views

import (
	"math"

	"m1/collector/snapshot"
	"m1/themes"
)

// panel is one of the four charts of the overview, most important first.
type panel struct {
	title lit
	head  func(f *Frame) []span // headline figures, for the frame
	strip func(f *Frame) []span // the one figure that must not be missed
	draw  func(f *Frame, a area)
}

var panels = [...]panel{
	{"Latency", latencyHead, latencyStrip, drawLatency},
	{"Hit rate", hitsHead, hitsStrip, drawHits},
	{"Error rate", errorsHead, errorsStrip, drawErrors},
	{"Cost", costHead, costStrip, drawCost},
}

func (p panel) drawBox(f *Frame, a area) { p.draw(f, a.box(p.title, p.head(f)...)) }

// promise finds a promised level by name, nil if there is none.
func promise(f *Frame, name string) *snapshot.SLO {
	for i := range f.Snap.Metrics.SLO {
		if s := &f.Snap.Metrics.SLO[i]; s.Name == name {
			return s
		}
	}
	return nil
}

// limit is the level in the unit of the series: microseconds or a ratio.
func limit(s *snapshot.SLO) float64 {
	switch {
	case s == nil || !finite(s.Target):
		return 0
	case s.Unit == "ms":
		return s.Target * 1e3
	}
	return s.Target
}

// bound writes a level and its direction: "<1ms", ">95%".
func bound(s *snapshot.SLO) lit {
	sign := lit("<")
	if s != nil && s.AtLeast {
		sign = ">"
	}
	switch {
	case s == nil:
		return ""
	case s.Unit == "us" || s.Unit == "ms":
		return sign + tickMicros(limit(s))
	}
	return sign + tickPercent(s.Target)
}

// verdict is the mark of a promise: ✓<1ms, ✗<1ms, or ·<1ms without data.
func verdict(s *snapshot.SLO) []span {
	switch {
	case s == nil:
		return nil
	case s.NoData:
		return []span{own(themes.Muted, " ·"+bound(s))}
	case s.OK:
		return []span{own(themes.Good, " ✓"+bound(s))}
	}
	return []span{own(themes.Bad, " ✗"+bound(s))}
}

// sign is a verdict without its level, where room is short.
func sign(s *snapshot.SLO) []span {
	switch {
	case s == nil || s.NoData:
		return nil
	case s.OK:
		return []span{own(themes.Good, " ✓")}
	}
	return []span{own(themes.Bad, " ✗")}
}

// over is the time that the charts cover; it ends when the picture was taken.
func over(f *Frame) timeline {
	window := f.Window
	if window <= 0 {
		window = snapshot.DefaultWindow
	}
	end := f.Snap.Timestamp
	if t := f.Snap.Metrics.Series.T; len(t) > 0 && t[len(t)-1].After(end) {
		end = t[len(t)-1]
	}
	return timeline{from: end.Add(-window), to: end}
}

// windowName is the time that rates and charts cover, as on the header.
func windowName(f *Frame) lit { return lit(snapshot.WindowName(over(f).to.Sub(over(f).from))) }

// held is the time of day at the end of a chart that does not move.
func held(f *Frame) lit {
	if f.Frozen || f.Snap.Source.Ended {
		return clock(f.Snap.Timestamp.In(f.Now.Location()))
	}
	return ""
}

func latencyHead(f *Frame) []span {
	p := &f.Snap.Metrics.Performance
	s := []span{own(themes.Muted, "policy")}
	if p.Policy.Count == 0 {
		s = append(s, own(themes.Muted, " no calls"))
	} else {
		s = append(s, own(themes.Muted, " p50 "), own(themes.Text, micros(p.Policy.P50US)), own(themes.Muted, " p99 "), own(themes.Title, micros(p.Policy.P99US)))
	}
	return append(s, verdict(promise(f, snapshot.SLOPolicy))...)
}

func latencyStrip(f *Frame) []span {
	s := []span{own(themes.Muted, "policy "), own(themes.Title, measured(f.Snap.Metrics.Performance.Policy.P99US))}
	return append(s, sign(promise(f, snapshot.SLOPolicy))...)
}

func drawLatency(f *Frame, a area) {
	series := &f.Snap.Metrics.Series
	lo, hi, ok := extent(series.PolicyP99US)
	if lo2, hi2, also := extent(series.ToolP95US); also {
		lo, hi, ok = min(lo, lo2), max(hi, hi2), true
	}
	if !ok {
		lo, hi = 1, 1e6
	}
	slo := promise(f, snapshot.SLOPolicy)
	tool := lit("tool p95")
	if t := f.Snap.Metrics.Performance.Tool; t.Count > 0 {
		tool += " " + micros(t.P95US)
	}
	chart{
		t: series.T, over: over(f), scale: decades(lo, hi, a.h-2, tickMicros), note: "log scale",
		lines: []line{
			{"policy p99", themes.SeriesA, series.PolicyP99US, worst},
			{tool, themes.SeriesB, series.ToolP95US, worst},
		},
		limit: limit(slo), bound: bound(slo), frozen: held(f),
		empty: "every decided call will be timed here",
	}.draw(a)
}

func hitsHead(f *Frame) []span {
	c := &f.Snap.Cache
	s := []span{own(themes.Muted, "decisions "), decisionHits(f)}
	s = append(s, verdict(promise(f, snapshot.SLODecisions))...)
	s = append(s, further(themes.Muted, " · results "))
	if c.Results.Hits+c.Results.Misses == 0 {
		return append(s, own(themes.Muted, "no reads"))
	}
	return append(s, own(themes.Text, percent(c.Results.HitRate)), further(themes.Muted, " of "+percent(c.Results.Ceiling)))
}

func decisionHits(f *Frame) span {
	if d := &f.Snap.Cache.Decisions; d.Hits+d.Misses > 0 {
		return own(themes.Title, percent(d.HitRate))
	}
	return own(themes.Muted, none)
}

func hitsStrip(f *Frame) []span {
	return append([]span{own(themes.Muted, "hits "), decisionHits(f)}, sign(promise(f, snapshot.SLODecisions))...)
}

func drawHits(f *Frame, a area) {
	series := &f.Snap.Metrics.Series
	slo := promise(f, snapshot.SLODecisions)
	possible := lit("possible")
	if r := &f.Snap.Cache.Results; r.Hits+r.Misses > 0 {
		possible += " " + percent(r.Ceiling)
	}
	chart{
		t: series.T, over: over(f), scale: share(),
		lines: []line{
			{"decisions", themes.SeriesA, series.DecisionHitRate, mean},
			{"results", themes.SeriesB, series.ResultHitRate, mean},
			{possible, themes.SeriesC, series.ResultCeiling, mean},
		},
		limit: limit(slo), bound: bound(slo), frozen: held(f),
		empty: "repeated questions will be counted here",
	}.draw(a)
}

func errorsHead(f *Frame) []span {
	e := &f.Snap.Metrics.Errors
	s := []span{own(themes.Muted, "tools "), own(themes.Text, percent(e.ErrorRate)), further(themes.Muted, " · M1 "), own(themes.Title, percent(e.M1ErrorRate))}
	s = append(s, verdict(promise(f, snapshot.SLOErrors))...)
	if slo := promise(f, snapshot.SLOErrors); slo != nil && !slo.NoData {
		token := themes.Text
		if slo.BudgetRemaining <= 0 {
			token = themes.Bad
		}
		s = append(s, further(themes.Muted, " · budget "), own(token, tickPercent(math.Round(100*min(max(slo.BudgetRemaining, 0), 1))/100)))
	}
	return s
}

func errorsStrip(f *Frame) []span {
	s := []span{own(themes.Muted, "errors "), own(themes.Title, percent(f.Snap.Metrics.Errors.M1ErrorRate))}
	return append(s, sign(promise(f, snapshot.SLOErrors))...)
}

// drawErrors draws the failures of tools; below them stands who fails most,
// for a rate alone does not say where to look.
func drawErrors(f *Frame, a area) {
	series := &f.Snap.Metrics.Series
	_, hi, _ := extent(series.ErrorRate)
	c := chart{
		t: series.T, over: over(f), scale: upTo(min(hi, 1), 0.01, tickPercent),
		lines: []line{{"failed tool calls", themes.SeriesA, series.ErrorRate, worst}}, frozen: held(f),
		empty: "failed tool calls will be counted here",
	}
	by := f.Snap.Metrics.Errors.ByTool
	rows := 0
	for rows < len(by) && by[rows].Errors > 0 && rows < spareRows(a) {
		rows++
	}
	c.draw(a.sub(0, 0, a.w, a.h-rows))
	for i := range rows {
		y := a.h - rows + i
		a.safe(0, y, 15, themes.Text, MakeSafe(by[i].Tool))
		a.bar(16, y, max(a.w-38, 4), themes.Bad, by[i].Rate)
		a.litRight(a.w, y, themes.Muted, percent(by[i].Rate)+" of "+brief(by[i].Calls))
	}
}

// spareRows are the lines that a chart of this height can give away.
func spareRows(a area) int { return min(max(a.h-2-5, 0), 3) }

// drawStrip is one line with the figure of every panel, for screens that have
// no room for all of them.
func drawStrip(f *Frame, a area) {
	x := 0
	for i, p := range panels {
		if i > 0 {
			a.set(x+1, 0, themes.Border, '│')
			x += 3
		}
		x = a.spans(x, 0, p.strip(f))
	}
	t := f.Snap.Metrics.Series.T
	if room := a.w - x - 3; room >= 20 {
		calls := own(themes.Muted, rate(f.Snap.Metrics.Operations.CallsPerS)+" calls/s")
		w := min(room-calls.width()-1, 24)
		begin := a.w - calls.width()
		a.spans(begin, 0, []span{calls})
		a.spark(begin-1-w, 0, w, themes.SeriesA, reduce(t, f.Snap.Metrics.Series.CallsPerS, over(f), w, worst))
	}
}
