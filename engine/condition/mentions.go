package condition

import (
	"errors"
	"path"
	"strings"

	"m1/engine/args"
)

// glob is one pattern of mentions, in lower case.
type glob struct {
	absolute bool
	parts    []string
	literal  string // what every match holds; empty when nothing is sure
}

var errGlob = errors.New("mentions: want patterns such as **/.env")

func globOf(pattern string) (glob, error) {
	p := strings.ToLower(pattern)
	g := glob{absolute: strings.HasPrefix(p, "/")}
	for part := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsAny(part, `?[]{}\`) || strings.Contains(part, "**") && part != "**" {
			return glob{}, errGlob
		}
		g.parts = append(g.parts, part)
		for bit := range strings.SplitSeq(part, "*") {
			if len(bit) > len(g.literal) {
				g.literal = bit
			}
		}
	}
	return g, nil
}

func globsOf(patterns []string) ([]glob, error) {
	gs := make([]glob, len(patterns))
	for i, p := range patterns {
		var err error
		if gs[i], err = globOf(p); err != nil {
			return nil, err
		}
	}
	return gs, nil
}

// mentionsValue looks at every text in v, names of members included.
func (in *Input) mentionsValue(v args.Value, gs []glob) (bool, error) {
	switch v.Kind() {
	case args.String:
		keep := len(in.buf)
		found := mentionsText(in.text(v), gs)
		in.buf = in.buf[:keep]
		return found, nil
	case args.List:
		elements, err := v.Elements()
		if err != nil {
			return false, err
		}
		for {
			e, ok := elements.Next()
			if !ok {
				return false, nil
			}
			if found, err := in.mentionsValue(e, gs); found || err != nil {
				return found, err
			}
		}
	case args.Object:
		return in.mentionsObject(v, gs)
	}
	return false, nil
}

func (in *Input) mentionsObject(v args.Value, gs []glob) (bool, error) {
	var m args.Members
	if err := m.Read(v); err != nil {
		return false, err
	}
	return in.mentionsMembers(&m, gs)
}

func (in *Input) mentionsMembers(m *args.Members, gs []glob) (bool, error) {
	for i := range m.Len() {
		name, v := m.At(i)
		if mentionsText(name, gs) {
			return true, nil
		}
		if found, err := in.mentionsValue(v, gs); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// mentionsText looks at s, at its words, and at what becomes of both without
// quotes, with escapes of URLs undone and with slashes for backslashes.
func mentionsText(s string, gs []glob) bool {
	if mentionsWords(s, gs) {
		return true
	}
	if strings.ContainsAny(s, `'"\`) {
		if mentionsWords(unquoted.Replace(s), gs) || mentionsWords(strings.ReplaceAll(s, `\`, "/"), gs) {
			return true
		}
	}
	for range 3 { // %252e is %2e is a dot
		if strings.IndexByte(s, '%') < 0 {
			break
		}
		plain := percentDecoded(s)
		if plain == s {
			break
		}
		s = plain
		if mentionsWords(s, gs) || mentionsWords(strings.ReplaceAll(s, `\`, "/"), gs) {
			return true
		}
	}
	return false
}

var unquoted = strings.NewReplacer("'", "", `"`, "", "\\\n", "", `\`, "")

// between are the characters that part words: those of shells, of URLs and of
// flags.
const between = " \t\r\n\x00'\"`;|&()<>{}[],=:?#@$!^"

func mentionsWords(s string, gs []glob) bool {
	possible := false
	for i := range gs {
		if containsFold(s, gs[i].literal) {
			possible = true
			break
		}
	}
	if !possible {
		return false
	}
	if mentionsPath(s, gs) {
		return true
	}
	for len(s) > 0 {
		n := strings.IndexAny(s, between)
		word := s
		if n >= 0 {
			word, s = s[:n], s[n+1:]
		} else {
			s = ""
		}
		if word != "" && mentionsPath(word, gs) {
			return true
		}
	}
	return false
}

func mentionsPath(p string, gs []glob) bool {
	for i := range gs {
		if containsFold(p, gs[i].literal) {
			return mentionsCleaned(strings.ToLower(path.Clean(p)), gs)
		}
	}
	return false
}

func mentionsCleaned(p string, gs []glob) bool {
	absolute := strings.HasPrefix(p, "/")
	parts := strings.Split(strings.Trim(p, "/"), "/")
	for i := range gs {
		if g := &gs[i]; (!g.absolute || absolute) && (g.parts[0] == "**" || g.absolute || !absolute) && matchParts(g.parts, parts) {
			return true
		}
	}
	return false
}

func matchParts(pattern, parts []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for len(pattern) > 1 && pattern[1] == "**" {
				pattern = pattern[1:]
			}
			for skip := range len(parts) + 1 {
				if matchParts(pattern[1:], parts[skip:]) {
					return true
				}
			}
			return false
		}
		if len(parts) == 0 || !matchPart(pattern[0], parts[0]) {
			return false
		}
		pattern, parts = pattern[1:], parts[1:]
	}
	return len(parts) == 0
}

// matchPart matches one part, where * is any run of characters.
func matchPart(pattern, s string) bool {
	star, retry := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, i
			p++
		case p < len(pattern) && pattern[p] == s[i]:
			p++
			i++
		case star >= 0:
			retry++
			p, i = star+1, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// containsFold reports whether s contains sub, which is in lower case, in any
// letter case of ASCII.
func containsFold(s, sub string) bool {
	if sub == "" {
		return true
	}
	first := sub[0]
	letter := 'a' <= first && first <= 'z'
	for i := 0; i+len(sub) <= len(s); i++ {
		if !letter {
			n := strings.IndexByte(s[i:], first)
			if n < 0 {
				return false
			}
			i += n
			if i+len(sub) > len(s) {
				return false
			}
		} else if s[i]|0x20 != first {
			continue
		}
		if strings.EqualFold(s[i:i+len(sub)], sub) {
			return true
		}
	}
	return false
}

func percentDecoded(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, ok1 := unhex(s[i+1])
			lo, ok2 := unhex(s[i+2])
			if ok1 && ok2 {
				b = append(b, hi<<4|lo)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
