package views

import "m1/themes"

// Screen draws the whole screen: exactly Height lines of at most Width cells,
// joined by line feeds. The same Frame always gives the same bytes.
func Screen(f Frame) string {
	if f.Width <= 0 || f.Height <= 0 {
		return ""
	}
	c := newCanvas(f.Width, f.Height)
	drawScreen(&f, c.all())
	return c.render(f.Theme)
}

func drawScreen(f *Frame, a area) {
	switch {
	case a.w < MinWidth || a.h < MinHeight:
		drawTooSmall(f, a)
		return
	case f.Snap == nil:
		drawWaiting(f, a)
		return
	}
	r := divide(f, a)
	drawHeader(f, r.header)
	drawTabs(f, r.tabs)
	if hasBanner(f) {
		drawBanner(f, r.banner)
	}
	drawBody(f, r.body)
	if f.Dialog != nil {
		drawDialog(f, r.dialog)
	}
	drawFooter(f, r.footer)
}

func drawBody(f *Frame, a area) {
	switch {
	case f.Help:
		drawPaper(a, "Help", helpPaper(f, a.w-4), f.HelpTop)
	case f.Detail.open():
		p, title := detailPaper(f, a.w-4)
		drawPaper(a, title, p, f.Detail.Top)
	case f.Page == Calls:
		drawCalls(f, a, true)
	case f.Page == Approvals:
		drawApprovals(f, a)
	case f.Page == Policy:
		drawPolicy(f, a)
	case f.Page == Cache:
		drawCache(f, a)
	case f.Page == Runs:
		drawRuns(f, a)
	default:
		drawOverview(f, a)
	}
}

func drawOverview(f *Frame, a area) {
	d := arrangeDesk(f, a)
	if d.strip.h > 0 {
		drawStrip(f, d.strip.sub(1, 0, d.strip.w-2, 1))
	}
	for i, at := range d.panels {
		panels[d.first+i].drawBox(f, at)
	}
	if n := len(d.panels); n > 0 && n < len(panels) {
		which := "panel " + count(d.first+1)
		if n > 1 {
			which = "panels " + count(d.first+1) + "–" + count(d.first+n)
		}
		d.panels[n-1].mark(themes.Muted, which+" of "+count(len(panels)))
	}
	drawNeeds(f, d.needs)
	drawCalls(f, d.calls, false)
}

// drawTooSmall says what is needed, and still what must not be missed.
func drawTooSmall(f *Frame, a area) {
	lines := [][]span{
		append([]span{own(themes.Title, "m1")}, badges(f)...),
		{own(themes.Text, "Needs "+count(MinWidth)+"x"+count(MinHeight)+", has "+count(a.w)+"x"+count(a.h)+".")},
	}
	if f.Snap != nil {
		lines = append(lines, []span{health(f), own(themes.Muted, " "+brief(f.Snap.Runs.Active)+plural(f.Snap.Runs.Active, " run", " runs"))})
		if f.Snap.Source.Err != "" {
			lines = append(lines, []span{own(themes.Bad, "✗ no data: "), theirs(themes.Bad, MakeSafe(f.Snap.Source.Err))})
		}
		open := needs(f, a.w, a.h)
		if len(open) == 0 {
			lines = append(lines, []span{own(themes.Good, "✓ "), own(themes.Muted, "Nothing needs you.")})
		}
		lines = append(lines, open...)
	}
	for y, l := range lines[:min(len(lines), a.h)] {
		if y == a.h-1 && len(lines) > a.h {
			l = []span{own(themes.Warn, "+"+count(len(lines)-y)+" more")}
		}
		a.spans(0, y, l)
	}
}

// drawWaiting is the screen before the first picture.
func drawWaiting(f *Frame, a area) {
	if f.Help {
		drawPaper(a, "Help", helpPaper(f, a.w-4), f.HelpTop)
		return
	}
	a.lit(1, 0, themes.Title, "m1")
	lines := []lit{
		"Waiting for the first picture of the engine …",
		"It is taken within a second. If this stays, the engine has not started",
		"or cannot be reached: see its log. q leaves.",
	}
	y := max(a.h/2-2, 1)
	for i, s := range lines {
		token := themes.Muted
		if i == 0 {
			token = themes.Text
		}
		a.lit(max((a.w-72)/2, 1), y+i+min(i, 1), token, s)
	}
	if f.Notice != "" {
		a.spans(1, a.h-1, []span{theirs(themes.Muted, MakeSafe(f.Notice))})
	}
}
