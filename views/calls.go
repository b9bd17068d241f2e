package views

import (
	"math"
	"slices"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
)

type callCell = func(f *Frame, c *snapshot.Call) (themes.Token, lit, Safe)

func word1(k themes.Token, of func(*snapshot.Call) string) callCell {
	return func(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) { return k, "", cellText(of(c)) }
}

// callColumns from left to right.
var callColumns = []column[*snapshot.Call]{
	{name: "time", least: 8, cell: func(f *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
		return themes.Muted, clock(c.At.In(f.Now.Location())), Safe{}
	}},
	{name: "agent", least: 9, most: 20, order: byText(agentOf), cell: word1(themes.Text, agentOf)},
	{name: "run", least: 12, most: 20, rank: 6, tail: true, order: byText(runOf), cell: func(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
		return themes.Muted, "", cellTail(runOf(c))
	}},
	{name: "tool", least: 12, most: 26, order: byText(toolOf), cell: word1(themes.Title, toolOf)},
	{
		name: "decision", least: 8, most: 12, order: byNumber(func(c *snapshot.Call) int { return 4*int(call.Allow-c.Effect) + int(call.Allow-c.Would) }),
		cell: decisionCell,
	},
	{name: "rule", least: 12, most: 20, rank: 5, order: byText(func(c *snapshot.Call) string { return c.Rule }), cell: word1(themes.Muted, func(c *snapshot.Call) string { return c.Rule })},
	{name: "cache", least: 6, rank: 2, order: byText(func(c *snapshot.Call) string { return c.Cache }), cell: cacheCell},
	{name: "policy", least: 7, rank: 4, right: true, order: byNumber(func(c *snapshot.Call) float64 { return c.PolicyUS }), cell: func(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
		return themes.Text, measured(c.PolicyUS), Safe{}
	}},
	{name: "took", least: 7, rank: 1, right: true, order: byNumber(func(c *snapshot.Call) float64 { return c.ToolMS }), cell: func(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
		return themes.Text, measured(c.ToolMS * 1e3), Safe{}
	}},
	{name: "outcome", least: 10, most: 16, order: byText(func(c *snapshot.Call) string { return string(c.Outcome) + c.ErrorType }), cell: outcomeCell},
	{name: "streak", title: "row", least: 5, rank: 3, right: true, order: byNumber(func(c *snapshot.Call) int { return c.Streak }), cell: func(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
		switch {
		case c.Streak >= longStreak:
			return themes.Bad, "×" + brief(c.Streak), Safe{}
		case c.Streak > 1:
			return themes.Muted, "×" + brief(c.Streak), Safe{}
		}
		return themes.Muted, " ", Safe{}
	}},
}

func agentOf(c *snapshot.Call) string { return string(c.Agent) }
func runOf(c *snapshot.Call) string   { return string(c.Run) }
func toolOf(c *snapshot.Call) string  { return c.Tool }

// measured is a duration, or a dash where none was taken.
func measured(us float64) lit {
	if us == 0 || math.IsNaN(us) {
		return none
	}
	return micros(us)
}

// effectSign is glyph, word and colour of an effect.
func effectSign(e call.Effect) (themes.Token, lit) {
	switch e {
	case call.Allow:
		return themes.Good, "✓ allow"
	case call.Ask:
		return themes.Warn, "? ask"
	case call.Deny:
		return themes.Bad, "✗ deny"
	}
	return themes.Bad, "! unknown"
}

// decisionCell shows what the policy says: in observe mode a call that would
// have been held back is marked, for that is what one observes for.
func decisionCell(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
	token, text := effectSign(c.Effect)
	if c.Would == c.Effect {
		return token, text, Safe{}
	}
	switch c.Would {
	case call.Deny:
		return themes.Warn, "✓ (deny)", Safe{}
	case call.Ask:
		return themes.Warn, "✓ (ask)", Safe{}
	}
	return token, text, Safe{}
}

func cacheCell(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
	switch c.Cache {
	case string(call.CacheHit):
		return themes.Good, "● hit", Safe{}
	case string(call.CacheMiss):
		return themes.Muted, "○ miss", Safe{}
	case string(call.CacheBypass), "":
		return themes.Muted, none, Safe{}
	}
	return themes.Muted, "", MakeSafe(c.Cache)
}

func outcomeCell(_ *Frame, c *snapshot.Call) (themes.Token, lit, Safe) {
	switch c.Outcome {
	case call.OK:
		return themes.Good, "✓ ok", Safe{}
	case call.Failed:
		switch c.ErrorType {
		case "", "error", "tool_error", "unspecified": // a class that says no more than that
			return themes.Bad, "✗ error", Safe{}
		}
		return themes.Bad, "✗ ", MakeSafe(c.ErrorType)
	case call.Cancelled:
		return themes.Warn, "◌ cancelled", Safe{}
	case "":
		switch {
		case c.Cache == string(call.CacheHit):
			return themes.Good, "● cached", Safe{}
		case c.Effect != call.Allow:
			return themes.Muted, "held back", Safe{}
		}
		return themes.Muted, "… running", Safe{}
	}
	return themes.Muted, "", MakeSafe(string(c.Outcome))
}

// drawCalls draws the call table in its box. On a page of its own it has a line
// for the filter.
func drawCalls(f *Frame, a area, ownPage bool) {
	rows := VisibleCalls(*f)
	selected := slices.IndexFunc(rows, func(c *snapshot.Call) bool { return f.Calls.Selected != "" && c.ID == f.Calls.Selected })
	head := heading(&f.Calls, selected >= 0)
	var in area
	if ownPage {
		in = a.box("Calls", head...)
		filterLine(in.row(0), f.Calls.Filter, f.Calls.Editing, len(rows), len(f.Snap.Calls), "tool: agent: run: rule: decision: would: outcome: cache: error -not")
		in = in.sub(0, 2, in.w, in.h-2)
	} else {
		if f.Calls.Filter != "" || f.Calls.Editing {
			head = append(head, own(themes.Muted, " · "))
			head = append(head, filterSpans(f.Calls.Filter, f.Calls.Editing)...)
			head = append(head, further(themes.Muted, " "+count(len(rows))+" of "+count(len(f.Snap.Calls))))
		}
		in = a.box("Calls", head...)
	}
	switch {
	case len(f.Snap.Calls) == 0:
		drawFirstCall(f, in)
	case len(rows) == 0:
		in.lit(2, 1, themes.Muted, nothingFits(f.Calls.Editing))
	default:
		above, below, hidden := drawTable(f, in, callColumns, rows, view{sort: f.Calls.Sort, reverse: f.Calls.Reverse, selected: selected})
		a.mark(themes.Muted, more(a.w, above, below, hidden))
	}
}

// nothingFits stands where no row fits the filter, and says how to get out.
func nothingFits(editing bool) lit {
	if editing {
		return "Nothing fits the filter. Esc takes back what was typed."
	}
	return "Nothing fits the filter. Esc clears it."
}

// heading says how the table is sorted, and whether a selected row keeps it from
// following the newest.
func heading[ID comparable](l *List[ID], held bool) []span {
	if !held {
		return order(l.Sort, l.Reverse)
	}
	var s []span
	if l.Sort != "" || l.Reverse {
		s = append(order(l.Sort, l.Reverse), own(themes.Muted, " · "))
	}
	s = append(s, own(themes.Accent, "held at the selected row"))
	if l.Filter == "" && !l.Editing { // else Esc means the filter first
		s = append(s, further(themes.Muted, " · Esc follows again"))
	}
	return s
}

// order says in words how a table is sorted.
func order(column string, reverse bool) []span {
	switch {
	case column == "" && reverse:
		return []span{own(themes.Muted, "oldest first")}
	case column == "":
		return []span{own(themes.Muted, "newest first")}
	}
	s := []span{own(themes.Muted, "by "), theirs(themes.Muted, MakeSafe(column))}
	if reverse {
		s = append(s, own(themes.Muted, ", reversed"))
	}
	return s
}

// filterSpans are the filter as it is typed, with a cursor.
func filterSpans(text string, editing bool) []span {
	s := []span{own(themes.Accent, "/"), theirs(themes.Text, MakeSafe(text))}
	if editing {
		s = append(s, own(themes.Accent, "▏"))
	}
	return s
}

// filterLine shows the filter, how much fits it, and what it understands.
func filterLine(a area, text string, editing bool, fits, all int, words lit) {
	tally := count(all) + " in all"
	if text != "" {
		tally = count(fits) + " of " + count(all) + " fit"
	}
	end := a.litRight(a.w, 0, themes.Muted, tally)
	left := a.sub(0, 0, end-2, 1)
	if text == "" && !editing {
		x := left.lit(0, 0, themes.Accent, "/")
		left.lit(x, 0, themes.Muted, " filter   "+words)
		return
	}
	x := left.spans(0, 0, filterSpans(text, editing))
	if editing && x+6 < left.w {
		left.lit(x+3, 0, themes.Muted, words)
	}
}
