package views

import (
	"unicode/utf8"

	"m1/themes"

	"github.com/clipperhouse/displaywidth"
)

// paper is text over the page: a record, or the help. It is written once for a
// width and seen through a window.
type paper struct {
	w     int
	lines [][]span
}

const keyCells = 14 // names of values in a record

func (p *paper) add(spans ...span) { p.lines = append(p.lines, spans) }

// heading starts a part, with a blank line before all but the first.
func (p *paper) heading(s lit) {
	if len(p.lines) > 0 {
		p.add()
	}
	p.add(own(themes.Title, s))
}

// pair writes a name and its value.
func (p *paper) pair(name lit, value ...span) {
	p.add(append([]span{own(themes.Muted, "  "+pad(name, keyCells))}, value...)...)
}

// flow writes a name and short parts set apart by dots, as many to a line as fit;
// an empty part is left out.
func (p *paper) flow(name span, parts ...[]span) {
	var line []span
	for _, part := range parts {
		switch {
		case len(part) == 0:
			continue
		case len(line) > 0 && width(line)+3+width(part) > p.w:
			p.add(line...)
			line, name = nil, own(themes.Text, pad("", keyCells))
		}
		if len(line) == 0 {
			line = append(line, own(themes.Text, "  "), name)
		} else {
			line = append(line, own(themes.Muted, " · "))
		}
		line = append(line, part...)
	}
	if len(line) > 0 {
		p.add(line...)
	}
}

// label is the name of a flow.
func label(s lit) span { return own(themes.Muted, pad(s, keyCells)) }

// prose writes a sentence of our own over the whole width.
func (p *paper) prose(k themes.Token, s lit) {
	for _, part := range MakeSafe(string(s)).wrap(p.w - 2) {
		p.add(own(themes.Text, "  "), theirs(k, part))
	}
}

// text writes a name and a text of any length, wrapped below itself.
func (p *paper) text(name lit, k themes.Token, s Safe) {
	if s.IsEmpty() {
		p.pair(name, own(themes.Muted, none))
		return
	}
	for i, part := range s.wrap(p.w - 2 - keyCells) {
		if i > 0 {
			name = ""
		}
		p.pair(name, theirs(k, part))
	}
}

// value writes name = value, wrapped below itself, and its length.
func (p *paper) value(name, equals span, s Safe, length lit) {
	indent := 2 + name.width() + equals.width()
	if s.IsEmpty() {
		p.add(own(themes.Text, "  "), name, equals, own(themes.Muted, none+"   "+length))
		return
	}
	// The length stands behind the last line.
	parts := s.wrap(p.w - indent - 3 - width([]span{own(0, length)}))
	for i, part := range parts {
		line := []span{own(themes.Text, pad("", indent)), theirs(themes.Text, part)}
		if i == 0 {
			line = []span{own(themes.Text, "  "), name, equals, theirs(themes.Text, part)}
		}
		if i == len(parts)-1 {
			line = append(line, own(themes.Muted, "   "+length))
		}
		p.add(line...)
	}
}

// wrap cuts s into lines of at most n cells, or 8 if n is less: at the last space
// of a line, which the break stands for, or where the line is full if it has none.
func (s Safe) wrap(n int) []Safe {
	n = max(n, 8)
	var lines []Safe
	begin, at, cells := 0, 0, 0
	space, before := 0, 0 // the last space of the line, and the cells up to it
	for g := displaywidth.StringGraphemes(s.text); g.Next(); {
		blank := g.Value() == " "
		if cells+g.Width() > n {
			switch {
			case blank:
				lines = append(lines, s.part(begin, at, cells))
				begin, cells = at+1, -1
			case space > begin:
				lines = append(lines, s.part(begin, space, before))
				begin, cells = space+1, cells-before-1
			default:
				lines = append(lines, s.part(begin, at, cells))
				begin, cells = at, 0
			}
		}
		if blank {
			space, before = at, cells
		}
		cells += g.Width()
		at += len(g.Value())
	}
	return append(lines, s.part(begin, len(s.text), cells))
}

// part is a piece of s of known cells.
func (s Safe) part(begin, end, cells int) Safe {
	return Safe{text: s.text[begin:end], cells: cells, ascii: s.ascii}
}

// pad fills s up to n cells.
func pad(s lit, n int) lit {
	for i := utf8.RuneCountInString(string(s)); i < n; i++ {
		s += " "
	}
	return s
}

// drawPaper draws the box and the lines from top on, and marks what is above
// and below.
func drawPaper(a area, title lit, p *paper, top int) {
	in := a.box(title, own(themes.Accent, "Esc"), own(themes.Muted, " back"))
	top = min(max(top, 0), max(len(p.lines)-in.h, 0))
	last := min(top+in.h, len(p.lines))
	for y, l := range p.lines[top:last] {
		in.spans(0, y, l)
	}
	a.mark(themes.Accent, moreLines(top, len(p.lines)-last))
}

// moreLines says how many lines are out of sight.
func moreLines(above, below int) (note lit) {
	if above > 0 {
		note = "↑ " + count(above) + " lines more"
	}
	if below > 0 {
		if note != "" {
			note += " · "
		}
		note += "↓ " + count(below) + " lines more"
	}
	return note
}
