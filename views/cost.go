package views

import (
	"time"

	"m1/collector/snapshot"
	"m1/themes"
)

// replayed tells whether the picture is of a recording. Its clock runs at the
// speed of the replay, so that money an hour would mean nothing there: only
// sums of money are shown.
func replayed(f *Frame) bool { return f.Snap.Source.Mode == "replay" }

// moneySpans are the one figure of cost: what goes out an hour, or of a
// recording what it cost in all.
func moneySpans(f *Frame, k themes.Token) []span {
	c := &f.Snap.Costs
	if replayed(f) {
		return []span{own(k, nano(c.TotalNanoUSD)), own(themes.Muted, " in all")}
	}
	return []span{own(k, dollars(c.USDPerHour)), own(themes.Muted, "/h")}
}

func costHead(f *Frame) []span {
	c := &f.Snap.Costs
	s := moneySpans(f, themes.Title)
	if !replayed(f) {
		s = append(s, further(themes.Muted, " · "+dollars(c.ProjectedMonthUSD)+"/mo"))
	}
	if c.Unpriced.Calls > 0 {
		return append(s, further(themes.Warn, " · ! unpriced "+brief(c.Unpriced.Calls)))
	}
	return append(s, further(themes.Muted, " · unpriced 0"))
}

func costStrip(f *Frame) []span {
	s := moneySpans(f, themes.Title)
	if replayed(f) && f.Width < 72 {
		s = s[:1]
	}
	if f.Snap.Costs.Unpriced.Calls > 0 && f.Width >= 72 {
		s = append(s, own(themes.Warn, " !unpriced"))
	}
	return s
}

func drawCost(f *Frame, a area) {
	c := &f.Snap.Costs
	series, t := f.Snap.Metrics.Series.USDPerHour, f.Snap.Metrics.Series.T
	l := line{"dollars an hour · " + nano(c.TotalNanoUSD) + " in all", themes.SeriesA, series, mean}
	empty := lit("report usage to /v1/usage to see costs")
	if replayed(f) {
		l = line{nano(c.TotalNanoUSD) + " in all", themes.SeriesA, spent(t, series, c.TotalNanoUSD.USD()), worst}
		empty = "usage of the recording adds up here"
	}
	_, hi, _ := extent(l.values)
	rows := min(len(c.Budgets), spareRows(a))
	chart{
		t: t, over: over(f), scale: upTo(hi, 0.01, tickDollars),
		lines: []line{l}, frozen: held(f), empty: empty,
	}.draw(a.sub(0, 0, a.w, a.h-rows))
	for i := range c.Budgets[:rows] {
		drawBudget(a.row(a.h-rows+i), &c.Budgets[i])
	}
}

func drawBudget(a area, b *snapshot.Budget) {
	token := themes.Good
	switch {
	case b.ExhaustedAt != nil || b.UsedRatio >= 1:
		token = themes.Bad
	case b.UsedRatio >= 0.8:
		token = themes.Warn
	}
	a.safe(0, 0, 15, themes.Text, MakeSafe(b.ID))
	a.bar(16, 0, max(a.w-38, 4), token, b.UsedRatio)
	end := a.litRight(a.w, 0, token, percent(b.UsedRatio))
	of := theirs(themes.Muted, MakeSafe("of $"+b.LimitUSD).Clip(14))
	a.spans(max(end-1-of.width(), 0), 0, []span{of})
}

// spent is the sum of money at each moment, such that it ends at total: what
// went out an hour, taken back sample by sample. Nothing spent is no data.
func spent(t []time.Time, usdPerHour []*float64, total float64) []*float64 {
	if !(total > 0) {
		return nil
	}
	out := make([]*float64, min(len(t), len(usdPerHour)))
	for i := len(out) - 1; i >= 0; i-- {
		sum := total
		out[i] = &sum
		if v := usdPerHour[i]; i > 0 && v != nil && finite(*v) {
			total = max(total-*v*t[i].Sub(t[i-1]).Hours(), 0)
		}
	}
	return out
}
