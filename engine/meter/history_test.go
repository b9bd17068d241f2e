package meter_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/meter"
)

var (
	start = time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)
	spans = []meter.Span{
		{Window: time.Minute, Slot: time.Second},
		{Window: 5 * time.Minute, Slot: 5 * time.Second},
		{Window: time.Hour, Slot: time.Minute},
		{Window: 24 * time.Hour, Slot: 15 * time.Minute},
	}
)

// counted is a History of one counter with the count of each slot as its point.
func counted(began time.Time) (*meter.Counter, *meter.History[int64]) {
	n := new(meter.Counter)
	h := meter.NewHistory(began, func(d meter.Deltas) int64 { return d.Count(n) }, spans...)
	h.TrackCounters(n)
	return n, h
}

func pointsOf(h *meter.History[int64], n *meter.Counter, span int) (at []time.Time, counts []int64) {
	for t, c := range h.Points(span) {
		at, counts = append(at, t), append(counts, c)
	}
	t, open := h.Open(span)
	return append(at, t), append(counts, open.Count(n))
}

func TestAWindowForgetsWhatIsOlder(t *testing.T) {
	t.Parallel()
	n, h := counted(start)
	h.Sample(start)
	n.Add(7)
	h.Sample(start.Add(500 * time.Millisecond))
	require.EqualValues(t, 7, h.Window(0).Count(n))
	h.Sample(start.Add(time.Minute))
	require.EqualValues(t, 7, h.Window(0).Count(n), "all of the last minute")
	h.Sample(start.Add(time.Minute + time.Second))
	require.EqualValues(t, 0, h.Window(0).Count(n), "at most one slot more")
	require.EqualValues(t, 7, h.Window(1).Count(n))
	require.EqualValues(t, 7, h.Window(3).Count(n))
}

func TestAYoungEngineIsCoveredSinceItsStart(t *testing.T) {
	t.Parallel()
	n, h := counted(start.Add(-10 * time.Second))
	n.Add(3) // before anybody looked
	h.Sample(start)
	n.Add(4)
	h.Sample(start.Add(2 * time.Second))
	for i := range spans {
		w := h.Window(i)
		require.EqualValues(t, 7, w.Count(n))
		if spans[i].Slot >= time.Minute {
			require.Equal(t, 2*time.Second, w.Covered(), "%v", spans[i])
		}
	}
}

func TestCoveredIsTheWindowAndAtMostOneSlotMore(t *testing.T) {
	t.Parallel()
	_, h := counted(start)
	for at := start; at.Before(start.Add(3 * time.Hour)); at = at.Add(7 * time.Second) {
		h.Sample(at)
		for i, s := range spans {
			age, covered := at.Sub(start), h.Window(i).Covered()
			if age < s.Window {
				require.Equal(t, age, covered, "%v", s)
				continue
			}
			require.GreaterOrEqual(t, covered, s.Window)
			require.Less(t, covered, s.Window+s.Slot)
		}
	}
}

func TestPointsStayWhereTheyAre(t *testing.T) {
	t.Parallel()
	n, h := counted(start)
	seen := map[time.Time]int64{} // closed slots, by their beginning
	for at := start; at.Before(start.Add(12 * time.Minute)); at = at.Add(250 * time.Millisecond) {
		n.Add(at.Unix() % 3)
		h.Sample(at)
		for slot, count := range h.Points(1) {
			require.Zero(t, slot.Unix()%5)
			if before, ok := seen[slot]; ok {
				require.Equal(t, before, count)
			}
			seen[slot] = count
		}
	}
	at, _ := pointsOf(h, n, 1)
	require.Len(t, at, 61)
	for i := range at[1:] {
		require.Equal(t, 5*time.Second, at[i+1].Sub(at[i]))
	}
}

func TestASuspendedMachineLeavesEmptySlots(t *testing.T) {
	t.Parallel()
	n, h := counted(start)
	n.Add(5)
	h.Sample(start.Add(time.Second))
	n.Add(2)
	h.Sample(start.Add(40 * time.Minute))
	require.EqualValues(t, 2, h.Window(0).Count(n))
	require.EqualValues(t, 2, h.Window(1).Count(n))
	require.EqualValues(t, 7, h.Window(2).Count(n))
	_, counts := pointsOf(h, n, 2)
	require.Equal(t, append(append([]int64{5}, make([]int64, 39)...), 2), counts)

	h.Sample(start.Add(1000 * time.Hour)) // longer than anything kept
	for i, s := range spans {
		require.Zero(t, h.Window(i).Count(n))
		require.GreaterOrEqual(t, h.Window(i).Covered(), s.Window)
	}
}

func TestAClockSetBackMovesTheHistoryBack(t *testing.T) {
	t.Parallel()
	for _, back := range []time.Duration{time.Second, time.Minute, 100 * time.Hour} {
		n, h := counted(start)
		for i := range 30 {
			n.Add(1)
			h.Sample(start.Add(time.Duration(i) * time.Second))
		}
		now := start.Add(29*time.Second - back)
		n.Add(10)
		h.Sample(now)
		for i := range spans {
			require.EqualValues(t, 40, h.Window(i).Count(n))
		}
		require.InDelta(t, 29, h.Window(2).Covered().Seconds(), 1)
		at, counts := pointsOf(h, n, 0)
		require.Equal(t, now, at[len(at)-1].UTC())
		require.EqualValues(t, 11, counts[len(counts)-1])

		// and everything grows old as if nothing had been
		h.Sample(now.Add(40 * time.Second))
		require.EqualValues(t, 20+11, h.Window(0).Count(n), "the first ten are older than a minute")
		h.Sample(now.Add(2 * time.Minute))
		require.Zero(t, h.Window(0).Count(n))
		require.EqualValues(t, 40, h.Window(3).Count(n))
	}
}

func TestALateInstrumentCountsFromItsFirstSample(t *testing.T) {
	t.Parallel()
	n, h := counted(start)
	n.Inc()
	h.Sample(start)
	late, lateTimes := new(meter.Counter), new(meter.Histogram)
	require.Zero(t, h.Window(0).Count(late), "not tracked")
	late.Add(9)
	lateTimes.Observe(time.Second)
	h.TrackCounters(late, n) // tracking twice changes nothing
	h.TrackHistograms(lateTimes)
	h.Sample(start.Add(90 * time.Second))
	require.EqualValues(t, 9, h.Window(0).Count(late))
	require.EqualValues(t, 1, h.Window(0).Distribution(lateTimes).Count())
	require.Zero(t, h.Window(0).Count(n))
	require.EqualValues(t, 1, h.Window(1).Count(n))
}

func TestWindowQuantileEqualsBruteForce(t *testing.T) {
	t.Parallel()
	type observation struct {
		at   time.Time
		took time.Duration
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	var g meter.Histogram
	var all []observation
	h := meter.NewHistory[struct{}](start, nil, spans...)
	h.TrackHistograms(&g)
	for at := start; at.Before(start.Add(70 * time.Minute)); at = at.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond) {
		for range rnd.IntN(4) {
			took := time.Duration(1e3 * (1 + rnd.ExpFloat64()*float64(1+at.Minute())))
			g.Observe(took)
			all = append(all, observation{at, took})
		}
		h.Sample(at)
		if rnd.IntN(50) > 0 {
			continue
		}
		for i, s := range spans {
			var in []time.Duration
			first := at.Truncate(s.Slot).Add(-s.Window)
			for _, o := range all {
				if !o.at.Before(first) {
					in = append(in, o.took)
				}
			}
			d := h.Window(i).Distribution(&g)
			require.EqualValues(t, len(in), d.Count())
			if len(in) == 0 {
				continue
			}
			for _, q := range []float64{0.5, 0.95, 0.99} {
				requireWithin(t, exact(in, q), d.Quantile(q))
			}
			requireWithin(t, slices.Max(in), d.Max())
		}
	}
}

// FuzzHistory plays any sequence of counts and clock movements against a list of
// all events.
func FuzzHistory(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 4, 251, 5, 252, 6, 253, 7, 254, 8, 255, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		n, h := counted(start)
		now := start
		h.Sample(now)
		slotOf := func(i int) int64 { return now.UnixNano() / int64(spans[i].Slot) }
		events := make([][][2]int64, len(spans)) // by span: slot, count
		for i, op := range ops[:min(len(ops), 300)] {
			before := now
			switch {
			case op < 200:
				now = now.Add(time.Duration(op) * 20 * time.Millisecond)
			case op < 248:
				now = now.Add(time.Duration(op-199) * time.Minute)
			case op < 250:
				now = now.Add(30 * time.Hour)
			default:
				now = now.Add(-time.Second << (3 * (op - 250)))
			}
			n.Add(int64(i))
			for s := range spans {
				if now.Before(before) { // ages stay: all slots move along
					was := before.UnixNano() / int64(spans[s].Slot)
					for e := range events[s] {
						events[s][e][0] += slotOf(s) - was
					}
				}
				events[s] = append(events[s], [2]int64{slotOf(s), int64(i)})
			}
			h.Sample(now)
			for s, span := range spans {
				var want int64
				for _, e := range events[s] {
					if e[0] >= slotOf(s)-int64(span.Window/span.Slot) {
						want += e[1]
					}
				}
				require.Equal(t, want, h.Window(s).Count(n), "window %v after %d steps", span.Window, i)
				_, counts := pointsOf(h, n, s)
				var sum int64
				for _, c := range counts {
					sum += c
				}
				require.Equal(t, want, sum, "the points add up to the window")
				require.LessOrEqual(t, len(counts), int(span.Window/span.Slot)+1)
			}
		}
	})
}

// aDay fills a History with 24 hours of traffic on 100 tools; eight steps are
// timed, over five powers of two each. It looks every minute, and every second
// in the last five minutes: that fills every slot.
func aDay() (*meter.Meter, *meter.History[float64], time.Time) {
	m := meter.New()
	all := append(spans[:len(spans):len(spans)],
		meter.Span{Window: 15 * time.Minute, Slot: 15 * time.Second}, meter.Span{Window: 6 * time.Hour, Slot: 5 * time.Minute})
	h := meter.NewHistory(start, func(d meter.Deltas) float64 {
		return float64(d.Distribution(&m.Policy).Quantile(0.99))
	}, all...)
	times := []*meter.Histogram{&m.Policy, &m.CacheRead, &m.CacheWrite, &m.Redis, &m.Tool, &m.AgentRun, &m.Ledger, &m.Propose}
	h.TrackHistograms(times...)
	h.TrackCounters(&m.Calls, &m.Reports, &m.ToolErrors)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range 100 {
		t := m.Tools.Get(string(rune('a'+i%26)) + string(rune('a'+i/26)))
		h.TrackCounters(&t.Reports, &t.Errors)
	}
	now, end := start, start.Add(24*time.Hour)
	for now.Before(end) {
		every := time.Second
		if end.Sub(now) > 5*time.Minute {
			every = time.Minute
		}
		now = now.Add(every)
		for _, t := range m.Tools.All() {
			t.Reports.Add(rnd.Int64N(9))
			t.Errors.Add(rnd.Int64N(2))
		}
		for i, g := range times {
			for range 100 {
				g.Observe(time.Duration(float64(time.Microsecond<<i) * (1 + 5*rnd.ExpFloat64())))
			}
		}
		m.Calls.Add(300)
		h.Sample(now)
	}
	return m, h, now
}

func TestAFullDayStaysUnder32MiB(t *testing.T) {
	if raced {
		t.Skip("the race detector needs memory of its own, and a minute for this")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, h, _ := aDay()
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%.1f MiB with the meter itself", float64(used)/(1<<20))
	require.Less(t, used, int64(32<<20))
	require.NotZero(t, h.Window(3).Distribution(&m.Policy).Count())
}

func BenchmarkSample(b *testing.B) {
	m, h, now := aDay()
	for _, busy := range []bool{false, true} {
		name := map[bool]string{false: "idle", true: "busy"}[busy]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if busy {
					m.Calls.Inc()
					m.Policy.Observe(10 * time.Microsecond)
					m.Tool.Observe(10 * time.Millisecond)
				}
				now = now.Add(250 * time.Millisecond)
				h.Sample(now)
			}
		})
	}
}
