package collector_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/collector"
	"m1/collector/snapshot"
	"m1/engine"
	"m1/engine/call"
)

func TestRatesFollowTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		for range 120 { // two minutes at 10 calls/s, of which one fails
			src.m.Calls.Add(10)
			src.m.Reports.Add(10)
			src.m.ToolErrors.Inc()
			src.m.Tools.Get("search").Reports.Add(10)
			src.m.Tools.Get("search").Errors.Inc()
			src.m.Tools.Get("fine").Reports.Add(1)
			src.m.Classes.Get("timeout").Inc()
			src.m.Usages.Inc()
			src.m.CostNano.Add(277_778) // a dollar an hour
			time.Sleep(time.Second)
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		for _, w := range snapshot.Windows {
			d := c.Dashboard(w)
			require.InDelta(t, 10, d.Metrics.Operations.CallsPerS, 0.2, "%v", w)
			require.InDelta(t, 1, d.Costs.USDPerHour, 0.02)
			require.InDelta(t, 730, d.Costs.ProjectedMonthUSD, 15)
			require.InDelta(t, 0.1, d.Metrics.Errors.ErrorRate, 1e-9)
			require.Len(t, d.Metrics.Errors.ByTool, 1)
			require.Equal(t, "search", d.Metrics.Errors.ByTool[0].Tool)
			require.InDelta(t, 0.1, d.Metrics.Errors.ByTool[0].Rate, 1e-9)
		}
		time.Sleep(2 * time.Minute) // silence
		synctest.Wait()
		d := c.Dashboard(time.Minute)
		require.Zero(t, d.Metrics.Operations.CallsPerS)
		require.Zero(t, d.Costs.USDPerHour)
		require.Empty(t, d.Metrics.Errors.ByTool)
		require.Empty(t, d.Metrics.Errors.ByClass)
		require.EqualValues(t, 1200, d.Metrics.Operations.ToolCallsTotal, "totals stay")
		d = c.Dashboard(5 * time.Minute)
		require.InDelta(t, 5, d.Metrics.Operations.CallsPerS, 0.1, "over its whole life, four minutes")
		require.Equal(t, map[string]int64{"timeout": 120}, d.Metrics.Errors.ByClass)
	})
}

func TestPercentilesComeFromTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		for range 100 {
			src.m.Policy.Observe(10 * time.Millisecond)
		}
		time.Sleep(2 * time.Minute)
		for i := range 100 {
			src.m.Policy.Observe(time.Duration(i+1) * time.Microsecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		p := c.Dashboard(time.Minute).Metrics.Performance.Policy
		require.EqualValues(t, 100, p.Count)
		require.InEpsilon(t, 50, p.P50US, 0.032)
		require.InEpsilon(t, 95, p.P95US, 0.032)
		require.InEpsilon(t, 99, p.P99US, 0.032)
		require.InEpsilon(t, 100, p.MaxUS, 0.032)
		require.InDelta(t, 50.5, p.MeanUS, 1e-9)
		p = c.Dashboard(time.Hour).Metrics.Performance.Policy
		require.EqualValues(t, 200, p.Count)
		require.InEpsilon(t, 10_000, p.P99US, 0.032)
	})
}

func TestSeriesHaveNullsWhereNothingHappenedAndDoNotMove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{Every: 500 * time.Millisecond})
		require.Len(t, c.Dashboard(24*time.Hour).Metrics.Series.T, 1, "a new engine has one point")
		known := map[time.Time]float64{}
		time.Sleep(100 * time.Millisecond) // what is counted is sampled in the same second
		for i := range 10 * 60 {
			if i%20 < 10 { // ten seconds on, ten off
				src.m.Calls.Add(4)
				src.m.DecisionHits.Add(3)
				src.m.DecisionMisses.Inc()
				src.m.ResultMisses.Add(2)
				src.m.ResultIdeal.Inc()
				src.m.Policy.Observe(time.Microsecond)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			s := c.Latest().Metrics.Series
			for p, at := range s.T[:len(s.T)-1] { // the last one may still grow
				v := -1.0
				if s.CallsPerS[p] != nil {
					v = *s.CallsPerS[p]
				}
				if before, ok := known[at]; ok {
					require.Equal(t, before, v)
				}
				known[at] = v
			}
		}
		s := c.Latest().Metrics.Series
		require.InDelta(t, 60, len(s.T), 1)
		idle := 0
		for i, at := range s.T {
			require.Zero(t, at.Unix()%5)
			if i > 0 {
				require.Equal(t, 5*time.Second, at.Sub(s.T[i-1]))
			}
			if s.CallsPerS[i] == nil {
				idle++
				require.Nil(t, s.DecisionHitRate[i])
				require.Nil(t, s.ResultCeiling[i])
				require.Nil(t, s.PolicyP99US[i])
				continue
			}
			require.InDelta(t, 0.75, *s.DecisionHitRate[i], 1e-9)
			require.InDelta(t, 0.5, *s.ResultCeiling[i], 1e-9)
			require.Zero(t, *s.ResultHitRate[i])
			require.InEpsilon(t, 1, *s.PolicyP99US[i], 0.032)
			require.Nil(t, s.ErrorRate[i])
			require.Nil(t, s.USDPerHour[i])
		}
		require.InDelta(t, 30, idle, 2)
	})
}

func TestTheEndOfAChartDoesNotJump(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		for i := range 40 { // once a second, so that a slot's first moments look busy or empty
			src.m.Calls.Add(10)
			for range 4 {
				time.Sleep(250 * time.Millisecond)
				synctest.Wait()
				if i < 5 {
					continue
				}
				rates := c.Latest().Metrics.Series.CallsPerS
				require.InDelta(t, 10, *rates[len(rates)-1], 4)
			}
		}
	})
}

func TestACeilingIsNeverAboveOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		src.m.ResultMisses.Add(2)
		src.m.ResultIdeal.Add(5) // of lookups in slots before
		time.Sleep(time.Second)
		synctest.Wait()
		require.InDelta(t, 1, c.Latest().Cache.Results.Ceiling, 0)
		require.InDelta(t, 1, *c.Latest().Metrics.Series.ResultCeiling[0], 0)
	})
}

func TestTheSeriesOfAYoungEngineIsAsLongAsItsLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t, collector.Options{Every: 5 * time.Second})
		time.Sleep(40 * time.Minute)
		synctest.Wait()
		for i, want := range []int{60, 60, 60, 40, 8, 3} {
			s := c.Dashboard(snapshot.Windows[i]).Metrics.Series
			require.InDelta(t, want, len(s.T), 1)
			for _, n := range []int{
				len(s.PolicyP99US), len(s.ToolP95US), len(s.DecisionHitRate), len(s.ResultHitRate),
				len(s.ResultCeiling), len(s.ErrorRate), len(s.USDPerHour), len(s.CallsPerS),
			} {
				require.Len(t, s.T, n)
			}
		}
	})
}

func TestPromisesAreJudgedOverTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src, c := start(t, collector.Options{})
		for _, s := range c.Latest().Metrics.SLO[:6] {
			require.True(t, s.NoData && s.OK && s.BudgetRemaining == 1, "%+v", s)
		}
		for range 1000 {
			src.m.Policy.Observe(20 * time.Microsecond)
			src.m.CacheRead.Observe(20 * time.Microsecond)
		}
		for range 5 { // half of the 1 % that may be slow
			src.m.Policy.Observe(5 * time.Millisecond)
		}
		for range 40 {
			src.m.CacheRead.Observe(600 * time.Microsecond)
		}
		src.m.Calls.Add(10_000)
		src.m.M1Errors.Add(4)
		src.m.DecisionMisses.Add(10) // the first calls of ten tools
		time.Sleep(time.Second)
		synctest.Wait()
		few := sloOf(c.Latest(), "decision_hit_rate")
		require.True(t, few.NoData && few.OK, "too few to judge")
		require.InDelta(t, 1, few.BudgetRemaining, 0, "what is not judged costs nothing")
		src.m.DecisionHits.Add(490)
		time.Sleep(time.Second)
		synctest.Wait()
		d := c.Latest()

		policy := sloOf(d, "policy_p99")
		require.True(t, policy.OK)
		require.EqualValues(t, 1000, policy.Target)
		require.InEpsilon(t, 20, policy.Actual, 0.032)
		require.InDelta(t, 0.5, policy.BudgetRemaining, 0.01)

		read := sloOf(d, "cache_read_p99")
		require.False(t, read.OK)
		require.InDelta(t, 1-40/10.4, read.BudgetRemaining, 0.01)

		require.True(t, sloOf(d, "redis_p99").NoData)

		m1 := sloOf(d, "m1_error_rate")
		require.True(t, m1.OK)
		require.InDelta(t, 0.0004, m1.Actual, 1e-9)
		require.InDelta(t, 0.6, m1.BudgetRemaining, 1e-9)

		hits := sloOf(d, "decision_hit_rate")
		require.True(t, hits.OK && hits.AtLeast)
		require.InDelta(t, 0.98, hits.Actual, 1e-9)
		require.InDelta(t, 0.6, hits.BudgetRemaining, 1e-9)

		require.False(t, sloOf(d, "dashboard_metrics_p99").NoData, "the collector times itself")
		require.False(t, sloOf(d, "dashboard_snapshot_p99").NoData)
		require.Equal(t, "ms", sloOf(d, "dashboard_snapshot_p99").Unit)
	})
}

// The attack: more runs than the engine remembers. Active runs were counted among
// the remembered, and the total was more than its parts.
func TestTheTotalOfRunsIsTheSumOfItsParts(t *testing.T) {
	t.Parallel()
	src := newFake()
	src.m.Runs.Add(5000)
	src.m.RunsCompleted.Add(2500)
	src.m.RunsFailed.Add(20)
	src.set(func(s *engine.Status) { s.Runs = []snapshot.Run{{Status: "active"}, {Status: "completed"}} })
	r := collector.New(src, collector.Options{}).Latest().Runs
	require.EqualValues(t, 2480, r.Active)
	require.Equal(t, r.Total, r.Active+r.Completed+r.Failed)
}

func TestTotalsAndListsComeFromTheMeterAndTheStatus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := newFake()
		m := src.m
		m.Runs.Add(3)
		m.RunsCompleted.Add(1)
		m.RunsFailed.Add(1)
		m.AgentRun.Observe(2 * time.Hour)
		m.Checks.Add(10)
		m.Allowed.Add(8)
		m.Denied.Add(2)
		m.HeldBack.Add(1)
		m.Scopes[call.Read].Add(6)
		m.Scopes[call.Execute].Add(4)
		m.Rules.Get("default").Denied.Add(2)
		m.Rules.Get("reads").Allowed.Add(8)
		for i, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
			m.Tools.Get(name).Denied.Add(int64(i))
		}
		m.Tools.Get("g").Hits.Add(1)
		m.Tools.Get("g").Misses.Add(3)
		m.ResultHits.Add(1)
		m.ResultMisses.Add(3)
		m.ResultIdeal.Add(2)
		m.CostNano.Add(81_200_000)
		m.UnpricedTokens.Add(70)
		m.Models.Get("known").Nano.Add(81_200_000)
		m.Models.Get("mystery").Tokens.Add(70)
		m.Models.Get("mystery").Unpriced.Inc()
		m.Agents.Get("bot").Nano.Add(81_200_000)
		runs := make([]snapshot.Run, 12)
		for i := range runs {
			runs[i].Status = "completed"
		}
		runs[0].Status = "active"
		src.set(func(s *engine.Status) {
			s.Runs = runs
			s.Calls = []*snapshot.Call{{ID: "tc_1"}}
			s.PriceVersion = "2026-01"
			s.Cache = cache.Stats{StalePrevented: 5, Invalidations: 6, Local: cache.LocalStats{Entries: 7, Bytes: 8, MaxBytes: 9, Evictions: 10, Tags: 11}}
		})
		c := collector.New(src, collector.Options{
			Version: "1.2.3", Node: "n1", Describe: func() snapshot.Source { return snapshot.Source{Mode: "replay", Done: 4, Total: 9} },
		})
		d := c.Latest()

		require.Equal(t, snapshot.Source{Mode: "replay", Done: 4, Total: 9}, d.Source)
		require.Equal(t, call.ID("tc_1"), d.Calls[0].ID)
		require.Len(t, d.Runs.Recent, 10)
		require.Len(t, d.Runs.All, 12)
		require.EqualValues(t, 1, d.Runs.Active)
		require.InDelta(t, 0.5, d.Runs.SuccessRate, 1e-9)
		require.InEpsilon(t, 2*3600*1000, d.Runs.Duration.P50MS, 0.032)
		require.InDelta(t, 0.8, d.Policy.AllowRate, 1e-9)
		require.Equal(t, []snapshot.RuleCount{{Rule: "reads", Effect: call.Allow, Count: 8}, {Rule: "default", Effect: call.Deny, Count: 2}}, d.Policy.ByRule)
		require.Len(t, d.Policy.TopDeniedTools, 5)
		require.Equal(t, snapshot.ToolCount{Tool: "g", Count: 6}, d.Policy.TopDeniedTools[0])
		require.Equal(t, snapshot.ScopeCounts{Read: 6, Execute: 4}, d.Policy.Scopes)
		require.EqualValues(t, 1, d.Policy.HeldBack)
		require.InDelta(t, 0.25, d.Cache.Results.HitRate, 1e-9)
		require.InDelta(t, 0.5, d.Cache.Results.Ceiling, 1e-9)
		require.EqualValues(t, 5, d.Cache.Results.StalePrevented)
		require.Equal(t, snapshot.LocalTier{Entries: 7, Bytes: 8, MaxBytes: 9, Evictions: 10, Tags: 11}, d.Cache.Local)
		require.Equal(t, []snapshot.ToolCache{{Tool: "g", Hits: 1, Misses: 3, HitRate: 0.25}}, d.Cache.ByTool)
		require.Equal(t, "0.081200", d.Costs.TotalUSD)
		require.Equal(t, "0.000000", d.Costs.SavedUSD, "nothing is made up")
		require.InDelta(t, 0.0812/3, d.Costs.CostPerRunUSD, 1e-12)
		require.Equal(t, []string{"mystery"}, d.Costs.Unpriced.Models)
		require.Equal(t, "known", d.Costs.ByModel[0].Model)
		require.True(t, d.Costs.ByModel[0].Priced)
		require.False(t, d.Costs.ByModel[1].Priced)
		require.Equal(t, "2026-01", d.Costs.PriceVersion)
		require.Equal(t, "1.2.3", d.Health.Version)
		require.Equal(t, []string{"n1"}, d.Health.Nodes)
		require.Positive(t, d.Health.Memory.HeapBytes)
		require.Positive(t, d.Health.Process.Goroutines)
	})
}

// A reader of the JSON must never meet null where it expects a list.
func TestAnEmptyDashboardHasNoNullLists(t *testing.T) {
	t.Parallel()
	c := collector.New(newFake(), collector.Options{})
	raw, err := json.Marshal(c.Latest())
	require.NoError(t, err)
	var whole any
	require.NoError(t, json.Unmarshal(raw, &whole))
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case nil:
			require.Equal(t, ".cache.redis.since", path)
		case map[string]any:
			for name, member := range v {
				if name != "series" { // there null is a value
					walk(path+"."+name, member)
				}
			}
			if series, ok := v["series"].(map[string]any); ok {
				for name, column := range series {
					require.NotNil(t, column, "%s.series.%s", path, name)
				}
			}
		case []any:
			for _, member := range v {
				walk(path+"[]", member)
			}
		}
	}
	walk("", whole)
}
