package policy

import (
	"strconv"
	"strings"
	"time"

	"m1/engine/limit"
)

func digits(n int) string { return strconv.Itoa(n) }

// short writes a duration as people do: 5m, not 5m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sooner writes how long to wait, in whole seconds rounded up.
func sooner(d time.Duration) string {
	if d <= 0 {
		return "later"
	}
	return "in " + short((d + time.Second - 1).Truncate(time.Second))
}

// counts says what a limit allows.
func counts(c *limit.Rule) string {
	switch {
	case c.Rate == nil:
		return totalWords(c.Total)
	case c.Total == nil:
		return rateWords(c.Rate)
	default:
		return rateWords(c.Rate) + ", " + totalWords(c.Total)
	}
}

func rateWords(r *limit.Rate) string {
	return "at most " + strconv.Itoa(r.N) + " in " + short(r.Per) + whose[r.For]
}

func totalWords(t *limit.Total) string {
	s := "at most " + millionths(t.Max) + " per " + periods[t.Period]
	if t.Period == limit.Run {
		return s
	}
	return s + whose[t.For]
}

var whose = [...]string{limit.PerAgent: " per agent", limit.PerRun: " per run", limit.PerRule: " for all together"}

// millionths writes a sum without what says nothing.
func millionths(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', -1, 64) }
