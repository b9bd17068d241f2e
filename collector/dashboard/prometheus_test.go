package dashboard_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/snapshot"
	"m1/engine/call"
)

func busy(t testing.TB) *site {
	s := newSite(t)
	s.ledger.queue = 3
	m := s.source.meter
	m.Decisions[call.Allow][call.Read].Add(7)
	m.Decisions[call.Deny][call.Execute].Inc()
	for _, d := range []time.Duration{800 * time.Nanosecond, 15 * time.Microsecond, 15 * time.Microsecond, time.Minute} {
		m.Policy.Observe(d)
	}
	m.DecisionHits.Add(5)
	m.ResultHits.Add(2)
	m.ResultBypassed.Add(4)
	m.Tools.Get("get_order").Errors.Add(2)
	m.Tools.Get("bad\xff").Errors.Add(1)
	m.Tools.Get("bad\xfe").Errors.Add(1)
	m.Models.Get(`m"1`).Nano.Add(23_076_000)
	m.Models.Get("in-house").Calls.Inc()
	m.Models.Get("in-house").Unpriced.Inc()
	return s
}

func TestPrometheusReadsTheInstruments(t *testing.T) {
	t.Parallel()
	w := busy(t).get("/metrics")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Contains(t, w.Header().Get("Content-Type"), "text/plain")
	for _, line := range []string{
		`m1_decisions_total{effect="allow",scope="read"} 7`,
		`m1_decisions_total{effect="deny",scope="execute"} 1`,
		`m1_decisions_total{effect="ask",scope="execute"} 0`,
		`m1_policy_duration_seconds_bucket{le="1e-06"} 1`,
		`m1_policy_duration_seconds_bucket{le="1e-05"} 1`,
		`m1_policy_duration_seconds_bucket{le="2e-05"} 3`,
		`m1_policy_duration_seconds_bucket{le="1"} 3`,
		`m1_policy_duration_seconds_bucket{le="+Inf"} 4`,
		`m1_policy_duration_seconds_count 4`,
		`m1_cache_requests_total{cache="decisions",result="hit",tier="local"} 5`,
		`m1_cache_requests_total{cache="results",result="hit",tier="local"} 26`,
		`m1_cache_requests_total{cache="results",result="hit",tier="redis"} 12`,
		`m1_cache_requests_total{cache="results",result="bypass",tier="local"} 4`,
		`m1_cache_requests_total{cache="results",result="stale_prevented",tier="none"} 16`,
		`m1_cache_requests_total{cache="decisions",result="hit",tier="redis"} 42`,
		`m1_cache_requests_total{cache="prices",result="hit",tier="local"} 31`,
		`m1_cache_requests_total{cache="prices",result="hit",tier="redis"} 32`,
		`m1_cache_requests_total{cache="prices",result="miss",tier="none"} 33`,
		`m1_cache_requests_total{cache="prices",result="bypass",tier="none"} 35`,
		`m1_cache_requests_total{cache="prices",result="stale_prevented",tier="none"} 34`,
		`m1_cache_bytes 100`,
		`m1_cache_coherent 1`,
		`m1_cache_journal 4`,
		`m1_cache_seq_lag 2`,
		`m1_cache_not_propagated_total 5`,
		`m1_redis_breaker_open 0`,
		`m1_tool_errors_total{tool="get_order"} 2`,
		`m1_tool_errors_total{tool="bad` + "\uFFFD" + `"} 2`,
		`m1_cost_usd_total{model="m\"1"} 0.023076`,
		`m1_budget_used_ratio{budget="team"} 0.61`,
		`m1_approvals_pending 2`,
		`m1_redis_up 1`,
		`m1_ledger_queue_depth 3`,
		`m1_build_info{go="go1.`,
	} {
		require.Contains(t, w.Body.String(), "\n"+line)
	}
	require.Contains(t, w.Body.String(), "go_goroutines")
	require.NotContains(t, w.Body.String(), `scope="none"`, "a tool that nobody listed executes")
	// It was 0: a dashboard showed a model that nobody knows the price of as free.
	require.NotContains(t, w.Body.String(), `m1_cost_usd_total{model="in-house"}`)
	// A class named as one of the engine's own caches must not be counted again.
	require.NotContains(t, w.Body.String(), `cache="results",result="miss",tier="none"`)
	require.NotContains(t, w.Body.String(), `cache="results",result="bypass",tier="none"`)
	require.NotContains(t, w.Body.String(), `cache="decisions",result="miss",tier="none"`)
	require.NotContains(t, w.Body.String(), "r1", "no label per run")
	require.NotContains(t, w.Body.String(), "tc_", "no label per call")
}

func TestPrometheusTellsHowTheNodeStandsToRedis(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*snapshot.Cache)
		want   []string
	}{
		"alone": {
			func(c *snapshot.Cache) {
				c.Redis, c.Coherence = snapshot.RedisTier{State: "disabled"}, snapshot.Coherence{State: "alone"}
			},
			[]string{"m1_redis_up 0", "m1_cache_coherent 1", "m1_redis_breaker_open 0"},
		},
		"isolated": {
			func(c *snapshot.Cache) {
				c.Redis.State, c.Redis.Breaker, c.Coherence.State = "open", "open", "isolated"
			},
			[]string{"m1_redis_up 0", "m1_cache_coherent 0", "m1_redis_breaker_open 1"},
		},
		"catching up": {
			func(c *snapshot.Cache) { c.Coherence.State = "isolated" },
			[]string{"m1_redis_up 1", "m1_cache_coherent 0", "m1_redis_breaker_open 0"},
		},
		"classes whose names are no text, and one twice": {
			func(c *snapshot.Cache) {
				c.Classes = []snapshot.CacheClass{{Name: "a\xff", Misses: 1}, {Name: "a\xfe", Misses: 2}, {Name: "b"}, {Name: "b"}}
			},
			[]string{`m1_cache_requests_total{cache="b",result="miss",tier="none"} 0`, "m1_redis_up 1"},
		},
	} {
		d := full()
		test.change(&d.Cache)
		s := busy(t)
		s.source.show(d)
		w := s.get("/metrics")
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", name, w.Body)
		for _, line := range test.want {
			require.Contains(t, w.Body.String(), "\n"+line+"\n", name)
		}
	}
}

func TestBeforeThePictureTheCachesAreCountedByTheEngine(t *testing.T) {
	t.Parallel()
	s := busy(t)
	s.source.show(nil)
	w := s.get("/metrics")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `m1_cache_requests_total{cache="results",result="hit",tier="local"} 2`)
	require.NotContains(t, w.Body.String(), "m1_cache_coherent", "nothing is known yet")
}

func TestOpenMetricsIsSpokenToo(t *testing.T) {
	t.Parallel()
	w := busy(t).get("/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	require.Contains(t, w.Header().Get("Content-Type"), "application/openmetrics-text")
	require.True(t, strings.HasSuffix(w.Body.String(), "# EOF\n"))
	require.Contains(t, w.Body.String(), `m1_decisions_total{effect="allow",scope="read"} 7.0`)
	require.Empty(t, w.Header().Get("Content-Encoding"))
}

func TestScrapingTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	s := busy(t)
	s.get("/metrics")
	require.Contains(t, s.get("/metrics").Body.String(), `m1_decisions_total{effect="allow",scope="read"} 7`)
}

func BenchmarkScrape(b *testing.B) {
	s := busy(b)
	b.ReportAllocs()
	for b.Loop() {
		s.get("/metrics")
	}
}

func BenchmarkWholeDashboard(b *testing.B) {
	s := busy(b)
	b.ReportAllocs()
	for b.Loop() {
		s.get("/api/m1/dashboard")
	}
}
