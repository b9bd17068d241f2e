package schema

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// members walks over an object. After next, at is the offset of the value, and the
// caller moves it behind the value.
type members struct {
	b       []byte
	at, end int // at is first the offset of the object; end is the offset after it
	begun   bool
	name    []byte // without quotes and escapes
	bad     *mismatch
}

// next goes to the next member. It is false at the end, and when bad is set.
// Canonical members are sorted, so that two with one name cannot hide from each
// other.
func (m *members) next() bool {
	before, first := m.name, !m.begun
	m.begun = true
	switch {
	case m.bad != nil:
		return false
	case first && m.at+2 == m.end:
		return false
	case !first && m.at == m.end-1:
		return false
	case !first && m.b[m.at] != ',':
		return m.fail("not canonical JSON")
	}
	i := m.at + 1
	colon := -1
	if i < m.end && m.b[i] == '"' {
		colon = skipText(m.b, i)
	}
	if colon < 0 || colon >= m.end || m.b[colon] != ':' {
		return m.fail("not canonical JSON")
	}
	m.name = m.b[i+1 : colon-1]
	if bytes.IndexByte(m.name, '\\') >= 0 {
		name, err := jsontext.AppendUnquote(nil, m.b[i:colon])
		if err != nil {
			return m.fail("not canonical JSON")
		}
		m.name = name
	}
	if c := compare(before, m.name); !first && c == 0 {
		m.bad = (&mismatch{msg: "is there twice"}).under(step(string(m.name)))
		return false
	} else if !first && c > 0 {
		return m.fail("not canonical JSON: the members are not sorted")
	}
	m.at = colon + 1
	return true
}

// pass moves behind a value that nobody looks at.
func (m *members) pass() {
	if m.at = skip(m.b, m.at); m.at < 0 {
		m.fail("not canonical JSON")
	}
}

func (m *members) fail(msg string) bool {
	m.bad = &mismatch{msg: msg}
	return false
}

// compare orders names as RFC 8785 does, by UTF-16. That differs from the order of
// the bytes only where a surrogate, which begins with 0xd8 in UTF-16 and with 0xf0
// or more in UTF-8, meets a character from 0xe000, which begins with 0xee or 0xef.
func compare(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0) {
			x, y = y, x
		}
		if x < y {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// twins reports whether the names differ in the case of their letters only.
func twins(a []byte, b string) bool {
	for len(a) > 0 && b != "" {
		x, n := utf8.DecodeRune(a)
		y, k := utf8.DecodeRuneInString(b)
		if x != y && fold(x) != fold(y) {
			return false
		}
		a, b = a[n:], b[k:]
	}
	return len(a) == 0 && b == ""
}

// fold is the first of all letters that differ from r in case only.
func fold(r rune) rune {
	first := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		first = min(first, f)
	}
	return first
}
