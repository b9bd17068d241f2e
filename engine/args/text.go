package args

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns what a text says. Without escapes it shares the memory of the
// arguments. Else it is written behind buf, and grown is buf with it: the text
// is good until those bytes are written over.
func (v Value) Text(buf []byte) (text string, grown []byte, err error) {
	if v.Kind() != String {
		return "", buf, fmt.Errorf("%w: want text, found %s", ErrKind, v.Kind())
	}
	inner := v.raw[1 : len(v.raw)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner, buf, nil
	}
	begin := len(buf)
	buf = unescape(buf, inner)
	return view(buf[begin:]), buf, nil
}

// unescape appends s, whose escapes were checked.
func unescape(buf []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return append(buf, s...)
		}
		buf = append(buf, s[:i]...)
		n := escape(s[i:])
		switch c := s[i+1]; c {
		case 'b':
			buf = append(buf, '\b')
		case 'f':
			buf = append(buf, '\f')
		case 'n':
			buf = append(buf, '\n')
		case 'r':
			buf = append(buf, '\r')
		case 't':
			buf = append(buf, '\t')
		case 'u':
			r, _ := hex4(s[i+2:])
			if n == 12 {
				low, _ := hex4(s[i+8:])
				r = utf16.DecodeRune(r, low)
			}
			buf = utf8.AppendRune(buf, r)
		default:
			buf = append(buf, c)
		}
		s = s[i+n:]
	}
}
