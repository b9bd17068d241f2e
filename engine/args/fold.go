package args

import (
	"strings"
	"unicode"
)

// fold maps two names to one text exactly when strings.EqualFold holds for them.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}
