package views

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"m1/collector/snapshot"
)

// VisibleCalls are the calls of the table in the order of its rows: those that
// fit the filter, sorted. The result must not be changed.
func VisibleCalls(f Frame) []*snapshot.Call {
	if f.Snap == nil {
		return nil
	}
	all := f.Snap.Calls
	if f.Calls.Filter == "" && f.Calls.Sort == "" && !f.Calls.Reverse {
		return all
	}
	fits := callFilter.parse(f.Calls.Filter)
	out := make([]*snapshot.Call, 0, len(all))
	for _, c := range all {
		if fits.fits(c) {
			out = append(out, c)
		}
	}
	arrange(out, callColumns, f.Calls.Sort, f.Calls.Reverse)
	return out
}

// VisibleApprovals are the questions of the table in the order of its rows: those
// that fit the filter, sorted; else the pending ones, asked last first, then the
// others, answered last first. The result must not be changed.
func VisibleApprovals(f Frame) []*snapshot.Approval {
	if f.Snap == nil {
		return nil
	}
	all := f.Snap.Approvals
	fits := approvalFilter.parse(f.Approvals.Filter)
	out := make([]*snapshot.Approval, 0, len(all))
	for i := range all {
		if fits.fits(&all[i]) {
			out = append(out, &all[i])
		}
	}
	slices.SortStableFunc(out, newestQuestion)
	arrange(out, approvalColumns, f.Approvals.Sort, f.Approvals.Reverse)
	return out
}

func newestQuestion(a, b *snapshot.Approval) int {
	switch open := a.Status == snapshot.Pending; {
	case open != (b.Status == snapshot.Pending):
		if open {
			return -1
		}
		return 1
	case open:
		return b.AskedAt.Compare(a.AskedAt)
	}
	return answeredAt(b).Compare(answeredAt(a))
}

// answeredAt is when a question was over.
func answeredAt(a *snapshot.Approval) time.Time {
	if a.AnsweredAt != nil {
		return *a.AnsweredAt
	}
	return a.ExpiresAt
}

// PendingApprovals are the questions that wait for an answer, the first to expire
// first.
func PendingApprovals(f Frame) []*snapshot.Approval {
	if f.Snap == nil {
		return nil
	}
	var out []*snapshot.Approval
	for i := range f.Snap.Approvals {
		if a := &f.Snap.Approvals[i]; a.Status == snapshot.Pending {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b *snapshot.Approval) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	return out
}

func pendingCount(f *Frame) (n int) {
	for i := range f.Snap.Approvals {
		if f.Snap.Approvals[i].Status == snapshot.Pending {
			n++
		}
	}
	return n
}

// VisibleRuns are the runs of the table in the order of its rows. The result
// must not be changed.
func VisibleRuns(f Frame) []snapshot.Run {
	if f.Snap == nil {
		return nil
	}
	all := f.Snap.Runs.All
	if len(all) == 0 {
		all = f.Snap.Runs.Recent
	}
	if f.Runs.Filter == "" && f.Runs.Sort == "" && !f.Runs.Reverse {
		return all
	}
	fits := runFilter.parse(f.Runs.Filter)
	out := make([]*snapshot.Run, 0, len(all))
	for i := range all {
		if fits.fits(&all[i]) {
			out = append(out, &all[i])
		}
	}
	arrange(out, runColumns, f.Runs.Sort, f.Runs.Reverse)
	rows := make([]snapshot.Run, len(out))
	for i, r := range out {
		rows[i] = *r
	}
	return rows
}

// CallColumns are the names by which the call table can be sorted.
func CallColumns() []string { return sortable(callColumns) }

// ApprovalColumns are the names by which the table of questions can be sorted.
func ApprovalColumns() []string { return sortable(approvalColumns) }

// RunColumns are the names by which the run table can be sorted.
func RunColumns() []string { return sortable(runColumns) }

func sortable[R any](columns []column[R]) []string {
	var names []string
	for _, c := range columns {
		if c.order != nil {
			names = append(names, c.name)
		}
	}
	return names
}

// arrange sorts rows by the named column, keeping the order of equals, and
// turns them round if asked. A name that is no column sorts nothing.
func arrange[R any](rows []R, columns []column[R], name string, reverse bool) {
	for _, c := range columns {
		if c.name == name && c.order != nil {
			slices.SortStableFunc(rows, c.order)
		}
	}
	if reverse {
		slices.Reverse(rows)
	}
}

// byText sorts from A to Z, greatest first is what numbers want.
func byText[R any](of func(R) string) func(a, b R) int {
	return func(a, b R) int { return strings.Compare(of(a), of(b)) }
}

func byNumber[R any, N cmp.Ordered](of func(R) N) func(a, b R) int {
	return func(a, b R) int { return cmp.Compare(of(b), of(a)) }
}
