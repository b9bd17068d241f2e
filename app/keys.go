package app

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"m1/views"
)

// mode is what has the keyboard.
type mode uint8

const (
	inList mode = 1 << iota
	inDetail
	inHelp
	inFilter
	inConfirm // the dialog waits for one key
	inEntry   // the dialog has a text field

	anywhere = inList | inDetail | inHelp // but in a text field or dialog
	inDialog = inConfirm | inEntry
)

// action is one thing that keys do. The table of all actions is the only place
// that knows keys: handling, footer, help and docs/keys.md are made from it.
type action struct {
	id     string
	keys   []string // as the library names them
	shown  string   // as people read them; empty is keys
	title  string   // short enough for the footer
	more   string   // what the help adds to title
	group  string
	in     mode
	pages  []views.Page      // nil is all
	footer int               // 1 is hinted at first, 0 never
	idle   func(*model) bool // true where it would do nothing; nil is never
	do     func(*model) tea.Cmd
}

func (a action) keysShown() string {
	if a.shown != "" {
		return a.shown
	}
	return strings.Join(a.keys, " ")
}

func (a action) on(p views.Page) bool { return a.pages == nil || slices.Contains(a.pages, p) }

// mode tells what has the keyboard now.
func (m *model) mode() mode {
	switch {
	case m.dialog != nil && (m.dialog.Word != "" || m.dialog.Kind == views.Ceiling || m.dialog.Kind == views.DenyingWithReason):
		return inEntry
	case m.dialog != nil:
		return inConfirm
	case m.help:
		return inHelp
	case m.filtering():
		return inFilter
	case m.detail != views.Detail{}:
		return inDetail
	}
	return inList
}

// dropImpossible takes away the keys that cannot work where this process runs.
func (m *model) dropImpossible() {
	if !canSuspend() {
		m.actions = slices.DeleteFunc(m.actions, func(a action) bool { return a.id == "suspend" })
	}
}

// key does what a key means here. An unknown key changes nothing, not even the
// notice: it may have been meant for another window.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	now := m.mode()
	if now == inFilter {
		text, _ := m.table().filter()
		if text, ok := editLine(text, k); ok {
			m.notice = notice{}
			m.typed(text)
			return nil
		}
	}
	if now&inDialog != 0 {
		if cmd, taken := m.dialogKey(k, now); taken {
			return cmd
		}
	}
	name := k.String()
	for _, a := range m.actions {
		if a.in&now == 0 || !a.on(m.page) || !slices.Contains(a.keys, name) {
			continue
		}
		m.notice, m.stale = notice{}, true
		return a.do(m)
	}
	return nil
}

// wheel scrolls what the keys would move.
func (m *model) wheel(w tea.MouseWheelMsg) {
	const lines = 3
	switch w.Button {
	case tea.MouseWheelDown:
		m.move(down, lines)
	case tea.MouseWheelUp:
		m.move(up, lines)
	default:
		return
	}
	m.stale = true
}

// offered is what views show: while the help is open everything that this page
// knows, else the hints for the footer, the most useful first.
func (m *model) offered() []views.Action {
	if m.help {
		return m.explained()
	}
	now := m.mode()
	var hints []action
	for _, a := range m.actions {
		if a.footer > 0 && a.in&now != 0 && a.on(m.page) && (a.idle == nil || !a.idle(m)) {
			hints = append(hints, a)
		}
	}
	slices.SortStableFunc(hints, func(a, b action) int { return a.footer - b.footer })
	out := make([]views.Action, len(hints))
	for i, a := range hints {
		out[i] = views.Action{Keys: a.hint(now), Title: a.title, Group: a.group, Footer: true}
	}
	return out
}

func (m *model) explained() []views.Action {
	out := make([]views.Action, 0, len(m.actions))
	for _, a := range m.actions {
		if a.on(m.page) {
			wayOut := a.id == "back" || a.id == "quit"
			out = append(out, views.Action{Keys: a.keysShown(), Title: a.title, More: a.more, Group: a.group, Footer: wayOut})
		}
	}
	return out
}

// hint is the one key that the footer names: the first, but not a letter where
// letters are text.
func (a action) hint(in mode) string {
	shown := strings.Fields(a.keysShown())
	if in&(inFilter|inEntry) != 0 && len(a.keys[0]) == 1 {
		return shown[len(shown)-1]
	}
	return shown[0]
}
