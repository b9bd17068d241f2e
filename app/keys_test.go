package app_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/collector/snapshot"
	"m1/views"
)

const keysDoc = "../docs/keys.md"

func TestEveryKeyDoesItsActionInEveryState(t *testing.T) {
	t.Parallel()
	type test struct {
		name  string
		press []string
		want  func(*require.Assertions, *screen)
	}
	on := func(p views.Page) func(*require.Assertions, *screen) {
		return func(r *require.Assertions, s *screen) { r.Equal(p, s.frame().Page) }
	}
	selected := func(id string) func(*require.Assertions, *screen) {
		return func(r *require.Assertions, s *screen) { r.Equal(id, string(s.frame().Calls.Selected)) }
	}
	quits := func(r *require.Assertions, s *screen) { r.True(s.quits()) }
	for _, test := range []test{
		{"2 is Calls", []string{"2"}, on(views.Calls)},
		{"5 is Cache", []string{"5"}, on(views.Cache)},
		{"7 is Runs", []string{"7"}, on(views.Runs)},
		{"1 comes back", []string{"7", "1"}, on(views.Overview)},
		{"Tab goes round", []string{"tab", "tab", "tab", "tab", "tab", "tab"}, on(views.Overview)},
		{"3 is Approvals", []string{"3"}, on(views.Approvals)},
		{"4 is Policy", []string{"4"}, on(views.Policy)},
		{"Tab goes on", []string{"tab", "tab"}, on(views.Approvals)},
		{"Tab goes from Cache to Runs", []string{"5", "tab"}, on(views.Runs)},
		{"Shift+Tab goes back", []string{"shift+tab"}, on(views.Runs)},
		{"a number that is no page does nothing", []string{"6"}, on(views.Overview)},
		{"q quits", []string{"q"}, quits},
		{"Ctrl+C quits", []string{"ctrl+c"}, quits},
		{"q quits out of the help", []string{"?", "q"}, quits},
		{"q quits out of a record", []string{"enter", "q"}, quits},
		{"Ctrl+C quits out of the filter line", []string{"/", "ctrl+c"}, quits},
		{"Esc never quits", []string{"esc", "esc", "esc"}, func(r *require.Assertions, s *screen) { r.False(s.quits()) }},
		{"nothing is selected at first", nil, selected("")},
		{"j selects the newest", []string{"j"}, selected("tc_0030")},
		{"j goes down", []string{"j", "j", "down"}, selected("tc_0028")},
		{"k goes up", []string{"j", "j", "down", "k", "up"}, selected("tc_0030")},
		{"k stays on the first row", []string{"k", "k"}, selected("tc_0030")},
		{"G is the last row", []string{"G"}, selected("tc_0001")},
		{"End is the last row", []string{"end", "j"}, selected("tc_0001")},
		{"g is the first row", []string{"G", "g"}, selected("tc_0030")},
		{"Home is the first row", []string{"end", "home"}, selected("tc_0030")},
		{"Esc lets go of the selection", []string{"j", "j", "esc"}, selected("")},
		{"Enter opens the newest while nothing is selected", []string{"enter"}, func(r *require.Assertions, s *screen) {
			r.EqualValues("tc_0030", s.frame().Detail.Call)
			r.EqualValues("tc_0030", s.frame().Calls.Selected)
		}},
		{"Enter opens the selected call", []string{"j", "j", "enter"}, func(r *require.Assertions, s *screen) {
			r.EqualValues("tc_0029", s.frame().Detail.Call)
		}},
		{"Esc closes the record and keeps the selection", []string{"j", "enter", "esc"}, func(r *require.Assertions, s *screen) {
			r.Zero(s.frame().Detail)
			r.EqualValues("tc_0030", s.frame().Calls.Selected)
		}},
		{"another page closes the record", []string{"enter", "7"}, func(r *require.Assertions, s *screen) { r.Zero(s.frame().Detail) }},
		{"Enter opens a run", []string{"7", "j", "j", "enter"}, func(r *require.Assertions, s *screen) {
			r.EqualValues("run_b", s.frame().Detail.Run)
		}},
		{"? opens the help", []string{"?"}, func(r *require.Assertions, s *screen) { r.True(s.frame().Help) }},
		{"? closes the help", []string{"?", "?"}, func(r *require.Assertions, s *screen) { r.False(s.frame().Help) }},
		{"Esc closes the help before the record", []string{"enter", "?", "esc"}, func(r *require.Assertions, s *screen) {
			r.False(s.frame().Help)
			r.NotZero(s.frame().Detail)
		}},
		{"f freezes", []string{"f"}, func(r *require.Assertions, s *screen) {
			r.True(s.frame().Frozen)
			r.Equal(s.now, s.frame().FrozenAt)
		}},
		{"f lets go", []string{"f", "f"}, func(r *require.Assertions, s *screen) { r.False(s.frame().Frozen); r.Zero(s.frame().FrozenAt) }},
		{"+ widens", []string{"+"}, func(r *require.Assertions, s *screen) { r.Equal(15*time.Minute, s.frame().Window) }},
		{"- narrows", []string{"-"}, func(r *require.Assertions, s *screen) { r.Equal(time.Minute, s.frame().Window) }},
		{"= goes back", []string{"+", "+", "="}, func(r *require.Assertions, s *screen) { r.Equal(5*time.Minute, s.frame().Window) }},
		{"- stops at the narrowest", []string{"-", "-", "-"}, func(r *require.Assertions, s *screen) {
			r.Equal(snapshot.Windows[0], s.frame().Window)
			r.Contains(s.frame().Notice, "narrowest")
		}},
		{"+ stops at the widest", slices.Repeat([]string{"+"}, 9), func(r *require.Assertions, s *screen) {
			r.Equal(snapshot.Windows[len(snapshot.Windows)-1], s.frame().Window)
			r.Contains(s.frame().Notice, "widest")
		}},
		{"+ does not move a frozen picture", []string{"f", "+"}, func(r *require.Assertions, s *screen) {
			r.Equal(5*time.Minute, s.frame().Window)
			r.True(s.frame().Bad)
		}},
		{"s sorts by the first column", []string{"s"}, func(r *require.Assertions, s *screen) { r.Equal(views.CallColumns()[0], s.frame().Calls.Sort) }},
		{"s comes back to newest first", slices.Repeat([]string{"s"}, len(views.CallColumns())+1), func(r *require.Assertions, s *screen) { r.Empty(s.frame().Calls.Sort) }},
		{"S reverses", []string{"S"}, func(r *require.Assertions, s *screen) { r.True(s.frame().Calls.Reverse) }},
		{"sorting is per table", []string{"7", "s"}, func(r *require.Assertions, s *screen) {
			r.Empty(s.frame().Calls.Sort)
			r.Equal(views.RunColumns()[0], s.frame().Runs.Sort)
		}},
		{"/ opens the filter line", []string{"/"}, func(r *require.Assertions, s *screen) { r.True(s.frame().Calls.Editing) }},
		{"m turns the mouse on", []string{"m"}, func(r *require.Assertions, s *screen) { r.Equal(tea.MouseModeCellMotion, s.m.View().MouseMode) }},
		{"m turns the mouse off", []string{"m", "m"}, func(r *require.Assertions, s *screen) { r.Equal(tea.MouseModeNone, s.m.View().MouseMode) }},
		{"an unknown key keeps the notice", []string{"m", "Z"}, func(r *require.Assertions, s *screen) { r.NotEmpty(s.frame().Notice) }},
		{"the next key takes the notice away", []string{"m", "j"}, func(r *require.Assertions, s *screen) { r.Empty(s.frame().Notice) }},
		{"what was done is no remark", []string{"t", "m"}, func(r *require.Assertions, s *screen) { r.False(s.frame().Remark) }},
		{"a window that cannot be is a remark", []string{"-", "-", "-"}, func(r *require.Assertions, s *screen) { r.True(s.frame().Remark) }},
		{"charts that are all shown are a remark", []string{"2", "l"}, func(r *require.Assertions, s *screen) { r.True(s.frame().Remark) }},
		{"no row to open is a remark", []string{"/", "z", "z", "enter", "enter"}, func(r *require.Assertions, s *screen) {
			r.Contains(s.frame().Notice, "no row")
			r.True(s.frame().Remark)
			r.Contains(app.Drawn(s.m), "· there is no row to open")
		}},
		{"Ctrl+Z suspends", []string{"ctrl+z"}, func(r *require.Assertions, s *screen) { r.IsType(tea.SuspendMsg{}, s.cmd()) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScreen(t, app.Options{}).show(withRuns(board(1, someCalls(30, 1)...), "run_a", "run_b"))
			test.want(require.New(t), s.press(test.press...))
		})
	}
}

func TestNoTwoActionsShareAKeyInOnePlace(t *testing.T) {
	t.Parallel()
	places := map[string]func(app.Key) bool{
		"list": func(k app.Key) bool { return k.List }, "detail": func(k app.Key) bool { return k.Detail },
		"help": func(k app.Key) bool { return k.Help }, "filter": func(k app.Key) bool { return k.InFilter },
		"confirm": func(k app.Key) bool { return k.Confirm }, "entry": func(k app.Key) bool { return k.Entry },
	}
	for place, in := range places {
		taken := map[string]string{}
		for _, k := range app.Keys() {
			require.NotEmpty(t, k.Title)
			require.NotEmpty(t, k.Group)
			for _, name := range k.Keys {
				if !in(k) {
					continue
				}
				require.Empty(t, taken[name], "%s: %s does %s and %s", place, name, taken[name], k.ID)
				taken[name] = k.ID
			}
		}
		require.NotEmpty(t, taken["ctrl+c"], "%s has no way out", place)
		require.NotEmpty(t, taken["esc"], "%s has no way back", place)
	}
}

// A terminal may send plain bytes, the Kitty protocol, or xterm's
// modifyOtherKeys; the library decodes them differently.
func TestKeysMeanTheSameFromEveryKindOfTerminal(t *testing.T) {
	t.Parallel()
	for name, press := range map[string]tea.KeyPressMsg{
		"legacy G":            {Code: 'G', Text: "G"},
		"legacy G with shift": {Code: 'g', ShiftedCode: 'G', Mod: tea.ModShift, Text: "G"},
		"kitty caps lock":     {Code: 'g', Mod: tea.ModCapsLock, Text: "G"},
		"modifyOtherKeys":     {Code: 'G', Mod: tea.ModShift, Text: "G"},
		"keypad end":          {Code: tea.KeyKpEnd},
		"end with num lock":   {Code: tea.KeyEnd, Mod: tea.ModNumLock},
	} {
		s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
		require.EqualValues(t, "tc_0001", s.send(press).frame().Calls.Selected, name)
	}
	for name, press := range map[string]tea.KeyPressMsg{
		"ctrl+c":            {Code: 'c', Mod: tea.ModCtrl},
		"with caps lock":    {Code: 'c', Mod: tea.ModCtrl | tea.ModCapsLock},
		"cyrillic keyboard": {Code: 'с', BaseCode: 'c', Mod: tea.ModCtrl},
	} {
		require.True(t, newScreen(t, app.Options{}).send(press).quits(), name)
	}
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
	require.True(t, s.m.View().KeyboardEnhancements.ReportAlternateKeys, "asks for what the Cyrillic keyboard needs")
	s.send(tea.KeyReleaseMsg{Code: 'q', Text: "q"})
	require.False(t, s.quits(), "letting a key go is not pressing it")
}

func TestTheHelpShowsTheWholeTable(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
	s.send(tea.WindowSizeMsg{Width: 120, Height: 200})
	var text string
	have := map[string]bool{}
	for _, page := range []string{"2", "3"} { // what is on neither is on no page
		text += ansi.Strip(app.Drawn(s.press(page, "?").m))
		for _, a := range s.frame().Actions {
			have[a.Title+a.More] = true
		}
		s.press("esc")
	}
	for _, k := range app.Keys() {
		require.Contains(t, text, k.Title)
		require.Contains(t, text, k.Shown)
		require.True(t, have[k.Title], k.ID)
	}
}

func TestTheFooterHintsAtWhatWorksHereTheMostUsefulFirst(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
	hints := func() (out []string) {
		for _, a := range s.frame().Actions {
			if a.Footer {
				out = append(out, a.Keys+" "+a.Title)
			}
		}
		return out
	}
	require.Equal(t, []string{"Enter open", "q quit", "/ filter", "f freeze", "? help"}, hints(), "there is nothing to go back to")
	s.press("j")
	require.Equal(t, []string{"Enter open", "Esc back", "q quit", "/ filter", "f freeze", "? help"}, hints())
	s.press("enter")
	require.Equal(t, []string{"Esc back", "q quit", "f freeze", "? help"}, hints())
	s.press("esc", "/")
	require.Equal(t, []string{"Enter keep", "Esc back", "Ctrl+C quit"}, hints(), "q is text here")
	s.press("esc", "?")
	require.Len(t, hints(), 2)
	require.Contains(t, hints(), "q Ctrl+C quit")
	require.Contains(t, hints(), "Esc back", "the short title, also in the help")
}

func TestKeysDocumentIsTheTable(t *testing.T) {
	t.Parallel()
	want := keysMarkdown()
	if flag.Lookup("update").Value.String() == "true" { // teatest brings the flag
		require.NoError(t, os.WriteFile(keysDoc, []byte(want), 0o644))
	}
	have, err := os.ReadFile(keysDoc)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "run go test ./app -run TestKeysDocument -update")
}

func keysMarkdown() string {
	var b strings.Builder
	b.WriteString("# Keys\n\nMade from the table of actions in app/actions.go and the glossary in views/help.go by\n`go test ./app -run TestKeysDocument -update`. On the screen `?` shows the same.\n")
	group := ""
	for _, k := range app.Keys() {
		if k.Group != group {
			group = k.Group
			fmt.Fprintf(&b, "\n## %s\n\n| keys | what they do | where |\n|---|---|---|\n", group)
		}
		var keys []string
		for _, one := range strings.Fields(k.Shown) {
			keys = append(keys, "`"+one+"`")
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.Join(keys, " "), k.Title, where(k))
	}
	for _, c := range views.Glossary() {
		fmt.Fprintf(&b, "\n## %s\n\n| %s | what it means |\n|---|---|\n", c.Title, strings.ToLower(c.Title))
		for _, t := range c.Terms {
			fmt.Fprintf(&b, "| `%s` | %s |\n", t.Word, t.Means)
		}
	}
	return b.String()
}

func where(k app.Key) string {
	var in []string
	for _, place := range []struct {
		name string
		is   bool
	}{{"list", k.List}, {"record", k.Detail}, {"help", k.Help}, {"filter line", k.InFilter}, {"dialog", k.Confirm}, {"text field of a dialog", k.Entry}} {
		if place.is {
			in = append(in, place.name)
		}
	}
	if len(in) == 6 {
		if slices.ContainsFunc(k.Keys, func(key string) bool { return len(key) == 1 }) {
			return "everywhere; a letter is text in a text field"
		}
		return "everywhere"
	}
	return strings.Join(in, ", ")
}
