package app

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
)

// open takes a new subscription into use, unless the window was changed again
// while it was being opened.
func (m *model) open(s stream) tea.Cmd {
	if s.gen != m.gen {
		s.cancel()
		return nil
	}
	m.stream = &s
	return m.ask(0)
}

// ask issues the one command of the pump that may be under way.
func (m *model) ask(wait time.Duration) tea.Cmd {
	if m.stream == nil || m.waiting || m.frozen || m.ended {
		return nil
	}
	m.waiting = true
	return m.pump.next(*m.stream, wait)
}

func (m *model) picture(p picture) tea.Cmd {
	if p.gen != m.gen {
		return nil
	}
	m.waiting = false
	if m.frozen {
		m.held = &p
		return nil
	}
	m.show(p)
	return m.ask(m.refresh)
}

// show makes a picture the one on the screen.
func (m *model) show(p picture) {
	m.snap, m.self, m.stale = p.snap, p.self, true
	m.tick(p.at)
	m.settle()
}

func (m *model) late(l late) tea.Cmd {
	if l.gen != m.gen {
		return nil
	}
	m.waiting = false
	if m.frozen {
		return nil
	}
	m.self, m.stale = l.self, true
	m.tick(l.at)
	m.keepDialog()
	return m.ask(0)
}

func (m *model) tick(now time.Time) {
	m.now = now
	if m.notice.text != "" && now.After(m.notice.until) {
		m.notice = notice{}
	}
}

// engineEnded stands in the header of the last picture.
const engineEnded = "the engine has ended; this is its last picture"

func (m *model) end(e ended) {
	if e.gen != m.gen {
		return
	}
	m.waiting, m.ended, m.stale = false, true, true
	if m.held != nil {
		m.held.snap = lastPicture(m.held.snap)
	}
	if !m.frozen {
		m.snap = lastPicture(m.snap)
	}
	m.dialog = nil // nobody is there to be answered
	m.complain(engineEnded)
}

// lastPicture is a copy of s that says so. Nothing is made up when no picture
// ever came.
func lastPicture(s *snapshot.Dashboard) *snapshot.Dashboard {
	if s == nil {
		return nil
	}
	last := *s
	last.Source.Err = engineEnded
	return &last
}

// settle keeps selections and the open record with what they were made for.
func (m *model) settle() {
	f := m.state()
	for _, t := range []table{m.calls, m.approvals, m.runs} {
		// Who reads an open record is not told about the list under it.
		if gone := t.settle(f); gone != "" && t == m.table() && m.mode()&(inDetail|inConfirm|inEntry) == 0 {
			m.remark(gone)
		}
	}
	m.keepRecord(f)
	m.keepDialog()
}

// freeze holds the picture, or lets it move again.
func (m *model) freeze() tea.Cmd {
	m.frozen = !m.frozen
	if m.frozen {
		m.frozenAt = m.now
		return nil
	}
	m.frozenAt = time.Time{}
	if m.held != nil {
		m.show(*m.held)
		m.held = nil
	}
	if m.ended {
		m.snap = lastPicture(m.snap)
	}
	return m.ask(0)
}

// resubscribe asks for pictures of another window.
func (m *model) resubscribe(window time.Duration) tea.Cmd {
	if m.stream != nil {
		m.stream.cancel()
		m.stream = nil
	}
	m.gen++
	m.waiting = false
	m.window = window
	return m.pump.open(m.gen, window)
}
