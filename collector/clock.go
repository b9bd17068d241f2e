package collector

import (
	"fmt"
	"time"

	"m1/collector/snapshot"
)

const (
	clockJump   = time.Second // a smaller difference is the ordinary steering of a clock
	clockRemind = snapshot.DefaultWindow
)

// clock notices when the wall clock and the time that really passed disagree:
// it was set, or the machine slept.
type clock struct {
	last   time.Time // with its monotonic reading, if it has one
	jumped time.Time // when the last jump was noticed; zero before any
	by     time.Duration
}

func (c *clock) check(now time.Time) snapshot.Check {
	if !c.last.IsZero() {
		wall, passed := now.Round(0).Sub(c.last.Round(0)), now.Sub(c.last)
		by := wall - passed
		if by == 0 && wall < 0 { // no monotonic reading to compare with
			by = wall
		}
		if by.Abs() >= clockJump {
			c.jumped, c.by = now, by
		}
	}
	c.last = now
	if c.jumped.IsZero() || now.Sub(c.jumped) >= clockRemind {
		return snapshot.Check{Status: healthy, Message: "steady"}
	}
	if c.by < 0 {
		return snapshot.Check{
			Status: degraded, Since: c.jumped.Round(0),
			Message: fmt.Sprintf("was set back by %s: times of records overlap", -c.by.Round(time.Second)),
		}
	}
	return snapshot.Check{
		Status: degraded, Since: c.jumped.Round(0),
		Message: fmt.Sprintf("went ahead by %s: it was set, or the machine slept", c.by.Round(time.Second)),
	}
}
