package app_test

import (
	"encoding/json"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/collector/snapshot"
	"m1/themes"
)

// copied is what the last message sent to the clipboard; the library's message
// has no exported type.
func copied(t *testing.T, s *screen) string {
	t.Helper()
	require.NotNil(t, s.cmd, "nothing was copied")
	msg := s.cmd()
	require.IsType(t, tea.SetClipboard("")(), msg)
	var text string
	b, err := json.Marshal(msg)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &text))
	return text
}

func TestCopyTakesTheSelectedRowOrTheOpenRecord(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(withRuns(board(1, someCalls(9, 1)...), "run_a", "run_b"))
	require.Equal(t, "tc_0009", copied(t, s.press("y")), "the newest while nothing is selected")
	require.Equal(t, "tc_0008", copied(t, s.press("j", "j", "y")))
	require.Contains(t, s.frame().Notice, "tc_0008")

	var c snapshot.Call
	require.NoError(t, json.Unmarshal([]byte(copied(t, s.press("enter", "Y"))), &c))
	require.EqualValues(t, "tc_0008", c.ID)
	require.Equal(t, `{"id":7}`, c.Args)

	s.show(board(2, someCalls(99, 90)...))
	require.Equal(t, "tc_0008", copied(t, s.press("y")), "the record that is read, not what is selected under it")

	s.show(withRuns(board(3), "run_a", "run_b"))
	require.Equal(t, "run_b", copied(t, s.press("7", "G", "y")))
	var r snapshot.Run
	require.NoError(t, json.Unmarshal([]byte(copied(t, s.press("Y"))), &r))
	require.EqualValues(t, "run_b", r.ID)
}

func TestWithoutRowsThereIsNothingToOpenOrCopy(t *testing.T) {
	t.Parallel()
	for _, s := range []*screen{newScreen(t, app.Options{}), newScreen(t, app.Options{}).show(board(1))} {
		for _, k := range []string{"enter", "y", "Y", "j", "G", "pgdown", "/", "esc", "s", "7", "enter", "y"} {
			s.press(k)
			require.Zero(t, s.frame().Detail)
			require.Empty(t, s.frame().Calls.Selected)
			app.Drawn(s.m)
		}
		require.Contains(t, s.frame().Notice, "no row")
	}
}

func TestTheWheelScrollsWhatTheKeysMove(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(30, 1)...))
	wheel := func(b tea.MouseButton) *screen { return s.send(tea.MouseWheelMsg{Button: b}) }
	wheel(tea.MouseWheelDown)
	require.EqualValues(t, "tc_0028", s.frame().Calls.Selected)
	wheel(tea.MouseWheelUp)
	wheel(tea.MouseWheelLeft)
	require.EqualValues(t, "tc_0030", s.frame().Calls.Selected)
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24}).press("?")
	wheel(tea.MouseWheelDown)
	require.Equal(t, 3, s.frame().HelpTop)
}

func TestLongTextsScrollAndStopAtTheirEnds(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	for _, open := range []string{"?", "enter"} {
		s.press(open)
		top := func() int { return s.frame().HelpTop + s.frame().Detail.Top }
		s.press("k")
		require.Zero(t, top(), open)
		s.press("G")
		end := top()
		require.Positive(t, end, open)
		s.press("j", "pgdown", "ctrl+d")
		require.Equal(t, end, top(), open)
		s.press("k")
		require.Equal(t, end-1, top(), open)
		s.press("g")
		require.Zero(t, top(), open)
		s.press("esc")
	}
}

func TestThemesGoRoundAndNeedColour(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
	s.press("t")
	require.Equal(t, themes.Default, s.frame().Theme.Name())
	require.Contains(t, s.frame().Notice, "no colours")
	s.send(tea.ColorProfileMsg{Profile: colorprofile.ANSI256})
	require.Equal(t, themes.ANSI256, s.frame().Theme.Profile())
	for range themes.Names() {
		before := app.Drawn(s.m)
		s.press("t")
		require.NotEqual(t, before, app.Drawn(s.m))
	}
	require.Equal(t, themes.Default, s.frame().Theme.Name())
}

func TestEverySizeDraws(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(withRuns(board(1, someCalls(30, 1)...), "run_a"))
	for _, size := range []tea.WindowSizeMsg{{}, {Width: 1, Height: 1}, {Width: 59, Height: 17}, {Width: 80, Height: 24}, {Width: 300, Height: 100}} {
		for _, k := range []string{"1", "2", "7", "enter", "G", "esc", "?", "G", "pgup", "?", "/", "a", "esc"} {
			s.send(size).press(k)
			app.Drawn(s.m)
		}
	}
}

func TestASmallScreenGoesThroughTheCharts(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(board(1, someCalls(9, 1)...))
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	for i, key := range []string{"l", "l", "right", "l", "h", "left"} {
		s.press(key)
		require.Equal(t, []int{1, 2, 3, 0, 3, 2}[i], s.frame().Panel, "after key %d", i+1)
	}
	s.send(tea.WindowSizeMsg{Width: 120, Height: 40})
	s.press("l")
	require.Equal(t, 2, s.frame().Panel)
	require.Contains(t, s.frame().Notice, "all charts")
	s.press("2", "l")
	require.Contains(t, s.frame().Notice, "page 1")
}
