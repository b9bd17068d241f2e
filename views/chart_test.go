package views_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"m1/collector/snapshot"
	"m1/views"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

// seconds are n moments, one second apart, and the window they fill.
func seconds(n int) ([]time.Time, [2]time.Time) {
	t := make([]time.Time, n)
	for i := range t {
		t[i] = at.Add(time.Duration(i-n+1) * time.Second)
	}
	return t, [2]time.Time{at.Add(-time.Duration(n) * time.Second), at}
}

func TestASingleSpikeIsVisibleWhereverItIs(t *testing.T) {
	t.Parallel()
	const n = 300
	times, window := seconds(n)
	for _, log := range []bool{false, true} {
		for position := range n {
			values := wave(n, func(i int, _ float64) float64 {
				if i == position {
					return 5_000
				}
				return 10
			})
			flat := views.PlotRows(views.DrawChart(58, 8, [][]*float64{wave(n, func(int, float64) float64 { return 10 })}, times, window, log, 0))
			got := views.PlotRows(views.DrawChart(58, 8, [][]*float64{values}, times, window, log, 0))
			require.NotEqual(t, flat, got)
			top := strings.Trim(got[0], " ┤│")
			if log { // the highest row of the scale may be above the spike
				top = strings.Trim(strings.Join(got[:3], ""), " ┤│")
			}
			require.NotEmpty(t, top, "spike at %d, log %v:\n%s", position, log, strings.Join(got, "\n"))
		}
	}
}

func TestTheLeastEventIsNotDrawnAsNothing(t *testing.T) {
	t.Parallel()
	times, window := seconds(60)
	values := wave(60, func(i int, _ float64) float64 {
		switch i {
		case 20:
			return 0.0001
		case 40:
			return 900
		}
		return 0
	})
	rows := views.PlotRows(views.DrawChart(80, 8, [][]*float64{values}, times, window, false, 0))
	above := []rune(rows[len(rows)-2])
	require.Contains(t, string(above[10:40]), "╮", strings.Join(rows, "\n"))
}

func TestAChartKeepsItsSizeWhateverTheData(t *testing.T) {
	t.Parallel()
	times, window := seconds(120)
	nan, inf := math.NaN(), math.Inf(1)
	for name, values := range map[string][]*float64{
		"nil":       nil,
		"no values": make([]*float64, 120),
		"one":       {ptr(3)},
		"equal":     wave(120, func(int, float64) float64 { return 7 }),
		"zero":      wave(120, func(int, float64) float64 { return 0 }),
		"negative":  wave(120, func(_ int, x float64) float64 { return -x }),
		"NaN":       {&nan, &nan},
		"infinite":  {&inf, ptr(1), &inf},
		"huge":      {ptr(math.MaxFloat64), ptr(math.SmallestNonzeroFloat64)},
		"more than moments": wave(500, func(_ int, x float64) float64 {
			return x
		}),
	} {
		for _, log := range []bool{false, true} {
			got := views.DrawChart(60, 9, [][]*float64{values, nil}, times, window, log, 1)
			lines := strings.Split(got, "\n")
			require.Len(t, lines, 9, name)
			for _, l := range lines {
				require.LessOrEqual(t, ansi.StringWidth(l), 60, name)
			}
			require.Equal(t, strings.LastIndex(lines[8], "now"), strings.LastIndex(views.DrawChart(60, 9, nil, nil, window, false, 0)[strings.LastIndex(views.DrawChart(60, 9, nil, nil, window, false, 0), "\n")+1:], "now"), name)
		}
	}
}

func TestAnEmptySeriesSaysSo(t *testing.T) {
	t.Parallel()
	times, window := seconds(10)
	require.Contains(t, views.DrawChart(60, 8, [][]*float64{make([]*float64, 10)}, times, window, true, 0), "no data yet — it will come")
}

func TestAGapStaysAGap(t *testing.T) {
	t.Parallel()
	times, window := seconds(100)
	values := wave(100, func(i int, _ float64) float64 {
		if i >= 40 && i < 60 {
			return math.NaN()
		}
		return 5
	})
	got := views.Reduce(times, values, window[0], window[1], 50)
	require.True(t, math.IsNaN(got[25]))
	require.Equal(t, 5.0, got[10])
	require.Equal(t, 5.0, got[49])
}

func TestFewSamplesFillTheColumnsTheyStandFor(t *testing.T) {
	t.Parallel()
	times, window := seconds(10)
	got := views.Reduce(times, wave(10, func(i int, _ float64) float64 { return float64(i) }), window[0], window[1], 100)
	for i, v := range got[10:] { // what the first sample covers is not known
		require.False(t, math.IsNaN(v), "column %d", i+10)
	}
	require.Equal(t, 9.0, got[99])
	require.Equal(t, 9.0, got[91])
}

func TestAPauseOfTheObserverIsNoData(t *testing.T) {
	t.Parallel()
	times := []time.Time{at.Add(-60 * time.Second), at.Add(-59 * time.Second), at.Add(-58 * time.Second), at.Add(-2 * time.Second), at.Add(-time.Second), at}
	got := views.Reduce(times, wave(6, func(int, float64) float64 { return 1 }), at.Add(-time.Minute), at, 60)
	require.True(t, math.IsNaN(got[30]))
}

func TestLabelsOfALogScaleStandOnTheirValues(t *testing.T) {
	t.Parallel()
	times, window := seconds(60)
	for decade, label := range []string{"1µs", "10µs", "100µs", "1ms", "10ms", "100ms"} {
		value := math.Pow(10, float64(decade))
		got := views.DrawChart(60, 8, [][]*float64{wave(60, func(int, float64) float64 { return value })}, times, window, true, 0)
		for _, l := range strings.Split(got, "\n")[1:7] {
			if strings.Contains(l, "──────") {
				require.Equal(t, label, strings.TrimSpace(strings.Split(l, "┼")[0]), got)
			}
		}
	}
}

func FuzzChart(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f, 1, 2, 3}, 58, 8, true)
	f.Add([]byte{}, 20, 5, false)
	f.Fuzz(func(t *testing.T, data []byte, w, h int, log bool) {
		if w < 1 || h < 1 || w > 300 || h > 100 {
			t.Skip("no panel")
		}
		var values []*float64
		for ; len(data) >= 8; data = data[8:] {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data))
			values = append(values, &v)
			if data[0] == 0 {
				values = append(values, nil)
			}
		}
		times, window := seconds(len(values))
		got := views.DrawChart(w, h, [][]*float64{values, values, nil}, times, window, log, 1)
		lines := strings.Split(got, "\n")
		require.Len(t, lines, h)
		for _, l := range lines {
			require.LessOrEqual(t, ansi.StringWidth(l), w)
		}
	})
}

func TestFiguresKeepTheirWidth(t *testing.T) {
	t.Parallel()
	for exp := -12.0; exp < 30; exp += 0.01 {
		v := math.Pow(10, exp)
		for name, text := range map[string]string{
			"micros": views.Micros(v), "percent": views.Percent(v), "rate": views.Rate(v), "brief": views.Brief(int64(min(v, math.MaxInt64/2))),
		} {
			require.LessOrEqual(t, ansi.StringWidth(text), 7, "%s of %g: %s", name, v, text)
		}
		require.LessOrEqual(t, len(views.Dollars(min(v, 1e15))), 9, "%g", v)
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.Equal(t, []string{"—", "—", "—", "—"}, []string{views.Micros(v), views.Percent(v), views.Rate(v), views.Dollars(v)})
	}
	for v, want := range map[float64]string{0.4: "0.4µs", 11: "11µs", 999.4: "999µs", 1_000: "1.0ms", 12_000: "12ms", 1.2e6: "1.2s", 125e6: "2m05s"} {
		require.Equal(t, want, views.Micros(v))
	}
	for v, want := range map[float64]string{0: "0%", 0.0004: "0.04%", 0.988: "98.8%", 0.9999: "99.99%", 0.999999: "99.99%", 1: "100%", 0.041: "4.1%"} {
		require.Equal(t, want, views.Percent(v))
	}
}

func TestEveryFrameOfALiveScreenHasItsFiguresInTheSamePlace(t *testing.T) {
	t.Parallel()
	f := frame(120, 40)
	column := func(us float64) int {
		c := *f.Snap.Calls[2]
		c.PolicyUS = us
		g := f
		snap := *f.Snap
		snap.Calls = append([]*snapshot.Call{&c}, f.Snap.Calls...)
		g.Snap = &snap
		for _, l := range strings.Split(views.Screen(g), "\n") {
			if strings.Contains(l, "Edit") {
				return ansi.StringWidth(l[:strings.Index(l, "✓ ok")])
			}
		}
		return -1
	}
	want := column(0.4)
	for _, us := range []float64{0, 9.96, 999.4, 999.6, 52_000, 9.9e6} {
		require.Equal(t, want, column(us), fmt.Sprint(us))
	}
}
