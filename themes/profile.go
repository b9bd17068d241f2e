package themes

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Profile is what the terminal can show. Who opens the terminal decides it;
// nothing here looks at the environment.
type Profile uint8

// Profiles from least to most. The zero value writes no sequence at all.
const (
	Plain     Profile = iota // text for a file or a pipe
	None                     // no colour, but bold, reverse and underline (NO_COLOR)
	ANSI                     // the terminal's own 16 colours
	ANSI256                  // the fixed palette of 256
	TrueColor                // 24 bits
)

var profileNames = [...]string{Plain: "plain", None: "none", ANSI: "16", ANSI256: "256", TrueColor: "truecolor"}

func (p Profile) String() string {
	if int(p) < len(profileNames) {
		return profileNames[p]
	}
	return fmt.Sprintf("profile(%d)", uint8(p))
}

// attr is a set of attributes that every terminal without colour still has.
type attr uint8

const (
	bold attr = 1 << iota
	underline
	reverse
)

var attrCodes = [...]struct {
	bit  attr
	code string
}{{bold, "1"}, {underline, "4"}, {reverse, "7"}}

// color is one colour for each profile that has any. The 16 are chosen by hand:
// the nearest of 16 is often the wrong meaning.
type color struct {
	rgb uint32
	c16 uint8 // 0 to 15
	set bool
}

func rgb(hex uint32, c16 uint8) color { return color{rgb: hex, c16: c16, set: true} }

// own is one of the terminal's own 16 colours, in every profile.
func own(c16 uint8) color { return color{c16: c16, set: true, rgb: ownColor} }

const ownColor = 1 << 24 // outside 24 bits: there is no such RGB value

// codes appends the SGR parameters of c; base is 30 for text, 40 for background.
func (c color) codes(dst []string, p Profile, base int) []string {
	switch {
	case !c.set || p <= None:
		return dst
	case p == ANSI || c.rgb == ownColor:
		n := base + int(c.c16)
		if c.c16 >= 8 {
			n = base + 60 + int(c.c16) - 8
		}
		return append(dst, strconv.Itoa(n))
	case p == ANSI256:
		return append(dst, fmt.Sprintf("%d;5;%d", base+8, ansi.Convert256(c)))
	}
	return append(dst, fmt.Sprintf("%d;2;%d;%d;%d", base+8, c.rgb>>16&0xff, c.rgb>>8&0xff, c.rgb&0xff))
}

// RGBA makes color a color.Color.
func (c color) RGBA() (r, g, b, a uint32) {
	return (c.rgb >> 16 & 0xff) * 0x101, (c.rgb >> 8 & 0xff) * 0x101, (c.rgb & 0xff) * 0x101, 0xffff
}

// look is a foreground, a background and attributes.
type look struct {
	fg, bg color
	attr   attr
}

// style is the look as SGR sequences for one profile.
func (l look) style(p Profile) Style {
	if p == Plain {
		return Style{}
	}
	var codes []string
	for _, a := range attrCodes {
		if l.attr&a.bit != 0 {
			codes = append(codes, a.code)
		}
	}
	codes = l.fg.codes(codes, p, 30)
	codes = l.bg.codes(codes, p, 40)
	if len(codes) == 0 {
		return Style{}
	}
	return Style{Prefix: "\x1b[" + strings.Join(codes, ";") + "m", Suffix: "\x1b[m"}
}

// makeTheme renders every token once, so that drawing only looks up.
func makeTheme(p palette, profile Profile) *made {
	m := &made{name: p.name, profile: profile}
	for k := range numTokens {
		l := p.looks[k]
		if profile == None {
			l.attr = noColor[k]
		}
		m.plain[k] = l.style(profile)
		switch {
		case !p.selection.set || profile == None:
			l.attr |= reverse
		case l.bg.set || l.attr&reverse != 0:
			// A badge keeps its own ground: it is loud for a reason.
		default:
			l.bg = p.selection
			l.attr |= bold
		}
		m.picked[k] = l.style(profile)
	}
	return m
}
