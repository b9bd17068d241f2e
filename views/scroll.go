package views

import "m1/themes"

// scrollEnd is the greatest first line of a page of so many lines in a body of h;
// 0 if all of it fits.
func scrollEnd(lines, h int) int {
	if lines <= h {
		return 0
	}
	return lines - max(h-1, 0)
}

// scrolled draws a page of so many lines and shows of it what fits from line top
// on. Where it does not fit, the last line says what is out of sight.
func (a area) scrolled(lines, top int, draw func(page area)) {
	end := scrollEnd(lines, a.h)
	if end == 0 {
		draw(a)
		return
	}
	top = min(max(top, 0), end)
	page, view := newCanvas(a.w, lines), a.sub(0, 0, a.w, a.h-1)
	draw(page.all())
	for y := range view.h {
		for x, from := range page.cells[(top+y)*a.w : (top+y+1)*a.w] {
			if from.r < 0 {
				a.c.extra = append(a.c.extra, page.extra[-from.r-1])
				from.r = -rune(len(a.c.extra))
			}
			a.c.cells[(view.y+y)*a.c.w+view.x+x] = from
		}
	}
	a.litRight(a.w-2, a.h-1, themes.Accent, moreLines(top, lines-top-view.h))
}
