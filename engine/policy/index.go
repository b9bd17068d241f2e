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

// byRank sorts patterns in rising rank.
func byRank(all []ranked) []ranked {
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	return all
}

// index finds the ranks of patterns that match a name.
type index struct {
	low   int32              // the lowest rank of all
	every []int32            // of the pattern "*", rising
	exact map[string][]int32 // of patterns without "*", rising
	heads heads              // all others
}

// newIndex takes patterns in rising rank.
func newIndex(all []ranked) *index {
	ix := &index{low: none}
	if len(all) > 0 {
		ix.low = all[0].rank
	}
	var globs []ranked
	for _, p := range all {
		switch {
		case p.all():
			ix.every = append(ix.every, p.rank)
		case p.glob != nil:
			globs = append(globs, p)
		default:
			if ix.exact == nil {
				ix.exact = make(map[string][]int32, len(all))
			}
			ix.exact[p.head] = append(ix.exact[p.head], p.rank)
		}
	}
	ix.heads = newHeads(globs)
	return ix
}

func (ix *index) find(name string, f *finding) {
	for _, rank := range ix.every {
		if !f.add(rank) {
			break
		}
	}
	for _, rank := range ix.exact[name] {
		if !f.add(rank) {
			break
		}
	}
	for _, n := range ix.heads.lengths {
		if n > len(name) {
			break
		}
		list := ix.heads.at[name[:n]]
		for i := range list {
			p := &list[i]
			if p.rank >= f.bound {
				break
			}
			if p.match(name) && !f.add(p.rank) {
				break
			}
		}
	}
}

// first is the lowest rank that matches.
func (ix *index) first(name string) int32 {
	f := finding{bound: none}
	f.ranks = f.few[:0]
	ix.find(name, &f)
	if len(f.ranks) == 0 {
		return none
	}
	return slices.Min(f.ranks)
}

// finding collects ranks below a bound that falls while it finds.
type finding struct {
	ranks []int32
	cut   []int32 // by rank, how far the bound falls; nil: it does not
	bound int32
	few   [32]int32
}

// add reports whether a greater rank could be added too.
func (f *finding) add(rank int32) bool {
	if rank >= f.bound {
		return false
	}
	f.ranks = append(f.ranks, rank)
	if f.cut != nil {
		f.bound = min(f.bound, f.cut[rank])
	}
	return true
}

// sorted are the ranks below the bound, rising, each once.
func (f *finding) sorted() []int32 {
	slices.Sort(f.ranks)
	ranks := slices.Compact(f.ranks)
	n, _ := slices.BinarySearch(ranks, f.bound)
	return ranks[:n]
}

// heads finds patterns by the text before their first "*".
type heads struct {
	at      map[string][]ranked // rising rank
	lengths []int               // of the keys of at, rising
}

// newHeads takes patterns in rising rank.
func newHeads(globs []ranked) heads {
	if len(globs) == 0 {
		return heads{}
	}
	h := heads{at: map[string][]ranked{}}
	seen := map[int]bool{}
	for _, p := range globs {
		h.at[p.head] = append(h.at[p.head], p)
		seen[len(p.head)] = true
	}
	h.lengths = slices.Sorted(maps.Keys(seen))
	return h
}
