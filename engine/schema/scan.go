package schema

import "bytes"

// skip returns the offset after the value that begins at i, or -1. It finds the
// end and does not check what is inside.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipText(b, i)
	case '{', '[':
		shut := b[i] + 2 // in ASCII
		for depth := 0; i >= 0 && i < len(b); {
			switch b[i] {
			case '"':
				i = skipText(b, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			i++
			if depth == 0 && b[i-1] == shut {
				return i
			} else if depth == 0 {
				return -1
			}
		}
		return -1
	}
	end := i
	for end < len(b) && b[end] != ',' && b[end] != '}' && b[end] != ']' {
		end++
	}
	if end == i {
		return -1
	}
	return end
}

// skipText returns the offset after the text that begins at i with its opening
// quote, or -1.
func skipText(b []byte, i int) int {
	for at := i + 1; ; {
		n := bytes.IndexByte(b[at:], '"')
		if n < 0 {
			return -1
		}
		quote, escapes := at+n, 0
		for b[quote-escapes-1] == '\\' { // ends at the opening quote at the latest
			escapes++
		}
		at = quote + 1
		if escapes%2 == 0 {
			return at
		}
	}
}

// number reports whether b is a number in JSON, and whether it is written without
// fraction and exponent.
func number(b []byte) (whole, ok bool) {
	rest := bytes.TrimPrefix(b, []byte("-"))
	n := digits(rest)
	if n == 0 || n > 1 && rest[0] == '0' {
		return false, false
	}
	rest, whole = rest[n:], n == len(rest)
	if len(rest) > 0 && rest[0] == '.' {
		if n = digits(rest[1:]); n == 0 {
			return false, false
		}
		rest = rest[1+n:]
	}
	if len(rest) > 0 && rest[0]|0x20 == 'e' {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		if n = digits(rest); n == 0 {
			return false, false
		}
		rest = rest[n:]
	}
	return whole, len(rest) == 0
}

func digits(b []byte) int {
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	return n
}
