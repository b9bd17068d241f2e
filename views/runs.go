package views

import (
	"slices"
	"time"

	"m1/collector/snapshot"
	"m1/themes"
)

type runCell = func(f *Frame, r *snapshot.Run) (themes.Token, lit, Safe)

func runText(k themes.Token, of func(*snapshot.Run) string) runCell {
	return func(_ *Frame, r *snapshot.Run) (themes.Token, lit, Safe) { return k, "", cellText(of(r)) }
}

// runNumber is a count that is only worth a colour when it is not zero.
func runNumber(k themes.Token, of func(*snapshot.Run) int64) runCell {
	return func(_ *Frame, r *snapshot.Run) (themes.Token, lit, Safe) {
		if of(r) == 0 {
			return themes.Muted, "0", Safe{}
		}
		return k, brief(of(r)), Safe{}
	}
}

func runAgent(r *snapshot.Run) string { return string(r.Agent) }
func runID(r *snapshot.Run) string    { return string(r.ID) }
func runGoal(r *snapshot.Run) string  { return r.Goal }
func runCalls(r *snapshot.Run) int64  { return r.ToolCalls }
func runErrors(r *snapshot.Run) int64 { return r.Errors }
func runDenied(r *snapshot.Run) int64 { return r.Denied }
func runHits(r *snapshot.Run) int64   { return r.CacheHits }

// runColumns from left to right.
var runColumns = []column[*snapshot.Run]{
	{name: "status", least: 11, order: byText(func(r *snapshot.Run) string { return r.Status }), cell: func(_ *Frame, r *snapshot.Run) (themes.Token, lit, Safe) {
		return runStatus(r)
	}},
	{name: "agent", least: 12, most: 16, order: byText(runAgent), cell: runText(themes.Title, runAgent)},
	{name: "run", least: 10, most: 24, rank: 5, tail: true, order: byText(runID), cell: func(_ *Frame, r *snapshot.Run) (themes.Token, lit, Safe) {
		return themes.Muted, "", cellTail(runID(r))
	}},
	{name: "goal", least: 10, most: 60, rank: 1, order: byText(runGoal), cell: runText(themes.Text, runGoal)},
	{name: "started", least: 8, rank: 5, right: true, order: byNumber(func(r *snapshot.Run) int64 { return r.StartedAt.UnixNano() }), cell: func(f *Frame, r *snapshot.Run) (themes.Token, lit, Safe) {
		return themes.Muted, clock(r.StartedAt.In(f.Now.Location())), Safe{}
	}},
	{name: "duration", title: "lasted", least: 7, rank: 4, right: true, order: byNumber(func(r *snapshot.Run) int64 { return r.DurationMS }), cell: func(_ *Frame, r *snapshot.Run) (themes.Token, lit, Safe) {
		return themes.Text, span2(millis(r.DurationMS)), Safe{}
	}},
	{name: "calls", least: 7, right: true, order: byNumber(runCalls), cell: runNumber(themes.Text, runCalls)},
	{name: "errors", least: 7, right: true, order: byNumber(runErrors), cell: runNumber(themes.Bad, runErrors)},
	{name: "denied", least: 7, rank: 2, right: true, order: byNumber(runDenied), cell: runNumber(themes.Warn, runDenied)},
	{name: "hits", least: 6, rank: 6, right: true, order: byNumber(runHits), cell: runNumber(themes.Good, runHits)},
	{name: "streak", title: "row", least: 6, rank: 3, right: true, order: byNumber(func(r *snapshot.Run) int { return r.Streak }), cell: func(_ *Frame, r *snapshot.Run) (themes.Token, lit, Safe) {
		if r.Streak >= longStreak {
			return themes.Bad, "×" + brief(r.Streak), Safe{}
		}
		return themes.Muted, "×" + brief(r.Streak), Safe{}
	}},
	{name: "cost", least: 9, right: true, order: byNumber(func(r *snapshot.Run) int64 { return int64(r.CostNano) }), cell: func(_ *Frame, r *snapshot.Run) (themes.Token, lit, Safe) {
		return themes.Text, runCost(r), Safe{}
	}},
}

// goalless are the columns for runs of which none says what it is for: the name
// of the run has the place of its goal.
var goalless = func() []column[*snapshot.Run] {
	var out []column[*snapshot.Run]
	for _, c := range runColumns {
		switch c.name {
		case "goal":
			continue
		case "run":
			c.rank, c.most = 1, 60
		}
		out = append(out, c)
	}
	return out
}()

// runCost marks a sum that lacks what no price is known for.
func runCost(r *snapshot.Run) lit {
	switch {
	case r.Unpriced && r.CostNano == 0:
		return "unpriced"
	case r.Unpriced:
		return ">" + nano(r.CostNano)
	}
	return nano(r.CostNano)
}

func millis(ms int64) time.Duration {
	const most = int64(time.Duration(1<<63-1) / time.Millisecond)
	return time.Duration(min(max(ms, 0), most)) * time.Millisecond
}

func runStatus(r *snapshot.Run) (themes.Token, lit, Safe) {
	switch r.Status {
	case "active":
		return themes.Accent, "● active", Safe{}
	case "completed":
		return themes.Good, "✓ completed", Safe{}
	case "failed":
		return themes.Bad, "✗ failed", Safe{}
	}
	return themes.Muted, "", MakeSafe(r.Status)
}

// drawRuns draws the page of runs: loops on top, if any, then the table.
func drawRuns(f *Frame, a area) {
	loopsBox, runsBox := splitRuns(f, a)
	drawLoops(f, loopsBox)
	rows := VisibleRuns(*f)
	selected := slices.IndexFunc(rows, func(r snapshot.Run) bool { return f.Runs.Selected != "" && r.ID == f.Runs.Selected })
	in := runsBox.box("Runs", runsHead(f, selected >= 0)...)
	all := len(f.Snap.Runs.All)
	if all == 0 {
		all = len(f.Snap.Runs.Recent)
	}
	filterLine(in.row(0), f.Runs.Filter, f.Runs.Editing, len(rows), all, "agent: run: goal: status: error deny loop -not")
	in = in.sub(0, 2, in.w, in.h-2)
	switch {
	case all == 0:
		drawFirstCall(f, in)
	case len(rows) == 0:
		in.lit(2, 1, themes.Muted, nothingFits(f.Runs.Editing))
	default:
		pointers, columns := make([]*snapshot.Run, len(rows)), goalless
		for i := range rows {
			pointers[i] = &rows[i]
			if rows[i].Goal != "" {
				columns = runColumns
			}
		}
		above, below, hidden := drawTable(f, in, columns, pointers, view{sort: f.Runs.Sort, reverse: f.Runs.Reverse, selected: selected})
		runsBox.mark(themes.Muted, more(a.w, above, below, hidden))
	}
}

// runsHead is the headline of the runs. That the table is held stands first, for
// it must not be left out.
func runsHead(f *Frame, held bool) []span {
	s := &f.Snap.Runs
	var head []span
	if held {
		head = append(heading(&f.Runs, held), further(themes.Muted, " · "))
	}
	head = append(head, own(themes.Text, count(s.Active)+" active"),
		further(themes.Muted, " · "+count(s.Completed)+" completed"), further(themes.Muted, " · "+count(s.Failed)+" failed"))
	if s.Completed+s.Failed > 0 {
		head = append(head, further(themes.Muted, " · "+percent(s.SuccessRate)+" succeed"),
			further(themes.Muted, " · median "+span2(millis(int64(s.Duration.P50MS)))))
	}
	if !held {
		head = append(append(head, further(themes.Muted, " · ")), order(f.Runs.Sort, f.Runs.Reverse)...)
	}
	return head
}

const mostLoops = 4 // lines of the box of loops

func splitRuns(f *Frame, a area) (loops, runs area) {
	n := min(len(f.Snap.Runs.Loops), mostLoops)
	if n == 0 || a.h < 14 {
		n = min(n, 1)
	}
	if n == 0 {
		return a.sub(0, 0, 0, 0), a
	}
	return a.sub(0, 0, a.w, n+2), a.sub(0, n+2, a.w, a.h-n-2)
}

func drawLoops(f *Frame, a area) {
	all := f.Snap.Runs.Loops
	if a.h < 3 || len(all) == 0 {
		return
	}
	open := 0
	for _, l := range all {
		if l.Open {
			open++
		}
	}
	in := a.box("Loops", own(themes.Text, count(open)+" going on"), own(themes.Muted, " · one unchanged call, five times in a row or more"))
	for y := range min(in.h, len(all)) {
		in.spans(0, y, loopSpans(f, &all[y]))
	}
	if n := len(all) - in.h; n > 0 {
		a.mark(themes.Muted, "+"+count(n)+" more")
	}
}

func loopSpans(f *Frame, l *snapshot.Loop) []span {
	token, state := themes.Muted, lit("◌ over   ")
	if l.Open {
		token, state = themes.Bad, "↻ looping"
	}
	return []span{
		own(token, state+"  "),
		theirs(themes.Title, MakeSafe(l.Tool).Clip(30)),
		own(token, " ×"+brief(l.Streak)+" in a row"),
		own(themes.Muted, "   by "), theirs(themes.Text, MakeSafe(string(l.Agent)).Clip(24)),
		own(themes.Muted, "   since "+clock(l.Since.In(f.Now.Location()))+"   run "), theirs(themes.Muted, MakeSafe(string(l.Run))),
	}
}
