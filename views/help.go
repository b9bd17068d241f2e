package views

import "m1/themes"

// Chapter is a part of the help that tells of no key.
type Chapter struct {
	Title string
	Terms []Term
}

// Term is a word or sign and what it means.
type Term struct{ Word, Means string }

type (
	chapter struct {
		title lit
		terms []term
	}
	term struct{ word, means lit }
)

// glossary is what the help explains besides keys; a meaning fits 80 columns.
var glossary = []chapter{
	{"Filter", []term{
		{"word word", "all must fit: tool agent run rule decision outcome"},
		{"tool:name", "one field; of calls: tool agent run rule decision"},
		{"", "would outcome cache scope"},
		{"goal:name", "of runs: run agent goal status"},
		{"status:name", "of questions: tool agent run rule status scope by"},
		{"error", "calls that failed; runs with errors"},
		{"deny loop", "of runs: something was denied · a call was repeated"},
		{"-word", "what does not fit; also -tool:name, -error"},
	}},
	{"Signs", []term{
		{"✓ ✗ ?", "allowed or kept · denied, failed or broken · asked"},
		{"? pending", "a question that waits for a person; no answer is a no"},
		{"1/2", "one of two people has said yes"},
		{"✓ (deny)", "observe mode: let through, the policy would deny it"},
		{"● ○ —", "cache: answered from it · not held · not cacheable"},
		{"● ◐ ○", "state: healthy or active · degraded · unknown"},
		{"… ◌ ↻", "running · cancelled, over or stale · looping"},
		{"!", "wants your eyes"},
		{"1!", "behind a page: so many things need you there"},
		{"×n", "the same call n times in a row; 5 and more is a loop"},
		{"↑ ↓", "so many more above or below; in the header ↑ is uptime"},
		{"▸ ▾ ▴", "the selected row · sorted by this column · reversed"},
		{"·", "why a key did nothing"},
		{"── ╌╌ ┈┈ ┄┄", "lines of a chart, and the level that was promised"},
		{"isolated", "the cache cannot hear of changes: memory is not served"},
		{"unpriced", "the model has no known price: not counted, never free"},
	}},
}

// Glossary is what the help explains besides keys: the language of the filter
// and the signs of the screen.
func Glossary() []Chapter {
	var out []Chapter
	for _, c := range glossary {
		have := Chapter{Title: string(c.title)}
		for _, t := range c.terms {
			if t.word == "" { // goes on from the line before
				have.Terms[len(have.Terms)-1].Means += " " + string(t.means)
				continue
			}
			have.Terms = append(have.Terms, Term{string(t.word), string(t.means)})
		}
		out = append(out, have)
	}
	return out
}

// helpPaper writes what every key does, grouped, then what the screen means.
func helpPaper(f *Frame, w int) *paper {
	p := &paper{w: w}
	var groups []string
	seen := map[string]bool{}
	for _, a := range f.Actions {
		if !seen[a.Group] {
			seen[a.Group] = true
			groups = append(groups, a.Group)
		}
	}
	for _, g := range groups {
		if len(p.lines) > 0 {
			p.add()
		}
		p.add(theirs(themes.Title, MakeSafe(g)))
		for _, a := range f.Actions {
			if a.Group == g {
				p.add(own(themes.Text, "  "), theirs(themes.Accent, padSafe(MakeSafe(a.Keys), keyCells+2)), theirs(themes.Text, MakeSafe(a.Title+a.More)))
			}
		}
	}
	for _, c := range glossary {
		p.heading(c.title)
		for _, t := range c.terms {
			p.add(own(themes.Text, "  "), own(themes.Accent, pad(t.word, keyCells+2)), own(themes.Muted, t.means))
		}
	}
	return p
}
