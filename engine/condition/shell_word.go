package condition

import (
	"errors"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// word is one word of a command with its quotes resolved.
type word struct {
	text    string
	literal bool // nothing of it is made at run time
}

func wordOf(w *syntax.Word) word {
	out := word{literal: true}
	var b strings.Builder
	for _, part := range w.Parts {
		out.literal = appendPart(&b, part, false) && out.literal
	}
	out.text = b.String()
	if strings.HasPrefix(out.text, "~") {
		if lit, ok := w.Parts[0].(*syntax.Lit); ok && strings.HasPrefix(lit.Value, "~") {
			out.literal = false
		}
	}
	return out
}

// appendPart writes what a part stands for. What is made at run time is written
// as it stands in the line; then false.
func appendPart(b *strings.Builder, part syntax.WordPart, quoted bool) bool {
	switch part := part.(type) {
	case *syntax.Lit:
		return appendLit(b, part.Value, quoted)
	case *syntax.SglQuoted:
		if part.Dollar && strings.Contains(part.Value, `\`) {
			b.WriteString("$'" + part.Value + "'")
			return false
		}
		b.WriteString(part.Value)
		return true
	case *syntax.DblQuoted:
		literal := true
		for _, p := range part.Parts {
			literal = appendPart(b, p, true) && literal
		}
		return literal
	default:
		if err := syntax.NewPrinter().Print(b, part); err != nil {
			b.WriteString("$")
		}
		return false
	}
}

func appendLit(b *strings.Builder, s string, quoted bool) bool {
	literal := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			next := s[i+1]
			switch {
			case next == '\n':
				i++
				continue
			case !quoted || strings.IndexByte("$`\"\\", next) >= 0:
				b.WriteByte(next)
				i++
				continue
			}
		}
		if !quoted && (c == '*' || c == '?' || c == '[') {
			literal = literal && c == '[' && len(s) == 1 // [ is a command of its own
		}
		b.WriteByte(c)
	}
	return literal
}

const maxBraces = 256

// expandBraces returns the words that {a,b} makes of one.
func expandBraces(w *syntax.Word) ([]word, error) {
	if !hasBrace(w) {
		return []word{wordOf(w)}, nil
	}
	split := &syntax.Word{Parts: slices.Clone(w.Parts)} // Walk does not know what SplitBraces makes
	syntax.SplitBraces(split)
	return braces(split)
}

func hasBrace(w *syntax.Word) bool {
	for _, p := range w.Parts {
		if lit, ok := p.(*syntax.Lit); ok && strings.Contains(lit.Value, "{") {
			return true
		}
	}
	return false
}

func braces(w *syntax.Word) ([]word, error) {
	out := []word{{literal: true}}
	for _, part := range w.Parts {
		var ends []word
		if brace, ok := part.(*syntax.BraceExp); ok {
			if brace.Sequence {
				ends = []word{{text: "{…}"}}
			} else {
				for _, elem := range brace.Elems {
					more, err := braces(elem)
					if err != nil {
						return nil, err
					}
					ends = append(ends, more...)
				}
			}
		} else {
			ends = []word{wordOf(&syntax.Word{Parts: []syntax.WordPart{part}})}
		}
		if len(out)*len(ends) > maxBraces {
			return nil, errors.New("braces make too many words")
		}
		next := make([]word, 0, len(out)*len(ends))
		for _, a := range out {
			for _, b := range ends {
				next = append(next, word{a.text + b.text, a.literal && b.literal})
			}
		}
		out = next
	}
	return out, nil
}
