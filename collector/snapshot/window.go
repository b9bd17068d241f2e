package snapshot

import (
	"fmt"
	"time"
)

// Windows are the time windows that rates, percentiles and series can cover,
// shortest first.
var Windows = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// DefaultWindow is used where nobody asked for another.
const DefaultWindow = 5 * time.Minute

var windowNames = []string{"1m", "5m", "15m", "1h", "6h", "24h"}

// WindowName is the short name of a window: "5m", "24h".
func WindowName(w time.Duration) string {
	for i, have := range Windows {
		if have == w {
			return windowNames[i]
		}
	}
	return w.String()
}

// ParseWindow reads a name that WindowName wrote; empty is DefaultWindow.
func ParseWindow(s string) (time.Duration, error) {
	if s == "" {
		return DefaultWindow, nil
	}
	for i, name := range windowNames {
		if name == s {
			return Windows[i], nil
		}
	}
	return 0, fmt.Errorf("window %q is none of 1m, 5m, 15m, 1h, 6h, 24h", s)
}
