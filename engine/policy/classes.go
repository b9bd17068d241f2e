package policy

import (
	"cmp"
	"maps"
	"slices"

	"m1/engine/call"
)

// class is an entry under agents.
type class struct {
	match []pattern
	limit call.Scope
}

// classes finds the entry that sets the max_scope of an agent.
type classes struct {
	ix     *index // of the patterns of all entries, the most specific first
	limits []call.Scope
	names  []string
	all    []ranked
}

// newClasses ranks the patterns of all entries, so that the lowest rank that
// matches an agent is its entry. Where two are equally specific the stricter
// comes first, then the one whose name does.
func newClasses(entries map[string]class) *classes {
	type entry struct {
		pattern
		limit call.Scope
		name  string
	}
	var all []entry
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		for _, p := range entries[name].match {
			all = append(all, entry{p, entries[name].limit, name})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(b.specificity(), a.specificity()),
			cmp.Compare(a.limit, b.limit),
		)
	})
	c := &classes{}
	for i, e := range all {
		c.all = append(c.all, ranked{e.pattern, int32(i)})
		c.limits, c.names = append(c.limits, e.limit), append(c.names, e.name)
	}
	c.ix = newIndex(c.all)
	return c
}

func (c *classes) of(agent string) (call.Scope, string) {
	if c == nil {
		return call.Execute, ""
	}
	rank := c.ix.first(agent)
	if rank == none {
		return call.NoScope, ""
	}
	return c.limits[rank], c.names[rank]
}

// most is no less than what any agent that p matches may do.
func (c *classes) most(p *pattern) call.Scope {
	if p.glob == nil {
		limit, _ := c.of(p.head)
		return limit
	}
	if c == nil {
		return call.Execute
	}
	limit := call.NoScope
	for i := range c.all {
		if c.limits[i] > limit && c.all[i].meets(p) {
			limit = c.limits[i]
		}
	}
	return limit
}
