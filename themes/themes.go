// Package themes owns what a meaning looks like: good, warn, selected, the first
// line of a chart. Drawing code names the meaning and never a colour.
package themes

import "slices"

// Token is one meaning that a piece of the screen can have.
type Token uint8

// The meanings. Text is the zero value.
const (
	Text      Token = iota
	Muted           // what may be overlooked: units, hints, headings of columns
	Title           // name of a panel
	Accent          // what the eye should find: keys, the open page
	Good            // within what was promised
	Warn            // wants a look
	Bad             // broken, denied, failed
	Border          // frames
	Badge           // loud marks that say what this screen is: DEMO, REPLAY
	Alarm           // loud marks that say that something is wrong: NO AUTH
	SeriesA         // first line of a chart
	SeriesB         // second line of a chart
	SeriesC         // third line of a chart: a bound rather than a measurement
	Threshold       // the promised level inside a chart
	numTokens
)

// Tokens returns every token, in the order of the constants.
func Tokens() []Token {
	all := make([]Token, numTokens)
	for i := range all {
		all[i] = Token(i)
	}
	return all
}

// Style is what a terminal needs before and after a text of one meaning. Both
// are empty where the profile has no way to say it.
type Style struct{ Prefix, Suffix string }

// Wrap puts the style around text, which must not hold sequences of its own.
func (s Style) Wrap(text string) string { return s.Prefix + text + s.Suffix }

// Theme is a palette made ready for one profile. It is a small immutable value,
// comparable and safe for concurrent use; the zero value styles nothing.
type Theme struct{ made *made }

type made struct {
	name    string
	profile Profile
	plain   [numTokens]Style
	picked  [numTokens]Style
}

// Default is the name of the theme for who chose none.
const Default = "dark"

// ByName returns the named theme for a profile, false if there is none.
func ByName(name string, p Profile) (Theme, bool) {
	i := slices.IndexFunc(palettes, func(q palette) bool { return q.name == name })
	if i < 0 {
		return Theme{}, false
	}
	return Theme{made: makeTheme(palettes[i], p)}, true
}

// Names lists the themes in the order in which a key walks through them.
func Names() []string {
	names := make([]string, len(palettes))
	for i, p := range palettes {
		names[i] = p.name
	}
	return names
}

// Next is the name after this one, the first after the last and after a name
// that does not exist.
func Next(name string) string {
	names := Names()
	return names[(slices.Index(names, name)+1)%len(names)]
}

// Name is empty for the zero value.
func (t Theme) Name() string {
	if t.made == nil {
		return ""
	}
	return t.made.name
}

// Profile is what the theme was made for.
func (t Theme) Profile() Profile {
	if t.made == nil {
		return Plain
	}
	return t.made.profile
}

// Style is a lookup: nothing is computed.
func (t Theme) Style(k Token) Style {
	if t.made == nil || k >= numTokens {
		return Style{}
	}
	return t.made.plain[k]
}

// Selected is the style of a token in the row that is selected.
func (t Theme) Selected(k Token) Style {
	if t.made == nil || k >= numTokens {
		return Style{}
	}
	return t.made.picked[k]
}
