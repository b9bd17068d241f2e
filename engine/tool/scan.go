package tool

import "bytes"

// member returns the value of a top-level member of a canonical JSON object, or
// nil. quoted is the name as canonical JSON text. Text is skipped and not
// decoded, because a write carries whole files in the member beside the one that
// names the file. What is not canonical JSON yields nil or some part of it.
func member(args, quoted []byte) []byte {
	if len(args) == 0 || args[0] != '{' {
		return nil
	}
	for i := 1; i < len(args) && args[i] == '"'; {
		colon := skipText(args, i)
		if colon < 0 || colon+1 >= len(args) || args[colon] != ':' {
			return nil
		}
		end := skip(args, colon+1)
		if end < 0 || end >= len(args) {
			return nil
		}
		if bytes.Equal(args[i:colon], quoted) {
			return args[colon+1 : end]
		}
		if args[end] != ',' {
			return nil
		}
		i = end + 1
	}
	return nil
}

// scalar reports whether v can name an item.
func scalar(v []byte) bool {
	if len(v) == 0 {
		return false
	}
	return v[0] != '{' && v[0] != '[' && v[0] != 'n'
}

// skip returns the offset after the value that begins at i, or -1.
func skip(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipText(b, i)
	case '{', '[':
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
			if depth == 0 {
				return i
			}
		}
		return -1
	default:
		if n := bytes.IndexAny(b[i:], ",}]"); n >= 0 {
			return i + n
		}
		return -1
	}
}

// skipText returns the offset after the text that begins at i with its opening
// quote, or -1.
func skipText(b []byte, i int) int {
	for at := i + 1; ; {
		n := bytes.IndexByte(b[at:], '"')
		if n < 0 {
			return -1
		}
		quote := at + n
		escapes := 0
		for quote-escapes-1 > i && b[quote-escapes-1] == '\\' {
			escapes++
		}
		at = quote + 1
		if escapes%2 == 0 {
			return at
		}
	}
}
