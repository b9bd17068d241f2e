package views_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/views"
)

// A screen attached to a demo looked like one of real traffic, and one attached
// to an open engine did not say so.
func TestWhatIsNotRealIsMarkedFromAfarToo(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		for mode, mark := range map[string]string{"demo": " DEMO ", "replay": " REPLAY ", "live": ""} {
			f := frame(size[0], size[1])
			f.Snap.Source = snapshot.Source{Mode: "attached", Title: "http://m1.internal:7600", NoAuth: true}
			f.Snap.Health.Mode = mode
			top, _, _ := strings.Cut(views.Screen(f), "\n")
			require.Contains(t, top, " ATTACHED ")
			require.Contains(t, top, " NO AUTH ")
			require.Contains(t, top, mark)
			require.Equal(t, mode == "demo", strings.Contains(top, " DEMO "))
		}
	}
}
