package views

import (
	"unicode/utf8"

	"m1/themes"
)

// span is a piece of one meaning inside a line. Exactly one of the two texts is
// set; safe is what somebody else wrote.
type span struct {
	token   themes.Token
	lit     lit
	safe    Safe
	further bool // begins a part of a headline that may be left out
}

func own(k themes.Token, s lit) span     { return span{token: k, lit: s} }
func theirs(k themes.Token, s Safe) span { return span{token: k, safe: s} }

// further is own text that begins a part of a headline: where room is short, it
// is left out together with what follows.
func further(k themes.Token, s lit) span { return span{token: k, lit: s, further: true} }

func (s span) width() int {
	if s.lit != "" {
		return utf8.RuneCountInString(string(s.lit))
	}
	return s.safe.Width()
}

func width(spans []span) int {
	n := 0
	for _, s := range spans {
		n += s.width()
	}
	return n
}

// fitParts leaves out whole parts from the end until the rest fits into n cells:
// half a figure is worse than none. The first part always stays.
func fitParts(line []span, n int) []span {
	for i := len(line) - 1; i > 0 && width(line) > n; i-- {
		if line[i].further {
			line = line[:i]
		}
	}
	return line
}

// spans draws pieces one after another and returns the column after them.
func (a area) spans(x, y int, line []span) int {
	for _, s := range line {
		if x >= a.w {
			return x
		}
		if s.lit != "" {
			x = a.lit(x, y, s.token, s.lit)
		} else {
			x = a.safe(x, y, a.w-x, s.token, s.safe)
		}
	}
	return x
}

// box draws a rounded frame around a with the title in its upper border and
// returns what is inside, one cell of air left and right.
func (a area) box(title lit, head ...span) area {
	if a.w < 4 || a.h < 2 {
		return a.sub(0, 0, 0, 0)
	}
	right, bottom := a.w-1, a.h-1
	a.fill(1, 0, a.w-2, themes.Border, '─')
	a.fill(1, bottom, a.w-2, themes.Border, '─')
	a.set(0, 0, themes.Border, '╭')
	a.set(right, 0, themes.Border, '╮')
	a.set(0, bottom, themes.Border, '╰')
	a.set(right, bottom, themes.Border, '╯')
	for y := 1; y < bottom; y++ {
		a.set(0, y, themes.Border, '│')
		a.set(right, y, themes.Border, '│')
	}
	top := a.sub(1, 0, a.w-3, 1)
	x := top.lit(0, 0, themes.Title, " "+title+" ")
	if len(head) > 0 && x+4 < top.w {
		top.set(x, 0, themes.Border, '─')
		top.set(x+1, 0, themes.Text, ' ')
		x = top.spans(x+2, 0, fitParts(head, top.w-x-3))
		top.set(x, 0, themes.Text, ' ')
	}
	return a.sub(2, 1, a.w-4, a.h-2)
}

// mark writes a note into the lower border of the box around a, at its right
// end: what is not shown, and how much of it.
func (a area) mark(k themes.Token, note lit) {
	if note == "" || a.h < 2 {
		return
	}
	a.sub(2, a.h-1, a.w-4, 1).litRight(a.w-5, 0, k, " "+note+" ")
}
