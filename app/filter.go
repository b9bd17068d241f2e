package app

import (
	"strings"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/rivo/uniseg"

	"m1/views"
)

// longest is how much a filter may hold, in bytes; what is pasted beyond it is
// cut.
const longest = 200

// editLine applies a key to a line of text that is edited at its end. It is
// false for keys that are not editing.
func editLine(text string, k tea.KeyPressMsg) (string, bool) {
	switch k.Keystroke() {
	case "backspace", "ctrl+h":
		return cutLast(text), true
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		text = strings.TrimRightFunc(text, unicode.IsSpace)
		return text[:strings.LastIndexFunc(text, unicode.IsSpace)+1], true
	case "ctrl+u":
		return "", true
	}
	if k.Text == "" {
		return text, false
	}
	return insert(text, k.Text), true
}

// insert appends what can be seen of more. Line breaks and tabs of a pasted
// text become spaces, everything that acts on a terminal is left out.
func insert(text, more string) string {
	var b strings.Builder
	b.WriteString(text)
	for _, r := range more {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			r = ' '
		case !unicode.IsGraphic(r):
			continue
		}
		if b.Len()+len(string(r)) > longest {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

// cutLast removes the last character as a person counts them.
func cutLast(text string) string {
	end := 0
	for g := uniseg.NewGraphemes(text); g.Next(); {
		end, _ = g.Positions()
	}
	return text[:end]
}

// filtering tells whether the filter line has the keyboard.
func (m *model) filtering() bool {
	_, editing := m.table().filter()
	return editing
}

// startFilter opens the line with the filter that is on.
func (m *model) startFilter() tea.Cmd {
	text, _ := m.table().filter()
	m.filterWas = text
	m.table().setFilter(text, true)
	return nil
}

func (m *model) keepFilter() tea.Cmd {
	text, _ := m.table().filter()
	m.table().setFilter(strings.TrimSpace(text), false)
	m.table().settle(m.state())
	return nil
}

// leaveFilter puts back what was there before the line was opened.
func (m *model) leaveFilter() tea.Cmd {
	m.table().setFilter(m.filterWas, false)
	m.table().settle(m.state())
	return nil
}

// typed changes the filter while it is edited. The rows follow at once; that
// the selection moves with them needs no word.
func (m *model) typed(text string) {
	m.table().setFilter(text, true)
	m.table().settle(m.state())
	m.stale = true
}

// paste reaches the filter line, and the reason of a no: pasted text is never
// taken for keys, and never answers.
func (m *model) paste(content string) {
	switch {
	case m.dialog != nil:
		if m.dialog.Kind == views.DenyingWithReason && !m.dialog.Quiet {
			d := *m.dialog
			d.Typed = insert(d.Typed, content)
			m.dialog, m.stale = &d, true
		}
	case m.filtering():
		text, _ := m.table().filter()
		m.typed(insert(text, content))
	}
}
