package views

import "m1/themes"

// card is one box of a page that scrolls: lines of text, with a table above them or
// not.
type card struct {
	title lit
	head  []span
	note  lit // in the lower border
	paper *paper
	rows  int           // lines of the table, its headings included
	table func(in area) // nil for none
	at    area          // where it stands on the page
}

func (c *card) lines() int { return 2 + c.rows + len(c.paper.lines) }

// draw draws the card into a.
func (c *card) draw(a area) {
	in := a.box(c.title, c.head...)
	if c.table != nil {
		c.table(in.sub(0, 0, in.w, c.rows))
	}
	a.mark(themes.Muted, c.note)
	for i, l := range c.paper.lines {
		in.spans(0, c.rows+i, l)
	}
}

// deck places cards on a page of w cells, row by row.
type deck struct {
	f     *Frame
	w     int
	cards []*card
	lines int
}

// place adds a row of cards that stand side by side and are equally high.
func (d *deck) place(row ...func(f *Frame, w int) *card) {
	h := 0
	for i, write := range row {
		left, right := d.w*i/len(row), d.w*(i+1)/len(row)
		c := write(d.f, right-left-4)
		c.at = area{x: left, y: d.lines, w: right - left}
		h = max(h, c.lines())
		d.cards = append(d.cards, c)
	}
	for _, c := range d.cards[len(d.cards)-len(row):] {
		c.at.h = h
	}
	d.lines += h
}

// drawDeck draws a page of cards from line top on. The last card takes what is
// left of the body.
func drawDeck(cards []*card, lines, top int, a area) {
	cards[len(cards)-1].at.h += max(a.h-lines, 0)
	a.scrolled(lines, top, func(page area) {
		for _, c := range cards {
			c.draw(page.sub(c.at.x, c.at.y, c.at.w, c.at.h))
		}
	})
}
