package views

import (
	"cmp"
	"slices"
	"strings"

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
