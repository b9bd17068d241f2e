package views

import (
	"time"

	"m1/engine/call"
	"m1/themes"
)

// dialogLines is the height of a dialog. It stands under the record, so that
// what is answered can be read and scrolled while it is open.
const dialogLines = 5

var dialogTitles = map[DialogKind]lit{
	Approving: "Approve this call?", Ceiling: "Approve how many?", ApprovingCeiling: "Approve so many?",
	Denying: "Deny?", DenyingWithReason: "Deny, and say why",
}

// drawDialog draws the answer that is about to be given: to what, what it does,
// and what to press.
func drawDialog(f *Frame, a area) {
	d := f.Dialog
	in := a.box(dialogTitles[d.Kind], own(themes.Accent, "Esc"), own(themes.Muted, " leaves it pending"))
	subject := []span{
		theirs(themes.Title, MakeSafe(d.Tool).Clip(32)), own(themes.Muted, "  by "), theirs(themes.Text, MakeSafe(string(d.Agent)).Clip(24)),
		own(themes.Muted, "  "), scopeSpan(d.Scope), own(themes.Muted, "  "),
	}
	left := []span{own(themes.Muted, "  expires "), own(themes.Text, countdown(d.Expires.Sub(f.Now)))}
	subject = append(subject, theirs(themes.Muted, MakeSafe(d.Digest).Clip(max(in.w-width(subject)-width(left), 12))))
	in.spans(0, 0, append(subject, left...))
	in.spans(0, 1, d.does(in.w))
	in.spans(0, 2, d.asks())
}

// scopeSpan is how far a tool reaches; what runs things stands out.
func scopeSpan(s call.Scope) span {
	token := themes.Text
	if s == call.Execute {
		token = themes.Warn
	}
	return theirs(token, MakeSafe(s.String()))
}

// does says what the answer does, or holds the fields that say so.
func (d *Dialog) does(w int) []span {
	switch d.Kind {
	case Approving:
		return d.quorum(own(themes.Text, "this very call may run once, within "+span2(d.MaxTTL)+"."))
	case Ceiling:
		return append(d.field(0, "calls ", d.Uses, "of at most "+count(d.MaxUses)),
			append([]span{own(themes.Text, "     ")}, d.field(1, "minutes ", d.Minutes, "of at most "+minutes(d.MaxTTL))...)...)
	case ApprovingCeiling:
		return d.quorum(own(themes.Text, "this very call may run up to "), theirs(themes.Title, MakeSafe(d.Uses)), own(themes.Text, " times within "),
			theirs(themes.Title, MakeSafe(d.Minutes)), own(themes.Text, " min."))
	case DenyingWithReason:
		line := []span{own(themes.Muted, "The agent hears: ")} // the end that is being typed stays in sight
		return append(line, theirs(themes.Text, MakeSafe(d.Typed).Tail(w-1-width(line))), own(themes.Accent, "▏"))
	}
	return []span{own(themes.Text, "The call does not run, and the agent hears no.")}
}

// quorum says what a yes opens: at once, or when others have said it too.
func (d *Dialog) quorum(opens ...span) []span {
	if d.Yes+1 < d.Needed {
		return append([]span{own(themes.Warn, "Yes "+count(d.Yes+1)+" of "+count(d.Needed)), own(themes.Text, "; after the last ")}, opens...)
	}
	return append([]span{own(themes.Text, "With your yes ")}, opens...)
}

func (d *Dialog) field(i int, name lit, text string, of lit) []span {
	s := []span{own(themes.Muted, name), theirs(themes.Title, MakeSafe(text))}
	if i == d.Field {
		s = append(s, own(themes.Accent, "▏"))
	}
	return append(s, own(themes.Muted, " "+of))
}

// minutes writes whole minutes, at least one.
func minutes(d time.Duration) lit { return count(int64(max(d/time.Minute, 1))) }

// asks says what to press.
func (d *Dialog) asks() []span {
	key := func(k lit) span { return own(themes.Accent, k) }
	text := func(s lit) span { return own(themes.Muted, s) }
	switch {
	case d.Quiet:
		return []span{text("One moment: no key counts until this could be read.")}
	case d.Kind == Ceiling:
		return []span{key("Tab"), text(" other field · "), key("Enter"), text(" goes on")}
	case d.Kind == DenyingWithReason:
		return []span{key("Enter"), text(" denies")}
	case d.Word != "":
		return []span{
			text("Type "), theirs(themes.Accent, MakeSafe(d.Word)), text(", then "), key("Enter"), text(" approves:  "),
			theirs(themes.Title, MakeSafe(d.Typed)), own(themes.Accent, "▏"),
		}
	case d.Kind == Denying:
		return []span{key("Y"), text(" denies · "), key("Enter"), text(" leaves it pending")}
	}
	return []span{key("Y"), text(" approves · "), key("Enter"), text(" leaves it pending")}
}
