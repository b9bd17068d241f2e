package views

import (
	"encoding/json"
	"slices"
	"strings"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
)

// detailPaper writes the record that is open and names it.
func detailPaper(f *Frame, w int) (*paper, lit) {
	p := &paper{w: w}
	switch {
	case f.Detail.Why != nil:
		writeWhy(f, p)
		return p, "Why"
	case f.Detail.Approval != "":
		a, kept := findApproval(f)
		writeApproval(f, p, a, kept)
		return p, "Question"
	case f.Detail.Call != "":
		c, kept := findCall(f)
		writeCall(f, p, c, kept)
		return p, "Call"
	}
	r, kept := findRun(f)
	writeRun(f, p, r, kept)
	return p, "Run"
}

// findCall is the open call: from the picture if it still holds it, else as it
// was last seen; nil if it was never seen.
func findCall(f *Frame) (c *snapshot.Call, kept bool) {
	i := slices.IndexFunc(f.Snap.Calls, func(c *snapshot.Call) bool { return c.ID == f.Detail.Call })
	if i >= 0 {
		return f.Snap.Calls[i], false
	}
	return f.Detail.KeptCall, true
}

func findRun(f *Frame) (r *snapshot.Run, kept bool) {
	for _, runs := range [][]snapshot.Run{f.Snap.Runs.All, f.Snap.Runs.Recent} {
		for i := range runs {
			if runs[i].ID == f.Detail.Run {
				return &runs[i], false
			}
		}
	}
	return f.Detail.KeptRun, true
}

const gone lit = "The engine's memory has moved on; this is how it was last seen. The ledger holds it."

func writeCall(f *Frame, p *paper, c *snapshot.Call, kept bool) {
	if c == nil {
		p.add(own(themes.Warn, "This call is no longer in memory: "), theirs(themes.Text, MakeSafe(string(f.Detail.Call))))
		p.add(own(themes.Muted, "The ledger still holds it."))
		return
	}
	effect, word := effectSign(c.Effect)
	p.add(theirs(themes.Title, MakeSafe(c.Tool)), own(themes.Muted, "   "), own(effect, word), own(themes.Muted, "   by "), theirs(themes.Text, MakeSafe(string(c.Agent))),
		own(themes.Muted, "   at "+clock(c.At.In(f.Now.Location()))+", "+age(f.Now.Sub(c.At))+" ago"))
	if kept {
		p.add(own(themes.Warn, "! "), own(themes.Muted, gone))
	}
	p.heading("Steps")
	writeSteps(p, c)
	p.heading("Decision")
	p.pair("effect", own(effect, word))
	if c.Would != c.Effect {
		would, word := effectSign(c.Would)
		p.pair("would", own(would, word), own(themes.Muted, "   says the policy; it observes only, so nothing was held back"))
	}
	p.text("rule", themes.Text, MakeSafe(c.Rule))
	p.text("reason", themes.Text, MakeSafe(c.Reason))
	p.text("policy", themes.Muted, MakeSafe(c.Version))
	p.pair("scope", theirs(themes.Text, MakeSafe(c.Scope.String())))
	if c.Streak >= longStreak {
		p.pair("streak", own(themes.Bad, "×"+count(c.Streak)), own(themes.Muted, "   the same call, unchanged: the run is in a loop"))
	} else {
		p.pair("streak", own(themes.Text, "×"+count(c.Streak)))
	}
	p.heading("Arguments ─ " + bytes(c.ArgsBytes))
	writeArgs(p, c)
	p.heading("Result ─ " + bytes(c.ResultBytes))
	writeResult(p, c)
	p.heading("Names")
	p.text("call", themes.Text, MakeSafe(string(c.ID)))
	p.text("run", themes.Text, MakeSafe(string(c.Run)))
	p.text("tool use", themes.Text, MakeSafe(c.ToolUse))
	p.text("digest", themes.Muted, MakeSafe(c.Digest))
}

// writeSteps shows where the time of one call went, in the order of the path of
// a call, with a bar for its share of what M1 itself took.
func writeSteps(p *paper, c *snapshot.Call) {
	most := max(c.PolicyUS, c.CacheUS, c.LedgerUS)
	step := func(k themes.Token, sign, name lit, us float64, what ...span) {
		share := lit("")
		if most > 0 && finite(us) && us > 0 {
			const cells = 12
			for range max(int(us/most*cells), 1) {
				share += "▪"
			}
		}
		line := []span{own(k, "  "+sign+" "), own(themes.Text, pad(name, keyCells-2)), own(themes.Title, padLeft(measured(us), 7)), own(themes.Muted, "  "), own(themes.SeriesA, pad(share, 14))}
		p.add(append(line, what...)...)
	}
	effect, word := effectSign(c.Effect)
	how := lit("  evaluated")
	if c.Memo {
		how = "  from the decision cache"
	}
	step(effect, "1", "policy", c.PolicyUS, own(effect, word), own(themes.Muted, how))
	token, own1, theirs1 := cacheCell(nil, c)
	cached := []span{own(token, own1)}
	if own1 == "" {
		cached = []span{theirs(token, theirs1)}
	}
	if c.Cache == string(call.CacheHit) {
		cached = append(cached, own(themes.Muted, "  "), theirs(themes.Muted, MakeSafe(c.Tier)), own(themes.Muted, ", "+age(millis(c.CacheAgeMS))+" old: the tool did not have to run"))
	}
	step(token, "2", "cache", c.CacheUS, cached...)
	kept := lit("handed over; on disk within 50 ms")
	if c.Effect == call.Allow && c.Scope != call.Read {
		kept = "until the record was on disk"
	}
	step(themes.Muted, "3", "ledger", c.LedgerUS, own(themes.Muted, kept))
	p.add(own(themes.Muted, "    "+pad("M1 in all", keyCells-2)), own(themes.Title, padLeft(measured(c.TotalUS), 7)))
	out, own2, theirs2 := outcomeCell(nil, c)
	p.add(own(out, "  4 "), own(themes.Text, pad("tool", keyCells-2)), own(themes.Title, padLeft(measured(c.ToolMS*1e3), 7)),
		own(themes.Muted, pad("", 16)), own(out, own2), theirs(out, theirs2))
}

func padLeft(s lit, n int) lit {
	for i := len([]rune(string(s))); i < n; i++ {
		s = " " + s
	}
	return s
}

// writeArgs lists the arguments as name = value with the length of each, so
// that what is cut or padded does not pass unseen.
func writeArgs(p *paper, c *snapshot.Call) {
	pairs, ok := members(c.Args)
	if !ok {
		// Cut at a kilobyte, or no object: show it as it is.
		p.text("json", themes.Text, MakeSafe(c.Args))
		if c.ArgsBytes > len(c.Args) {
			p.pair("", own(themes.Warn, "… "+bytes(c.ArgsBytes-len(c.Args))+" more"))
		}
		return
	}
	if len(pairs) == 0 {
		p.add(own(themes.Muted, "  none"))
	}
	for _, m := range pairs {
		name := MakeSafe(m.name)
		p.value(theirs(themes.Accent, padSafe(name, max(min(name.Width(), 40), keyCells-2))), own(themes.Muted, "= "), MakeSafe(m.value), bytes(len(m.value)))
	}
}

type member struct{ name, value string }

// members splits a JSON object; ok is false if args is none, for instance
// because it was cut.
func members(args string) (out []member, ok bool) {
	d := json.NewDecoder(strings.NewReader(args))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return nil, false
		}
		s, _ := name.(string)
		out = append(out, member{s, unquoted(value)})
	}
	_, err := d.Token()
	return out, err == nil
}

// unquoted shows a JSON string as its text and all else as it is written.
func unquoted(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func writeResult(p *paper, c *snapshot.Call) {
	if c.ErrorType != "" {
		p.pair("error", theirs(themes.Bad, MakeSafe(c.ErrorType)))
	}
	switch {
	case c.Result != "":
		p.text("preview", themes.Text, MakeSafe(c.Result))
		if n := c.ResultBytes - len(c.Result); n > 0 {
			p.pair("", own(themes.Warn, "… "+bytes(n)+" more"))
		}
	case c.Outcome == "" && c.Effect == call.Allow && c.Cache != string(call.CacheHit):
		p.add(own(themes.Muted, "  No report has arrived yet."))
	default:
		p.add(own(themes.Muted, "  none given"))
	}
}

func writeRun(f *Frame, p *paper, r *snapshot.Run, kept bool) {
	if r == nil {
		p.add(own(themes.Warn, "This run is no longer in memory: "), theirs(themes.Text, MakeSafe(string(f.Detail.Run))))
		p.add(own(themes.Muted, "The ledger still holds it."))
		return
	}
	token, word, other := runStatus(r)
	p.add(own(token, word), theirs(token, other), own(themes.Muted, "   by "), theirs(themes.Title, MakeSafe(string(r.Agent))),
		own(themes.Muted, "   since "+clock(r.StartedAt.In(f.Now.Location()))+", "+span2(millis(r.DurationMS))))
	if kept {
		p.add(own(themes.Warn, "! "), own(themes.Muted, gone))
	}
	p.heading("What it is for")
	p.text("goal", themes.Text, MakeSafe(r.Goal))
	p.text("run", themes.Muted, MakeSafe(string(r.ID)))
	if r.StopReason != "" {
		p.text("stopped", themes.Text, MakeSafe(r.StopReason))
	}
	p.heading("Figures")
	figure := func(name lit, k themes.Token, n int64, what lit) {
		if n == 0 {
			k = themes.Muted
		}
		p.pair(name, own(k, padLeft(count(n), 9)), own(themes.Muted, "   "+what))
	}
	figure("calls", themes.Text, r.ToolCalls, "last "+age(f.Now.Sub(r.LastAt))+" ago")
	figure("errors", themes.Bad, r.Errors, of(r.Errors, r.ToolCalls))
	figure("denied", themes.Warn, r.Denied, of(r.Denied, r.ToolCalls))
	figure("cache hits", themes.Good, r.CacheHits, "answered without running the tool")
	figure("repeats", themes.Text, r.Repeats, "calls made before in this run")
	figure("streak", themes.Text, int64(r.Streak), "most identical calls in a row")
	p.pair("cost", own(themes.Title, padLeft(runCost(r), 9)))
	for i := range f.Snap.Runs.Loops {
		if l := &f.Snap.Runs.Loops[i]; l.Run == r.ID {
			p.heading("Loop")
			p.add(append([]span{own(themes.Text, "  ")}, loopSpans(f, l)...)...)
		}
	}
	p.heading("Calls ─ newest first")
	writeTimeline(f, p, r.ID)
}

// of writes what share n is of all.
func of(n, all int64) lit {
	if n == 0 || all == 0 {
		return ""
	}
	return percent(float64(n)/float64(all)) + " of its calls"
}

const mostTimeline = 200 // calls of a run that are worth scrolling through

// writeTimeline lists the run's calls that the picture holds, with the pause
// before each: a run that hangs and a run that races look different.
func writeTimeline(f *Frame, p *paper, id call.RunID) {
	n := 0
	for i, c := range f.Snap.Calls {
		if c.Run != id {
			continue
		}
		if n++; n > mostTimeline {
			p.add(own(themes.Muted, "  … older ones: filter the calls by run:, or see the ledger"))
			return
		}
		pause := lit("")
		for _, before := range f.Snap.Calls[i+1:] {
			if before.Run == id {
				pause = "+" + age(c.At.Sub(before.At))
				break
			}
		}
		effect, word, _ := decisionCell(f, c)
		out, own1, theirs1 := outcomeCell(f, c)
		p.add(
			own(themes.Muted, "  "+clock(c.At.In(f.Now.Location()))+padLeft(pause, 8)+"  "),
			own(effect, pad(word, 12)),
			theirs(themes.Title, padSafe(MakeSafe(c.Tool), 24)),
			own(themes.Text, padLeft(measured(c.ToolMS*1e3), 7)+"  "),
			own(out, own1), theirs(out, theirs1),
		)
	}
	if n == 0 {
		p.add(own(themes.Muted, "  None of its calls is among the newest that the screen holds."))
	}
}

// padSafe is s in exactly n cells.
func padSafe(s Safe, n int) Safe {
	s = s.Clip(n)
	return Safe{text: s.text + strings.Repeat(" ", n-s.cells), cells: n, ascii: s.ascii && s.cells == len(s.text)}
}
