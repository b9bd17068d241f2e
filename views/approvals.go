package views

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"m1/collector/snapshot"
	"m1/themes"
)

type approvalCell = func(f *Frame, a *snapshot.Approval) (themes.Token, lit, Safe)

// faded is the token of a question that is over: what waits must stand out.
func faded(k themes.Token, a *snapshot.Approval) themes.Token {
	if a.Status != snapshot.Pending {
		return themes.Muted
	}
	return k
}

func approvalText(k themes.Token, of func(*snapshot.Approval) string) approvalCell {
	return func(_ *Frame, a *snapshot.Approval) (themes.Token, lit, Safe) {
		return faded(k, a), "", cellText(of(a))
	}
}

func approvalTool(a *snapshot.Approval) string  { return a.Tool }
func approvalAgent(a *snapshot.Approval) string { return string(a.Agent) }
func approvalRule(a *snapshot.Approval) string  { return a.Rule }
func approvalScope(a *snapshot.Approval) string { return a.Scope.String() }

// approvalColumns from left to right.
var approvalColumns = []column[*snapshot.Approval]{
	{name: "status", least: 10, order: byText(func(a *snapshot.Approval) string { return a.Status }), cell: func(_ *Frame, a *snapshot.Approval) (themes.Token, lit, Safe) {
		return approvalStatus(a)
	}},
	{name: "tool", least: 12, most: 26, order: byText(approvalTool), cell: approvalText(themes.Title, approvalTool)},
	{name: "agent", least: 9, most: 20, order: byText(approvalAgent), cell: approvalText(themes.Text, approvalAgent)},
	{name: "wants", least: 16, most: 70, rank: 1, cell: func(_ *Frame, a *snapshot.Approval) (themes.Token, lit, Safe) {
		return faded(themes.Text, a), "", wants(a)
	}},
	{name: "rule", least: 12, most: 22, rank: 3, order: byText(approvalRule), cell: approvalText(themes.Muted, approvalRule)},
	{name: "scope", least: 7, rank: 4, order: byText(approvalScope), cell: approvalText(themes.Text, approvalScope)},
	{name: "expires", title: "expires/by", least: 10, most: 16, order: func(a, b *snapshot.Approval) int { return a.ExpiresAt.Compare(b.ExpiresAt) }, cell: expiresCell},
	{name: "votes", least: 5, rank: 2, right: true, cell: func(_ *Frame, a *snapshot.Approval) (themes.Token, lit, Safe) {
		return faded(themes.Text, a), votes(a), Safe{}
	}},
}

// approvalStatus is glyph, word and colour of what became of a question.
func approvalStatus(a *snapshot.Approval) (themes.Token, lit, Safe) {
	switch a.Status {
	case snapshot.Pending:
		return themes.Warn, "? pending", Safe{}
	case snapshot.Approved:
		return themes.Good, "✓ approved", Safe{}
	case snapshot.Rejected:
		return themes.Bad, "✗ rejected", Safe{}
	case snapshot.Expired:
		return themes.Muted, "◌ expired", Safe{}
	}
	return themes.Muted, "", MakeSafe(a.Status)
}

// expiresCell shows how long a question still waits, or who has answered it.
func expiresCell(f *Frame, a *snapshot.Approval) (themes.Token, lit, Safe) {
	switch {
	case a.Status == snapshot.Pending:
		c := countdownSpan(f, a)
		return c.token, c.lit, Safe{}
	case a.By == "":
		return themes.Muted, "nobody", Safe{}
	}
	return themes.Muted, "by ", cellText(a.By)
}

// soon is when a question that nobody answered is about to be lost.
const soon = time.Minute

func countdownSpan(f *Frame, a *snapshot.Approval) span {
	left := a.ExpiresAt.Sub(f.Now)
	token := themes.Text
	if left <= soon {
		token = themes.Bad
	}
	return own(token, countdown(left))
}

// votes is how many people have said yes, and how many must: "1/2".
func votes(a *snapshot.Approval) lit {
	yes := 0
	for i := range a.Votes {
		if a.Votes[i].Approve {
			yes++
		}
	}
	return count(yes) + "/" + count(max(a.Needed, 1))
}

// wants are the arguments in one line: "order=ord_8812  amount=312".
func wants(a *snapshot.Approval) Safe {
	const (
		small  = 4096 // bytes that are worth reading for one line
		enough = 256  // bytes that are worth showing in one
	)
	text := string(a.Args[:min(len(a.Args), enough)])
	if len(a.Args) <= small {
		text = inline(a.Args, text)
	}
	if text == "" {
		return MakeSafe("no arguments")
	}
	if len(text) > enough {
		text = text[:runeStart(text, enough)]
	}
	return MakeSafe(text)
}

// inline is an object in one line, and or if args is none.
func inline(args json.RawMessage, or string) string {
	pairs, ok := argsOf(args)
	if !ok {
		return or
	}
	var b strings.Builder
	for i, m := range pairs {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(m.name + "=" + m.value)
	}
	return b.String()
}

// findApproval is the open question: from the picture if it still holds it, else
// as it was last seen; nil if it was never seen.
func findApproval(f *Frame) (a *snapshot.Approval, kept bool) {
	i := slices.IndexFunc(f.Snap.Approvals, func(a snapshot.Approval) bool { return a.ID == f.Detail.Approval })
	if i >= 0 {
		return &f.Snap.Approvals[i], false
	}
	return f.Detail.KeptApproval, true
}

// drawApprovals draws the page of questions.
func drawApprovals(f *Frame, a area) {
	rows := VisibleApprovals(*f)
	selected := slices.IndexFunc(rows, func(r *snapshot.Approval) bool { return f.Approvals.Selected != "" && r.ID == f.Approvals.Selected })
	n, all := pendingCount(f), len(f.Snap.Approvals)
	token := themes.Muted
	if n > 0 {
		token = themes.Warn
	}
	head := append([]span{own(token, count(n)+" pending"), further(themes.Muted, " · ")}, heading(&f.Approvals, selected >= 0)...)
	in := a.box("Approvals", head...)
	filterLine(in.row(0), f.Approvals.Filter, f.Approvals.Editing, len(rows), all, "tool: agent: run: rule: status: scope: by: -not")
	in = in.sub(0, 2, in.w, in.h-2)
	switch {
	case all == 0:
		drawNoQuestion(in)
	case len(rows) == 0:
		in.lit(2, 1, themes.Muted, nothingFits(f.Approvals.Editing))
	default:
		above, below, hidden := drawTable(f, in, approvalColumns, rows, view{sort: f.Approvals.Sort, reverse: f.Approvals.Reverse, selected: selected})
		a.mark(themes.Muted, more(a.w, above, below, hidden))
	}
}

// drawNoQuestion says how a question gets here.
func drawNoQuestion(a area) {
	p := &paper{w: a.w}
	p.add(own(themes.Title, "  No question yet."))
	p.prose(themes.Muted, "A call waits here for a person when a rule with effect: ask decides it, such as:")
	p.add(own(themes.Accent, `    - id: refunds-over-100`))
	p.add(own(themes.Accent, `      effect: ask`))
	p.add(own(themes.Accent, `      tools: [refund_order]`))
	p.add(own(themes.Accent, `      when: args.amount > 100.0`))
	p.prose(themes.Muted, "Who may answer, and how long there is time, stands in the rule too. No answer is a no.")
	for y, l := range p.lines[:min(len(p.lines), a.h)] {
		a.spans(0, y, l)
	}
}

// argsOf are the arguments of a question by name; ok is false if they are none.
func argsOf(raw json.RawMessage) ([]member, bool) {
	if len(raw) == 0 {
		return nil, true
	}
	return members(string(raw))
}
