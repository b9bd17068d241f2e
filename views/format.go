package views

import (
	"math"
	"strconv"
	"time"

	"m1/engine/call"
)

// Numbers as people read them. Each kind has a greatest width, so that columns
// stand still while figures move; what cannot be a figure is a dash.

const none lit = "—"

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// micros writes a duration given in microseconds in at most 6 cells: "0.4µs",
// "850µs", "1.2ms", "12s", "2m05s".
func micros(us float64) lit {
	switch {
	case !finite(us) || us < 0:
		return none
	case us < 999.5:
		return lit(short(us)) + "µs"
	case us < 999.5e3:
		return lit(short(us/1e3)) + "ms"
	case us < 59.5e6:
		return lit(short(us/1e6)) + "s"
	case us < 3e15:
		return span2(time.Duration(us) * time.Microsecond)
	}
	return none
}

// short keeps one decimal below 10 and none above.
func short(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// percent writes a share in at most 6 cells: "0.04%", "4.1%", "98.8%", "100%".
func percent(ratio float64) lit {
	p := ratio * 100
	switch {
	case !finite(p) || p > 99999 || p < -9999:
		return none
	case p == 0:
		return "0%"
	case p > 0 && p < 0.005:
		return "<0.01%"
	case p > 0 && p < 1:
		return lit(strconv.FormatFloat(p, 'f', 2, 64)) + "%"
	case p > 99.9 && p < 100: // 100 % would promise more than is true
		return lit(strconv.FormatFloat(math.Floor(p*100)/100, 'f', 2, 64)) + "%"
	case p < 99.95:
		return lit(strconv.FormatFloat(p, 'f', 1, 64)) + "%"
	}
	return lit(strconv.FormatFloat(p, 'f', 0, 64)) + "%"
}

// dollars writes money in at most 8 cells: "$0.0012", "$12.41", "$8.9k".
func dollars(usd float64) lit {
	sign := lit("")
	if usd < 0 {
		sign, usd = "-", -usd
	}
	f := func(v float64, decimals int) lit { return lit(strconv.FormatFloat(v, 'f', decimals, 64)) }
	switch {
	case !finite(usd):
		return none
	case usd == 0:
		return "$0"
	case usd < 0.0001:
		return sign + "<$0.0001"
	case usd < 0.1:
		return sign + "$" + f(usd, 4)
	case usd < 999.995:
		return sign + "$" + f(usd, 2)
	case usd < 999.95e3:
		return sign + "$" + f(usd/1e3, 1) + "k"
	case usd < 999.95e6:
		return sign + "$" + f(usd/1e6, 1) + "M"
	}
	return sign + "$" + f(usd/1e9, 0) + "G"
}

func nano(n call.Nano) lit { return dollars(n.USD()) }

// count writes a whole number with separators.
func count[N ~int | ~int64](n N) lit {
	s := strconv.FormatInt(int64(n), 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return lit(sign + s)
}

// brief writes a count in at most 6 cells: "812", "12.3k", "4.1M".
func brief[N ~int | ~int64](n N) lit {
	switch v := float64(n); {
	case v < 0:
		return none
	case v < 99_999.5:
		return count(n)
	case v < 999.5e3:
		return lit(strconv.FormatFloat(v/1e3, 'f', 0, 64)) + "k"
	case v < 999.5e6:
		return lit(strconv.FormatFloat(v/1e6, 'f', 1, 64)) + "M"
	case v < 999.5e9:
		return lit(strconv.FormatFloat(v/1e9, 'f', 1, 64)) + "G"
	}
	return ">1T"
}

// bytes writes a size in at most 8 cells.
func bytes[N ~int | ~int64](n N) lit {
	switch v := float64(n); {
	case v < 0:
		return none
	case v < 1024:
		return count(n) + " B"
	case v < 1<<20:
		return lit(short(v/1024)) + " KiB"
	case v < 1<<30:
		return lit(short(v/(1<<20))) + " MiB"
	}
	return lit(short(float64(n)/(1<<30))) + " GiB"
}

// rate writes a number per second in at most 5 cells.
func rate(v float64) lit {
	switch {
	case !finite(v) || v < 0:
		return none
	case v == 0:
		return "0"
	case v < 0.05:
		return "<0.1"
	case v < 99_999.5:
		return lit(short(v))
	}
	return lit(strconv.FormatFloat(min(v/1e3, 9999), 'f', 0, 64)) + "k"
}

// span2 writes a duration in its two greatest units: "12s", "2m05s", "3d04h".
func span2(d time.Duration) lit {
	two := func(big, small time.Duration, b, s string) lit {
		rest := strconv.FormatInt(int64(d%big/small), 10)
		if len(rest) < 2 {
			rest = "0" + rest
		}
		return lit(strconv.FormatInt(int64(d/big), 10) + b + rest + s)
	}
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return none
	case d < time.Minute:
		return lit(strconv.FormatInt(int64(d/time.Second), 10)) + "s"
	case d < time.Hour:
		return two(time.Minute, time.Second, "m", "s")
	case d < day:
		return two(time.Hour, time.Minute, "h", "m")
	case d < 1000*day:
		return two(day, time.Hour, "d", "h")
	}
	return ">999d"
}

// countdown writes what is left of a time, to the second below an hour: "4:12".
func countdown(d time.Duration) lit {
	if d <= 0 {
		return "0:00"
	}
	if d >= time.Hour {
		return span2(d)
	}
	d = (d + time.Second - 1) / time.Second * time.Second // a second that has begun is left
	s := strconv.Itoa(int(d/time.Second) % 60)
	if len(s) < 2 {
		s = "0" + s
	}
	return lit(strconv.Itoa(int(d/time.Minute)) + ":" + s)
}

// age writes how old something is, with a decimal below ten seconds.
func age(d time.Duration) lit {
	if d < 0 {
		d = 0 // two clocks that disagree are no news
	}
	if d < 10*time.Second {
		return lit(short(d.Seconds())) + "s"
	}
	return span2(d)
}

// clock writes the time of day, always 8 cells.
func clock(t time.Time) lit {
	if t.IsZero() {
		return "--:--:--"
	}
	var buf [8]byte
	return lit(t.AppendFormat(buf[:0], "15:04:05"))
}

// plural picks the word that fits the number.
func plural[N ~int | ~int64](n N, one, many lit) lit {
	if n == 1 {
		return one
	}
	return many
}
