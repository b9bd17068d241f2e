package args

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// MaxDepth bounds how deep lists and objects may stand in each other.
const MaxDepth = 512

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// skip returns the offset after the value that begins at i, and checks its syntax
// whole. Names of members are not compared: see Members.
func skip(s string, i, depth int) (int, error) {
	if i >= len(s) {
		return 0, syntax(i, "want a value, found the end")
	}
	switch c := s[i]; {
	case c == '"':
		end, _, err := skipText(s, i)
		return end, err
	case c == '-' || '0' <= c && c <= '9':
		return skipNumber(s, i)
	case c == '{' || c == '[':
		return skipNest(s, i, depth+1)
	case c == 't':
		return skipWord(s, i, "true")
	case c == 'f':
		return skipWord(s, i, "false")
	case c == 'n':
		return skipWord(s, i, "null")
	}
	return 0, syntax(i, "want a value")
}

func skipWord(s string, i int, word string) (int, error) {
	if len(s)-i < len(word) || s[i:i+len(word)] != word {
		return 0, syntax(i, "want "+word)
	}
	return i + len(word), nil
}

func skipNest(s string, i, depth int) (int, error) {
	if depth > MaxDepth {
		return 0, syntax(i, "nested too deep")
	}
	named, closing := s[i] == '{', byte(']')
	if named {
		closing = '}'
	}
	i = skipSpace(s, i+1)
	if i < len(s) && s[i] == closing {
		return i + 1, nil
	}
	for {
		var err error
		if named {
			if _, i, _, err = skipName(s, i); err != nil {
				return 0, err
			}
		}
		if i, err = skip(s, i, depth); err != nil {
			return 0, err
		}
		i = skipSpace(s, i)
		switch {
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		case i < len(s) && s[i] == closing:
			return i + 1, nil
		default:
			return 0, syntax(i, "want a comma or the end of the "+map[bool]string{true: "object", false: "list"}[named])
		}
	}
}

// skipName goes over a member's name and its colon: end is after the closing
// quote, next where the value begins.
func skipName(s string, i int) (end, next int, plain bool, err error) {
	if i >= len(s) || s[i] != '"' {
		return 0, 0, false, syntax(i, "want a member name")
	}
	if end, plain, err = skipText(s, i); err != nil {
		return 0, 0, false, err
	}
	next = skipSpace(s, end)
	if next >= len(s) || s[next] != ':' {
		return 0, 0, false, syntax(next, "want a colon")
	}
	return end, skipSpace(s, next+1), plain, nil
}

// skipNumber checks the grammar of JSON: no leading zeros, no bare point.
func skipNumber(s string, i int) (int, error) {
	begin := i
	if s[i] == '-' {
		i++
	}
	whole := i
	i = skipDigits(s, i)
	if i == whole || s[whole] == '0' && i > whole+1 {
		return 0, syntax(begin, "bad number")
	}
	if i < len(s) && s[i] == '.' {
		fraction := i + 1
		if i = skipDigits(s, fraction); i == fraction {
			return 0, syntax(begin, "bad number")
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		exponent := i
		if i = skipDigits(s, i); i == exponent {
			return 0, syntax(begin, "bad number")
		}
	}
	return i, nil
}

func skipDigits(s string, i int) int {
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, by the highest bit of each of eight bytes, those that skipText
// must look at: quotes, backslashes, controls and bytes beyond ASCII. A byte
// after the first marked one may be marked in error.
func special(w uint64) uint64 {
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((quote - ones) | (slash - ones) | (w - ones*0x20) | w) & highs
}

// skipText returns the offset after the text that begins at i with its opening
// quote. plain: it holds no escapes.
func skipText(s string, i int) (end int, plain bool, err error) {
	begin := i + 1
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	ascii, plain := true, true
	for i = begin; ; {
		for i+8 <= len(b) {
			m := special(binary.LittleEndian.Uint64(b[i:]))
			if m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		if i >= len(s) {
			return 0, false, syntax(begin-1, "text without its closing quote")
		}
		switch c := s[i]; {
		case c == '"':
			if !ascii && !utf8.ValidString(s[begin:i]) {
				return 0, false, syntax(begin-1, "text is not UTF-8")
			}
			return i + 1, plain, nil
		case c == '\\':
			plain = false
			n := escape(s[i:])
			if n == 0 {
				return 0, false, syntax(i, "bad escape")
			}
			i += n
		case c < 0x20:
			return 0, false, syntax(i, "control character in text")
		default:
			ascii = ascii && c < utf8.RuneSelf
			i++
		}
	}
}

// escape returns how long the escape is that s begins with, or 0. A half of a
// surrogate pair alone is no character: readers differ in what they make of it.
func escape(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r, ok := hex4(s[2:])
		switch {
		case !ok || 0xDC00 <= r && r < 0xE000:
			return 0
		case r < 0xD800 || r >= 0xE000:
			return 6
		}
		if len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
			return 0
		}
		if low, ok := hex4(s[8:]); ok && 0xDC00 <= low && low < 0xE000 {
			return 12
		}
	}
	return 0
}

func hex4(s string) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for i := range 4 {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
