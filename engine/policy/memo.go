package policy

import (
	"hash/maphash"
	"sync/atomic"

	"m1/engine/call"
	"m1/engine/condition"
)

// pair is what the rules leave open for one agent with one tool. It is immutable.
type pair struct {
	key   string     // agent and tool in one, which the processor fetches at once
	split int        // where the tool begins
	limit call.Scope // the most that the agent may do; NoScope: nobody knows it
	steps []step     // what is left to ask, the strongest first
	few   [2]step    // holds steps if they fit
}

func (p *pair) is(agent, tool string) bool {
	return p.split == len(agent) && len(p.key) == len(agent)+len(tool) && p.key[:p.split] == agent && p.key[p.split:] == tool
}

// step is one rule before one tool.
type step struct {
	rule   *rule
	when   *condition.Condition // nil with rule.when.some: it could not be typed
	amount *condition.Amount
}

// The memo is 4-way: a pair has one place, a set, and is one of the four there.
// 8,192 sets hold 32,768 pairs. Long names and long residues are not kept, so
// that no caller can make it large.
const (
	memoSets  = 8192
	memoWays  = 4
	memoName  = 512
	memoSteps = 1 << 20 // of all pairs together
)

type memoSet [memoWays]atomic.Pointer[pair]

// memo remembers pairs. It dies with its Set, so that a new policy never meets
// what an old one left.
type memo struct {
	seed maphash.Seed
	sets atomic.Pointer[[memoSets]memoSet]
	held atomic.Int64 // steps
}

func (m *memo) place(agent, tool string) uint64 {
	a, t := maphash.String(m.seed, agent), maphash.String(m.seed, tool)
	return a ^ (t<<21 | t>>43) // else an agent named like its tool would cancel out
}

// get compares whole strings: that two pairs share a place never matters.
func (m *memo) get(place uint64, agent, tool string) *pair {
	sets := m.sets.Load()
	if sets == nil {
		return nil
	}
	set := &sets[place%memoSets]
	for i := range set {
		if p := set[i].Load(); p != nil && p.is(agent, tool) {
			return p
		}
	}
	return nil
}

func (m *memo) put(place uint64, agent, tool string, p *pair) {
	n := int64(len(p.steps))
	if len(agent)+len(tool) > memoName || m.held.Load()+n > memoSteps {
		return
	}
	sets := m.sets.Load()
	if sets == nil {
		m.sets.CompareAndSwap(nil, new([memoSets]memoSet))
		sets = m.sets.Load()
	}
	p.key, p.split = agent+tool, len(agent)
	set := &sets[place%memoSets]
	m.held.Add(n)
	for i := range set {
		if set[i].CompareAndSwap(nil, p) {
			return
		}
	}
	old := set[place>>32%memoWays].Swap(p)
	m.held.Add(-int64(len(old.steps)))
}

// pair finds what is left to ask, and whether it came from memory.
func (s *Set) pair(r *Request) (*pair, bool) {
	agent := string(r.Agent)
	place := s.memo.place(agent, r.Tool)
	if p := s.memo.get(place, agent, r.Tool); p != nil {
		return p, true
	}
	p := s.newPair(agent, r.Tool)
	s.memo.put(place, agent, r.Tool, p)
	return p, false
}

func (s *Set) newPair(agent, tool string) *pair {
	p := &pair{}
	p.limit, _ = s.classes.of(agent)
	if p.limit == call.NoScope {
		return p
	}
	f := finding{bound: none, cut: s.cut}
	f.ranks = f.few[:0]
	s.enforce.find(tool, agent, &f)
	ranks := f.sorted()
	if len(ranks) == 0 {
		return p
	}
	kind := s.kinds[tool]
	if p.steps = p.few[:]; len(ranks) > len(p.few) {
		p.steps = make([]step, len(ranks))
	}
	p.steps = p.steps[:len(ranks)]
	for i, rank := range ranks {
		p.steps[i] = s.rules[rank].step(kind)
	}
	return p
}

func (r *rule) step(kind int32) step {
	st := step{rule: r}
	if r.when.some {
		st.when = r.when.of(kind)
	}
	if r.amount.some {
		st.amount = r.amount.of(kind)
	}
	return st
}
