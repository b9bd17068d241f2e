package views_test

import (
	"testing"
	"time"

	"m1/collector/snapshot"
	"m1/views"

	"github.com/stretchr/testify/require"
)

// A replay runs at its own speed: a recording of 178 dollars was shown as
// thousands of dollars an hour.
func TestAReplayShowsWhatTheRecordingCostAndNoRate(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{60, 18}, {80, 24}, {120, 40}, {200, 60}} {
		f := frame(size[0], size[1])
		f.Snap.Source = snapshot.Source{Mode: "replay", Title: "x", Done: 1, Total: 2}
		f.Panel = 3
		got := views.Screen(f)
		for _, rate := range []string{"/h", "/mo", "an hour", "12.41", "saved"} {
			require.NotContains(t, got, rate, "%v", size)
		}
		require.Contains(t, got, "$118.20", "%v", size)
	}
}

func TestAnEngineShowsWhatItCostsAnHourAndNothingUncounted(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"live", "demo", "attached"} {
		f := frame(120, 40)
		f.Snap.Source.Mode = mode
		got := views.Screen(f)
		require.Contains(t, got, "Cost ─ $12.41/h · $8.9k/mo · ! unpriced 3", mode)
		require.NotContains(t, got, "saved", mode)
	}
}

func TestTheSumOfARecordingGrowsToItsTotal(t *testing.T) {
	t.Parallel()
	times := []time.Time{at, at.Add(time.Hour), at.Add(2 * time.Hour), at.Add(4 * time.Hour)}
	var got []float64
	for _, v := range views.Spent(times, []*float64{ptr(7), ptr(1), nil, ptr(2)}, 10) {
		got = append(got, *v)
	}
	require.Equal(t, []float64{5, 6, 6, 10}, got)
	require.Zero(t, *views.Spent(times, []*float64{nil, ptr(99), nil, nil}, 10)[0], "never below nothing")
	require.Empty(t, views.Spent(times, []*float64{ptr(0), nil, nil, nil}, 0), "nothing spent is no data")
}
