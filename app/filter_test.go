package app_test

import (
	"strings"
	"testing"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/views"
)

func TestWhatIsTypedIntoTheFilterIsTextAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...)).press("2", "/")
	s.typed("q?jkGgfs127/")
	require.False(t, s.quits())
	f := s.frame()
	require.Equal(t, "q?jkGgfs127/", f.Calls.Filter)
	require.True(t, f.Calls.Editing)
	require.Equal(t, views.Calls, f.Page)
	require.False(t, f.Help)
	require.False(t, f.Frozen)
}

func TestEnterKeepsAndEscTakesBackAFilter(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...)).press("2", "/").typed("refund").press("enter")
	require.Equal(t, "refund", s.frame().Calls.Filter)
	require.False(t, s.frame().Calls.Editing)
	require.Len(t, views.VisibleCalls(s.frame()), 3)

	s.press("/").typed("xyz").press("esc")
	require.Equal(t, "refund", s.frame().Calls.Filter, "Esc in the line goes back to the filter before")
	require.False(t, s.quits())
	s.press("esc")
	require.Empty(t, s.frame().Calls.Filter, "Esc in the list takes the filter off")
	require.Len(t, views.VisibleCalls(s.frame()), 9)
}

func TestTheFilterLineCanBeEdited(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before string
		key    tea.KeyPressMsg
		want   string
		edits  bool
	}{
		"a letter":                   {"ab", key("c"), "abc", true},
		"a space":                    {"ab", tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}, "ab ", true},
		"a letter of another script": {"ab", tea.KeyPressMsg{Code: 'é', Text: "é"}, "abé", true},
		"backspace":                  {"abc", key("backspace"), "ab", true},
		"backspace on nothing":       {"", key("backspace"), "", true},
		"backspace takes a family":   {"a👨‍👩‍👧", key("backspace"), "a", true},
		"Ctrl+W takes a word":        {"tool:a  deny ", key("ctrl+w"), "tool:a  ", true},
		"Ctrl+U takes all":           {"tool:a deny", key("ctrl+u"), "", true},
		"an arrow is not editing":    {"ab", key("up"), "ab", false},
		"Enter is not editing":       {"ab", key("enter"), "ab", false},
	} {
		got, edits := app.EditLine(test.before, test.key)
		require.Equal(t, test.want, got, name)
		require.Equal(t, test.edits, edits, name)
	}
}

func TestArrowsMoveTheSelectionWhileAFilterIsTyped(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...)).press("/").typed("refund").press("down", "down")
	require.EqualValues(t, "tc_0004", s.frame().Calls.Selected)
	require.True(t, s.frame().Calls.Editing)
}

func TestPastedTextIsNeverTakenForKeys(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
	s.send(tea.PasteMsg{Content: "q\rf"})
	require.False(t, s.quits())
	require.False(t, s.frame().Frozen)
	s.press("/").send(tea.PasteMsg{Content: "get\r\n\x1b[2Jorder\u202e\x00"})
	require.Equal(t, "get  [2Jorder", s.frame().Calls.Filter)
	s.send(tea.PasteMsg{Content: strings.Repeat("x", 10_000)})
	require.LessOrEqual(t, len(s.frame().Calls.Filter), 200)
}

func FuzzFilterHoldsOnlyWhatCanBeSeen(f *testing.F) {
	f.Add("refund", "x\x1b[31m\u202e")
	f.Add("", "\r\n\t\u0085\u009b")
	f.Fuzz(func(t *testing.T, before, pasted string) {
		s := newScreen(t, app.Options{}).press("/")
		s.send(tea.PasteMsg{Content: before}).send(tea.PasteMsg{Content: pasted}).press("backspace")
		text := s.frame().Calls.Filter
		require.LessOrEqual(t, len(text), 200)
		for _, r := range text {
			require.True(t, unicode.IsGraphic(r), "%q", r)
		}
	})
}
