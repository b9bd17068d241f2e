package policy

import (
	"cmp"
	"maps"
	"slices"
)

// lineups finds the ranks of the rules that match a tool and an agent.
// Tools that are known when the policy is loaded have their rules lined up; for
// any other the patterns of tools are tried.
type lineups struct {
	known map[string]lineup
	every *index // agents of the rules for "*"; nil if there are none
	globs heads  // all other patterns of tools; their rank counts in by
	by    []*index
}

// lineup holds the agents of the rules for one tool: together in few as long as
// they are few, else in indexes that tools share.
type lineup struct {
	few   []ranked
	large []*index // by the lowest rank
	tried bool     // too many patterns match: they are tried, and not in large
}

// lined is how many patterns of one tool are lined up. Without a bound, n
// patterns that match m tools would take n*m places.
const lined = 64

// toolRules are the rules for tools of one pattern.
type toolRules struct {
	tools  pattern
	agents []ranked
}

func newLineups(all map[string]*toolRules, known []string) lineups {
	l := lineups{known: map[string]lineup{}}
	exact := map[string]*toolRules{}
	var globs []ranked
	var agents [][]ranked // of globs, by their rank
	for _, text := range slices.Sorted(maps.Keys(all)) {
		t := all[text]
		byRank(t.agents)
		if t.tools.glob == nil {
			exact[text] = t
			continue
		}
		globs = append(globs, ranked{t.tools, int32(len(agents))})
		agents = append(agents, t.agents)
		l.by = append(l.by, newIndex(t.agents))
	}
	rest := slices.Clone(globs)
	every := none
	if i := slices.IndexFunc(rest, func(p ranked) bool { return p.all() }); i >= 0 {
		every = rest[i].rank
		l.every = l.by[every]
		rest = slices.Delete(rest, i, i+1)
	}
	l.globs = newHeads(rest)
	for _, name := range slices.Concat(known, slices.Sorted(maps.Keys(exact))) {
		if _, done := l.known[name]; !done {
			l.known[name] = l.lineUp(name, exact[name], agents, every)
		}
	}
	return l
}

// lineUp collects what matches one tool: in one index if it is little, else one
// after the other, so that large ones are shared by their tools.
func (l *lineups) lineUp(name string, exact *toolRules, agents [][]ranked, every int32) lineup {
	var matching []int32
	l.each(name, func(i int32) bool {
		matching = append(matching, i)
		return len(matching) <= lined
	})
	var out lineup
	if len(matching) > lined {
		out.tried = true
		matching = nil
	}
	if every != none {
		matching = append(matching, every)
	}
	if exact != nil {
		if len(exact.agents) <= fewPatterns {
			out.few = slices.Clone(exact.agents)
		} else {
			out.large = append(out.large, newIndex(exact.agents))
		}
	}
	for _, i := range matching {
		if len(out.few)+len(agents[i]) <= fewPatterns {
			out.few = append(out.few, agents[i]...)
		} else {
			out.large = append(out.large, l.by[i])
		}
	}
	out.few = byRank(out.few)
	slices.SortStableFunc(out.large, func(a, b *index) int { return cmp.Compare(a.low, b.low) })
	return out
}

// find collects the ranks of all rules that match.
func (l *lineups) find(tool, agent string, f *finding) {
	line, ok := l.known[tool]
	for i := range line.few {
		if p := &line.few[i]; p.match(agent) && !f.add(p.rank) {
			break
		}
	}
	for _, ix := range line.large {
		if ix.low >= f.bound {
			break
		}
		ix.find(agent, f)
	}
	if ok && !line.tried {
		return
	}
	if !ok && l.every != nil {
		l.every.find(agent, f)
	}
	l.each(tool, func(i int32) bool {
		if l.by[i].low < f.bound {
			l.by[i].find(agent, f)
		}
		return true
	})
}

// each calls f for the patterns that match, but for "*", until it returns false.
func (l *lineups) each(tool string, f func(int32) bool) {
	for _, n := range l.globs.lengths {
		if n > len(tool) {
			return
		}
		list := l.globs.at[tool[:n]]
		for i := range list {
			if list[i].match(tool) && !f(list[i].rank) {
				return
			}
		}
	}
}
