package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/views"
)

// desk is an Operator that keeps what it was told.
type desk struct {
	mu        sync.Mutex
	answers   []approval.Answer
	explained []call.Proposal
	err       error
}

func (d *desk) Answer(_ context.Context, a approval.Answer) (snapshot.Approval, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers = append(d.answers, a)
	if d.err != nil {
		return snapshot.Approval{}, d.err
	}
	now := aQuestion(a.ID, call.Write)
	now.Status, now.GrantID = snapshot.Rejected, ""
	if a.Approve {
		now.Status, now.GrantID = snapshot.Approved, "gr_1"
	}
	return now, nil
}

func (d *desk) Explain(_ context.Context, p call.Proposal) (snapshot.Explanation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.explained = append(d.explained, p)
	return snapshot.Explanation{Tool: p.Tool, Agent: p.Agent, Rule: "explained-rule"}, d.err
}

func (d *desk) told() []approval.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]approval.Answer(nil), d.answers...)
}

func aQuestion(id string, scope call.Scope) snapshot.Approval {
	return snapshot.Approval{
		ID: id, Status: snapshot.Pending, Agent: "billing-bot", AgentType: "claude-code", Run: "run_1", Call: "tc_0001", Tool: "refund_order", Scope: scope,
		Args: json.RawMessage(`{"amount":312}`), ArgsSHA256: "digest-of-" + id, Rule: "refunds", Version: "sha256:9f3c", Needed: 1, Asked: 1,
		MaxTTLS: 900, MaxUses: 10, AskedAt: start, ExpiresAt: start.Add(time.Hour), Grant: "secret-token",
	}
}

func asking(n int64, questions ...snapshot.Approval) *snapshot.Dashboard {
	d := board(n, someCalls(9, 1)...)
	d.Approvals = questions
	return d
}

// desktop is a screen at which an operator sits. What it wants brought later is
// brought by rest.
type desktop struct {
	*screen
	desk  *desk
	later []tea.Msg
}

func newDesktop(t testing.TB) *desktop {
	t.Helper()
	d := &desktop{desk: &desk{}}
	d.screen = newScreen(t, app.Options{Operator: d.desk})
	app.Later(d.m, func(wait time.Duration, msg tea.Msg) {
		require.GreaterOrEqual(t, wait, 500*time.Millisecond)
		d.later = append(d.later, msg)
	})
	return d
}

// rest lets the quiet times pass.
func (d *desktop) rest() *desktop {
	for len(d.later) > 0 {
		msg := d.later[0]
		d.later = d.later[1:]
		d.send(msg)
	}
	return d
}

// presses presses keys with a pause before each, and carries out what the screen
// asks the operator's port for.
func (d *desktop) presses(keys ...string) *desktop {
	for _, k := range keys {
		d.rest().press(k)
		d.act()
	}
	return d
}

func (d *desktop) act() {
	if d.cmd == nil {
		return
	}
	if msg := d.cmd(); app.IsOutcome(msg) || app.IsExplanation(msg) {
		d.send(msg)
	}
}

func (d *desktop) pasted(text string) { d.rest().send(tea.PasteMsg{Content: text}) }

func TestApprovingTakesTwoKeysAndTheScreenWaitsForTheNextPicture(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	d.presses("3", "a")
	require.Empty(t, d.desk.told(), "one key answers nothing")
	require.Contains(t, ansi.Strip(app.Drawn(d.m)), "refund_order  by billing-bot  write  digest-of-ap_1", "it is seen what would be answered")
	d.presses("Y")
	require.Equal(t, []approval.Answer{{ID: "ap_1", Approve: true, Digest: "digest-of-ap_1"}}, d.desk.told())
	require.Nil(t, d.frame().Dialog)
	require.Contains(t, d.frame().Notice, "approved: refund_order by billing-bot, grant gr_1")
	require.Contains(t, d.frame().Detail.Said, "grant gr_1", "in full in the record too")
	require.Contains(t, app.Drawn(d.m), "? pending", "not what was hoped for")
	answered := aQuestion("ap_1", call.Write)
	answered.Status, answered.By = snapshot.Approved, "ann"
	d.show(asking(2, answered))
	require.Contains(t, app.Drawn(d.m), "✓ approved")
}

func TestARefusalIsSaidInTheServersWords(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.desk.err = &approval.Answered{ID: "ap_1", Status: snapshot.Rejected, By: "bob", At: start}
	d.show(asking(1, aQuestion("ap_1", call.Read)))
	d.presses("3", "a", "Y")
	require.True(t, d.frame().Bad)
	require.Contains(t, d.frame().Notice, "ap_1 was rejected by bob")
	require.True(t, d.frame().Detail.SaidBad)
	d.desk.err = nil
	d.presses("a", "Y")
	require.Len(t, d.desk.told(), 2, "it can be tried again")
}

func TestOnlyTheSecondKeyAnswersAndWhatItSays(t *testing.T) {
	t.Parallel()
	approve := approval.Answer{ID: "ap_1", Approve: true, Digest: "digest-of-ap_1"}
	deny := approval.Answer{ID: "ap_1", Digest: "digest-of-ap_1"}
	because := deny
	because.Reason = "ask first"
	many := approve
	many.Uses, many.TTL = 10, 15*time.Minute
	least := approve
	least.Uses, least.TTL = 2, 5*time.Minute
	few := approve
	few.Uses, few.TTL = 3, 2*time.Minute
	for name, test := range map[string]struct {
		scope call.Scope
		keys  string // one per word
		want  *approval.Answer
	}{
		"a alone":                             {call.Write, "a", nil},
		"a twice":                             {call.Write, "a a", nil},
		"a small y":                           {call.Write, "a y", nil},
		"Enter cancels":                       {call.Write, "a enter Y", nil},
		"Esc cancels":                         {call.Write, "a esc Y", nil},
		"Y alone":                             {call.Write, "Y", nil},
		"Y approves a write":                  {call.Write, "a Y", &approve},
		"Y approves a read":                   {call.Read, "a Y", &approve},
		"scrolling is no answer":              {call.Write, "a j k G pgdown up Y", &approve},
		"Y is not enough for execute":         {call.Execute, "a Y enter", nil},
		"no scope is as bad as execute":       {call.NoScope, "a Y enter", nil},
		"the word alone is not enough":        {call.Execute, "a r e f", nil},
		"half the word is not enough":         {call.Execute, "a r e enter", nil},
		"more than the word is too much":      {call.Execute, "a r e f u enter", nil},
		"another case is another word":        {call.Execute, "a R E F enter", nil},
		"a wrong word begins again":           {call.Execute, "a x enter r e f enter", &approve},
		"the word and Enter":                  {call.Execute, "a r e f enter", &approve},
		"a corrected word":                    {call.Execute, "a r x backspace e f enter", &approve},
		"Esc out of the word":                 {call.Execute, "a r e f esc enter", nil},
		"d alone":                             {call.Execute, "d", nil},
		"d twice":                             {call.Execute, "d d", nil},
		"Enter does not deny":                 {call.Execute, "d enter", nil},
		"Y denies":                            {call.Execute, "d Y", &deny},
		"D without a reason":                  {call.Write, "D space enter", nil},
		"Esc out of the reason":               {call.Write, "D n o esc Y", nil},
		"Y is text in a reason":               {call.Write, "D Y esc", nil},
		"D with a reason":                     {call.Write, "D a s k space f i r s t space enter", &because},
		"A alone":                             {call.Write, "A", nil},
		"A goes on to a confirmation":         {call.Write, "A enter", nil},
		"A and Enter twice":                   {call.Write, "A enter enter", nil},
		"A offers the least":                  {call.Write, "A enter Y", &least},
		"A as much as the rule allows":        {call.Write, "A backspace 1 0 tab backspace 1 5 enter Y", &many},
		"A less":                              {call.Write, "A backspace backspace 3 tab backspace backspace 2 enter Y", &few},
		"A no use at all":                     {call.Write, "A backspace backspace 0 enter Y enter", nil},
		"A more uses than the rule allows":    {call.Write, "A 0 enter Y enter", nil},
		"A longer than the rule allows":       {call.Write, "A tab 0 enter Y enter", nil},
		"A takes digits only":                 {call.Write, "A x - backspace backspace 3 tab backspace backspace . 2 enter Y", &few},
		"A of a call that runs things, by Y":  {call.Execute, "A enter Y", nil},
		"A of a call that runs things, typed": {call.Execute, "A enter r e f enter", &least},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesktop(t)
			d.show(asking(1, aQuestion("ap_1", test.scope)))
			d.presses("3", "j")
			d.presses(strings.Fields(test.keys)...)
			if test.want == nil {
				require.Empty(t, d.desk.told())
				return
			}
			require.Equal(t, []approval.Answer{*test.want}, d.desk.told())
		})
	}
}

func TestAToolWhoseNameCannotBeTypedNeedsAnotherWord(t *testing.T) {
	t.Parallel()
	for tool, word := range map[string]string{"refund": "ref", "fs.write": "fs.", "ls": "ls", "": "yes", "日本語": "yes", "a b": "yes", "\x1b[2J": "yes", "ab\u202e": "yes"} {
		d := newDesktop(t)
		q := aQuestion("ap_1", call.Execute)
		q.Tool = tool
		d.show(asking(1, q)).press("3")
		d.presses("a")
		require.Equal(t, word, d.frame().Dialog.Word, "%q", tool)
		d.rest().typed(word)
		d.presses("enter")
		require.Len(t, d.desk.told(), 1, "%q", tool)
	}
}

// What somebody was typing when a question or its dialog appeared must not answer
// it.
func TestKeysTypedBeforeItCouldBeReadAnswerNothing(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.press("3").show(asking(1, aQuestion("ap_1", call.Write)))
	d.press("a", "Y")
	require.Nil(t, d.frame().Dialog, "the question has only just appeared")
	require.Contains(t, d.frame().Notice, "sent to the clipboard")
	d.press("a")
	require.Contains(t, d.frame().Notice, "only just appeared")
	d.rest().press("a")
	require.True(t, d.frame().Dialog.Quiet)
	require.Contains(t, app.Drawn(d.m), "no key counts")
	d.press("Y")
	d.act()
	require.Empty(t, d.desk.told(), "the dialog has only just appeared")
	early := d.later[0]
	d.later = d.later[1:]
	d.send(early)
	require.True(t, d.frame().Dialog.Quiet, "who still types has not read it: the quiet time began anew")
	d.rest()
	require.False(t, d.frame().Dialog.Quiet)
	d.press("Y")
	d.act()
	require.Len(t, d.desk.told(), 1)
}

func TestADialogThatComesBackFromASuspensionMustBeReadAgain(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	d.presses("3", "a")
	d.rest().send(tea.ResumeMsg{})
	d.press("Y")
	d.act()
	require.Empty(t, d.desk.told())
	require.True(t, d.frame().Dialog.Quiet)
}

func TestANewQuestionOnTopIsNotAnsweredInPlaceOfTheOneBefore(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	older, newer := aQuestion("ap_1", call.Write), aQuestion("ap_2", call.Write)
	newer.AskedAt = start.Add(time.Minute)
	d.press("3").show(asking(1, older))
	d.rest().show(asking(2, older, newer))
	d.press("a")
	require.Nil(t, d.frame().Dialog)
	require.Contains(t, d.frame().Notice, "only just appeared")
}

func TestAQuestionBehindAnotherPageHasNotBeenSeen(t *testing.T) {
	t.Parallel()
	for _, elsewhere := range [][]string{{"2"}, {"4"}, {"7"}, {"3", "?"}, {"3", "enter"}} {
		d := newDesktop(t)
		shown := aQuestion("ap_0", call.Write)
		shown.AskedAt = start.Add(-time.Minute)
		d.show(asking(1, shown)).press(elsewhere...)
		d.rest().show(asking(2, aQuestion("ap_1", call.Write), shown))
		d.rest().press("3", "g", "a")
		require.Nil(t, d.frame().Dialog, "%v", elsewhere)
		require.Contains(t, d.frame().Notice, "only just appeared", "%v", elsewhere)
	}
}

func TestAHeldKeyNeverAnswers(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	d.presses("3", "a")
	d.rest().send(tea.KeyPressMsg{Code: 'Y', Text: "Y", IsRepeat: true})
	d.act()
	require.Empty(t, d.desk.told())
	require.NotNil(t, d.frame().Dialog)
}

func TestPasteNeverAnswers(t *testing.T) {
	t.Parallel()
	for _, keys := range [][]string{{}, {"a"}, {"d"}, {"D"}, {"A"}, {"A", "enter"}} {
		for _, scope := range []call.Scope{call.Write, call.Execute} {
			for _, text := range []string{"Y", "aY", "ref", "ref\r", "ref\n", "dY\n"} {
				d := newDesktop(t)
				d.show(asking(1, aQuestion("ap_1", scope)))
				d.presses("3").presses(keys...)
				d.pasted(text)
				d.act()
				require.Empty(t, d.desk.told(), "%v %q", keys, text)
				if len(keys) > 0 && keys[0] != "D" {
					require.Empty(t, d.frame().Dialog.Typed, "%v %q: not even the word", keys, text)
				}
			}
		}
	}
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	d.presses("3", "D")
	d.pasted("ask\nfirst")
	d.presses("enter")
	require.Equal(t, "ask first", d.desk.told()[0].Reason, "a reason may be pasted; Enter was pressed")
}

func TestTheDialogClosesWhenTheQuestionIsNoLongerAsItWas(t *testing.T) {
	t.Parallel()
	with := func(change func(*snapshot.Approval)) func(*desktop) {
		return func(d *desktop) {
			q := aQuestion("ap_1", call.Write)
			change(&q)
			d.show(asking(2, q))
		}
	}
	for name, test := range map[string]struct {
		happens func(*desktop)
		says    string // empty: it stays open
	}{
		"nothing":           {with(func(*snapshot.Approval) {}), ""},
		"asked again":       {with(func(a *snapshot.Approval) { a.Asked = 7 }), ""},
		"answered":          {with(func(a *snapshot.Approval) { a.Status, a.By = snapshot.Approved, "ann" }), "refund_order was approved by ann"},
		"refused":           {with(func(a *snapshot.Approval) { a.Status, a.By = snapshot.Rejected, "bob" }), "refund_order was rejected by bob"},
		"expired":           {with(func(a *snapshot.Approval) { a.Status = snapshot.Expired }), "nobody answered in time"},
		"another yes":       {with(func(a *snapshot.Approval) { a.Votes = []snapshot.Vote{{By: "eve", Approve: true}} }), "eve has answered too"},
		"other arguments":   {with(func(a *snapshot.Approval) { a.ArgsSHA256 = "other" }), "has changed"},
		"other ceiling":     {with(func(a *snapshot.Approval) { a.MaxUses = 99 }), "has changed"},
		"other scope":       {with(func(a *snapshot.Approval) { a.Scope = call.Execute }), "has changed"},
		"out of time":       {with(func(a *snapshot.Approval) { a.ExpiresAt = start }), "the time to answer is over"},
		"gone":              {func(d *desktop) { d.show(asking(2)) }, "no longer among"},
		"the clock goes on": {func(d *desktop) { d.send(app.LateFor(d.m, start.Add(time.Hour))) }, "the time to answer is over"},
		"the engine ends":   {func(d *desktop) { d.send(app.EndFor(d.m)) }, "the engine has ended"},
		"too small a screen": {func(d *desktop) {
			d.send(tea.WindowSizeMsg{Width: 40, Height: 10}).send(tea.WindowSizeMsg{Width: 120, Height: 40})
			d.press("y") // says something
		}, "sent to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesktop(t)
			d.show(asking(1, aQuestion("ap_1", call.Write)))
			d.presses("3", "a")
			test.happens(d.rest())
			if test.says == "" {
				require.NotNil(t, d.frame().Dialog)
				return
			}
			require.Nil(t, d.frame().Dialog)
			require.Contains(t, d.frame().Notice, test.says)
			d.presses("Y")
			require.Empty(t, d.desk.told())
		})
	}
}

func TestWhatCannotBeAnsweredSaysWhy(t *testing.T) {
	t.Parallel()
	over := aQuestion("ap_1", call.Write)
	over.Status, over.By = snapshot.Rejected, "bob"
	once := aQuestion("ap_1", call.Write)
	once.MaxUses = 1
	late := aQuestion("ap_1", call.Write)
	late.ExpiresAt = start.Add(time.Second)
	for name, test := range map[string]struct {
		question *snapshot.Approval
		before   []string
		key      string
		says     string
	}{
		"none":         {nil, nil, "a", "there is no question here"},
		"answered":     {&over, nil, "a", "was rejected by bob"},
		"out of time":  {&late, nil, "d", "the time to answer is over"},
		"frozen":       {new(aQuestion("ap_1", call.Write)), []string{"f"}, "a", "frozen"},
		"one use only": {&once, nil, "A", "rule refunds grants one use only"},
		"a call":       {new(aQuestion("ap_1", call.Write)), []string{"1", "j", "enter"}, "a", "this is no question"},
	} {
		d := newDesktop(t)
		var all []snapshot.Approval
		if test.question != nil {
			all = append(all, *test.question)
		}
		d.press("3").show(asking(1, all...))
		d.presses(test.before...).presses(test.key)
		require.Nil(t, d.frame().Dialog, name)
		require.Contains(t, d.frame().Notice, test.says, name)
		require.True(t, d.frame().Remark, name)
	}
}

func TestAScreenWithoutAnOperatorOnlyWatches(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(asking(1, aQuestion("ap_1", call.Write))).press("3")
	require.False(t, s.frame().Answers)
	for _, a := range s.frame().Actions {
		require.NotContains(t, []string{"approve", "deny", "why"}, a.Title)
	}
	s.show(asking(2, aQuestion("ap_1", call.Write)))
	for _, k := range []string{"a", "d", "D", "A"} {
		s.press(k)
		require.Contains(t, s.frame().Notice, "this screen only watches: POST /v1/approvals/ap_1/approve", k)
		require.Nil(t, s.frame().Dialog, k)
	}
	s.press("w")
	require.Contains(t, s.frame().Notice, "this screen only watches: POST /v1/policy/explain")
}

func TestTheOverviewOpensTheQuestionAndNeverAnswersIt(t *testing.T) {
	t.Parallel()
	for _, k := range []string{"a", "d", "D", "A", "enter"} {
		d := newDesktop(t)
		soon := aQuestion("ap_2", call.Write)
		soon.ExpiresAt = start.Add(10 * time.Minute)
		d.show(asking(1, aQuestion("ap_1", call.Write), soon))
		d.presses(k)
		require.Equal(t, "ap_2", d.frame().Detail.Approval, "%s: the first to expire", k)
		require.Nil(t, d.frame().Dialog, k)
		require.Equal(t, views.Overview, d.frame().Page)
		d.presses("a", "Y")
		require.Len(t, d.desk.told(), 1, "from the record it is answered")
	}
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	d.presses("j", "enter")
	require.EqualValues(t, "tc_0009", d.frame().Detail.Call, "a selected call is what Enter means")
}

func TestAnAnswerOnItsWayIsNotSentTwice(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	d.presses("3", "a")
	d.rest().press("Y") // not carried out yet
	slow := d.cmd
	d.rest().press("a")
	require.Nil(t, d.frame().Dialog)
	require.Contains(t, d.frame().Notice, "on its way")
	d.send(slow())
	d.presses("a")
	require.NotNil(t, d.frame().Dialog)
}

func TestACopyOfAQuestionHoldsNoToken(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	for _, keys := range [][]string{{"3", "Y"}, {"enter", "Y"}} {
		text := copied(t, d.press(keys...))
		require.Contains(t, text, "digest-of-ap_1")
		require.NotContains(t, text, "secret-token")
	}
	require.Equal(t, "ap_1", copied(t, d.press("y")))
	require.NotContains(t, app.Drawn(d.m), "secret-token")
}

// rings tells whether the last message rang the bell.
func (d *desktop) rings() bool {
	if d.cmd == nil {
		return false
	}
	raw, ok := d.cmd().(tea.RawMsg)
	return ok && raw.Msg == "\a"
}

func TestTheBellRingsAtArrivalAndBeforeTheEnd(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.press("2")
	require.False(t, func() bool { d.show(asking(1)); return d.rings() }())
	q := aQuestion("ap_1", call.Write)
	q.ExpiresAt = d.now.Add(5 * time.Minute)
	at := func(left time.Duration, all ...snapshot.Approval) bool {
		d.now = q.ExpiresAt.Add(-left - time.Second)
		d.show(asking(2, all...))
		return d.rings()
	}
	require.True(t, at(4*time.Minute, q), "it has arrived")
	require.False(t, at(3*time.Minute, q))
	require.False(t, at(61*time.Second, q))
	require.True(t, at(60*time.Second, q), "it is about to be lost")
	require.False(t, at(30*time.Second, q))
	other := q
	other.ID = "ap_2"
	require.True(t, at(20*time.Second, q, other))
	require.False(t, at(19*time.Second, q, other), "once for both reasons")
	other.Status = snapshot.Approved
	require.False(t, at(18*time.Second, other))

	r := newDesktop(t)
	p := asking(1, q)
	p.Source.Mode = "replay"
	r.press("2").show(p)
	require.False(t, r.rings(), "a recording rings for nobody")
}

func TestWhyExplainsTheOpenOrTheSelectedCall(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	d.show(asking(1, aQuestion("ap_1", call.Write)))
	d.press("2", "j", "j", "w")
	require.Contains(t, app.Drawn(d.m), "the engine is asked")
	d.act()
	require.Equal(t, call.Proposal{Agent: "billing-bot", Run: "run_1", Tool: "search", Args: json.RawMessage(`{"id":7}`)}, d.desk.explained[0])
	require.Contains(t, app.Drawn(d.m), "explained-rule")
	d.press("esc")
	require.Nil(t, d.frame().Detail.Why)
	require.EqualValues(t, "tc_0008", d.frame().Detail.Call, "back to the record")

	d.press("3", "enter", "w")
	d.act()
	require.Equal(t, call.Proposal{Agent: "billing-bot", AgentType: "claude-code", Run: "run_1", Tool: "refund_order", Args: json.RawMessage(`{"amount":312}`)}, d.desk.explained[1])

	d.desk.err = errors.New("the engine is not reachable")
	d.press("2", "w")
	d.act()
	require.Contains(t, app.Drawn(d.m), "the engine is not reachable")

	d.desk.err = nil
	d.press("w")
	slow := d.cmd
	d.press("esc", "esc", "G", "w")
	d.act()
	d.send(slow())
	require.Equal(t, "refund", d.frame().Detail.Why.Explanation.Tool, "an explanation that comes late does not take the place of another")
	d.press("esc").send(slow())
	require.Nil(t, d.frame().Detail.Why)

	cut := board(9, aCall(1, "get_order"))
	cut.Calls[0].ArgsBytes = 4096
	d.press("2").show(cut).press("w")
	require.Contains(t, d.frame().Notice, "cut at 1 KiB")
	require.Nil(t, d.frame().Detail.Why)
}

func TestThePolicyPageScrollsByTheKeysOfLists(t *testing.T) {
	t.Parallel()
	d := board(1, someCalls(9, 1)...)
	for i := range 90 {
		d.Policy.ByRule = append(d.Policy.ByRule, snapshot.RuleCount{Rule: fmt.Sprintf("rule_%02d", i), Count: int64(100 - i)})
	}
	s := newScreen(t, app.Options{}).show(d).press("4")
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	require.NotContains(t, app.Drawn(s.m), "rule_89")
	s.press("G", "k", "k", "k", "k", "k", "k", "k", "k", "k", "k")
	require.Contains(t, app.Drawn(s.m), "rule_89")
	require.Positive(t, s.frame().PolicyTop)
	before := s.frame().Calls
	s.press("enter", "y", "/", "s", "a", "w")
	require.Equal(t, before, s.frame().Calls)
	require.Zero(t, s.frame().Detail)
	require.Zero(t, s.frame().CacheTop)
}

// Whatever is pressed in whatever order: nothing is approved but by the second,
// different key in a dialog that was to be read, and what is approved is what the
// dialog showed.
func TestTenThousandRandomKeysApproveNothingUnconfirmed(t *testing.T) {
	t.Parallel()
	keys := []string{"a", "A", "d", "D", "Y", "y", "enter", "esc", "tab", "r", "e", "f", "1", "2", "3", "3", "4", "j", "k", "G", "w", "?", "/", "backspace", "s", "0", "5", "up", "down", "x", "n", " "}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		d := newDesktop(t)
		ask := func() {
			var all []snapshot.Approval
			for i := range r.IntN(4) {
				q := aQuestion(fmt.Sprintf("ap_%d", i), []call.Scope{call.Read, call.Write, call.Execute}[i%3])
				q.ArgsSHA256 = fmt.Sprintf("digest-%d-%d", i, r.IntN(3)/2)
				if r.IntN(6) == 0 {
					q.Status, q.By = snapshot.Approved, "ann"
				}
				all = append(all, q)
			}
			d.show(asking(1, all...))
		}
		ask()
		confirmed, answers := 0, 0
		for range 10_000 {
			switch r.IntN(12) {
			case 0:
				if r.IntN(8) == 0 {
					ask()
				}
			case 1, 2, 3:
				d.rest()
			case 4:
				d.send(tea.PasteMsg{Content: "aYref\r"})
			}
			k := keys[r.IntN(len(keys))]
			before := d.frame().Dialog
			had := len(d.desk.told())
			d.press(k)
			d.act()
			told := d.desk.told()
			require.LessOrEqual(t, len(told), had+1)
			if len(told) == had {
				continue
			}
			answers++
			a := told[had]
			require.NotNil(t, before, "%s answered without a dialog", k)
			require.False(t, before.Quiet, "%s answered what could not have been read", k)
			require.Equal(t, before.Approval, a.ID)
			require.Equal(t, before.Digest, a.Digest)
			if !a.Approve {
				continue
			}
			confirmed++
			require.Contains(t, []views.DialogKind{views.Approving, views.ApprovingCeiling}, before.Kind)
			if before.Scope == call.Execute {
				require.Equal(t, "enter", k)
				require.Equal(t, "ref", before.Typed)
			} else {
				require.Equal(t, "Y", k)
			}
		}
		require.Positive(t, confirmed, "a test that never approves shows nothing")
		require.Greater(t, answers, confirmed, "some were denied")
	}
}

func TestAQuestionIsAnsweredInTheWholeProgram(t *testing.T) {
	t.Parallel()
	d := &desk{}
	term := openTerminal(t, app.Options{Operator: d})
	term.sees("get_order")
	bells := strings.Count(term.raw.all(), "\a")
	q := aQuestion("ap_1", call.Write)
	q.ExpiresAt = time.Now().Add(time.Hour)
	term.feed.send(asking(2, q))
	term.sees("? refund_order  agent billing-bot")
	require.True(t, eventually(func() bool { return strings.Count(term.raw.all(), "\a") == bells+1 }), "the bell rings once")
	term.types("3")
	term.sees("amount=312")
	time.Sleep(2 * app.QuietTime)
	term.types("a")
	term.sees("Approve this call?")
	term.types("Y") // at once
	term.sees("no key counts")
	require.Empty(t, d.told())
	term.sees("Y approves")
	term.types("Y")
	term.sees("approved: refund_order by billing-bot, grant gr_1")
	require.Len(t, d.told(), 1)
	term.types("q")
	require.NoError(t, term.end())
}
