package collector_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector"
	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/call"
	"m1/engine/meter"
)

var _ collector.Source = (*engine.Engine)(nil)

// work counts one call as the engine does.
func work(m *meter.Meter, rnd *rand.Rand) {
	t := m.Tools.Get(fmt.Sprint("tool-", rnd.IntN(100)))
	m.Calls.Inc()
	t.Calls.Inc()
	m.Checks.Inc()
	m.Allowed.Inc()
	m.Scopes[call.Read].Inc()
	m.DecisionHits.Inc()
	m.ResultMisses.Inc()
	t.Misses.Inc()
	m.Reports.Inc()
	t.Reports.Inc()
	if rnd.IntN(20) == 0 {
		m.ToolErrors.Inc()
		t.Errors.Inc()
		m.Classes.Get(fmt.Sprint("class-", rnd.IntN(5))).Inc()
	}
	m.Usages.Inc()
	m.CostNano.Add(1_000_000)
	m.Agents.Get(fmt.Sprint("agent-", rnd.IntN(10))).Nano.Add(1_000_000)
	m.Models.Get(fmt.Sprint("model-", rnd.IntN(5))).Nano.Add(1_000_000)
	m.Rules.Get(fmt.Sprint("rule-", rnd.IntN(20))).Allowed.Inc()
	for i, h := range []*meter.Histogram{&m.Policy, &m.CacheRead, &m.CacheWrite, &m.Tool, &m.Ledger, &m.Propose} {
		h.Observe(time.Duration(float64(time.Microsecond<<i) * (1 + 5*rnd.ExpFloat64())))
	}
}

func TestWatchersAndWorkersShareACollector(t *testing.T) {
	t.Parallel()
	src := newFake()
	c := collector.New(src, collector.Options{Every: time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers, watchers sync.WaitGroup
	watchers.Go(func() { require.NoError(t, c.Run(ctx)) })
	for i := range 4 {
		workers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 0))
			for range 2000 {
				work(src.m, rnd)
			}
		})
		watchers.Go(func() {
			var before time.Time
			for d := range c.Subscribe(ctx, snapshot.Windows[i]) {
				require.False(t, d.Timestamp.Before(before))
				before = d.Timestamp
				require.EqualValues(t, snapshot.Windows[i].Seconds(), d.Metrics.WindowS)
				require.NotNil(t, c.Latest())
				c.Dashboard(snapshot.Windows[i+1])
			}
		})
	}
	workers.Wait()
	stop()
	watchers.Wait()
	c.Sample()
	d := c.Latest()
	require.EqualValues(t, 8000, d.Metrics.Operations.ToolCallsTotal)
	require.EqualValues(t, 8000, d.Metrics.Performance.Policy.Count, "nothing was lost between two samples")
	require.EqualValues(t, 0, d.Metrics.Performance.Redis.Count)
}

// busy is a collector after hours of work on 100 tools, with 2,000 calls and 500
// runs to show. Tick does some calls and takes the next sample.
func busy(tb testing.TB, hours int) (c *collector.Collector, tick func(calls int)) {
	tb.Helper()
	src := newFake()
	now := src.status.Started
	src.status.Calls, src.status.Runs = make([]*snapshot.Call, 2000), make([]snapshot.Run, 500)
	for i := range src.status.Calls {
		src.status.Calls[i] = &snapshot.Call{ID: call.ID(fmt.Sprint("tc_", i))}
	}
	c = collector.New(src, collector.Options{Now: func() time.Time { return now }})
	rnd := rand.New(rand.NewPCG(1, 2))
	step := time.Minute
	tick = func(calls int) {
		for range calls {
			work(src.m, rnd)
		}
		now = now.Add(step)
		c.Sample()
	}
	for range hours * 60 {
		tick(300)
	}
	step = time.Second
	for range 60 {
		tick(30)
	}
	step = 250 * time.Millisecond
	return c, tick
}

func BenchmarkSample(b *testing.B) {
	_, tick := busy(b, 24)
	for _, calls := range []int{0, 100} {
		b.Run(fmt.Sprintf("%d_calls", calls), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				tick(calls)
			}
		})
	}
}

func BenchmarkDashboard(b *testing.B) {
	c, _ := busy(b, 24)
	for _, w := range snapshot.Windows {
		b.Run(snapshot.WindowName(w), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.Forget()
				c.Dashboard(w)
			}
		})
	}
}

func TestAPictureIsMadeOfFewAllocations(t *testing.T) {
	c, _ := busy(t, 1)
	for _, w := range snapshot.Windows {
		require.LessOrEqual(t, testing.AllocsPerRun(20, func() {
			c.Forget()
			c.Dashboard(w)
		}), 120.0, "%v", w)
	}
}
