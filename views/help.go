package views

import "m1/themes"

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
				p.add(own(themes.Text, "  "), theirs(themes.Accent, padSafe(MakeSafe(a.Keys), keyCells+2)), theirs(themes.Text, MakeSafe(a.Title)))
			}
		}
	}
	explain := func(word, means lit) {
		p.add(own(themes.Text, "  "), own(themes.Accent, pad(word, keyCells+2)), own(themes.Muted, means))
	}
	p.heading("Filter")
	explain("word word", "all words must fit: tool, agent, run, rule, decision, outcome")
	explain("tool:name", "one field: tool agent run rule decision would outcome cache scope")
	explain("goal: status:", "more fields of runs; there also: error, deny, loop")
	explain("error", "calls that failed")
	explain("-word", "what does not fit; also -tool:name, -error")
	p.heading("Signs")
	explain("✓ ✗ ?", "allowed or kept · denied, failed or broken · a person is asked")
	explain("✓ (deny)", "observe mode: let through, the policy would have denied it")
	explain("● ○ —", "answered from the cache · not held · not cacheable")
	explain("×5", "the same call five times in a row: a loop")
	explain("── ╌╌ ┈┈ ┄┄", "lines of a chart, and the level that was promised")
	explain("unpriced", "no price is known for the model: not counted, never free")
	return p
}
