package views_test

import (
	"testing"

	"m1/collector/snapshot"
	"m1/views"

	"github.com/stretchr/testify/require"
)

func TestTheFirstScreenSaysHowACallGetsHere(t *testing.T) {
	t.Parallel()
	const (
		token  = "The agent token was printed before this screen; quit with q to see it."
		soon   = "The first recorded call appears in a moment."
		advert = "m1 demo"
	)
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		for _, page := range []views.Page{views.Overview, views.Calls, views.Runs} {
			for name, test := range map[string]struct {
				source   snapshot.Source
				has, not []string
			}{
				"live":            {snapshot.Source{Mode: "live", Listen: ":7600"}, []string{"curl", "$AGENT_TOKEN", token, advert}, []string{soon}},
				"live, open":      {snapshot.Source{Mode: "live", Listen: ":7600", NoAuth: true}, []string{"curl", advert}, []string{"AGENT_TOKEN", token, soon}},
				"live, no API":    {snapshot.Source{Mode: "live"}, []string{"as soon as an agent", advert}, []string{"curl", token, soon}},
				"attached":        {snapshot.Source{Mode: "attached"}, []string{"as soon as an agent", advert}, []string{"curl", token, soon}},
				"replay":          {snapshot.Source{Mode: "replay"}, []string{soon}, []string{"curl", token, advert, "m1 replay"}},
				"replay, at end":  {snapshot.Source{Mode: "replay", Ended: true}, []string{"The recording holds none."}, []string{soon, advert}},
				"demo":            {snapshot.Source{Mode: "demo"}, []string{soon}, []string{"curl", token, advert, "m1 replay"}},
				"demo with a API": {snapshot.Source{Mode: "demo", Listen: ":7600"}, []string{soon}, []string{"curl", token, advert}},
			} {
				f := frame(size[0], size[1])
				f.Snap, f.Page = emptyDashboard(), page
				f.Snap.Source = test.source
				got := views.Screen(f)
				for _, want := range test.has {
					require.Contains(t, got, want, "%s, page %d at %v", name, page, size)
				}
				for _, want := range test.not {
					require.NotContains(t, got, want, "%s, page %d at %v", name, page, size)
				}
			}
		}
	}
}
