package app

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
	"m1/themes"
	"m1/views"
)

// pages in the order of Tab.
var pages = []views.Page{views.Overview, views.Calls, views.Approvals, views.Policy, views.Cache, views.Runs}

// turn shows a page; what was open over the page before closes.
func (m *model) turn(to views.Page) {
	m.page, m.detail, m.dialog, m.help = to, views.Detail{}, nil, false
	m.table().settle(m.state())
}

func (m *model) leaf(by int) {
	i := slices.Index(pages, m.page) + by
	m.turn(pages[(i+len(pages))%len(pages)])
}

// sheet stands for the table on a page without rows: its moves scroll the page.
type sheet struct{ top int }

func (s *sheet) move(f views.Frame, by motion, times int) {
	s.top = step(s.top, by, times, views.ScrollEnd(f), views.PageSize(f))
}

func (s *sheet) settle(f views.Frame) (gone string) {
	s.top = min(s.top, views.ScrollEnd(f))
	return ""
}

func (*sheet) open(views.Frame) (views.Detail, bool)    { return views.Detail{}, false }
func (*sheet) selected(views.Frame) (string, any, bool) { return "", nil, false }
func (*sheet) selecting() bool                          { return false }
func (*sheet) unselect()                                {}
func (*sheet) sortNext() string                         { return "" }
func (*sheet) reverse() string                          { return "" }
func (*sheet) filter() (text string, editing bool)      { return "", false }
func (*sheet) setFilter(text string, editing bool)      {}

// showPanel moves on to the charts that a small screen has no room for.
func (m *model) showPanel(by int) {
	next := views.NextPanel(m.state(), by)
	switch {
	case m.page != views.Overview:
		m.remark("the charts are on page 1")
	case next == m.panel:
		m.remark("all charts are shown")
	default:
		m.panel = next
	}
}

// back leaves the innermost level: help, explanation, record, filter, selection. On the last
// level it does nothing.
func (m *model) back() tea.Cmd {
	text, _ := m.table().filter()
	switch {
	case m.help:
		m.help = false
	case m.detail.Why != nil:
		m.detail.Why, m.detail.Top = nil, 0
	case m.detail != views.Detail{}:
		m.detail = views.Detail{}
	case text != "":
		m.table().setFilter("", false)
		m.table().settle(m.state())
		m.say("filter off")
	case m.table().selecting():
		m.table().unselect()
		m.say("nothing selected: the newest first")
	}
	return nil
}

// home tells whether there is no level to go back to.
func (m *model) home() bool {
	text, _ := m.table().filter()
	return m.mode() == inList && text == "" && !m.table().selecting()
}

func (m *model) toggleHelp() tea.Cmd {
	m.help, m.helpTop = !m.help, 0
	return nil
}

func (m *model) sort() tea.Cmd {
	m.say(m.table().sortNext())
	m.table().settle(m.state())
	return nil
}

func (m *model) reverse() tea.Cmd {
	m.say(m.table().reverse())
	m.table().settle(m.state())
	return nil
}

func (m *model) wider() tea.Cmd    { return m.stepWindow(1) }
func (m *model) narrower() tea.Cmd { return m.stepWindow(-1) }

func (m *model) stepWindow(by int) tea.Cmd {
	i := slices.Index(snapshot.Windows, m.window) + by
	switch {
	case i < 0:
		m.remark("this is the narrowest window")
		return nil
	case i >= len(snapshot.Windows):
		m.remark("this is the widest window")
		return nil
	}
	return m.setWindow(snapshot.Windows[i])
}

func (m *model) startWindow() tea.Cmd { return m.setWindow(m.start) }

func (m *model) setWindow(w time.Duration) tea.Cmd {
	switch {
	case m.ended:
		m.complain("the engine has ended: its last picture has no other window")
		return nil
	case m.frozen:
		m.complain("the picture is frozen: press f, then choose the window")
		return nil
	}
	m.say("window " + snapshot.WindowName(w))
	if w == m.window {
		return nil
	}
	return m.resubscribe(w)
}

func (m *model) nextTheme() tea.Cmd {
	if m.profile == themes.None {
		m.remark("there are no colours here (NO_COLOR, or a terminal without)")
		return nil
	}
	m.dress(themes.Next(m.theme), m.profile)
	m.say("theme " + m.theme)
	return nil
}

func (m *model) toggleMouse() tea.Cmd {
	m.mouse = !m.mouse
	if m.mouse {
		m.say("the wheel scrolls; m gives selecting text back to the terminal")
		return nil
	}
	m.say("mouse off")
	return nil
}

func (m *model) redraw() tea.Cmd { return tea.ClearScreen }

func (m *model) suspend() tea.Cmd { return tea.Suspend }

func (m *model) quit() tea.Cmd { return tea.Quit }
