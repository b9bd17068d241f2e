package views_test

import (
	"fmt"
	"strings"
	"testing"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
	"m1/views"

	"github.com/stretchr/testify/require"
)

func TestFilterFindsCalls(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	f.Snap.Calls = []*snapshot.Call{
		{ID: "1", Tool: "get_order", Agent: "billing-bot", Run: "run_1", Rule: "orders", Effect: call.Allow, Would: call.Allow, Cache: "hit", Scope: call.Read},
		{ID: "2", Tool: "refund_order", Agent: "billing-bot", Run: "run_1", Rule: "refunds", Effect: call.Deny, Would: call.Deny, Cache: "bypass", Scope: call.Execute},
		{ID: "3", Tool: "shell", Agent: "build-bot", Run: "run_2", Rule: "shell", Effect: call.Allow, Would: call.Deny, Cache: "bypass", Scope: call.Execute, Outcome: call.Failed, ErrorType: "Timeout"},
		{ID: "4", Tool: "error_report", Agent: "build-bot", Run: "run_2", Rule: "misc", Effect: call.Ask, Would: call.Ask, Cache: "miss", Scope: call.Write, Outcome: call.OK},
	}
	for filter, want := range map[string]string{
		"":                     "1234",
		"  ":                   "1234",
		"order":                "12",
		"ORDER":                "12",
		"order billing":        "12",
		"order shell":          "",
		"tool:order":           "12",
		"tool:bot":             "",
		"agent:build":          "34",
		"run:run_1 -refund":    "1",
		"rule:refunds":         "2",
		"decision:deny":        "2",
		"would:deny":           "23",
		"decision:allow":       "13",
		"outcome:time":         "3",
		"timeout":              "3",
		"cache:hit":            "1",
		"scope:execute":        "23",
		"error":                "3", // calls that failed, not tools of that name
		"-error":               "124",
		"tool:error":           "4",
		"-tool:order -agent:x": "34",
		"-":                    "1234", // looked for as it stands: every agent has one
		"nofield:x":            "",
		"tool:":                "1234", // still being typed
	} {
		f.Calls.Filter = filter
		var got strings.Builder
		for _, c := range views.VisibleCalls(f) {
			got.WriteString(string(c.ID))
		}
		require.Equal(t, want, got.String(), "filter %q", filter)
	}
}

func TestFilterFindsRuns(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	f.Snap.Runs.All = []snapshot.Run{
		{ID: "a", Agent: "billing-bot", Goal: "Reconcile", Status: "active"},
		{ID: "b", Agent: "build-bot", Goal: "Fix", Status: "failed", Errors: 3, Denied: 1, Streak: 9},
	}
	for filter, want := range map[string]int{"": 2, "reconcile": 1, "status:failed": 1, "error": 1, "deny": 1, "loop": 1, "-loop agent:billing": 1, "goal:fix agent:billing": 0} {
		f.Runs.Filter = filter
		require.Len(t, views.VisibleRuns(f), want, "filter %q", filter)
	}
}

func TestSortIsStableAndTurnsRound(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	f.Snap.Calls = []*snapshot.Call{{ID: "1", ToolMS: 5}, {ID: "2", ToolMS: 9}, {ID: "3", ToolMS: 5}, {ID: "4", ToolMS: 1}}
	ids := func() string {
		var s string
		for _, c := range views.VisibleCalls(f) {
			s += string(c.ID)
		}
		return s
	}
	require.Equal(t, "1234", ids())
	f.Calls.Reverse = true
	require.Equal(t, "4321", ids())
	f.Calls.Sort, f.Calls.Reverse = "took", false
	require.Equal(t, "2134", ids())
	f.Calls.Reverse = true
	require.Equal(t, "4312", ids())
	f.Calls.Sort = "no such column"
	require.Equal(t, "4321", ids())
	require.Equal(t, call.ID("1"), f.Snap.Calls[0].ID, "the picture itself stays as it is")
}

func TestEveryColumnSorts(t *testing.T) {
	t.Parallel()
	f := frame(200, 60)
	for _, name := range views.CallColumns() {
		f.Page, f.Calls.Sort = views.Calls, name
		require.Len(t, views.VisibleCalls(f), 400)
		require.Contains(t, views.Screen(f), "▾", "column %q is marked", name)
	}
	for _, name := range views.RunColumns() {
		f.Page, f.Runs.Sort = views.Runs, name
		require.Len(t, views.VisibleRuns(f), 42)
		require.Contains(t, views.Screen(f), "▾", "column %q is marked", name)
	}
}

func TestTheSelectionIsAlwaysInSightAndFollowsItsCall(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	for _, page := range []views.Page{views.Overview, views.Calls} {
		f.Page = page
		for i := 0; i < 400; i += 7 {
			f.Calls.Selected = f.Snap.Calls[i].ID
			selected := 0
			for _, l := range strings.Split(views.Screen(f), "\n") {
				if strings.Contains(l, "▸") {
					selected++
					require.Contains(t, l, f.Snap.Calls[i].Tool)
				}
			}
			require.Equal(t, 1, selected, "call %d", i)
		}
	}
}

func TestPageSizeIsWhatTheScreenShows(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{60, 18}, {80, 24}, {100, 30}, {120, 40}, {160, 50}, {200, 60}} {
		for _, page := range []views.Page{views.Overview, views.Calls, views.Runs} {
			f := frame(size[0], size[1])
			f.Page = page
			for i, c := range f.Snap.Calls {
				c.Tool, c.Agent = fmt.Sprintf("T%03d", i), "a"
			}
			f.Snap.Runs.Loops, f.Snap.Alerts = nil, nil
			f.Snap.Runs.All = make([]snapshot.Run, 300)
			for i := range f.Snap.Runs.All {
				f.Snap.Runs.All[i] = snapshot.Run{ID: call.RunID(fmt.Sprint(i)), Agent: call.AgentID(fmt.Sprintf("T%03d", i))}
			}
			f.Snap.Metrics.Errors.ByTool = nil
			got := 0
			for _, l := range strings.Split(views.Screen(f), "\n") {
				if strings.Contains(l, " T0") || strings.Contains(l, " T1") || strings.Contains(l, " T2") {
					got++
				}
			}
			require.Equal(t, got, views.PageSize(f), "page %d at %v", page, size)
		}
	}
}

func TestScrollEndShowsTheLastLine(t *testing.T) {
	t.Parallel()
	f := frame(80, 24)
	require.Zero(t, views.ScrollEnd(f))
	f.Help = true
	f.HelpTop = views.ScrollEnd(f)
	require.Positive(t, f.HelpTop)
	require.Contains(t, views.Screen(f), "unpriced")
	f.Help, f.Detail.Call = false, "tc_00399"
	f.Detail.Top = views.ScrollEnd(f)
	require.Contains(t, views.Screen(f), "digest")
	f.Detail.Top += 1000
	require.Contains(t, views.Screen(f), "digest", "scrolled too far")
}

func TestWhatIsUnusualIsMarkedOnEveryPageAndSize(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{24, 5}, {60, 18}, {80, 24}, {120, 40}, {200, 60}} {
		for _, page := range []func(*views.Frame){
			func(f *views.Frame) { f.Page = views.Overview },
			func(f *views.Frame) { f.Page = views.Calls },
			func(f *views.Frame) { f.Page = views.Runs },
			func(f *views.Frame) { f.Help = true },
			func(f *views.Frame) { f.Detail.Call = "tc_00399" },
			func(f *views.Frame) { f.Detail.Run = "run_4708" },
			func(f *views.Frame) { f.Snap.Calls, f.Snap.Runs = nil, snapshot.Runs{} },
		} {
			for mark, change := range map[string]func(*views.Frame){
				"DEMO":               func(f *views.Frame) { f.Snap.Source.Mode = "demo" },
				"REPLAY":             func(f *views.Frame) { f.Snap.Source.Mode = "replay" },
				"ATTACHED":           func(f *views.Frame) { f.Snap.Source.Mode = "attached" },
				"NO AUTH":            func(f *views.Frame) { f.Snap.Source.NoAuth = true },
				"OBSERVE":            func(f *views.Frame) { f.Snap.Policy.Observe = true },
				"FROZEN at 09:41:22": func(f *views.Frame) { f.Frozen, f.FrozenAt = true, at },
			} {
				f := frame(size[0], size[1])
				page(&f)
				change(&f)
				require.Contains(t, views.Screen(f), mark, "%v", size)
			}
		}
	}
}

func TestDrawingOneFrameIsCheap(t *testing.T) {
	f := frame(120, 40)
	f.Theme, _ = themes.ByName("dark", themes.TrueColor)
	f.Snap.Calls = calls(2_000)
	if raced {
		t.Skip("the race detector allocates")
	}
	require.Less(t, testing.AllocsPerRun(20, func() { views.Screen(f) }), 1000.0)
	f.Calls.Filter, f.Calls.Sort = "tool:db -agent:build error", "took"
	require.Less(t, testing.AllocsPerRun(20, func() { views.VisibleCalls(f) }), 40.0)
}

func BenchmarkScreen(b *testing.B) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			f := frame(size[0], size[1])
			f.Theme, _ = themes.ByName("dark", themes.TrueColor)
			f.Snap.Calls = calls(2_000)
			b.ReportAllocs()
			for b.Loop() {
				views.Screen(f)
			}
		})
	}
}

func BenchmarkVisibleCalls(b *testing.B) {
	f := frame(120, 40)
	f.Snap.Calls = calls(2_000)
	f.Calls.Filter, f.Calls.Sort = "tool:db -agent:build error", "took"
	b.ReportAllocs()
	for b.Loop() {
		views.VisibleCalls(f)
	}
}
