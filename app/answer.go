package app

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/views"
)

// An answer takes two different keys. The first opens a dialog under the record of
// the question, which holds what the person sees: the id and the digest. The
// second answers just that, or the dialog closes when the question changes.

func (m *model) approve() tea.Cmd    { return m.begin(views.Approving) }
func (m *model) deny() tea.Cmd       { return m.begin(views.Denying) }
func (m *model) denyAndSay() tea.Cmd { return m.begin(views.DenyingWithReason) }
func (m *model) approveMany() tea.Cmd {
	return m.begin(views.Ceiling)
}

// begin opens the dialog of an answer. On the overview it opens the record only:
// what is answered must have been read.
func (m *model) begin(kind views.DialogKind) tea.Cmd {
	a, why := m.question()
	switch {
	case a == nil:
		m.remark(why)
		return nil
	case m.page == views.Overview && m.detail == views.Detail{}:
		m.openQuestion(a)
		m.remark("read it first; then a approves, d denies")
		return nil
	}
	if why := m.barred(a, kind); why != "" {
		m.remark(why)
		return nil
	}
	if m.detail.Approval != a.ID || m.detail.Why != nil {
		m.openQuestion(a)
	}
	m.asked = *a
	m.dialog = &views.Dialog{
		Kind: kind, Approval: a.ID, Digest: a.ArgsSHA256, Tool: a.Tool, Agent: a.Agent, Scope: a.Scope, Expires: a.ExpiresAt,
		Yes: yes(a), Needed: a.Needed, MaxUses: a.MaxUses, MaxTTL: ceiling(a),
	}
	switch kind {
	case views.Approving:
		m.dialog.MaxTTL = min(approval.DefaultTTL, ceiling(a))
		m.dialog.Word = word(a)
	case views.Ceiling:
		// The least that is more than one yes: who wants more says so.
		m.dialog.Uses = strconv.Itoa(min(2, a.MaxUses))
		m.dialog.Minutes = strconv.FormatInt(min(5, wholeMinutes(ceiling(a))), 10)
	}
	return m.hush()
}

func (m *model) openQuestion(a *snapshot.Approval) {
	m.detail = views.Detail{Approval: a.ID, KeptApproval: a}
}

// barred says why no answer can be begun; empty if it can.
func (m *model) barred(a *snapshot.Approval, kind views.DialogKind) string {
	if why := m.closed(a); why != "" {
		return why
	}
	switch {
	case m.operator == nil:
		return "this screen only watches: POST /v1/approvals/" + a.ID + "/approve or /reject answers"
	case m.ended:
		return "the engine has ended: it takes no answer"
	case m.frozen:
		return "the picture is frozen: press f, then answer what is there"
	case m.tooSmall():
		return "the screen is too small to read what would be answered"
	case m.questions.answering[a.ID]:
		return "an answer to it is on its way"
	case !m.questions.shown[a.ID]:
		return "it has only just appeared: read it, then press the key again"
	case kind == views.Ceiling && a.MaxUses <= 1:
		return fmt.Sprintf("rule %s grants one use only (grant: { uses }): a approves this call", a.Rule)
	}
	return ""
}

// ceiling is the longest that an answer to a may open.
func ceiling(a *snapshot.Approval) time.Duration {
	const most = int64(24 * time.Hour / time.Second)
	return time.Duration(min(max(a.MaxTTLS, 0), most)) * time.Second
}

func wholeMinutes(d time.Duration) int64 { return int64(max(d/time.Minute, 1)) }

func yes(a *snapshot.Approval) (n int) {
	for _, v := range a.Votes {
		if v.Approve {
			n++
		}
	}
	return n
}

// word is what must be typed to approve a call that runs things: the beginning of
// the tool's name. A name that no keyboard types needs another word.
func word(a *snapshot.Approval) string {
	const letters = 3
	if a.Scope == call.Read || a.Scope == call.Write {
		return ""
	}
	name := a.Tool[:min(len(a.Tool), letters)]
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return "yes"
		}
	}
	if name == "" {
		return "yes"
	}
	return name
}

// hush begins the quiet time of the dialog, again with every key that comes too
// early: who is still typing has not read it.
func (m *model) hush() tea.Cmd {
	d := *m.dialog
	d.Quiet = true
	m.dialog, m.stale = &d, true
	m.dialogGen++
	return m.after(quietTime, ready{m.dialogGen})
}

func (m *model) ready(r ready) {
	if m.dialog == nil || r.gen != m.dialogGen {
		return
	}
	d := *m.dialog
	d.Quiet = false
	m.dialog, m.stale = &d, true
}

// dialogKey keeps keys from an open dialog that must not reach it; true if it did.
func (m *model) dialogKey(k tea.KeyPressMsg, in mode) (tea.Cmd, bool) {
	switch k.Keystroke() {
	case "esc", "ctrl+c", "up", "down", "pgup", "pgdown", "home", "end", "ctrl+l", "ctrl+z":
		return nil, false
	}
	answers := k.String() == "Y" || k.String() == "enter"
	switch {
	case m.dialog.Quiet:
		return m.hush(), true
	case k.IsRepeat && answers:
		return nil, true
	case in == inEntry:
		return nil, m.edit(k)
	}
	return nil, false
}

// edit applies a key to the text field of the dialog; false if it is no editing.
func (m *model) edit(k tea.KeyPressMsg) bool {
	d := *m.dialog
	field := &d.Typed
	if d.Kind == views.Ceiling {
		field = []*string{&d.Uses, &d.Minutes}[d.Field%2]
	}
	text, ok := editLine(*field, k)
	if !ok {
		return false
	}
	if d.Kind == views.Ceiling {
		text = digits(text)
	}
	*field = text
	m.dialog, m.stale, m.notice = &d, true, notice{}
	return true
}

// digits are the digits of text, as many as any ceiling has.
func digits(text string) string {
	const most = 6
	var b strings.Builder
	for _, r := range text {
		if r >= '0' && r <= '9' && b.Len() < most {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// otherField moves between the fields of a ceiling.
func (m *model) otherField() tea.Cmd {
	if m.dialog.Kind == views.Ceiling {
		d := *m.dialog
		d.Field = 1 - d.Field%2
		m.dialog = &d
	}
	return nil
}

// enter ends the typing: it goes on from the fields of a ceiling, and answers
// where the right word or a reason was typed.
func (m *model) enter() tea.Cmd {
	d := *m.dialog
	switch {
	case d.Kind == views.Ceiling:
		return m.chooseCeiling(d)
	case d.Kind == views.DenyingWithReason:
		if strings.TrimSpace(d.Typed) == "" {
			m.remark("type what the agent shall hear; d denies without a reason")
			return nil
		}
		return m.give()
	case d.Word != "" && d.Typed == d.Word:
		return m.give()
	}
	d.Typed = ""
	m.dialog = &d
	m.remark("that is not " + d.Word + ": nothing was answered")
	return nil
}

// chooseCeiling goes on from the two fields to the question whether to approve.
func (m *model) chooseCeiling(d views.Dialog) tea.Cmd {
	uses, _ := strconv.Atoi(d.Uses)
	minutes, _ := strconv.ParseInt(d.Minutes, 10, 64)
	switch most := wholeMinutes(d.MaxTTL); {
	case uses < 1 || uses > d.MaxUses:
		m.remark(fmt.Sprintf("calls: from 1 to %d", d.MaxUses))
		return nil
	case minutes < 1 || minutes > most:
		m.remark(fmt.Sprintf("minutes: from 1 to %d", most))
		return nil
	}
	d.Kind, d.Typed, d.Word = views.ApprovingCeiling, "", word(&m.asked)
	d.Uses, d.Minutes = strconv.Itoa(uses), strconv.FormatInt(minutes, 10)
	m.dialog = &d
	return m.hush()
}

// give sends the answer. What comes of it is said when it is known, and shown by
// the next picture.
func (m *model) give() tea.Cmd {
	d := m.dialog
	m.dialog = nil
	a := approval.Answer{ID: d.Approval, Digest: d.Digest, Approve: d.Kind == views.Approving || d.Kind == views.ApprovingCeiling}
	switch d.Kind {
	case views.DenyingWithReason:
		a.Reason = strings.TrimSpace(d.Typed)
	case views.ApprovingCeiling:
		minutes, _ := strconv.ParseInt(d.Minutes, 10, 64)
		a.Uses, _ = strconv.Atoi(d.Uses)
		a.TTL = min(time.Duration(minutes)*time.Minute, d.MaxTTL)
	}
	m.questions.answering[a.ID] = true
	m.remark("the answer is on its way")
	return m.operator.answer(a)
}

// leaveDialog leaves the question pending.
func (m *model) leaveDialog() tea.Cmd {
	m.dialog = nil
	m.remark("nothing was answered: it is still pending")
	return nil
}

// keepDialog closes the dialog when the question is no longer as it was when the
// dialog was opened, and says what has changed.
func (m *model) keepDialog() {
	if m.dialog == nil {
		return
	}
	a, was := m.find(m.dialog.Approval), &m.asked
	var why string
	switch {
	case a == nil:
		why = "the question is no longer among those that the screen holds"
	case m.closed(a) != "":
		why = m.closed(a)
	case len(a.Votes) != len(was.Votes):
		why = fmt.Sprintf("%s has answered too: look again", a.Votes[max(len(a.Votes)-1, 0)].By)
	case a.ArgsSHA256 != was.ArgsSHA256 || a.Tool != was.Tool || a.Agent != was.Agent || a.Run != was.Run || a.Scope != was.Scope ||
		a.Rule != was.Rule || a.Version != was.Version || a.MaxUses != was.MaxUses || a.MaxTTLS != was.MaxTTLS || a.Needed != was.Needed || !a.ExpiresAt.Equal(was.ExpiresAt):
		why = "the question has changed: look again"
	default:
		return
	}
	m.dialog, m.stale = nil, true
	m.remark(why)
}

// outcome says what came of an answer, in the footer and in full in the record.
func (m *model) outcome(o answered) {
	delete(m.questions.answering, o.sent.ID)
	m.stale = true
	text := told(o)
	if o.err != nil {
		m.complain(text)
	} else {
		m.say(text)
	}
	if m.detail.Approval == o.sent.ID {
		m.detail.Said, m.detail.SaidBad = text, o.err != nil
	}
}

func told(o answered) string {
	what := fmt.Sprintf("%s by %s", o.now.Tool, o.now.Agent)
	switch {
	case o.err != nil:
		return "not answered: " + o.err.Error()
	case o.now.Status == snapshot.Approved:
		return fmt.Sprintf("approved: %s, grant %s", what, o.now.GrantID)
	case o.now.Status == snapshot.Rejected:
		return "denied: " + what
	case o.now.Status == snapshot.Pending && o.sent.Approve:
		return fmt.Sprintf("your yes counts: %d of %d for %s", yes(&o.now), max(o.now.Needed, 1), what)
	}
	return fmt.Sprintf("%s is %s", what, o.now.Status)
}
