package app

import (
	"fmt"
	"slices"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/views"
)

// motion is a step of the selection, or of what is scrolled.
type motion int

const (
	down motion = iota
	up
	first
	last
	pageDown
	pageUp
	halfDown
	halfUp
)

// table is a list of records with a selection, as the actions see it.
type table interface {
	move(f views.Frame, by motion, times int)
	settle(f views.Frame) (gone string)
	open(f views.Frame) (views.Detail, bool)
	selected(f views.Frame) (id string, record any, ok bool)
	selecting() bool
	unselect()
	sortNext() string
	reverse() string
	filter() (text string, editing bool)
	setFilter(text string, editing bool)
}

// rows is a table of one kind of record. What is selected is an id: when rows
// move, the selection stays with its record. While nothing is selected the
// table follows the newest.
type rows[ID ~string, R any] struct {
	views.List[ID]
	at int // row of the selection when it was last seen

	noun    string
	columns []string
	visible func(views.Frame) []R
	id      func(R) ID
	detail  func(R) views.Detail
}

type (
	callTable     = rows[call.ID, *snapshot.Call]
	approvalTable = rows[string, *snapshot.Approval]
	runTable      = rows[call.RunID, snapshot.Run]
)

func newCallTable() *callTable {
	return &callTable{
		noun:    "call",
		columns: views.CallColumns(),
		visible: views.VisibleCalls,
		id:      func(c *snapshot.Call) call.ID { return c.ID },
		detail:  func(c *snapshot.Call) views.Detail { return views.Detail{Call: c.ID, KeptCall: c} },
	}
}

func newApprovalTable() *approvalTable {
	return &approvalTable{
		noun:    "question",
		columns: views.ApprovalColumns(),
		visible: views.VisibleApprovals,
		id:      func(a *snapshot.Approval) string { return a.ID },
		detail:  func(a *snapshot.Approval) views.Detail { return views.Detail{Approval: a.ID, KeptApproval: a} },
	}
}

func newRunTable() *runTable {
	return &runTable{
		noun:    "run",
		columns: views.RunColumns(),
		visible: views.VisibleRuns,
		id:      func(r snapshot.Run) call.RunID { return r.ID },
		detail:  func(r snapshot.Run) views.Detail { return views.Detail{Run: r.ID, KeptRun: &r} },
	}
}

func (t *rows[ID, R]) find(have []R) int {
	return slices.IndexFunc(have, func(r R) bool { return t.id(r) == t.Selected })
}

// settle finds the selection in a new picture. If it is no longer there the
// nearest row is selected, and gone says so.
func (t *rows[ID, R]) settle(f views.Frame) (gone string) {
	if t.Selected == "" {
		t.at = 0
		return ""
	}
	have := t.visible(f)
	if i := t.find(have); i >= 0 {
		t.at = i
		return ""
	}
	was := t.Selected
	if len(have) == 0 {
		t.Selected, t.at = "", 0
		return fmt.Sprintf("%s %s has left the list", t.noun, was)
	}
	t.at = min(t.at, len(have)-1)
	t.Selected = t.id(have[t.at])
	return fmt.Sprintf("%s %s has left the list; its neighbour is selected (f freezes)", t.noun, was)
}

// move moves the selection; the first step selects.
func (t *rows[ID, R]) move(f views.Frame, by motion, times int) {
	have := t.visible(f)
	if len(have) == 0 {
		return
	}
	i := t.find(have)
	if i < 0 {
		// Nothing is selected: one step reaches the first row.
		i = -1
		if by == up || by == pageUp || by == halfUp {
			i = 0
		}
	}
	i = step(i, by, times, len(have)-1, views.PageSize(f))
	t.at, t.Selected = i, t.id(have[i])
}

// step applies a motion to a position between 0 and end.
func step(at int, by motion, times, end, page int) int {
	page = max(page, 1)
	half := max(page/2, 1)
	switch by {
	case down:
		at += times
	case up:
		at -= times
	case pageDown:
		at += page
	case pageUp:
		at -= page
	case halfDown:
		at += half
	case halfUp:
		at -= half
	case first:
		at = 0
	case last:
		at = end
	}
	return min(max(at, 0), max(end, 0))
}

// current is the selected record, or the newest while nothing is selected.
func (t *rows[ID, R]) current(f views.Frame) (r R, ok bool) {
	have := t.visible(f)
	i := max(t.find(have), 0)
	if len(have) == 0 {
		return r, false
	}
	return have[i], true
}

// open selects the current record and returns what opens it.
func (t *rows[ID, R]) open(f views.Frame) (views.Detail, bool) {
	r, ok := t.current(f)
	if !ok {
		return views.Detail{}, false
	}
	t.Selected = t.id(r)
	t.settle(f)
	return t.detail(r), true
}

func (t *rows[ID, R]) selected(f views.Frame) (id string, record any, ok bool) {
	r, ok := t.current(f)
	if !ok {
		return "", nil, false
	}
	return string(t.id(r)), r, true
}

func (t *rows[ID, R]) selecting() bool { return t.Selected != "" }

// unselect lets the table follow the newest again.
func (t *rows[ID, R]) unselect() { t.Selected, t.at = "", 0 }

// sortNext sorts by the next column; after the last comes newest first.
func (t *rows[ID, R]) sortNext() string {
	i := slices.Index(t.columns, t.Sort) + 1
	t.Sort = ""
	if i < len(t.columns) {
		t.Sort = t.columns[i]
	}
	return t.order()
}

func (t *rows[ID, R]) reverse() string {
	t.Reverse = !t.Reverse
	return t.order()
}

func (t *rows[ID, R]) order() string {
	switch {
	case t.Sort == "" && t.Reverse:
		return "oldest first"
	case t.Sort == "":
		return "newest first"
	case t.Reverse:
		return "sorted by " + t.Sort + ", reversed"
	}
	return "sorted by " + t.Sort
}

func (t *rows[ID, R]) filter() (text string, editing bool) { return t.Filter, t.Editing }

func (t *rows[ID, R]) setFilter(text string, editing bool) { t.Filter, t.Editing = text, editing }
