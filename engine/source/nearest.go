package source

import (
	"fmt"
	"strings"
)

// longestName bounds the work of Nearest; no name that people type is longer.
const longestName = 64

// Nearest returns the one of names that name was most likely meant to be: at
// most a third of its letters (and always one) inserted, left out, changed or
// swapped, letter case aside. Of equally near names the first in the alphabet
// is returned.
func Nearest(name string, names []string) (string, bool) {
	if name == "" || len(name) > longestName {
		return "", false
	}
	limit := max(1, len(name)/3)
	best, found := "", false
	for _, n := range names {
		if n == "" || len(n) > longestName {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(n))
		// A name changed in every letter is not a misspelling of anything.
		if d > limit || d >= max(len(name), len(n)) {
			continue
		}
		if d < limit || !found || n < best {
			best, found, limit = n, true, d
		}
	}
	return best, found
}

// DidYouMean is the hint for a name that is not among names, or empty when none
// of them is near.
func DidYouMean(name string, names []string) string {
	n, ok := Nearest(name, names)
	if !ok {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", n)
}

// distance counts insertions, deletions, substitutions and swaps of neighbours
// that turn a into b.
func distance(a, b string) int {
	var rows [3][longestName + 1]int
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		for j := 1; j <= len(b); j++ {
			change := 0
			if a[i-1] != b[j-1] {
				change = 1
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
