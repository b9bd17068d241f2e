package views_test

import (
	"strings"
	"testing"
	"time"

	"m1/collector/snapshot"
	"m1/themes"
	"m1/views"

	"github.com/stretchr/testify/require"
)

func TestAnEngineThatDoesNotAnswerIsNotCalledHealthy(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{40, 10}, {60, 18}, {80, 24}, {120, 40}, {200, 60}} {
		f := frame(size[0], size[1])
		f.Snap.Source = snapshot.Source{Mode: "attached", Title: "http://m1:7600"}
		require.Contains(t, views.Screen(f), "● HEALTHY")
		f.Snap.Source.Err = "connection refused"
		got := views.Screen(f)
		require.NotContains(t, got, "HEALTHY", "%v", size)
		require.NotContains(t, got, "LIVE", "%v", size)
		require.Contains(t, got, "○ UNKNOWN", "%v", size)
		if size[0] >= views.MinWidth {
			require.Contains(t, got, "◌ STALE", "%v", size)
		}
	}
}

func TestTheFrozenBadgeNamesTheMomentAndStandsStill(t *testing.T) {
	t.Parallel()
	f := frame(80, 24)
	f.Frozen, f.FrozenAt = true, f.Now
	for range 3 {
		require.Contains(t, views.Screen(f), "FROZEN at 09:41:22")
		f.Now = f.Now.Add(time.Hour)
	}
	f.Now = f.Now.In(time.FixedZone("", 3600))
	require.Contains(t, views.Screen(f), "FROZEN at 10:41:22", "the person's own time, as all others")
}

func TestTheMarkOfANoticeSaysWhatCameOfTheKey(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	f.Notice = "window 15m"
	require.Contains(t, views.Screen(f), "✓ window 15m")
	f.Notice, f.Remark = "this is the narrowest window", true
	require.Contains(t, views.Screen(f), "· this is the narrowest window")
	f.Notice, f.Remark, f.Bad = "the engine refused", false, true
	require.Contains(t, views.Screen(f), "✗ the engine refused")
}

func TestANarrowFooterStillNamesTheHelp(t *testing.T) {
	t.Parallel()
	f := frame(60, 18)
	f.Actions = []views.Action{{Keys: "Enter", Title: "open", Footer: true}, {Keys: "q", Title: "quit", Footer: true}, {Keys: "?", Title: "help", Footer: true}}
	footer := func() string {
		lines := strings.Split(views.Screen(f), "\n")
		return strings.TrimSpace(lines[len(lines)-1])
	}
	require.Contains(t, footer(), "Enter open")
	f.Self, f.Now = views.Self{CPU: 0.00001, BytesPerS: 1_047_000}, f.Now.Add(83*time.Second)
	require.True(t, strings.HasSuffix(footer(), "? help"), footer())
}

func TestTheFooterNamesKeysByTheirShortTitles(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	f.Help = true
	f.Actions = []views.Action{{Keys: "Esc", Title: "back", More: " one level; never quits", Group: "Move", Footer: true}}
	lines := strings.Split(views.Screen(f), "\n")
	require.Contains(t, strings.Join(lines[:39], "\n"), "back one level; never quits")
	require.True(t, strings.HasSuffix(lines[39], "Esc back"), lines[39])
}

func TestAPrintHasNothingThatOnlyAScreenCanMean(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	f.Theme, _ = themes.ByName("dark", themes.Plain)
	f.Still, f.Notice = true, "a notice"
	got := views.Screen(f)
	require.Equal(t, 39, strings.Count(got, "\n"))
	for _, word := range []string{"self ", "cpu", "? help", "a notice"} {
		require.NotContains(t, got, word)
	}
	require.True(t, strings.HasSuffix(got, "╯"), "the line of the footer is the page's")
}

func TestHeadlinesLoseWholePartsAndNeverHalfAFigure(t *testing.T) {
	t.Parallel()
	whole := []string{"decisions", "98.8%", "✓>95%", "·", "results", "27.5%", "of", "27.5%"}
	for w := 60; w <= 200; w++ {
		f := frame(w, 40)
		f.Panel = 1
		f.Snap.Cache.Results.HitRate, f.Snap.Cache.Results.Ceiling = 0.275, 0.275
		for _, l := range strings.Split(views.Screen(f), "\n") {
			_, title, found := strings.Cut(l, "╭ Hit rate ─ ")
			if !found {
				continue
			}
			title, _, _ = strings.Cut(title, "╮")
			words := strings.Fields(strings.Trim(title, "─ "))
			require.Equal(t, whole[:len(words)], words, "width %d", w)
			require.Contains(t, []int{3, 6, 8}, len(words), "width %d: %s", w, title)
		}
		require.Contains(t, views.Screen(f), "possible 27.5%", "width %d: the ceiling stands in the legend at least", w)
	}
}

func TestBrokenPromisesAreNamedInPlainWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"policy_p99": "policy check p99", "cache_read_p99": "cache read p99", "cache_write_p99": "cache write p99", "redis_p99": "Redis p99",
		"m1_error_rate": "M1's own errors", "decision_hit_rate": "decisions from the cache",
		"dashboard_metrics_p99": "dashboard metrics p99", "dashboard_snapshot_p99": "whole snapshot p99", "of_a_later_engine": "of_a_later_engine",
	} {
		f := frame(120, 40)
		f.Snap.Alerts = nil
		f.Snap.Metrics.SLO = []snapshot.SLO{{Name: name, Unit: "us", Target: 1000, Actual: 4200}}
		require.Contains(t, views.Screen(f), "✗ promise "+want+"  at 4.2ms, promised <1ms")
	}
}
