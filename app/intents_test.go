package app_test

import (
	"encoding/json"
	"fmt"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/stretchr/testify/require"

	"m1/app"
	"m1/collector/snapshot"
	"m1/themes"
	"m1/views"
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

// cachePicture has more tools than a screen has lines.
func cachePicture(n int64, tools int) *snapshot.Dashboard {
	d := board(n, someCalls(9, 1)...)
	for i := range tools {
		d.Cache.ByTool = append(d.Cache.ByTool, snapshot.ToolCache{Tool: fmt.Sprintf("tool_%03d", i), Misses: 1})
	}
	return d
}

func TestTheCachePageScrollsByTheKeysOfLists(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(cachePicture(1, 90)).press("5")
	s.send(tea.WindowSizeMsg{Width: 80, Height: 24})
	top := func() int { return s.frame().CacheTop }
	s.press("k")
	require.Zero(t, top())
	s.press("j", "j", "down")
	require.Equal(t, 3, top())
	s.press("up")
	require.Equal(t, 2, top())
	s.press("pgdown")
	require.Equal(t, 22, top(), "a page is the lines that are shown")
	s.press("pgup", "ctrl+d", "ctrl+u")
	require.Equal(t, 2, top())
	s.send(tea.MouseWheelMsg{Button: tea.MouseWheelDown})
	require.Equal(t, 5, top())
	s.press("G")
	end := top()
	require.Contains(t, app.Drawn(s.m), "tool_089")
	s.press("j", "pgdown")
	require.Equal(t, end, top())
	s.press("?", "j", "?", "2", "5")
	require.Equal(t, end, top(), "the help scrolls alone, and another page leaves it where it was")
	s.show(cachePicture(2, 1))
	require.Contains(t, app.Drawn(s.m), "tool_000", "the page became short")
	s.press("2", "5")
	require.Less(t, top(), end, "what was the end is behind it now")
	s.press("g")
	require.Zero(t, top())
}

// The page has no rows, so the keys of rows must not act on the table of calls
// that was shown before.
func TestTheCachePageLeavesTheTableOfCallsAlone(t *testing.T) {
	t.Parallel()
	s := newScreen(t, app.Options{}).show(cachePicture(1, 90)).press("2", "j", "j", "/").typed("get").press("enter", "5")
	before := s.frame().Calls
	require.NotEmpty(t, before.Selected)
	require.NotEmpty(t, before.Filter)
	for _, k := range []string{"j", "G", "enter", "y", "Y", "s", "S", "/", "esc", "esc"} {
		s.press(k)
		require.Equal(t, before, s.frame().Calls, k)
		require.Zero(t, s.frame().Detail, k)
		require.Equal(t, views.Cache, s.frame().Page, k)
		require.Empty(t, s.frame().Notice, "%s is no key here", k)
	}
	for _, a := range s.frame().Actions {
		require.NotContains(t, []string{"open", "filter", "back"}, a.Title, "the footer names what works here")
	}
	s.show(board(2, someCalls(900, 880)...))
	require.NotEqual(t, before.Selected, s.frame().Calls.Selected)
	require.Empty(t, s.frame().Notice, "what left a list that is not shown is no news here")
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
		for _, k := range []string{"1", "2", "5", "G", "k", "7", "enter", "G", "esc", "?", "G", "pgup", "?", "/", "a", "esc"} {
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
