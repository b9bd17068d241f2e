package views

import (
	"math"
	"strings"

	"m1/themes"
)

// eighths of a cell, from the left and from below.
var (
	fromLeft  = [...]rune{' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'}
	fromBelow = [...]rune{' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}
)

// bar draws a share of w cells over a track, to an eighth of a cell. More than
// 1 fills it; anything above 0 is visible.
func (a area) bar(x, y, w int, k themes.Token, ratio float64) {
	a.fill(x, y, w, themes.Border, '·')
	part := partOf(w, ratio)
	a.fill(x, y, part/8, k, '█')
	if part%8 > 0 {
		a.set(x+part/8, y, k, fromLeft[part%8])
	}
}

// partOf is a share of w cells in eighths of a cell.
func partOf(w int, ratio float64) int {
	if !finite(ratio) {
		ratio = 0
	}
	part := int(math.Round(min(max(ratio, 0), 1) * float64(w) * 8))
	if ratio > 0 {
		part = max(part, 1)
	}
	return part
}

// barSpans is a bar for a line of spans.
func barSpans(w int, k themes.Token, ratio float64) []span {
	part := partOf(w, ratio)
	full := strings.Repeat("█", part/8)
	if part%8 > 0 {
		full += string(fromLeft[part%8])
	}
	return []span{own(k, lit(full)), own(themes.Border, lit(strings.Repeat("·", w-(part+7)/8)))}
}

// spark draws the newest w values as small columns, the greatest at full
// height. A value that is missing leaves a gap; anything above 0 is visible.
func (a area) spark(x, y, w int, k themes.Token, columns []float64) {
	top := 0.0
	for _, v := range columns {
		if finite(v) {
			top = max(top, v)
		}
	}
	columns = columns[max(len(columns)-w, 0):]
	for i, v := range columns {
		if !finite(v) {
			continue
		}
		level := 0
		if v > 0 {
			level = max(int(math.Round(v/top*8)), 1)
		}
		if level == 0 {
			a.set(x+i, y, themes.Border, '▁')
			continue
		}
		a.set(x+i, y, k, fromBelow[level])
	}
}
