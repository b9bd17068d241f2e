package views

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
)

// writeApproval writes one question: what would run, word for word, and all that
// a person needs to answer it.
func writeApproval(f *Frame, p *paper, a *snapshot.Approval, kept bool) {
	if a == nil {
		p.add(own(themes.Warn, "This question is no longer in memory: "), theirs(themes.Text, MakeSafe(f.Detail.Approval)))
		p.add(own(themes.Muted, "The ledger still holds it."))
		return
	}
	token, word, other := approvalStatus(a)
	first := []span{
		theirs(themes.Title, MakeSafe(a.Tool)), own(themes.Muted, "   "), own(token, word), theirs(token, other),
		own(themes.Muted, "   by "), theirs(themes.Text, MakeSafe(string(a.Agent))),
	}
	if a.Status == snapshot.Pending {
		first = append(first, own(themes.Muted, "   expires in "), countdownSpan(f, a))
	}
	p.add(first...)
	writeSaid(f, p)
	if kept {
		p.add(own(themes.Warn, "! "), own(themes.Muted, gone))
	}
	writeAnswered(f, p, a)
	p.heading("What would run ─ " + bytes(len(a.Args)))
	writeWholeArgs(p, a.Args)
	p.heading("Why it is asked")
	p.text("rule", themes.Text, MakeSafe(a.Rule))
	p.text("reason", themes.Text, MakeSafe(a.Reason))
	p.pair("scope", theirs(themes.Text, MakeSafe(a.Scope.String())))
	p.text("policy", themes.Muted, MakeSafe(a.Version))
	p.pair("asked", own(themes.Text, "×"+count(a.Asked)), own(themes.Muted, "   since "+clock(a.AskedAt.In(f.Now.Location()))+", "+age(f.Now.Sub(a.AskedAt))+" ago"))
	p.heading("What a yes opens")
	writeOpens(p, a)
	p.heading("Who answers")
	writeVotes(f, p, a)
	p.heading("The agent, and before")
	writeBefore(f, p, a)
	p.heading("Names")
	p.text("question", themes.Text, MakeSafe(a.ID))
	p.text("call", themes.Text, MakeSafe(string(a.Call)))
	p.text("run", themes.Text, MakeSafe(string(a.Run)))
	p.text("client", themes.Text, MakeSafe(a.AgentType))
	p.text("digest", themes.Muted, MakeSafe(a.ArgsSHA256))
	p.text("schema", themes.Muted, MakeSafe(a.Schema))
	if a.GrantID != "" {
		p.text("grant", themes.Text, MakeSafe(a.GrantID))
	}
}

// writeSaid repeats in full what the footer may have had to cut.
func writeSaid(f *Frame, p *paper) {
	if f.Detail.Said == "" {
		return
	}
	token, mark := themes.Good, lit("✓ ")
	if f.Detail.SaidBad {
		token, mark = themes.Bad, "✗ "
	}
	for i, part := range MakeSafe(f.Detail.Said).wrap(p.w - 2) {
		if i > 0 {
			mark = "  "
		}
		p.add(own(token, mark), theirs(themes.Text, part))
	}
}

func writeAnswered(f *Frame, p *paper, a *snapshot.Approval) {
	switch {
	case a.Status == snapshot.Pending:
		return
	case a.By == "":
		p.add(own(themes.Muted, "Nobody answered in time: the answer is no."))
	default:
		p.add(own(themes.Muted, "Answered by "), theirs(themes.Text, MakeSafe(a.By)), own(themes.Muted, " at "+clock(answeredAt(a).In(f.Now.Location()))))
	}
	if a.Note != "" {
		p.text("agent hears", themes.Text, MakeSafe(a.Note))
	}
}

// written are arguments as they were last written: large ones are drawn every
// second while a person reads them, and nothing in them changes.
type written struct {
	args  string
	w     int
	lines [][]span
}

var lastWritten atomic.Pointer[written]

// writeWholeArgs writes every argument whole: what is not read cannot be allowed.
func writeWholeArgs(p *paper, args json.RawMessage) {
	if last := lastWritten.Load(); last != nil && last.w == p.w && last.args == string(args) {
		p.lines = append(p.lines, last.lines...)
		return
	}
	own := &paper{w: p.w}
	own.arguments(args)
	lastWritten.Store(&written{args: string(args), w: p.w, lines: own.lines})
	p.lines = append(p.lines, own.lines...)
}

func (p *paper) arguments(args json.RawMessage) {
	pairs, ok := argsOf(args)
	if !ok {
		p.argument("json", string(args))
		return
	}
	if len(pairs) == 0 {
		p.add(own(themes.Muted, "  no arguments"))
	}
	for _, m := range pairs {
		p.argument(m.name, m.value)
	}
}

// argument writes name = value with its length and what is hidden in it; a value
// of more than one line stands below its name.
func (p *paper) argument(name, value string) {
	const widest = 40
	key := MakeSafe(name)
	if key.Width() > widest {
		for _, part := range whole(name, p.w-2) {
			p.add(own(themes.Text, "  "), theirs(themes.Accent, part))
		}
		key = MakeSafe("")
	}
	line := []span{own(themes.Text, "  "), theirs(themes.Accent, padSafe(key, max(key.Width(), keyCells-2))), own(themes.Muted, "= ")}
	notes := []span{own(themes.Muted, "   "+bytes(len(value)))}
	if n := strings.Count(strings.TrimSuffix(value, "\n"), "\n"); n > 0 {
		notes = append(notes, own(themes.Muted, " · "+count(n+1)+" lines"))
	}
	if n := hiddenIn(name) + hiddenIn(value); n > 0 {
		notes = append(notes, own(themes.Muted, " · "), own(themes.Warn, "! "+count(n)+plural(n, " hidden character", " hidden characters")))
	}
	lines := whole(value, p.w-4)
	switch {
	case len(lines) == 0:
		p.add(append(append(line, own(themes.Muted, none)), notes...)...)
	case len(lines) == 1 && width(line)+lines[0].Width()+width(notes) <= p.w:
		p.add(append(append(line, theirs(themes.Text, lines[0])), notes...)...)
	default:
		p.add(append(append(line, own(themes.Muted, "↓")), notes...)...)
		for _, l := range lines {
			p.add(own(themes.Muted, "  │ "), theirs(themes.Text, l))
		}
	}
}

// writeOpens says what is allowed by a yes, and for how long.
func writeOpens(p *paper, a *snapshot.Approval) {
	p.pair("a", own(themes.Text, "this very call, once: this tool, agent and run, these arguments"))
	if a.MaxUses > 1 {
		p.pair("A", own(themes.Text, "this very call, up to "+count(a.MaxUses)+" times"))
	}
	p.pair("for", own(themes.Text, "at most "+span2(seconds(a.MaxTTLS))), own(themes.Muted, "   from the yes on"))
	p.pair("deny rules", own(themes.Muted, "hold all the same: they are asked again when it runs"))
}

// seconds is n seconds, as far as a duration reaches.
func seconds(n int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Second)
	return time.Duration(min(max(n, 0), most)) * time.Second
}

func writeVotes(f *Frame, p *paper, a *snapshot.Approval) {
	who := []span{own(themes.Text, "every operator")}
	p.pair("yes so far", own(themes.Text, votes(a)), own(themes.Muted, "   one no ends it"))
	if len(a.Approvers) > 0 {
		who = []span{theirs(themes.Text, MakeSafe(strings.Join(a.Approvers, ", ")))}
	}
	p.flow(label("approvers"), who)
	for i := range a.Votes {
		v := &a.Votes[i]
		token, word := themes.Bad, lit("✗ no")
		if v.Approve {
			token, word = themes.Good, "✓ yes"
		}
		p.pair(clock(v.At.In(f.Now.Location())), own(token, pad(word, 7)), theirs(themes.Text, MakeSafe(v.By)))
		if v.Note != "" {
			p.text("", themes.Text, MakeSafe(v.Note))
		}
	}
}

const mostBefore = 8 // calls of the agent that are worth the room

// writeBefore says what the agent has done just before, and how people have
// answered the like.
func writeBefore(f *Frame, p *paper, a *snapshot.Approval) {
	var yes, no, nobody int
	for i := range f.Snap.Approvals {
		b := &f.Snap.Approvals[i]
		if b.ID == a.ID || b.Agent != a.Agent || b.Tool != a.Tool || b.Rule != a.Rule {
			continue
		}
		switch b.Status {
		case snapshot.Approved:
			yes++
		case snapshot.Rejected:
			no++
		case snapshot.Expired:
			nobody++
		}
	}
	p.flow(label("the like"), tally(themes.Good, yes, "approved"), tally(themes.Bad, no, "rejected"), tally(themes.Text, nobody, "expired"))
	for _, r := range f.Snap.Runs.All {
		if r.ID == a.Run && a.Run != "" {
			p.flow(label("its run"), tally(themes.Text, r.ToolCalls, plural(r.ToolCalls, "call", "calls")), tally(themes.Bad, r.Errors, plural(r.Errors, "error", "errors")),
				tally(themes.Warn, r.Denied, "denied"), []span{own(themes.Text, runCost(&r))})
			if r.Goal != "" {
				p.text("goal", themes.Text, MakeSafe(r.Goal))
			}
		}
	}
	writeLastCalls(f, p, a.Agent)
}

func writeLastCalls(f *Frame, p *paper, agent call.AgentID) {
	n := 0
	for _, c := range f.Snap.Calls {
		if c.Agent != agent {
			continue
		}
		if n++; n > mostBefore {
			break
		}
		token, word, _ := decisionCell(f, c)
		p.add(
			own(themes.Muted, "  "+clock(c.At.In(f.Now.Location()))+"  "), own(token, pad(word, 10)),
			theirs(themes.Title, padSafe(cellText(c.Tool), 20)), own(themes.Muted, "  "), theirs(themes.Muted, cellText(c.Args).Clip(max(p.w-44, 8))),
		)
	}
	if n == 0 {
		p.add(own(themes.Muted, "  None of its calls is among the newest that the screen holds."))
	}
}
