package app

import (
	"encoding/json"
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
	"m1/views"
)

// openRecord opens the selected record, or the newest. On the overview what needs
// a person comes before what nobody selected.
func (m *model) openRecord() tea.Cmd {
	if pending := views.PendingApprovals(m.state()); m.page == views.Overview && len(pending) > 0 && !m.calls.selecting() {
		m.openQuestion(pending[0])
		return nil
	}
	d, ok := m.table().open(m.state())
	if !ok {
		m.remark("there is no row to open")
		return nil
	}
	m.detail = d
	return nil
}

// keepRecord renews the copy of the open record while the picture holds it.
func (m *model) keepRecord(f views.Frame) {
	if f.Snap == nil {
		return
	}
	if id := m.detail.Call; id != "" {
		if i := slices.IndexFunc(f.Snap.Calls, func(c *snapshot.Call) bool { return c.ID == id }); i >= 0 {
			m.detail.KeptCall = f.Snap.Calls[i]
		}
	}
	if a := m.find(m.detail.Approval); a != nil {
		m.detail.KeptApproval = a
	}
	if id := m.detail.Run; id != "" {
		for _, runs := range [][]snapshot.Run{f.Snap.Runs.Recent, f.Snap.Runs.All} {
			if i := slices.IndexFunc(runs, func(r snapshot.Run) bool { return r.ID == id }); i >= 0 {
				run := runs[i]
				m.detail.KeptRun = &run
			}
		}
	}
}

// record is what a copy takes: the open record, or the selected row.
func (m *model) record() (id string, record any, ok bool) {
	switch {
	case m.detail.KeptCall != nil:
		return string(m.detail.Call), m.detail.KeptCall, true
	case m.detail.KeptApproval != nil:
		id, record, ok = m.detail.Approval, m.detail.KeptApproval, true
	case m.detail.KeptRun != nil:
		return string(m.detail.Run), m.detail.KeptRun, true
	default:
		id, record, ok = m.table().selected(m.state())
	}
	if a, is := record.(*snapshot.Approval); is {
		public := *a
		public.Grant = "" // the token is for the agent alone
		record = &public
	}
	return id, record, ok
}

func (m *model) copyID() tea.Cmd {
	id, _, ok := m.record()
	if !ok {
		m.remark("there is no row to copy")
		return nil
	}
	return m.clip(id, id)
}

func (m *model) copyRecord() tea.Cmd {
	id, record, ok := m.record()
	if !ok {
		m.remark("there is no row to copy")
		return nil
	}
	text, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		m.complain(fmt.Sprintf("%s cannot be written as JSON: %v", id, err))
		return nil
	}
	return m.clip(string(text), "the record of "+id)
}

// clip hands text to the terminal. Whether the terminal takes it is not known.
func (m *model) clip(text, what string) tea.Cmd {
	m.say("sent to the clipboard: " + what)
	return tea.SetClipboard(text)
}

// move moves what has the keyboard: the help, the open record or the selection.
func (m *model) move(by motion, times int) {
	f := m.frame()
	switch {
	case m.help:
		m.helpTop = step(m.helpTop, by, times, views.ScrollEnd(f), views.PageSize(f))
	case m.detail != views.Detail{}:
		m.detail.Top = step(m.detail.Top, by, times, views.ScrollEnd(f), views.PageSize(f))
	default:
		m.table().move(f, by, times)
	}
}
