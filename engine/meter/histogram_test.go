package meter_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/meter"
)

// exact is the q-quantile of all observations, without buckets.
func exact(observed []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(observed))
	return sorted[max(int(math.Ceil(q*float64(len(sorted)))), 1)-1]
}

// requireWithin fails if got is below want, or more than 3.2 % above.
func requireWithin(t *testing.T, want, got time.Duration, what ...any) {
	t.Helper()
	require.GreaterOrEqual(t, got, want, what...)
	require.LessOrEqual(t, float64(got), float64(want)*1.032, what...)
}

func TestQuantileNeverFlattersAndIsAtMost3PercentAbove(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var h meter.Histogram
		var observed []time.Duration
		top := 1 + rnd.Float64()*46 // up to 39 h
		for range 1 + rnd.IntN(300) {
			d := time.Duration(math.Exp2(rnd.Float64() * top))
			h.Observe(d)
			observed = append(observed, d)
		}
		d := h.Read()
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1} {
			requireWithin(t, exact(observed, q), d.Quantile(q), "q=%v of %v", q, observed)
		}
		require.Equal(t, slices.Max(observed), d.Max())
		require.EqualValues(t, len(observed), d.Count())
	}
}

func TestEveryDurationHasABucketThatHoldsIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ observed, want time.Duration }{
		{math.MinInt64, 0}, {-1, 0}, {0, 0}, {1, 1}, {31, 31}, {32, 32}, {63, 63},
		{64, 65}, {65, 65}, {66, 67},
		{1 << 46, 1<<46 + 1<<41 - 1},
		{1<<47 - 1, 1<<47 - 1},
		{1 << 47, math.MaxInt64}, {math.MaxInt64, math.MaxInt64}, // overflow: only the longest is known
	} {
		var h meter.Histogram
		h.Observe(tc.observed)
		h.Observe(math.MaxInt64) // so that the maximum does not sharpen the bucket
		require.Equal(t, tc.want, h.Read().Quantile(0.5), "%d", tc.observed)
	}
}

func TestEmptyDistributionIsAllZero(t *testing.T) {
	t.Parallel()
	for _, d := range []meter.Distribution{{}, new(meter.Histogram).Read()} {
		require.Zero(t, d.Count())
		require.Zero(t, d.Quantile(0.99))
		require.Zero(t, d.Max())
		require.Zero(t, d.Mean())
		require.Zero(t, d.Above(0))
	}
}

func TestAboveLeavesOutTheBucketOfTheLimit(t *testing.T) {
	t.Parallel()
	var h meter.Histogram
	for _, d := range []time.Duration{0, time.Microsecond, time.Millisecond, 1001 * time.Microsecond, 2 * time.Millisecond, time.Hour} {
		h.Observe(d)
	}
	d := h.Read()
	require.EqualValues(t, 5, d.Above(-1))
	require.EqualValues(t, 2, d.Above(time.Millisecond))
	require.EqualValues(t, 0, d.Above(time.Hour))
	require.EqualValues(t, 0, d.Above(math.MaxInt64))
}

func TestConcurrentObservationsAreAllCounted(t *testing.T) {
	t.Parallel()
	const goroutines, each = 8, 2000
	var h meter.Histogram
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			for i := range each {
				h.Observe(time.Duration(g*each + i))
			}
		})
	}
	for range 50 { // a reader meanwhile sees something that could have been
		d := h.Read()
		require.LessOrEqual(t, d.Quantile(0.99), d.Max())
	}
	all.Wait()
	d := h.Read()
	n := time.Duration(goroutines * each)
	require.EqualValues(t, n, d.Count())
	require.Equal(t, n*(n-1)/2, d.Sum())
	require.Equal(t, n-1, d.Max())
	require.Equal(t, d.Sum()/n, d.Mean())
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	m := meter.New()
	m.Tools.Get("get_order")
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		m.Calls.Inc()
		m.Policy.Observe(1234)
		m.Tools.Get("get_order").Latency.Observe(time.Millisecond)
	}))
}

func BenchmarkObserve(b *testing.B) {
	var h meter.Histogram
	for d := time.Duration(1); b.Loop(); d = d*5 + 1 {
		h.Observe(d & 0xfffffff)
	}
}

func BenchmarkObserveParallel(b *testing.B) {
	var h meter.Histogram
	b.RunParallel(func(pb *testing.PB) {
		for d := time.Duration(1); pb.Next(); d = d*5 + 1 {
			h.Observe(d & 0xfffffff)
		}
	})
}
