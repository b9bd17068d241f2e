package views

import (
	"strings"
	"unicode/utf8"

	"m1/themes"

	"github.com/clipperhouse/displaywidth"
)

// lit is text that the program itself wrote: a constant or a formatted number.
// A string out of a snapshot does not fit where a lit is wanted, so forgetting
// MakeSafe does not compile.
type lit string

// canvas is the screen as a grid of cells. Whatever is drawn, the result has
// exactly h lines of at most w cells.
type canvas struct {
	w, h  int
	cells []cell
	extra []string // cells that hold more than one rune
}

// cell is one column of one line. r is 0 in the second half of a wide rune and
// negative where extra[-r-1] is meant.
type cell struct {
	r      rune
	token  themes.Token
	picked bool
}

func newCanvas(w, h int) *canvas {
	c := &canvas{w: w, h: h, cells: make([]cell, w*h)}
	for i := range c.cells {
		c.cells[i].r = ' '
	}
	return c
}

// render writes the grid as lines joined by line feeds. Blank ends of lines are
// left out: they are not sent.
func (c *canvas) render(t themes.Theme) string {
	var b strings.Builder
	b.Grow(len(c.cells)*2 + c.h*16)
	for y := range c.h {
		if y > 0 {
			b.WriteByte('\n')
		}
		c.renderLine(&b, c.cells[y*c.w:(y+1)*c.w], t)
	}
	return b.String()
}

func (c *canvas) renderLine(b *strings.Builder, line []cell, t themes.Theme) {
	end := len(line)
	for end > 0 && line[end-1].r == ' ' && !line[end-1].picked && !loud(line[end-1].token) {
		end--
	}
	for x := 0; x < end; {
		first := line[x]
		style := t.Style(first.token)
		if first.picked {
			style = t.Selected(first.token)
		}
		b.WriteString(style.Prefix)
		for ; x < end && line[x].token == first.token && line[x].picked == first.picked; x++ {
			switch r := line[x].r; {
			case r > 0:
				b.WriteRune(r)
			case r < 0:
				b.WriteString(c.extra[-r-1])
			}
		}
		b.WriteString(style.Suffix)
	}
}

// loud tokens have a ground of their own, so that their blanks are visible.
func loud(k themes.Token) bool { return k == themes.Badge || k == themes.Alarm }

// area is a rectangle of a canvas. Coordinates are its own, and nothing drawn
// through it leaves it.
type area struct {
	c          *canvas
	x, y, w, h int
}

func (c *canvas) all() area { return area{c: c, w: c.w, h: c.h} }

// sub is a part of a, cut where it would stick out.
func (a area) sub(x, y, w, h int) area {
	x, y = min(max(x, 0), a.w), min(max(y, 0), a.h)
	return area{c: a.c, x: a.x + x, y: a.y + y, w: max(min(w, a.w-x), 0), h: max(min(h, a.h-y), 0)}
}

// row is line y of a; rows do not wrap.
func (a area) row(y int) area { return a.sub(0, y, a.w, 1) }

// set draws one rune of one cell.
func (a area) set(x, y int, k themes.Token, r rune) {
	if x < 0 || y < 0 || x >= a.w || y >= a.h {
		return
	}
	at := &a.c.cells[(a.y+y)*a.c.w+a.x+x]
	at.r, at.token = r, k
}

// lit draws the program's own text, whose runes all take one cell, and returns
// the column after it. What does not fit is cut with ….
func (a area) lit(x, y int, k themes.Token, s lit) int {
	n := utf8.RuneCountInString(string(s))
	for _, r := range string(s) {
		if x == a.w-1 && n > 1 {
			r = '…'
		}
		a.set(x, y, k, r)
		x++
		n--
	}
	return min(x, a.w)
}

// litRight draws s so that it ends before column x, and returns where it begins.
func (a area) litRight(x, y int, k themes.Token, s lit) int {
	begin := x - utf8.RuneCountInString(string(s))
	a.lit(begin, y, k, s)
	return begin
}

// safe draws text in at most w cells and returns the column after it.
func (a area) safe(x, y, w int, k themes.Token, s Safe) int {
	s = s.Clip(min(w, a.w-x))
	if len(s.text) == s.cells {
		for i := range len(s.text) {
			a.set(x+i, y, k, rune(s.text[i]))
		}
		return x + s.cells
	}
	for g := displaywidth.StringGraphemes(s.text); g.Next(); {
		part, width := g.Value(), g.Width()
		r, size := utf8.DecodeRuneInString(part)
		if size < len(part) {
			a.c.extra = append(a.c.extra, part)
			r = -rune(len(a.c.extra))
		}
		a.set(x, y, k, r)
		for i := 1; i < width; i++ {
			a.set(x+i, y, k, 0)
		}
		x += width
	}
	return x
}

// fill draws n times the same rune.
func (a area) fill(x, y, n int, k themes.Token, r rune) {
	for i := range max(n, 0) {
		a.set(x+i, y, k, r)
	}
}

// pick marks line y as the selected one.
func (a area) pick(y int) {
	if y < 0 || y >= a.h {
		return
	}
	for x := range a.w {
		a.c.cells[(a.y+y)*a.c.w+a.x+x].picked = true
	}
}
