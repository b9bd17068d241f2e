package policy

import (
	"maps"
	"slices"
	"strings"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/tool"
)

// maxFlips is how many pairs a diff names.
const maxFlips = 100

// depends is the answer where conditions or counters decide.
const depends = "depends"

// Diff says what next would change. Every known agent is paired with every tool of
// both catalogues: the given agents, those that the files name, and one that stands
// for each pattern. Nil catalogues are those that the Sets were read with.
func Diff(old, next *Set, oldTools, newTools *tool.Catalogue, agents []string) snapshot.PolicyDiff {
	if oldTools == nil {
		oldTools = old.all
	}
	if newTools == nil {
		newTools = next.all
	}
	d := snapshot.PolicyDiff{Old: old.version, New: next.version, Flips: []snapshot.Flip{}, Calls: []snapshot.CallFlip{}}
	d.Added, d.Removed, d.Changed = changes(old, next)
	names := append(slices.Clone(agents), old.namedAgents()...)
	names = append(names, next.namedAgents()...)
	slices.Sort(names)
	names = slices.Compact(names)
	tools := append(oldTools.Names(), newTools.Names()...)
	slices.Sort(tools)
	tools = slices.Compact(tools)
	d.Pairs = len(names) * len(tools)

	before, after := newView(old, oldTools, names), newView(next, newTools, names)
	for _, name := range tools {
		b, a := before.tool(name), after.tool(name)
		for i, agent := range names {
			from, to := before.answer(b, i, agent), after.answer(a, i, agent)
			if from.answer == to.answer {
				continue
			}
			d.Flipped++
			if len(d.Flips) < maxFlips {
				d.Flips = append(d.Flips, snapshot.Flip{
					Agent: agent, Tool: name, Before: from.answer, After: to.answer, Rules: from.rule + " → " + to.rule,
				})
			}
		}
	}
	return d
}

// changes compares rules by id and text.
func changes(old, next *Set) (added, removed, changed []string) {
	added, removed, changed = []string{}, []string{}, []string{}
	before, after := old.texts(), next.texts()
	for _, id := range slices.Sorted(maps.Keys(after)) {
		switch rule, ok := before[id]; {
		case !ok:
			added = append(added, id)
		case rule.sum != after[id].sum:
			changed = append(changed, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if after[id] == nil {
			removed = append(removed, id)
		}
	}
	return added, removed, changed
}

func (s *Set) texts() map[string]*rule {
	out := make(map[string]*rule, s.written)
	for _, rules := range [][]*rule{s.rules, s.shadows} {
		for i := range rules {
			out[rules[i].id] = rules[i]
		}
	}
	return out
}

// namedAgents are the agents that the file names, with one for each pattern.
func (s *Set) namedAgents() []string {
	seen := map[string]bool{}
	one := func(p *pattern) {
		name := p.head
		if p.glob != nil {
			name = p.head + strings.Join(p.glob.middle, "") + p.glob.tail
			if name == p.head {
				name += "any"
			}
		}
		seen[name] = true
	}
	if s.classes != nil {
		for i := range s.classes.all {
			one(&s.classes.all[i].pattern)
		}
	}
	for i := range s.rules {
		for j := range s.rules[i].agents {
			one(&s.rules[i].agents[j].agents)
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// view is one side of a diff.
type view struct {
	set    *Set
	tools  *tool.Catalogue
	limits []call.Scope // by agent
	cut    []int32
}

// sight is a tool as one side sees it.
type sight struct {
	name      string
	known     bool
	low, high call.Scope
}

type outcome struct{ answer, rule string }

func newView(s *Set, tools *tool.Catalogue, agents []string) *view {
	v := &view{set: s, tools: tools, cut: s.cut}
	for _, a := range agents {
		limit, _ := s.classes.of(a)
		v.limits = append(v.limits, limit)
	}
	return v
}

func (v *view) tool(name string) sight {
	e, known := v.tools.Lookup(name)
	if !known {
		return sight{name: name, low: call.Execute, high: call.Execute}
	}
	t := sight{name: name, known: true, low: e.Scope, high: e.Scope}
	if e.ByArg != nil {
		for _, c := range e.ByArg.Values {
			t.low, t.high = min(t.low, c.Scope), max(t.high, c.Scope)
		}
		if o := e.ByArg.Otherwise; o != nil {
			t.low, t.high = min(t.low, o.Scope), max(t.high, o.Scope)
		}
	}
	return t
}

func (v *view) answer(t sight, agent int, name string) outcome {
	limit := v.limits[agent]
	unknown := v.set.unknown.Effect
	switch {
	case limit == call.NoScope:
		return outcome{"deny", UnknownAgent}
	case !t.known && unknown == call.Deny:
		return outcome{"deny", UnknownTool}
	case t.low > limit:
		return outcome{"deny", MaxScope}
	}
	o := v.rules(t, name, unknown)
	if t.high > limit && o.answer != "deny" { // some calls of the tool are denied
		o.answer = depends
	}
	return o
}

func (v *view) rules(t sight, agent string, unknown call.Effect) outcome {
	f := finding{bound: none, cut: v.cut}
	f.ranks = f.few[:0]
	v.set.enforce.find(t.name, agent, &f)
	last := outcome{"deny", Default}
	if !t.known {
		last = outcome{unknown.String(), UnknownTool}
	}
	if len(f.ranks) == 0 {
		return last
	}
	found := ""
	rule := ""
	add := func(answer, id string) {
		if found != "" && found != answer {
			found = depends
			return
		}
		if found == "" {
			rule = id
		}
		found = answer
	}
	for _, rank := range f.sorted() {
		r := v.set.rules[rank]
		if !t.known && r.effect > unknown {
			break
		}
		if r.effect == call.Ask && (r.when.some || r.counted != nil) {
			add("deny", r.id) // it may be broken, or used up
		}
		add(r.effect.String(), r.id)
		if !r.open() {
			return outcome{found, rule}
		}
	}
	add(last.answer, last.rule)
	return outcome{found, rule}
}
