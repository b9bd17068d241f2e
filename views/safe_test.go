package views_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"m1/views"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

func TestSafeShowsWhatActs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"plain":            {"get_order", "get_order"},
		"empty":            {"", ""},
		"letters":          {"déjà 日本語 Ωmega עברית", "déjà 日本語 Ωmega עברית"},
		"carriage return":  {"deny\rALLOW", "deny␍ALLOW"},
		"line feed":        {"a\nb", "a␊b"},
		"colour":           {"\x1b[32mok\x1b[m", "␛[32mok␛[m"},
		"link":             {"\x1b]8;;http://x\x07y", "␛]8;;http://x␇y"},
		"tab, null, del":   {"a\tb\x00c\x7f", "a␉b␀c␡"},
		"C1 introducer":    {"\u009b31m", "‹U+009B›31m"},
		"right to left":    {"\u202eexe.txt", "‹U+202E›exe.txt"},
		"isolate":          {"\u2066a\u2069", "‹U+2066›a‹U+2069›"},
		"zero width":       {"pay\u200bpal\ufeff", "pay‹U+200B›pal‹U+FEFF›"},
		"tags":             {"a\U000e0041", "a‹U+E0041›"},
		"selector":         {"❤\ufe0f", "❤‹U+FE0F›"},
		"separators":       {"a\u2028b\u2029c", "a‹U+2028›b‹U+2029›c"},
		"space that is no": {"a\u00a0b\u3000c", "a‹U+00A0›b‹U+3000›c"},
		"private use":      {"\ue0b0", "‹U+E0B0›"},
		"no UTF-8":         {"a\xffb", "a‹0xFF›b"},
		"surrogate":        {"\xed\xa0\x80", "‹0xED›‹0xA0›‹0x80›"},
		"filler":           {"\u3164x", "‹U+3164›x"},
		"leading mark":     {"\u0301a", "‹U+0301›a"},
		"flood of marks":   {"a" + strings.Repeat("\u0301", 4), "a\u0301\u0301‹U+0301›‹U+0301›"},
		"family":           {"👩\u200d💻", "👩‹U+200D›💻"},
		"disagreement":     {"नि", "न‹U+093F›"}, // one cell or two, by terminal
		"flag":             {"🇩🇪", "‹U+1F1E9›‹U+1F1EA›"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, views.MakeSafe(c.in).String())
		})
	}
}

func TestSafeOfALongTextIsBoundedAndSaysSo(t *testing.T) {
	t.Parallel()
	for _, s := range []string{strings.Repeat("a", 1<<20), strings.Repeat("日", 1<<20), strings.Repeat("\x1b", 1<<20)} {
		got := views.MakeSafe(s)
		require.Less(t, len(got.String()), 64<<10)
		require.True(t, strings.HasSuffix(got.String(), "…"))
	}
}

func TestSafeCutByCellsKeepsWideLettersWhole(t *testing.T) {
	t.Parallel()
	for n, want := range []string{"", "…", "…", "日…", "日…", "日本語"} {
		if n == 5 {
			n = 6
		}
		got := views.MakeSafe("日本語").Clip(n)
		require.Equal(t, want, got.String(), "%d cells", n)
		require.LessOrEqual(t, got.Width(), n)
	}
	require.Equal(t, "get…", views.MakeSafe("get_order").Clip(4).String())
}

// harmless fails if text holds a code point that acts on a terminal or on what
// stands beside it.
func harmless(t *testing.T, text string) {
	t.Helper()
	require.True(t, utf8.ValidString(text), "%q", text)
	for _, r := range text {
		switch {
		case r >= 0x20 && r < 0x7f, r >= 0x2500 && r < 0x2600: // letters, and the frames
		case r < 0x20, r >= 0x7f && r <= 0x9f:
			t.Fatalf("control %U in %q", r, text)
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Bidi_Control):
			t.Fatalf("%U in %q", r, text)
		case r == 0x2800, r == 0x3164, r == 0xffa0, r == 0x115f, r == 0x1160, r == 0x034f:
			t.Fatalf("blank %U in %q", r, text)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 7)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		safe := views.MakeSafe(s)
		harmless(t, safe.String())
		require.Equal(t, safe.Width(), ansi.StringWidth(safe.String()), "%q", safe)
		require.Equal(t, safe.Width(), ansi.StringWidthWc(safe.String()), "terminals disagree on %q", safe)
		if len(safe.String()) < 4096 {
			require.Equal(t, safe, views.MakeSafe(safe.String()), "not stable")
		}
		clipped := safe.Clip(n)
		require.LessOrEqual(t, clipped.Width(), max(n, 0))
		require.Equal(t, clipped.Width(), ansi.StringWidth(clipped.String()), "%q", clipped)
		harmless(t, clipped.String())
	})
}

func TestPlainTextCostsNothing(t *testing.T) {
	var safe views.Safe
	require.Zero(t, testing.AllocsPerRun(100, func() { safe = views.MakeSafe("get_order") }))
	require.Equal(t, 9, safe.Width())
}

func TestEveryRuneTakesTheSameCellsInEveryTerminal(t *testing.T) {
	t.Parallel()
	if raced {
		t.Skip("130,000 texts and nothing concurrent")
	}
	for r := rune(0x80); r < 0x20000; r++ {
		safe := views.MakeSafe("a" + string(r) + "b")
		if w := ansi.StringWidth(safe.String()); w != safe.Width() || w != ansi.StringWidthWc(safe.String()) || w < 3 && !unicode.Is(unicode.Mn, r) {
			t.Fatalf("%U is shown as %q: %d cells, measured %d and %d", r, safe, safe.Width(), w, ansi.StringWidthWc(safe.String()))
		}
	}
}
