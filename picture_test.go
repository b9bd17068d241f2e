package main

import (
	"flag"
	"fmt"
	"html"
	"image/color"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

var picture = flag.String("picture", "", "write a picture of bin/m1's dashboard to this SVG file")

// The picture in the README is the real program on the demo, as a terminal of
// 120x40 shows it; make picture writes it.
func TestPicture(t *testing.T) {
	if *picture == "" {
		t.Skip("run it with make picture")
	}
	const width, height = 120, 40
	cmd := exec.Command("bin/m1", "demo", "--speed", "3", "--state", t.TempDir())
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=truecolor", "NO_COLOR=")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: width, Rows: height})
	require.NoError(t, err)
	screen := vt.NewSafeEmulator(width, height)
	go io.Copy(tty, screen) // answers to what the program asks its terminal; ends with tty
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		io.Copy(screen, tty)
	}()
	time.Sleep(58 * time.Second) // a minute's window, full
	svg := draw(screen, width, height)
	_, err = tty.WriteString("q")
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
	<-shown
	require.Contains(t, svg, "DEMO")
	require.NoError(t, os.WriteFile(*picture, []byte(svg), 0o644))
}

const (
	cellWidth, cellHeight = 8.4, 18.0
	ground, ink           = "#0d1117", "#c9d1d9"
)

// draw writes the screen as SVG: a run of cells of one style is one text.
func draw(screen *vt.SafeEmulator, width, height int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace" font-size="14">`+"\n",
		cellWidth*float64(width)+24, cellHeight*float64(height)+24)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", ground)
	for y := range height {
		for x := 0; x < width; {
			from := screen.CellAt(x, y)
			style := styleOf(from)
			var text strings.Builder
			start := x
			for x < width && styleOf(screen.CellAt(x, y)) == style {
				c := screen.CellAt(x, y)
				content, step := " ", 1
				if c != nil && c.Content != "" {
					content, step = c.Content, max(c.Width, 1)
				}
				text.WriteString(content)
				x += step
			}
			style.write(&b, text.String(), start, x-start, y)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// look is what of a cell's style an SVG needs.
type look struct {
	fg, bg string
	bold   bool
	dim    bool
}

func styleOf(c *uv.Cell) look {
	if c == nil {
		return look{fg: ink, bg: ground}
	}
	l := look{fg: hex(c.Style.Fg, ink), bg: hex(c.Style.Bg, ground), bold: c.Style.Attrs&uv.AttrBold != 0, dim: c.Style.Attrs&uv.AttrFaint != 0}
	if c.Style.Attrs&uv.AttrReverse != 0 {
		l.fg, l.bg = l.bg, l.fg
	}
	return l
}

func hex(c color.Color, otherwise string) string {
	if c == nil {
		return otherwise
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

func (l look) write(b *strings.Builder, text string, x, cells, y int) {
	left, top := 12+cellWidth*float64(x), 12+cellHeight*float64(y)
	if l.bg != ground {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, left, top, cellWidth*float64(cells), cellHeight, l.bg)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	extra := ""
	if l.bold {
		extra += ` font-weight="bold"`
	}
	if l.dim {
		extra += ` opacity="0.7"`
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s" textLength="%.1f" lengthAdjust="spacingAndGlyphs" xml:space="preserve"%s>%s</text>`+"\n",
		left, top+13.5, l.fg, cellWidth*float64(cells), extra, html.EscapeString(text))
}
