package app

import (
	tea "charm.land/bubbletea/v2"

	"m1/views"
)

// Groups are the headings of the help, in the order of the table.
const (
	groupMove    = "Move"
	groupPages   = "Pages"
	groupFind    = "Find and sort"
	groupFilter  = "While typing a filter"
	groupAnswer  = "Answer questions, and ask why"
	groupDialog  = "While answering"
	groupTime    = "Time"
	groupCopy    = "Copy"
	groupProgram = "Program"
)

// The pages with a table of records, those with questions, and those with calls.
var (
	withRows      = []views.Page{views.Overview, views.Calls, views.Approvals, views.Runs}
	withQuestions = []views.Page{views.Overview, views.Approvals}
	withCalls     = []views.Page{views.Overview, views.Calls, views.Approvals}
)

// actions is the one table of keys. Where two actions share a key, they are
// told apart by what has the keyboard.
func actions() []action {
	return []action{
		{id: "down", keys: []string{"j", "down"}, shown: "j ↓", title: "next row or line", group: groupMove, in: anywhere | inFilter | inDialog, do: moving(down)},
		{id: "up", keys: []string{"k", "up"}, shown: "k ↑", title: "row or line before", group: groupMove, in: anywhere | inFilter | inDialog, do: moving(up)},
		{id: "first", keys: []string{"g", "home"}, shown: "g Home", title: "first", group: groupMove, in: anywhere | inFilter | inDialog, do: moving(first)},
		{id: "last", keys: []string{"G", "end"}, shown: "G End", title: "last", group: groupMove, in: anywhere | inFilter | inDialog, do: moving(last)},
		{id: "page-down", keys: []string{"pgdown"}, shown: "PgDn", title: "a page down", group: groupMove, in: anywhere | inFilter | inDialog, do: moving(pageDown)},
		{id: "page-up", keys: []string{"pgup"}, shown: "PgUp", title: "a page up", group: groupMove, in: anywhere | inFilter | inDialog, do: moving(pageUp)},
		{id: "half-down", keys: []string{"ctrl+d"}, shown: "Ctrl+D", title: "half a page down", group: groupMove, in: anywhere | inConfirm, do: moving(halfDown)},
		{id: "half-up", keys: []string{"ctrl+u"}, shown: "Ctrl+U", title: "half a page up", group: groupMove, in: anywhere | inConfirm, do: moving(halfUp)},
		{id: "open", keys: []string{"enter"}, shown: "Enter", title: "open", more: " the selected row", group: groupMove, in: inList, pages: withRows, footer: 1, do: (*model).openRecord},
		{id: "back", keys: []string{"esc"}, shown: "Esc", title: "back", more: " one level; never quits", group: groupMove, in: anywhere, footer: 4, idle: (*model).home, do: (*model).back},

		{id: "overview", keys: []string{"1"}, title: "Overview", group: groupPages, in: anywhere, do: turning(views.Overview)},
		{id: "calls", keys: []string{"2"}, title: "Calls", group: groupPages, in: anywhere, do: turning(views.Calls)},
		{id: "approvals", keys: []string{"3"}, title: "Approvals", group: groupPages, in: anywhere, do: turning(views.Approvals)},
		{id: "policy", keys: []string{"4"}, title: "Policy", group: groupPages, in: anywhere, do: turning(views.Policy)},
		{id: "cache", keys: []string{"5"}, title: "Cache", group: groupPages, in: anywhere, do: turning(views.Cache)},
		{id: "runs", keys: []string{"7"}, title: "Runs", group: groupPages, in: anywhere, do: turning(views.Runs)},
		{id: "next-page", keys: []string{"tab"}, shown: "Tab", title: "next page", group: groupPages, in: anywhere, do: leafing(1)},
		{id: "previous-page", keys: []string{"shift+tab"}, shown: "Shift+Tab", title: "page before", group: groupPages, in: anywhere, do: leafing(-1)},

		{id: "next-panel", keys: []string{"l", "right"}, shown: "l →", title: "next chart of the overview, where only some fit", group: groupPages, in: inList, do: paneling(1)},
		{id: "previous-panel", keys: []string{"h", "left"}, shown: "h ←", title: "chart before", group: groupPages, in: inList, do: paneling(-1)},

		{id: "filter", keys: []string{"/"}, title: "filter", more: " the rows", group: groupFind, in: inList, pages: withRows, footer: 6, do: (*model).startFilter},
		{id: "sort", keys: []string{"s"}, title: "sort by the next column", group: groupFind, in: inList, pages: withRows, do: (*model).sort},
		{id: "reverse", keys: []string{"S"}, title: "reverse the order", group: groupFind, in: inList, pages: withRows, do: (*model).reverse},

		{id: "keep-filter", keys: []string{"enter"}, shown: "Enter", title: "keep", more: " the filter", group: groupFilter, in: inFilter, pages: withRows, footer: 1, do: (*model).keepFilter},
		{id: "leave-filter", keys: []string{"esc"}, shown: "Esc", title: "back", more: " to the filter before", group: groupFilter, in: inFilter, pages: withRows, footer: 4, do: (*model).leaveFilter},

		{id: "approve", keys: []string{"a"}, title: "approve", more: " the open or selected question; asks once more", group: groupAnswer, in: inList | inDetail, pages: withQuestions, footer: 2, idle: (*model).nothingAsked, do: (*model).approve},
		{id: "deny", keys: []string{"d"}, title: "deny", more: " it; asks once more", group: groupAnswer, in: inList | inDetail, pages: withQuestions, footer: 3, idle: (*model).nothingAsked, do: (*model).deny},
		{id: "deny-reason", keys: []string{"D"}, title: "deny it, and tell the agent why", group: groupAnswer, in: inList | inDetail, pages: withQuestions, do: (*model).denyAndSay},
		{id: "approve-many", keys: []string{"A"}, title: "approve it for several uses, as far as its rule allows", group: groupAnswer, in: inList | inDetail, pages: withQuestions, do: (*model).approveMany},
		{id: "why", keys: []string{"w"}, title: "why", more: " it was decided so: the open or selected call", footer: 3, group: groupAnswer, in: inList | inDetail, pages: withCalls, idle: (*model).unexplained, do: (*model).why},

		{id: "yes", keys: []string{"Y"}, title: "answer", more: " as the dialog says", group: groupDialog, in: inConfirm, pages: withQuestions, footer: 1, do: (*model).give},
		{id: "no-answer", keys: []string{"enter", "esc"}, shown: "Esc Enter", title: "leave it", more: " pending", group: groupDialog, in: inConfirm, pages: withQuestions, footer: 2, do: (*model).leaveDialog},
		{id: "enter", keys: []string{"enter"}, shown: "Enter", title: "go on", more: ", or answer once the right word is typed", group: groupDialog, in: inEntry, pages: withQuestions, footer: 1, do: (*model).enter},
		{id: "leave", keys: []string{"esc"}, shown: "Esc", title: "leave it", more: " pending, also from a text field", group: groupDialog, in: inEntry, pages: withQuestions, footer: 2, do: (*model).leaveDialog},
		{id: "other-field", keys: []string{"tab", "shift+tab"}, shown: "Tab", title: "other field", group: groupDialog, in: inEntry, pages: withQuestions, do: (*model).otherField},

		{id: "freeze", keys: []string{"f"}, title: "freeze", more: " the picture, or let it move again", group: groupTime, in: anywhere, footer: 7, do: (*model).freeze},
		{id: "wider", keys: []string{"+"}, title: "wider time window", group: groupTime, in: anywhere, do: (*model).wider},
		{id: "narrower", keys: []string{"-"}, title: "narrower time window", group: groupTime, in: anywhere, do: (*model).narrower},
		{id: "window", keys: []string{"="}, title: "time window as at the start", group: groupTime, in: anywhere, do: (*model).startWindow},

		{id: "copy-id", keys: []string{"y"}, title: "copy the id", group: groupCopy, in: inList | inDetail, pages: withRows, do: (*model).copyID},
		{id: "copy-record", keys: []string{"Y"}, title: "copy the record as JSON", group: groupCopy, in: inList | inDetail, pages: withRows, do: (*model).copyRecord},

		{id: "theme", keys: []string{"t"}, title: "next theme", group: groupProgram, in: anywhere, do: (*model).nextTheme},
		{id: "mouse", keys: []string{"m"}, title: "mouse wheel on or off", group: groupProgram, in: anywhere, do: (*model).toggleMouse},
		{id: "redraw", keys: []string{"ctrl+l"}, shown: "Ctrl+L", title: "draw the screen anew", group: groupProgram, in: anywhere | inFilter | inDialog, do: (*model).redraw},
		{id: "suspend", keys: []string{"ctrl+z"}, shown: "Ctrl+Z", title: "suspend, fg continues; an engine in this process pauses too", group: groupProgram, in: anywhere | inFilter | inDialog, do: (*model).suspend},
		{id: "help", keys: []string{"?"}, title: "help", group: groupProgram, in: anywhere, footer: 8, do: (*model).toggleHelp},
		{id: "quit", keys: []string{"q", "ctrl+c"}, shown: "q Ctrl+C", title: "quit", group: groupProgram, in: anywhere | inFilter | inDialog, footer: 5, do: (*model).quit},
	}
}

func moving(by motion) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.move(by, 1); return nil }
}

func turning(to views.Page) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.turn(to); return nil }
}

func leafing(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.leaf(by); return nil }
}

func paneling(by int) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd { m.showPanel(by); return nil }
}
