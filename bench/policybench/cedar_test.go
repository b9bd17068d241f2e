package policybench

import (
	"iter"
	"math"

	"github.com/cedar-policy/cedar-go"

	"m1/bench/policybench/mix"
)

func parseCedar(m *mix.Mix) *cedar.PolicySet {
	set, err := cedar.NewPolicySetFromBytes("mix.cedar", m.Cedar())
	must(err)
	return set
}

// entities are the agents in their teams.
func entities(m *mix.Mix) cedar.EntityMap {
	all := cedar.EntityMap{}
	for _, a := range m.Agents {
		id := cedar.NewEntityUID("Agent", cedar.String(a))
		team := cedar.NewEntityUID("Team", cedar.String(mix.Team(a)))
		all[id] = cedar.Entity{UID: id, Parents: cedar.NewEntityUIDSet(team)}
		all[team] = cedar.Entity{UID: team}
	}
	return all
}

// authorizing is cedar-go with the policies that are given for a tool.
func authorizing(m *mix.Mix, about func(tool string) cedar.PolicyIterator) loaded {
	who, where := entities(m), cedar.NewEntityUID("Gateway", "one")
	return deciding(
		func(agent, tool string, a arguments) cedar.Request {
			return cedar.Request{
				Principal: cedar.NewEntityUID("Agent", cedar.String(agent)),
				Action:    cedar.NewEntityUID("Action", cedar.String(tool)),
				Resource:  where,
				Context: cedar.NewRecord(cedar.RecordMap{
					"tool":  cedar.String(tool),
					"path":  cedar.String(a.Path),
					"cents": cedar.Long(math.Round(100 * a.Amount)),
				}),
			}
		},
		func(r *cedar.Request) bool {
			decision, diagnostic := cedar.Authorize(about(string(r.Action.ID)), who, *r)
			if len(diagnostic.Errors) > 0 {
				panic(diagnostic.Errors[0])
			}
			return decision == cedar.Allow
		},
	)
}

// loadCedar looks at the whole set for every call: cedar-go has no index.
func loadCedar(m *mix.Mix) loaded {
	set := parseCedar(m)
	return authorizing(m, func(string) cedar.PolicyIterator { return set })
}

// policies are a few of a set.
type policies []named

type named struct {
	id cedar.PolicyID
	*cedar.Policy
}

func (ps policies) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, p := range ps {
			if !yield(p.id, p.Policy) {
				return
			}
		}
	}
}

// loadCedarIndex hands cedar-go only the policies that can be about the tool.
func loadCedarIndex(m *mix.Mix) loaded {
	byID := map[string]named{}
	for id, p := range parseCedar(m).All() {
		byID[string(p.Annotations()["id"])] = named{id, p}
	}
	x := newIndex(m, func(r *mix.Rule) named { return byID[r.ID] })
	return authorizing(m, func(tool string) cedar.PolicyIterator { return policies(x.about(tool)) })
}
