package views

// MinWidth and MinHeight are the least terminal that holds a page.
const (
	MinWidth  = 60
	MinHeight = 18
)

// The sizes at which more appears.
const (
	twoColumns    = 100 // wide enough for two panels side by side
	besideW       = 160 // wide and high enough for the calls beside the panels
	besideH       = 50
	tallBody      = 34 // lines of body that hold two rows of panels
	tooLowForPlot = 18 // fewer lines of body keep the strip alone
)

// rooms are the parts of the screen around a page.
type rooms struct{ header, tabs, banner, body, dialog, footer area }

func divide(f *Frame, a area) rooms {
	r := rooms{header: a.row(0), tabs: a.row(1), footer: a.row(a.h - 1)}
	if f.Still {
		r.footer = a.sub(0, a.h, 0, 0)
	}
	top := 2
	if f.Snap != nil && hasBanner(f) {
		r.banner = a.row(top)
		top++
	}
	high := 0
	if f.Dialog != nil {
		high = dialogLines
	}
	r.body = a.sub(0, top, a.w, a.h-top-r.footer.h-high)
	r.dialog = a.sub(0, top+r.body.h, a.w, high)
	return r
}

// desk is the overview's body: which panels there are, and where all stands.
type desk struct {
	strip  area // no height where every panel is shown
	panels []area
	first  int // the panel in panels[0]
	needs  area
	calls  area
}

func arrangeDesk(f *Frame, a area) desk {
	if f.Width >= besideW && f.Height >= besideH {
		return beside(a)
	}
	columns, rows := 1, 1
	if a.w >= twoColumns {
		columns = 2
	}
	if a.h >= tallBody {
		rows = 2
	}
	var d desk
	y := 0
	if columns*rows < len(panels) {
		d.strip = a.row(0)
		y = 1
	}
	if a.h < tooLowForPlot {
		rows = 0
	}
	high := min(max(a.h*38/100, 8), 16)
	if rows == 2 {
		high = min(a.h*28/100, 16)
	}
	n := columns * rows
	d.first = wrap(f.Panel, len(panels)) / max(n, 1) * n
	for i := range n {
		left, right := a.w*(i%columns)/columns, a.w*(i%columns+1)/columns
		d.panels = append(d.panels, a.sub(left, y+i/columns*high, right-left, high))
	}
	y += rows * high
	needsH := 3
	if a.h >= tallBody {
		needsH = 4
	}
	d.needs = a.sub(0, y, a.w, needsH)
	d.calls = a.sub(0, y+needsH, a.w, a.h-y-needsH)
	return d
}

// beside puts the panels above each other, so that one moment stands in one
// column in all of them, and the calls to their right.
func beside(a area) desk {
	var d desk
	left := a.w * 48 / 100
	for i := range panels {
		top, bottom := a.h*i/len(panels), a.h*(i+1)/len(panels)
		d.panels = append(d.panels, a.sub(0, top, left, bottom-top))
	}
	const needsH = 5
	d.needs = a.sub(left, 0, a.w-left, needsH)
	d.calls = a.sub(left, needsH, a.w-left, a.h-needsH)
	return d
}

// NextPanel is the Panel that shows the next chart panels, or with by -1 those
// before, on a screen too small for all; Panel itself where all are shown.
func NextPanel(f Frame, by int) int {
	f.Width, f.Height = max(f.Width, 0), max(f.Height, 0)
	shown := len(arrangeDesk(&f, divide(&f, area{w: f.Width, h: f.Height}).body).panels)
	if shown == 0 || shown >= len(panels) {
		return f.Panel
	}
	return wrap(f.Panel+by*shown, len(panels))
}

func wrap(i, n int) int { return ((i % n) + n) % n }

// PageSize is how many rows of the table, or lines of what lies over it, the
// screen shows at once: the step of a page key. At least 1.
func PageSize(f Frame) int {
	f.Width, f.Height = max(f.Width, 0), max(f.Height, 0)
	body := divide(&f, area{w: f.Width, h: f.Height}).body
	const frame = 2
	switch {
	case f.Help || f.Detail.open():
		return max(body.h-frame, 1)
	case f.Snap == nil:
		return 1
	case f.Page == Calls || f.Page == Approvals:
		return max(body.h-frame-3, 1)
	case f.Page == Cache || f.Page == Policy:
		return max(body.h-1, 1)
	case f.Page == Runs:
		_, runs := splitRuns(&f, body)
		return max(runs.h-frame-3, 1)
	}
	return max(arrangeDesk(&f, body).calls.h-frame-1, 1)
}

// ScrollEnd is the greatest first line of the help, the open record, the cache
// or the policy page that still fills the screen; 0 if all of it is seen.
func ScrollEnd(f Frame) int {
	f.Width, f.Height = max(f.Width, 0), max(f.Height, 0)
	body := divide(&f, area{w: f.Width, h: f.Height}).body
	var p *paper
	switch {
	case f.Help:
		p = helpPaper(&f, body.w-4)
	case f.Snap != nil && f.Detail.open():
		p, _ = detailPaper(&f, body.w-4)
	case f.Snap != nil && f.Page == Cache:
		_, lines := arrangeCache(&f, body.w)
		return scrollEnd(lines, body.h)
	case f.Snap != nil && f.Page == Policy:
		_, lines := arrangePolicy(&f, body.w)
		return scrollEnd(lines, body.h)
	default:
		return 0
	}
	return max(len(p.lines)-(body.h-2), 0)
}

func (d Detail) open() bool { return d.Call != "" || d.Run != "" || d.Approval != "" }
