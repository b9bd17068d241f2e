package policy

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// fewPatterns is how many patterns are faster tried in turn than looked up.
const fewPatterns = 12

// none is the rank when nothing matches; it comes after every rank.
const none = int32(math.MaxInt32)

// ranked is a pattern and what it stands for.
type ranked struct {
	pattern
	rank int32
}

// index finds the lowest rank among many patterns that match a name.
type index struct {
	low   int32            // the lowest rank of all
	every int32            // of the pattern "*"
	exact map[string]int32 // of patterns without "*"
	heads heads            // all others
}

// byRank sorts patterns for first.
func byRank(all []ranked) []ranked {
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	return all
}

// first is the lowest rank in a few patterns that are sorted by rank.
func first(few []ranked, name string) int32 {
	for i := range few {
		if few[i].match(name) {
			return few[i].rank
		}
	}
	return none
}

func newIndex(all []ranked) *index {
	ix := &index{low: none, every: none, exact: map[string]int32{}}
	var globs []ranked
	opened := map[string]bool{}
	for _, p := range byRank(slices.Clone(all)) {
		ix.low = min(ix.low, p.rank)
		switch {
		case p.glob != nil && opened[p.head]:
			// A lower rank matches all that this one could.
		case p.all():
			ix.every = min(ix.every, p.rank)
		case p.glob != nil:
			globs = append(globs, p)
			opened[p.head] = p.open()
		default:
			if _, ok := ix.exact[p.head]; !ok {
				ix.exact[p.head] = p.rank
			}
		}
	}
	ix.heads = newHeads(globs)
	return ix
}

func (ix *index) best(name string) int32 {
	best := ix.every
	if r, ok := ix.exact[name]; ok {
		best = min(best, r)
	}
	for _, n := range ix.heads.lengths {
		if n > len(name) {
			break
		}
		list := ix.heads.at[name[:n]]
		for i := range list {
			p := &list[i]
			if p.rank >= best {
				break
			}
			if p.match(name) {
				best = p.rank
				break
			}
		}
	}
	return best
}

// heads finds patterns by the text before their first "*".
type heads struct {
	at      map[string][]ranked // rising rank
	lengths []int               // of the keys of at, rising
}

// newHeads takes patterns in rising rank.
func newHeads(globs []ranked) heads {
	h := heads{at: map[string][]ranked{}}
	seen := map[int]bool{}
	for _, p := range globs {
		h.at[p.head] = append(h.at[p.head], p)
		seen[len(p.head)] = true
	}
	h.lengths = slices.Sorted(maps.Keys(seen))
	return h
}
