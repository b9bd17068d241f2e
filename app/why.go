package app

import (
	"encoding/json"

	tea "charm.land/bubbletea/v2"

	"m1/engine/call"
	"m1/views"
)

// why asks the engine how the open or selected call would be decided now, and
// opens what it says over the record.
func (m *model) why() tea.Cmd {
	d := m.detail
	if d == (views.Detail{}) {
		var ok bool
		if d, ok = m.table().open(m.state()); !ok {
			m.remark("there is no call to explain")
			return nil
		}
	}
	p, problem := proposal(d)
	if problem == "" && m.operator == nil {
		problem = "this screen only watches: POST /v1/policy/explain explains a call"
	}
	if problem != "" {
		m.remark(problem)
		return nil
	}
	m.whyGen++
	d.Why, d.Top = &views.Why{}, 0
	m.detail = d
	return m.operator.explain(m.whyGen, p)
}

// proposal is the call of an open record, as it was proposed.
func proposal(d views.Detail) (p call.Proposal, problem string) {
	switch {
	case d.KeptApproval != nil:
		a := d.KeptApproval
		return call.Proposal{Agent: a.Agent, AgentType: a.AgentType, Run: a.Run, Tool: a.Tool, Args: a.Args}, ""
	case d.KeptCall != nil:
		c := d.KeptCall
		if c.ArgsBytes > len(c.Args) {
			return p, "its arguments were cut at 1 KiB here: POST /v1/policy/explain with all of them"
		}
		return call.Proposal{Agent: c.Agent, Run: c.Run, ToolUse: c.ToolUse, Tool: c.Tool, Args: json.RawMessage(c.Args)}, ""
	}
	return p, "only a call can be explained"
}

// explain shows an explanation, unless the person has gone on meanwhile.
func (m *model) explain(e explained) {
	if e.gen != m.whyGen || m.detail.Why == nil {
		return
	}
	m.stale = true
	if e.err != nil {
		m.detail.Why = &views.Why{Err: e.err.Error()}
		return
	}
	m.detail.Why = &views.Why{Explanation: &e.explanation}
}

// unexplained tells whether the footer need not name the key: it helps most where
// one call is read.
func (m *model) unexplained() bool {
	return m.operator == nil || m.mode() != inDetail || m.detail.Why != nil
}
