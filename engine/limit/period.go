package limit

import "time"

const (
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
	// monday is from the Monday before the epoch, which was a Thursday.
	monday = 3 * day
)

// span is the period in UTC that holds t: from its first moment to the first after
// it. A run has no end that a clock could tell.
func (p Period) span(t int64) (from, to int64) {
	switch p {
	case Minute:
		return even(t, minute)
	case Hour:
		return even(t, hour)
	case Day:
		return even(t, day)
	case Week:
		from, to = even(t+monday, 7*day)
		return from - monday, to - monday
	case Month:
		y, m, _ := time.Unix(0, t).UTC().Date()
		first := time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
		return first.UnixNano(), first.AddDate(0, 1, 0).UnixNano()
	default:
		return -never, never
	}
}

// even is the span of length d that holds t, counted from the epoch.
func even(t, d int64) (from, to int64) {
	from = t - t%d
	if t%d < 0 {
		from -= d
	}
	return from, from + d
}
