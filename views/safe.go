package views

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/clipperhouse/displaywidth"
)

// Safe is text that does nothing but stand there: every rune is visible, takes
// the same cells in every terminal and acts on nothing around it. Only MakeSafe
// makes one; the zero value is the empty text.
type Safe struct {
	text  string
	cells int
	ascii bool // one byte a cell
}

const (
	maxSafe  = 4096 // bytes of input that are looked at; the rest becomes one …
	maxMarks = 2    // combining marks in a row that a writing system needs
)

// MakeSafe shows what acts instead of deleting it, so that a reader sees that
// somebody tried: a carriage return becomes ␍, a change of direction ‹U+202E›,
// a byte that is no UTF-8 ‹0xFF›. It never fails, gives the same text again for
// its own result, and costs nothing for printable ASCII.
func MakeSafe(s string) Safe {
	cut := len(s) > maxSafe
	if cut {
		s = s[:runeStart(s, maxSafe)]
	}
	if isPlain(s) {
		if !cut {
			return Safe{text: s, cells: len(s), ascii: true}
		}
		return Safe{text: s + "…", cells: len(s) + 1}
	}
	out, _ := show(s)
	out = agree(out)
	if cut {
		out += "…"
	}
	return Safe{text: out, cells: ansi.StringWidth(out)}
}

// cellText is MakeSafe for a cell of a table: it looks only at as much of s as
// the widest cell can show, so that a table of huge names stays cheap to draw.
func cellText(s string) Safe {
	const enough = 1024 // 85 cells, if each holds a letter with two marks
	if len(s) > enough {
		s = s[:runeStart(s, enough)]
	}
	return MakeSafe(s)
}

// cellTail is cellText for a cell that shows the end of s.
func cellTail(s string) Safe {
	const enough = 1024
	if len(s) > enough {
		s = s[runeStart(s, len(s)-enough):]
	}
	return MakeSafe(s)
}

// String is the text.
func (s Safe) String() string { return s.text }

// Width is the number of cells.
func (s Safe) Width() int { return s.cells }

// IsEmpty tells whether there is anything to see.
func (s Safe) IsEmpty() bool { return s.cells == 0 }

// Clip is s in at most n cells, with … as the last one if something is missing.
func (s Safe) Clip(n int) Safe {
	switch {
	case s.cells <= n:
		return s
	case n <= 0:
		return Safe{}
	case s.ascii:
		return Safe{text: s.text[:n-1] + "…", cells: n}
	}
	text := ansi.Truncate(s.text, n, "…")
	return Safe{text: text, cells: ansi.StringWidth(text)}
}

// Tail is s in at most n cells, with … as the first one if something is missing:
// for names that differ at their end.
func (s Safe) Tail(n int) Safe {
	switch {
	case s.cells <= n:
		return s
	case n <= 0:
		return Safe{}
	case s.ascii:
		return Safe{text: "…" + s.text[s.cells-n+1:], cells: n}
	}
	text := ansi.TruncateLeft(s.text, s.cells-n+1, "…")
	for cut := s.cells - n + 2; ansi.StringWidth(text) > n && cut <= s.cells; cut++ { // half of a wide rune
		text = ansi.TruncateLeft(s.text, cut, "…")
	}
	return Safe{text: text, cells: ansi.StringWidth(text)}
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// runeStart moves a cut back to where a rune begins.
func runeStart(s string, at int) int {
	for i := at; i > 0 && i > at-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			return i
		}
	}
	return at
}

// show replaces every rune that is not plainly visible, and counts them.
func show(s string) (shown string, replaced int) {
	var b strings.Builder
	b.Grow(len(s) + 16)
	marks := maxMarks // a mark at the start would sit on what stands before the text
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.Is(unicode.Mn, r) && marks < maxMarks && !hidden(r):
			b.WriteRune(r)
			marks++
		case visible(r) && (r != utf8.RuneError || size > 1):
			b.WriteRune(r)
			marks = 0
		default:
			marks = maxMarks // nothing may sit on what we write ourselves
			replace(&b, r, s[i:i+size])
			replaced++
		}
		i += size
	}
	return b.String(), replaced
}

// hiddenIn counts what stands in s and cannot be seen there; ends of lines and
// tabs are not meant to be seen.
func hiddenIn(s string) int {
	if isPlain(s) {
		return 0
	}
	_, n := show(s)
	return n - strings.Count(s, "\n") - strings.Count(s, "\t") - strings.Count(s, "\r\n")
}

// whole cuts a text of any length into lines of at most n cells, with a new one
// after each line feed. Nothing is left out.
func whole(s string, n int) (lines []Safe) {
	for line := range strings.Lines(s) {
		for len(line) > maxSafe {
			cut := runeStart(line, maxSafe)
			if space := strings.LastIndexByte(line[:cut], ' '); space > cut/2 {
				cut = space + 1
			}
			lines = append(lines, MakeSafe(line[:cut]).wrap(n)...)
			line = line[cut:]
		}
		lines = append(lines, MakeSafe(line).wrap(n)...)
	}
	return lines
}

// replace writes what stands for r, which raw holds.
func replace(b *strings.Builder, r rune, raw string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		fmt.Fprintf(b, "‹0x%02X›", raw[0])
	case r < 0x20:
		b.WriteRune('␀' + r)
	case r == 0x7f:
		b.WriteRune('␡')
	default:
		escape(b, r)
	}
}

func escape(b *strings.Builder, r rune) { fmt.Fprintf(b, "‹U+%04X›", r) }

// visible tells whether r has ink of its own and takes the same cells wherever
// it stands. unicode.IsPrint already refuses controls, formats (bidi, zero
// width, tags), separators, surrogates, private use and unassigned runes.
func visible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unicode.M, r) && !hidden(r) && runeWidth(r) > 0
}

// hidden are runes that print as nothing, or change their neighbours, although
// Unicode counts them among letters, marks and symbols.
func hidden(r rune) bool {
	switch {
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x2800: // joiner, fillers, blank braille
		return true
	case r >= 0x17b4 && r <= 0x17b5, r >= 0x180b && r <= 0x180f, r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef: // variation selectors
		return true
	case r >= 0x20d0 && r <= 0x20ff: // marks for symbols: overlays, keycaps
		return true
	case r >= 0x1f1e6 && r <= 0x1f1ff, r >= 0x1f3fb && r <= 0x1f3ff: // halves of flags, skin tones
		return true
	}
	return false
}

// runeWidth is 0 where the two ways to measure do not agree.
func runeWidth(r rune) int {
	var buf [utf8.UTFMax]byte
	s := string(buf[:utf8.EncodeRune(buf[:], r)])
	if w := ansi.StringWidth(s); w == ansi.StringWidthWc(s) {
		return w
	}
	return 0
}

// agree escapes what terminals measure differently: some count runes, some
// count what a reader takes for one letter. A border drawn after such a text
// would stand in another column.
func agree(s string) string {
	if ansi.StringWidth(s) == ansi.StringWidthWc(s) {
		return s
	}
	var b strings.Builder
	for g := displaywidth.StringGraphemes(s); g.Next(); {
		part := g.Value()
		if g.Width() == ansi.StringWidthWc(part) {
			b.WriteString(part)
			continue
		}
		for i, r := range part {
			if i == 0 && runeWidth(r) > 0 {
				b.WriteRune(r)
				continue
			}
			escape(&b, r)
		}
	}
	if out := b.String(); ansi.StringWidth(out) == ansi.StringWidthWc(out) {
		return out
	}
	b.Reset()
	for _, r := range s {
		if r < utf8.RuneSelf || r >= '␀' && r <= '␡' || r == '‹' || r == '›' || r == '…' {
			b.WriteRune(r)
		} else {
			escape(&b, r)
		}
	}
	return b.String()
}
