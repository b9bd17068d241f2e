package views_test

import (
	"fmt"
	"strings"
	"testing"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/views"

	"github.com/stretchr/testify/require"
)

func TestRunsWithoutGoalsAreToldApartByTheEndOfTheirNames(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		f := frame(size[0], size[1])
		f.Page, f.Snap.Runs.Loops = views.Runs, nil
		f.Snap.Runs.All = nil
		for i := range 5 {
			f.Snap.Runs.All = append(f.Snap.Runs.All, snapshot.Run{ID: call.RunID(fmt.Sprintf("9b1d2c3e-session-of-claude-code-%s-4f1e%d", strings.Repeat("x", 40), i)), Agent: "claude", Status: "active"})
		}
		got := views.Screen(f)
		require.NotContains(t, strings.Split(got, "\n")[4], " goal ", "%v", size)
		for i := range 5 {
			require.Contains(t, got, fmt.Sprintf("4f1e%d", i), "%v", size)
		}
		f.Snap.Runs.All[4].Goal = "Reconcile"
		require.Contains(t, views.Screen(f), "Reconcile", "%v", size)
		require.Contains(t, strings.Split(views.Screen(f), "\n")[5], " goal ", "%v", size)
		if size[0] >= 120 {
			require.Contains(t, views.Screen(f), "4f1e4", "%v: beside the goal where there is room", size)
		}
		f.Runs.Filter = "-goal:reconcile"
		require.Contains(t, views.Screen(f), "4f1e3", "%v: the filter leaves only runs without a goal", size)
	}
}

func TestATableThatDoesNotFollowSaysSo(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		f := frame(size[0], size[1])
		f.Calls.Selected = f.Snap.Calls[3].ID
		f.Runs.Selected = f.Snap.Runs.All[3].ID
		for _, f.Page = range []views.Page{views.Overview, views.Calls, views.Runs} {
			got := views.Screen(f)
			require.Contains(t, got, "─ held at the selected row · Esc follows again", "page %d at %v", f.Page, size)
			require.NotContains(t, got, "newest first")
		}
		f.Calls.Filter, f.Runs.Filter = "a", "a"
		for _, f.Page = range []views.Page{views.Calls, views.Runs} {
			got := views.Screen(f)
			require.Contains(t, got, "held at the selected row")
			require.NotContains(t, got, "Esc follows", "Esc takes the filter off first")
		}
	}
	f := frame(120, 40)
	f.Calls.Selected = "tc_gone"
	require.Contains(t, views.Screen(f), "newest first")
}

func TestWhileAFilterIsTypedEscOnlyTakesTheTypingBack(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	f.Calls.Filter, f.Runs.Filter = "nothing fits", "nothing fits"
	for _, f.Page = range []views.Page{views.Overview, views.Calls, views.Runs} {
		f.Calls.Editing, f.Runs.Editing = false, false
		require.Contains(t, views.Screen(f), "Esc clears it.")
		f.Calls.Editing, f.Runs.Editing = true, true
		require.Contains(t, views.Screen(f), "Esc takes back what was typed.")
	}
}

func TestOutcomesAreReadable(t *testing.T) {
	t.Parallel()
	for class, want := range map[string]string{
		"tool_error": "✗ error ", "unspecified": "✗ error ", "error": "✗ error ", "": "✗ error ",
		"exit_127": "✗ exit_127 ", "timeout": "✗ timeout ",
	} {
		for _, size := range [][2]int{{80, 24}, {100, 30}, {120, 40}, {200, 60}} {
			f := frame(size[0], size[1])
			c := *f.Snap.Calls[0]
			c.Outcome, c.ErrorType = call.Failed, class
			f.Snap.Calls = []*snapshot.Call{&c}
			require.Contains(t, views.Screen(f), want, "%q at %v", class, size)
		}
	}
}
