package themes

// Grounds are the backgrounds that themes were chosen for, by name; a theme
// that takes the terminal's own colours has none.
func Grounds() map[string]uint32 {
	out := map[string]uint32{}
	for _, p := range palettes {
		if p.looks[Text].fg.set {
			out[p.name] = p.ground
		}
	}
	return out
}

// Colors are foreground and background of every token; nil where there is none.
func Colors(name string) map[Token][2]*uint32 {
	out := map[Token][2]*uint32{}
	for _, p := range palettes {
		for k, l := range p.looks {
			if p.name == name {
				var pair [2]*uint32
				for i, c := range []color{l.fg, l.bg} {
					if c.set {
						pair[i] = &c.rgb
					}
				}
				out[Token(k)] = pair
			}
		}
	}
	return out
}

// SelectionOf is the background of the selected row.
func SelectionOf(name string) uint32 {
	for _, p := range palettes {
		if p.name == name {
			return p.selection.rgb
		}
	}
	return 0
}
