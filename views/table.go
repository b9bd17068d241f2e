package views

import (
	"unicode/utf8"

	"m1/themes"
)

// column is one column of a table of R. Its width never depends on what its
// cells hold.
type column[R any] struct {
	name  string // by which it is sorted, and its heading
	title lit    // heading, if it is not the name
	least int    // cells it needs
	most  int    // cells it may take if there is room; 0 for least
	right bool   // figures stand on the right
	tail  bool   // a name too long keeps its end, which tells it from others
	rank  int    // columns of higher rank give way first; 0 stays
	order func(a, b R) int
	cell  func(f *Frame, r R) (themes.Token, lit, Safe)
}

func (c *column[R]) heading() lit {
	if c.title != "" {
		return c.title
	}
	return lit(c.name)
}

// placed is a column with its place in the table.
type placed[R any] struct {
	column[R]
	x, w int
}

const columnGap = 2

// fitColumns chooses the columns that fit into w cells and shares out what is
// left over. hidden names those that had to give way.
func fitColumns[R any](columns []column[R], w int) (shown []placed[R], hidden []lit) {
	limit, need := 0, 0
	for _, c := range columns {
		limit = max(limit, c.rank)
	}
	for ; limit >= 0; limit-- {
		need = -columnGap
		for _, c := range columns {
			if c.rank <= limit {
				need += c.least + columnGap
			}
		}
		if need <= w {
			break
		}
	}
	spare := w - need
	for _, c := range columns {
		if c.rank > max(limit, 0) {
			hidden = append(hidden, c.heading())
			continue
		}
		shown = append(shown, placed[R]{column: c, w: c.least})
	}
	for grew := true; spare > 0 && grew; {
		grew = false
		for i := range shown {
			if spare > 0 && shown[i].w < shown[i].most {
				shown[i].w++
				spare--
				grew = true
			}
		}
	}
	x := 0
	for i := range shown {
		shown[i].x = x
		x += shown[i].w + columnGap
	}
	return shown, hidden
}

// view is the state of a table that drawing needs.
type view struct {
	sort     string
	reverse  bool
	selected int // row, or -1
}

// rowsBefore is the first row drawn of n, such that the selection is in sight.
func (v view) rowsBefore(n, visible int) int {
	return min(max(v.selected-visible/2, 0), max(n-visible, 0))
}

// drawTable draws headings and rows and returns how many rows stand above and
// below what is seen, and the columns left out.
func drawTable[R any](f *Frame, a area, columns []column[R], rows []R, v view) (above, below int, hidden []lit) {
	// Two cells on the left are for the mark of the selection.
	shown, hidden := fitColumns(columns, a.w-2)
	for _, c := range shown {
		drawHeading(a, c, v)
	}
	visible := max(a.h-1, 0)
	above = v.rowsBefore(len(rows), visible)
	last := min(above+visible, len(rows))
	for i, r := range rows[above:last] {
		y := 1 + i
		for _, c := range shown {
			token, own, theirs := c.cell(f, r)
			field := a.sub(2+c.x, y, c.w, 1)
			if c.tail {
				theirs = theirs.Tail(field.w)
			}
			switch {
			case own == "":
				field.safe(0, 0, c.w, token, theirs)
			case c.right:
				field.lit(max(c.w-utf8.RuneCountInString(string(own)), 0), 0, token, own)
			default:
				x := field.lit(0, 0, token, own)
				field.safe(x, 0, c.w-x, token, theirs)
			}
		}
		if above+i == v.selected {
			a.set(0, y, themes.Accent, '▸')
			a.pick(y)
		}
	}
	return above, len(rows) - last, hidden
}

func drawHeading[R any](a area, c placed[R], v view) {
	title, token := c.heading(), themes.Muted
	if c.name == v.sort && v.sort != "" {
		token = themes.Accent
		arrow := lit("▾")
		if v.reverse {
			arrow = "▴"
		}
		if c.right {
			title = arrow + title
		} else {
			title += arrow
		}
	}
	field := a.sub(2+c.x, 0, c.w, 1)
	x := 0
	if c.right {
		x = max(c.w-utf8.RuneCountInString(string(title)), 0)
	}
	field.lit(x, 0, token, title)
}

// more says in words what a table of w cells does not show.
func more(w, above, below int, hidden []lit) lit {
	var s lit
	add := func(part lit) {
		if s != "" {
			s += " · "
		}
		s += part
	}
	if len(hidden) > 0 {
		names := hidden[0]
		for _, h := range hidden[1:] {
			names += ", " + h
		}
		if len(names) > w-50 {
			names = count(len(hidden)) + " columns"
		}
		add("no room for " + names)
	}
	if above > 0 {
		add("↑ " + count(above) + " more")
	}
	if below > 0 {
		add("↓ " + count(below) + " more")
	}
	return s
}
