package policy

import (
	"fmt"
	"slices"
	"time"

	"m1/engine/call"
	"m1/engine/source"
)

// A rule that can never match is a mistake: its author believes in it. One that
// matches and is always beaten may be meant so, for as long as an emergency lasts.

// never tells rules that match no call.
func (r *reader) never(out *rule, f *fileRule) {
	for _, m := range out.tools {
		if m.tools.glob == nil {
			r.knownTool(m, f.At.Field("tools").Item(int(m.at.n)))
		}
	}
	if r.classes == nil || len(out.agents) == 0 {
		return
	}
	most := call.NoScope
	for i := range out.agents {
		most = max(most, r.classes.most(&out.agents[i].agents))
	}
	least, which := r.least(out.tools)
	at := f.At
	if f.At.Has("agents") {
		at = f.At.Field("agents")
	}
	switch {
	case least == call.NoScope || least <= most:
	case most == call.NoScope:
		r.ps.Add(at.Problem("can never match: no entry under agents matches these agents, so they are denied before", "add an entry with max_scope"))
	default:
		r.ps.Add(at.Problem(fmt.Sprintf("can never match: these agents may go no further than %s, and %q has scope %s", most, which, least),
			"raise max_scope, or remove the rule"))
	}
}

// knownTool tells the exact name of a tool that nobody has.
func (r *reader) knownTool(m mention, at source.Node) {
	if m.tools.glob != nil || m.tools.head == "" || !r.deniesUnlisted() {
		return
	}
	if _, ok := r.tools.all.Lookup(m.tools.head); !ok {
		r.ps.Add(at.Problem("can never match: no tool of the catalogue has this name", source.DidYouMean(m.text, r.tools.names)))
	}
}

// deniesUnlisted reports that tools are known, and no others may be called.
func (r *reader) deniesUnlisted() bool {
	u := r.file.Defaults.UnknownTool
	return r.tools.all.Len() > 0 && (u == nil || *u == call.Deny)
}

// least is the smallest scope of a call that tools can be, and of which; NoScope
// if nobody can say.
func (r *reader) least(tools []mention) (least call.Scope, which string) {
	u := r.file.Defaults.UnknownTool
	if r.tools.all.Len() == 0 { // tools come from elsewhere
		return call.NoScope, ""
	}
	for _, m := range tools {
		if u != nil && *u != call.Deny && least == call.NoScope {
			least, which = call.Execute, m.text // of tools that nobody knows
		}
		for name := range r.tools.matching(&m.tools) {
			e, _ := r.tools.all.Lookup(name)
			scope := e.Scope
			if e.ByArg != nil {
				for _, c := range e.ByArg.Values {
					scope = min(scope, c.Scope)
				}
				if e.ByArg.Otherwise != nil {
					scope = min(scope, e.ByArg.Otherwise.Scope)
				}
			}
			if least == call.NoScope || scope < least {
				least, which = scope, name
			}
			if least == call.Read {
				return least, which
			}
		}
	}
	return least, which
}

// idle tells rules that a deny rule without conditions always beats.
func (r *reader) idle(s *Set) {
	byHead := map[string][]*rule{} // of the patterns of tools of such deny rules
	var lengths [maxHead + 1]bool
	for i := range s.rules {
		d := s.rules[i]
		if d.effect != call.Deny {
			break
		}
		if d.open() {
			continue
		}
		for _, m := range d.tools {
			if n := len(m.tools.head); n <= maxHead {
				byHead[m.tools.head] = append(byHead[m.tools.head], d)
				lengths[n] = true
			}
		}
	}
	if len(byHead) == 0 {
		return
	}
	for i := range s.rules {
		if rule := s.rules[i]; rule.effect != call.Deny && len(rule.tools) > 0 {
			if d := covering(rule, byHead, &lengths); d != nil {
				s.loose.Add(r.file.Rules[rule.n].At.Problem(fmt.Sprintf("can never decide: the rule %q denies all that it is for", d.id),
					"remove one of them, or give the deny rule a condition"))
			}
		}
	}
}

// covering is a deny rule that denies all that a rule is for, or nil.
func covering(o *rule, byHead map[string][]*rule, lengths *[maxHead + 1]bool) *rule {
	head := o.tools[0].tools.head
	for n := range min(len(head), maxHead) + 1 {
		if !lengths[n] {
			continue
		}
		for _, d := range byHead[head[:n]] {
			if d.coversRule(o) {
				return d
			}
		}
	}
	return nil
}

const maxHead = 128 // of patterns that are looked at; no more is lost than a hint

// coversRule reports that d is for all agents and tools that o is for.
func (d *rule) coversRule(o *rule) bool {
	for i := range o.tools {
		covered := false
		for j := range d.tools {
			covered = covered || d.tools[j].tools.covers(&o.tools[i].tools)
		}
		if !covered {
			return false
		}
	}
	for i := range o.agents {
		covered := false
		for j := range d.agents {
			covered = covered || d.agents[j].agents.covers(&o.agents[i].agents)
		}
		if !covered {
			return false
		}
	}
	return true
}

// Warnings tells what is no mistake and mostly not meant: rules that have expired,
// rules that a deny rule without conditions always beats, and unknown_tool: allow.
func (s *Set) Warnings(now time.Time) source.Problems {
	ps := slices.Clone(s.loose)
	for _, rules := range [][]*rule{s.rules, s.shadows} {
		for i := range rules {
			if r := rules[i]; !r.expires.IsZero() && !now.Before(r.expires) {
				ps.Add(*r.expired)
			}
		}
	}
	ps.Sort()
	return ps
}
