package views_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/themes"
	"m1/views"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// states are the screens that have a golden file.
var states = map[string]func(*views.Frame){
	"overview":          func(*views.Frame) {},
	"overview-selected": func(f *views.Frame) { f.Calls.Selected = "tc_00395" },
	"overview-calm": func(f *views.Frame) {
		f.Snap.Alerts, f.Snap.Runs.Loops = nil, nil
	},
	"overview-panel-4": func(f *views.Frame) { f.Panel = 3 },
	"overview-broken": func(f *views.Frame) {
		m := &f.Snap.Metrics
		m.SLO[0].OK, m.SLO[0].Actual, m.Performance.Policy.P99US = false, 4_200, 4_200
		m.SLO[1].OK, m.SLO[1].BudgetRemaining, m.Errors.M1ErrorRate = false, -0.4, 0.003
		f.Snap.Health.Status = "critical"
		f.Notice, f.Bad = "the engine refused: run run_4708 has ended", true
	},
	"calls": func(f *views.Frame) { f.Page = views.Calls },
	"calls-filter": func(f *views.Frame) {
		f.Page, f.Calls.Filter, f.Calls.Editing, f.Calls.Sort = views.Calls, "tool:db -agent:build", true, "took"
		f.Calls.Selected = "tc_00328"
	},
	"calls-none-fit": func(f *views.Frame) { f.Page, f.Calls.Filter = views.Calls, "tool:nothing" },
	"call":           func(f *views.Frame) { f.Page, f.Detail.Call = views.Calls, "tc_00399" },
	"call-gone":      func(f *views.Frame) { f.Detail.Call = "tc_gone" },
	"runs": func(f *views.Frame) {
		f.Page, f.Runs.Selected, f.Runs.Sort = views.Runs, "run_4702", "errors"
	},
	"run":             func(f *views.Frame) { f.Page, f.Detail.Run = views.Runs, "run_4708" },
	"cache-alone":     func(f *views.Frame) { f.Page = views.Cache },
	"cache-shared":    func(f *views.Frame) { shared(f); f.Page = views.Cache },
	"cache-isolated":  func(f *views.Frame) { cutOff(f); f.Page = views.Cache },
	"cache-scrolled":  func(f *views.Frame) { shared(f); f.Page, f.CacheTop = views.Cache, 12 },
	"cache-other-key": func(f *views.Frame) { shared(f); f.Page, f.Snap.Cache.Coherence.ForeignSecret = views.Cache, true },
	"cache-empty": func(f *views.Frame) {
		f.Snap, f.Page = emptyDashboard(), views.Cache
		f.Snap.Cache.Classes = []snapshot.CacheClass{{Name: "results", Fresh: "ack"}}
		f.Snap.Cache.Coherence.State = "alone"
	},
	"overview-isolated": func(f *views.Frame) {
		cutOff(f)
		f.Snap.Alerts, f.Snap.Cache.Coherence.ForeignSecret = nil, true
	},
	"overview-asking": func(f *views.Frame) { asking(f) },
	"approvals":       func(f *views.Frame) { asking(f); f.Page = views.Approvals },
	"approvals-watched": func(f *views.Frame) {
		asking(f)
		f.Page, f.Answers, f.Approvals.Selected = views.Approvals, false, "ap_02"
	},
	"approvals-filter": func(f *views.Frame) {
		asking(f)
		f.Page, f.Approvals.Filter, f.Approvals.Editing = views.Approvals, "status:pend", true
	},
	"approvals-none": func(f *views.Frame) { f.Page = views.Approvals },
	"question":       func(f *views.Frame) { asking(f); f.Page, f.Detail.Approval = views.Approvals, "ap_01" },
	"question-shell": func(f *views.Frame) { asking(f); f.Page, f.Detail.Approval = views.Approvals, "ap_02" },
	"question-answered": func(f *views.Frame) {
		asking(f)
		f.Page, f.Detail.Approval, f.Detail.Said = views.Approvals, "ap_04", "approved refund_order for billing-bot: grant gr_7 opens 1 call"
	},
	"question-rejected": func(f *views.Frame) { asking(f); f.Page, f.Detail.Approval = views.Approvals, "ap_05" },
	"question-gone":     func(f *views.Frame) { asking(f); f.Page, f.Detail.Approval = views.Approvals, "ap_gone" },
	"dialog-approve":    func(f *views.Frame) { asking(f); dialog(f, "ap_03", views.Approving); f.Dialog.Quiet = true },
	"dialog-execute": func(f *views.Frame) {
		asking(f)
		dialog(f, "ap_02", views.Approving)
		f.Dialog.Word, f.Dialog.Typed = "she", "sh"
	},
	"dialog-ceiling": func(f *views.Frame) { asking(f); dialog(f, "ap_01", views.Ceiling); f.Dialog.Field = 1 },
	"dialog-so-many": func(f *views.Frame) { asking(f); dialog(f, "ap_01", views.ApprovingCeiling); f.Dialog.Word = "ref" },
	"dialog-deny":    func(f *views.Frame) { asking(f); dialog(f, "ap_01", views.Denying) },
	"dialog-reason": func(f *views.Frame) {
		asking(f)
		dialog(f, "ap_01", views.DenyingWithReason)
		f.Dialog.Typed = "ask the customer first; " + strings.Repeat("and again ", 12)
	},
	"why":          func(f *views.Frame) { f.Page = views.Calls; explained(f) },
	"why-scrolled": func(f *views.Frame) { f.Page = views.Calls; explained(f); f.Detail.Top = 18 },
	"why-awaited":  func(f *views.Frame) { f.Page = views.Calls; explained(f); f.Detail.Why = &views.Why{} },
	"why-not": func(f *views.Frame) {
		f.Page = views.Calls
		explained(f)
		f.Detail.Why = &views.Why{Err: "dial tcp 10.0.0.7:7600: connection refused"}
	},
	"policy":            func(f *views.Frame) { asking(f); f.Page, f.Snap.Policy.Failure = views.Policy, nil },
	"policy-not-loaded": func(f *views.Frame) { asking(f); f.Page = views.Policy },
	"policy-scrolled":   func(f *views.Frame) { asking(f); f.Page, f.PolicyTop = views.Policy, 15 },
	"policy-empty":      func(f *views.Frame) { f.Snap, f.Page = emptyDashboard(), views.Policy },
	"help":              func(f *views.Frame) { f.Help = true },
	"waiting": func(f *views.Frame) {
		f.Snap = nil
	},
	"empty":      func(f *views.Frame) { f.Snap = emptyDashboard() },
	"empty-runs": func(f *views.Frame) { f.Snap, f.Page = emptyDashboard(), views.Runs },
	"demo":       func(f *views.Frame) { f.Snap.Source.Mode = "demo" },
	"replay": func(f *views.Frame) {
		f.Snap.Source = snapshot.Source{Mode: "replay", Title: "traces/claude-code-dev.jsonl.gz", Done: 12_345, Total: 20_000}
		observe(f)
	},
	"replay-ended": func(f *views.Frame) {
		f.Snap.Source = snapshot.Source{Mode: "replay", Title: "traces/claude-code-dev.jsonl.gz", Done: 20_000, Total: 20_000, Ended: true}
	},
	"attached": func(f *views.Frame) {
		f.Snap.Source = snapshot.Source{Mode: "attached", Title: "http://m1.internal:7600", Lag: 240 * time.Millisecond}
	},
	"attached-broken": func(f *views.Frame) {
		f.Snap.Source = snapshot.Source{Mode: "attached", Title: "http://m1.internal:7600", Err: "dial tcp 10.0.0.7:7600: connection refused"}
		f.Now = f.Now.Add(12 * time.Second)
	},
	"frozen-noauth": func(f *views.Frame) {
		f.Snap.Source.NoAuth, f.Frozen, f.FrozenAt = true, true, f.Now
		f.Now = f.Now.Add(83 * time.Second)
	},
}

func observe(f *views.Frame) {
	f.Snap.Policy.Observe = true
	for _, c := range f.Snap.Calls {
		c.Effect = call.Allow
	}
}

func emptyDashboard() *snapshot.Dashboard {
	return &snapshot.Dashboard{
		Timestamp: at, Health: snapshot.Health{Status: "healthy", Node: "laptop", UptimeS: 3},
		Policy: snapshot.Policy{Version: "sha256:0b51aa", Rules: 2}, Source: snapshot.Source{Mode: "live", Listen: "127.0.0.1:7600"},
	}
}

var sizes = [][2]int{{80, 24}, {120, 40}, {200, 60}, {40, 10}}

// small is what the size step of its own shows; the rest is the overview's.
var steps = [][2]int{{60, 18}, {100, 30}, {160, 50}}

func TestEveryScreenLooksAsItsGoldenFile(t *testing.T) {
	t.Parallel()
	for name, change := range states {
		for _, size := range sizes {
			golden(t, name, size, themes.Plain, change)
			golden(t, name, size, themes.TrueColor, change)
		}
	}
	for _, size := range steps {
		golden(t, "overview", size, themes.Plain, states["overview"])
	}
	for _, p := range []themes.Profile{themes.None, themes.ANSI, themes.ANSI256} {
		golden(t, "overview", [2]int{120, 40}, p, states["overview"])
	}
}

func golden(t *testing.T, name string, size [2]int, p themes.Profile, change func(*views.Frame)) {
	t.Helper()
	file := fmt.Sprintf("%s-%dx%d.%s.golden", name, size[0], size[1], p)
	t.Run(file, func(t *testing.T) {
		f := frame(size[0], size[1])
		f.Theme, _ = themes.ByName("dark", p)
		change(&f)
		got := views.Screen(f)
		require.Equal(t, size[1], strings.Count(got, "\n")+1, "lines")
		path := filepath.Join("testdata", file)
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err, "run the test with -update")
		require.Equal(t, string(want), got)
	})
}
