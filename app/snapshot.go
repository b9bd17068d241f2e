package app

import (
	"strings"
	"time"

	"m1/collector/snapshot"
	"m1/views"
)

// Still says how Snapshot draws. Zero fields take the default.
type Still struct {
	Width, Height int           // default 120x40
	Page          views.Page    // default views.Overview
	Window        time.Duration // default snapshot.DefaultWindow
	Now           time.Time     // for ages; default the picture's own time
}

// Snapshot is one screen as plain text, without any terminal sequence and
// without keys, each line ended: the same data and words as on the screen.
func Snapshot(d *snapshot.Dashboard, s Still) string {
	if s.Width == 0 {
		s.Width = 120
	}
	if s.Height == 0 {
		s.Height = 40
	}
	if s.Page == 0 {
		s.Page = views.Overview
	}
	if s.Window == 0 {
		s.Window = snapshot.DefaultWindow
	}
	if s.Now.IsZero() && d != nil {
		s.Now = d.Timestamp
	}
	screen := views.Screen(views.Frame{
		Snap: d, Now: s.Now, Width: s.Width, Height: s.Height,
		Page: s.Page, Window: s.Window, Refresh: time.Second, Still: true,
	})
	var b strings.Builder
	for line := range strings.Lines(screen) {
		b.WriteString(strings.TrimRight(line, " \n"))
		b.WriteByte('\n')
	}
	return b.String()
}
