package views_test

import (
	"strings"
	"testing"

	"m1/views"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

func TestLongTextsBreakBetweenWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"refunds over $100 need a person": {"refunds", "over $100", "need a", "person"},
		"0123456789 word":                 {"0123456789", "word"}, // the space falls on the edge
		"0123456789abc":                   {"0123456789", "abc"},
		"ab 0123456789abc":                {"ab", "0123456789", "abc"},
		"日本語 の道具 です":                      {"日本語 ", "の道具", "です"},
		"":                                {""},
	} {
		require.Equal(t, trimmed(want), trimmed(views.Wrap(text, 10)), text)
	}
}

func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(l, " ")
	}
	return out
}

func FuzzWrap(f *testing.F) {
	f.Add("refunds over $100 need a person", 12)
	f.Add("          ", 8)
	f.Add("界 界界界界界界 界", 9)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = 8 + max(n%80, 0)
		lines := views.Wrap(s, n)
		for i, l := range lines {
			require.LessOrEqual(t, ansi.StringWidth(l), n)
			if i == 0 {
				continue
			}
			word, _, _ := strings.Cut(l, " ")
			if strings.Contains(lines[i-1], " ") && !strings.HasSuffix(lines[i-1], " ") && ansi.StringWidth(word) > 0 {
				require.Greater(t, ansi.StringWidth(lines[i-1])+1+ansi.StringWidth(word), n, "%q would have fitted before %q", word, l)
			}
		}
		all := strings.ReplaceAll(views.MakeSafe(s).String(), " ", "")
		require.Equal(t, all, strings.ReplaceAll(strings.Join(lines, ""), " ", ""), "only spaces may go")
	})
}
