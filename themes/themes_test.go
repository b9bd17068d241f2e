package themes_test

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"m1/themes"

	"github.com/stretchr/testify/require"
)

var profiles = []themes.Profile{themes.Plain, themes.None, themes.ANSI, themes.ANSI256, themes.TrueColor}

func each(t *testing.T, visit func(t *testing.T, theme themes.Theme, s themes.Style)) {
	t.Helper()
	for _, name := range themes.Names() {
		for _, p := range profiles {
			theme, ok := themes.ByName(name, p)
			require.True(t, ok)
			t.Run(name+"/"+p.String(), func(t *testing.T) {
				for _, k := range themes.Tokens() {
					visit(t, theme, theme.Style(k))
					visit(t, theme, theme.Selected(k))
				}
			})
		}
	}
}

func TestTheDefaultAndItsNeighboursExist(t *testing.T) {
	t.Parallel()
	require.Subset(t, themes.Names(), []string{themes.Default, "light", "mono"})
	_, ok := themes.ByName("no such theme", themes.TrueColor)
	require.False(t, ok)
	name, seen := themes.Default, map[string]bool{}
	for range themes.Names() {
		seen[name] = true
		name = themes.Next(name)
	}
	require.Equal(t, themes.Default, name, "the walk ends where it began")
	require.Len(t, seen, len(themes.Names()))
}

func TestTheZeroThemeStylesNothing(t *testing.T) {
	t.Parallel()
	var zero themes.Theme
	for _, k := range append(themes.Tokens(), 250) {
		require.Equal(t, "x", zero.Style(k).Wrap("x"))
		require.Equal(t, "x", zero.Selected(k).Wrap("x"))
	}
}

var color = regexp.MustCompile(`[\[;](3[0-9]|4[0-9]|9[0-7]|10[0-7])[;m]`)

func TestWithoutColourThereIsNoColour(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, theme themes.Theme, s themes.Style) {
		if theme.Profile() == themes.Plain {
			require.Empty(t, s.Prefix+s.Suffix)
		}
		if theme.Profile() == themes.None || theme.Name() == "mono" {
			require.NotRegexp(t, color, s.Prefix)
		}
	})
}

func TestEveryProfileSpeaksItsOwnLanguage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, theme themes.Theme, s themes.Style) {
		require.Equal(t, s.Prefix == "", s.Suffix == "", "a style that begins also ends")
		switch theme.Profile() {
		case themes.ANSI:
			require.NotContains(t, s.Prefix, ";5;")
			require.NotContains(t, s.Prefix, "8;2;")
		case themes.ANSI256:
			require.NotContains(t, s.Prefix, "8;2;")
		}
	})
}

func TestTheSelectionIsSeenInEveryProfileThatHasSequences(t *testing.T) {
	t.Parallel()
	for _, name := range themes.Names() {
		for _, p := range profiles[1:] {
			theme, _ := themes.ByName(name, p)
			for _, k := range []themes.Token{themes.Text, themes.Muted, themes.Good, themes.Bad} {
				require.NotEqual(t, theme.Style(k), theme.Selected(k), "%s %s %d", name, p, k)
			}
		}
	}
}

func TestWhatIsReadStandsOutFromItsGround(t *testing.T) {
	t.Parallel()
	for name, ground := range themes.Grounds() {
		for k, pair := range themes.Colors(name) {
			under, least := ground, 4.5
			if pair[1] != nil {
				under = *pair[1]
			}
			switch k {
			case themes.Border, themes.Threshold:
				least = 2
			case themes.SeriesA, themes.SeriesB, themes.SeriesC:
				least = 3
			}
			require.GreaterOrEqual(t, contrast(*pair[0], under), least, "%s: token %d", name, k)
		}
		for _, k := range []themes.Token{themes.Text, themes.Title, themes.Good, themes.Warn, themes.Bad} {
			require.GreaterOrEqual(t, contrast(*themes.Colors(name)[k][0], themes.SelectionOf(name)), 3.0, "%s: token %d selected", name, k)
		}
	}
}

// contrast is that of WCAG 2: 1 for the same colour, 21 for black on white.
func contrast(a, b uint32) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(rgb uint32) float64 {
	part := func(shift int) float64 {
		c := float64(rgb>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func TestASequenceOfTrueColourHoldsTheColour(t *testing.T) {
	t.Parallel()
	theme, _ := themes.ByName("dark", themes.TrueColor)
	rgb := *themes.Colors("dark")[themes.Good][0]
	want := []string{strconv.Itoa(int(rgb >> 16)), strconv.Itoa(int(rgb >> 8 & 0xff)), strconv.Itoa(int(rgb & 0xff))}
	require.Equal(t, "\x1b[38;2;"+strings.Join(want, ";")+"mok\x1b[m", theme.Style(themes.Good).Wrap("ok"))
}

func TestStylingIsALookup(t *testing.T) {
	theme, _ := themes.ByName("dark", themes.TrueColor)
	var s themes.Style
	require.Zero(t, testing.AllocsPerRun(100, func() { s = theme.Style(themes.Good) }))
	require.NotEmpty(t, s.Prefix)
}
