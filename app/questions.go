package app

import (
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
	"m1/views"
)

// quietTime is how long a question, or the dialog for it, has stood on the screen
// before a key answers: half a second to read, and the time until it is drawn.
// What somebody was typing when it appeared must not answer it.
const quietTime = 500*time.Millisecond + time.Second/frames

// The messages that end a quiet time.
type (
	readable struct{ ids []string } // questions that have stood there for long enough
	ready    struct{ gen int }      // the dialog has
)

// questions is what the screen remembers of those that are pending.
type questions struct {
	shown     map[string]bool // on the screen once; true when its quiet time is over
	rung      map[string]rung
	answering map[string]bool // an answer is on its way
}

// rung is what the bell has told of a question.
type rung struct{ arrived, soon bool }

// soon is when the bell rings again for a question that nobody has answered.
const soon = time.Minute

func newQuestions() questions {
	return questions{shown: map[string]bool{}, rung: map[string]rung{}, answering: map[string]bool{}}
}

// attend is what a message brings about beside its own effect: quiet times begin,
// and the bell rings.
func (m *model) attend() tea.Cmd {
	if m.snap == nil {
		return nil
	}
	pending := views.PendingApprovals(m.state())
	m.questions.forget(pending)
	if len(pending) == 0 {
		return nil
	}
	return tea.Batch(m.quieten(), m.ring(pending))
}

// forget drops what is remembered of questions that wait no more.
func (q *questions) forget(pending []*snapshot.Approval) {
	if len(q.shown)+len(q.rung) == 0 {
		return
	}
	open := make(map[string]bool, len(pending))
	for _, a := range pending {
		open[a.ID] = true
	}
	for id := range q.shown {
		if !open[id] {
			delete(q.shown, id)
		}
	}
	for id := range q.rung {
		if !open[id] {
			delete(q.rung, id)
		}
	}
}

// quieten begins the quiet time of questions that appear on the screen.
func (m *model) quieten() tea.Cmd {
	var ids []string
	for _, id := range m.onScreen() {
		if _, known := m.questions.shown[id]; !known {
			m.questions.shown[id] = false
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return nil
	}
	return m.after(quietTime, readable{ids})
}

// readable ends the quiet time of questions.
func (q *questions) readable(ids []string) {
	for _, id := range ids {
		if _, known := q.shown[id]; known {
			q.shown[id] = true
		}
	}
}

// onScreen are the pending questions that are drawn.
func (m *model) onScreen() (ids []string) {
	f := m.state()
	add := func(all []*snapshot.Approval) {
		for _, a := range all {
			if a.Status == snapshot.Pending {
				ids = append(ids, a.ID)
			}
		}
	}
	switch {
	case m.help || m.tooSmall() || m.detail.Why != nil:
	case m.detail.Approval != "":
		if a := m.find(m.detail.Approval); a != nil {
			add([]*snapshot.Approval{a})
		}
	case m.detail != views.Detail{}:
	case m.page == views.Approvals:
		add(views.VisibleApprovals(f))
	case m.page == views.Overview: // the others may have no line there
		if pending := views.PendingApprovals(f); len(pending) > 0 {
			add(pending[:1])
		}
	}
	return ids
}

func (m *model) tooSmall() bool { return m.width < views.MinWidth || m.height < views.MinHeight }

// find is a question of the picture, nil if it holds it no more.
func (m *model) find(id string) *snapshot.Approval {
	if m.snap == nil {
		return nil
	}
	i := slices.IndexFunc(m.snap.Approvals, func(a snapshot.Approval) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return &m.snap.Approvals[i]
}

// ring sounds the bell once for each question that arrives, and once before it is
// lost. A recording rings for nobody.
func (m *model) ring(pending []*snapshot.Approval) tea.Cmd {
	if m.ended || m.snap.Source.Mode == "replay" || m.snap.Health.Mode == "replay" {
		return nil
	}
	loud := false
	for _, a := range pending {
		left := a.ExpiresAt.Sub(m.now)
		was := m.questions.rung[a.ID]
		is := rung{arrived: true, soon: was.soon || left <= soon}
		if is != was {
			m.questions.rung[a.ID] = is
			loud = loud || left > 0
		}
	}
	if !loud {
		return nil
	}
	return tea.Raw("\a")
}

// question is what an answering key means here: the open record, the current row,
// or what the overview names first. nil and why if there is none.
func (m *model) question() (a *snapshot.Approval, why string) {
	f := m.state()
	switch {
	case m.detail.Approval != "":
		if a = m.find(m.detail.Approval); a == nil {
			return nil, "this question is no longer among those that the screen holds"
		}
		return a, ""
	case m.detail != views.Detail{}:
		return nil, "this is no question: page 3 lists them"
	case m.page == views.Approvals:
		if a, ok := m.approvals.current(f); ok {
			return a, ""
		}
	default:
		if pending := views.PendingApprovals(f); len(pending) > 0 {
			return pending[0], ""
		}
	}
	return nil, "there is no question here"
}

// closed says why a question cannot be answered now; empty if it can.
func (m *model) closed(a *snapshot.Approval) string {
	switch {
	case a.Status != snapshot.Pending:
		return fate(a)
	case !m.now.Before(a.ExpiresAt):
		return "the time to answer is over: the answer is no"
	}
	return ""
}

// fate says what became of a question.
func fate(a *snapshot.Approval) string {
	if a.By == "" {
		return fmt.Sprintf("%s is %s: nobody answered in time", a.Tool, a.Status)
	}
	return fmt.Sprintf("%s was %s by %s", a.Tool, a.Status, a.By)
}

// nothingAsked tells whether an answering key would do nothing here.
func (m *model) nothingAsked() bool {
	a, _ := m.question()
	return a == nil || m.operator == nil || m.closed(a) != ""
}
