package views_test

import (
	"strings"
	"testing"

	"m1/views"

	"github.com/stretchr/testify/require"
)

func TestTheHelpExplainsEveryWordOfTheFilterAndEverySign(t *testing.T) {
	t.Parallel()
	text := map[string]string{}
	for _, c := range views.Glossary() {
		for _, term := range c.Terms {
			text[c.Title] += " " + term.Word + " " + term.Means
		}
	}
	words := strings.FieldsFunc(text["Filter"], func(r rune) bool { return r == ' ' || r == ':' || r == ';' || r == ',' })
	calls, runs, states := views.FilterWords()
	for _, list := range [][]string{calls, runs, states} {
		for _, name := range list {
			require.Contains(t, words, name)
		}
	}
	for _, sign := range strings.Fields("● ○ ◐ ✓ ✗ ? ! × ↑ ↓ 1! ▸ ▾ ▴ … ◌ ↻") {
		require.Contains(t, text["Signs"], sign)
	}
}

func TestTheHelpFitsTheSmallestUsualScreen(t *testing.T) {
	t.Parallel()
	f := frame(80, 24)
	f.Help = true
	for f.HelpTop = 0; f.HelpTop <= views.ScrollEnd(f); f.HelpTop++ {
		for _, l := range strings.Split(views.Screen(f), "\n") {
			require.NotContains(t, l, "… │", "a line of the help is cut")
		}
	}
	for _, c := range views.Glossary() {
		require.NotEmpty(t, c.Terms, c.Title)
	}
}

func TestLabelsBeyondSecondsAreRounded(t *testing.T) {
	t.Parallel()
	for us, want := range map[float64]string{1e7: "10s", 1e8: "100s", 1e9: "17m", 1e10: "2.8h", 1e11: "28h", 1e12: "12d", 1e13: "116d", 1e15: "11574d", 9e8: "900s", 18e8: "30m", 36e8: "1h"} {
		require.Equal(t, want, views.Tick(us))
	}
}
