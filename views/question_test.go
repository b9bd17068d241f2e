package views_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/views"

	"github.com/stretchr/testify/require"
)

func ids(all []*snapshot.Approval) (out []string) {
	for _, a := range all {
		out = append(out, a.ID)
	}
	return out
}

func TestTheNewestQuestionStandsOnTopAndTheAnsweredBelow(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	asking(&f)
	require.Equal(t, []string{"ap_01", "ap_02", "ap_03", "ap_04", "ap_05", "ap_06"}, ids(views.VisibleApprovals(f)))
	require.Equal(t, []string{"ap_02", "ap_01", "ap_03"}, ids(views.PendingApprovals(f)), "of those that need you the first to expire comes first")
	f.Approvals.Filter = "by:ann"
	require.Equal(t, []string{"ap_04"}, ids(views.VisibleApprovals(f)))
	f.Approvals.Filter, f.Approvals.Sort = "", "tool"
	require.Equal(t, []string{"ap_03", "ap_01", "ap_04", "ap_05", "ap_06", "ap_02"}, ids(views.VisibleApprovals(f)))
}

func TestTheTabCountsWhatIsPending(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{60, 18}, {80, 24}, {120, 40}} {
		f := frame(size[0], size[1])
		require.NotContains(t, strings.Split(views.Screen(f), "\n")[1], "3!", "%v", size)
		asking(&f)
		require.Contains(t, strings.Split(views.Screen(f), "\n")[1], "3", "%v", size)
		f.Page = views.Approvals
		require.Contains(t, strings.Split(views.Screen(f), "\n")[1], "[3 Approvals] 3!", "%v", size)
		f.Snap.Approvals[0].Status = snapshot.Approved
		require.Contains(t, strings.Split(views.Screen(f), "\n")[1], "[3 Approvals] 2!", "%v", size)
		f.Page = views.Calls
		if size[0] >= 80 {
			require.Contains(t, strings.Split(views.Screen(f), "\n")[1], "3 Approvals 2!", "%v", size)
		} else {
			require.Contains(t, strings.Split(views.Screen(f), "\n")[1], " 1 5! [2 Calls] 3 2!  4  5  7", "%v: only the open page has its name", size)
		}
	}
}

func TestWhatWaitsForAPersonComesFirstOfWhatNeedsYou(t *testing.T) {
	t.Parallel()
	f := frame(200, 60)
	asking(&f)
	got := views.Screen(f)
	order := []string{"? shell  agent build-bot", "? refund_order  agent billing-bot", "? Edit  agent research"}
	at := -1
	for _, line := range order {
		next := strings.Index(got, line)
		require.Greater(t, next, at, "%s", line)
		at = next
	}
	f = frame(120, 40)
	asking(&f)
	require.Contains(t, views.Screen(f), "expires 4:12   a approve · d deny · Enter details")
	f.Calls.Selected = "tc_00395"
	require.NotContains(t, views.Screen(f), "Enter details", "Enter opens the selected call")
	f.Answers, f.Calls.Selected = false, ""
	require.NotContains(t, views.Screen(f), "a approve")
	f.Snap.Approvals, f.Snap.Alerts = nil, nil
	require.Contains(t, views.Screen(f), "! Policy not loaded  prod.yaml: 7 problems; 9f3c goes on deciding   page 4")
	f.Still = true
	require.NotContains(t, views.Screen(f), "a approve")
}

func TestTheTimeThatIsLeftIsNeverCutOff(t *testing.T) {
	t.Parallel()
	for w := 40; w <= 200; w++ {
		f := frame(w, 40)
		asking(&f)
		f.Snap.Approvals[0].Tool, f.Snap.Approvals[0].Agent = strings.Repeat("tool", 20), call.AgentID(strings.Repeat("agent", 20))
		if w >= views.MinWidth {
			require.Contains(t, views.Screen(f), "expires 0:51", "%d columns", w)
		}
		f.Page = views.Approvals
		if w >= views.MinWidth {
			require.Contains(t, views.Screen(f), "0:51", "%d columns", w)
		}
	}
}

func TestCountdownsEndAtZero(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]string{
		-time.Hour: "in 0:00", 0: "in 0:00", time.Millisecond: "in 0:01", 59 * time.Second: "in 0:59", time.Minute: "in 1:00",
		252 * time.Second: "in 4:12", 59*time.Minute + 59*time.Second + 1: "in 60:00", time.Hour: "in 1h00m",
	} {
		f := frame(120, 40)
		asking(&f)
		f.Snap.Approvals[1].ExpiresAt = f.Now.Add(left)
		f.Detail.Approval = "ap_01"
		require.Contains(t, views.Screen(f), "expires "+want, "%s", left)
	}
}

// all draws a record of any length through a window that scrolls, and returns
// every line once.
func all(f views.Frame) string {
	var b strings.Builder
	end := views.ScrollEnd(f)
	for top := 0; ; top += 10 {
		f.Detail.Top = min(top, end)
		b.WriteString(views.Screen(f) + "\n")
		if top >= end {
			return b.String()
		}
	}
}

func TestEveryArgumentCanBeReadWhole(t *testing.T) {
	t.Parallel()
	var long strings.Builder
	for i := range 3_000 {
		fmt.Fprintf(&long, "word%04d ", i)
	}
	value := "first\n" + long.String() + "\u202ehidden\r\nlast"
	args, err := json.Marshal(map[string]string{"script": value, strings.Repeat("n", 60) + "end": "", "b": "1"})
	require.NoError(t, err)
	f := frame(80, 24)
	asking(&f)
	f.Snap.Approvals[0].Args, f.Detail.Approval = args, "ap_02"
	got := all(f)
	for i := range 3_000 {
		require.Contains(t, got, fmt.Sprintf("word%04d", i))
	}
	require.Contains(t, got, "‹U+202E›hidden␍␊")
	require.Contains(t, got, "│ last")
	require.Contains(t, got, "nnnend")
	require.Contains(t, got, "26 KiB · 3 lines · ! 1 hidden character ", "the end of a line is no hidden character")
}

func TestTheSignedTokenIsDrawnNowhere(t *testing.T) {
	t.Parallel()
	for name, change := range states {
		f := frame(200, 60)
		change(&f)
		require.NotContains(t, views.Screen(f), "eyJ", name)
		require.NotContains(t, all(f), "eyJ", name)
	}
}

func TestADialogLeavesItsRecordReadable(t *testing.T) {
	t.Parallel()
	f := frame(60, 18)
	asking(&f)
	dialog(&f, "ap_02", views.Approving)
	got := all(f)
	require.Contains(t, got, "rm -rf /var/cache/app")
	require.Contains(t, got, "What a yes opens")
	require.Contains(t, got, "schema", "to its last line")
	require.Contains(t, got, "Approve this call?")
}

func TestAYesThatIsNotTheLastSaysSo(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	asking(&f)
	dialog(&f, "ap_01", views.Approving)
	f.Dialog.Needed, f.Dialog.Yes = 2, 0
	require.Contains(t, views.Screen(f), "Yes 1 of 2; after the last this very call may run once")
	f.Dialog.Yes = 1
	require.Contains(t, views.Screen(f), "With your yes this very call may run once")
}
