package dashboard_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"m1/collector/dashboard"
	"m1/collector/snapshot"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestEachPartIsTheSameAsInTheWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var whole map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(s.get("/api/m1/dashboard").Body.Bytes(), &whole))
	for _, part := range []string{"metrics", "cache", "policy", "costs", "health", "runs"} {
		w := s.get("/api/m1/dashboard/" + part)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, string(whole[part]), strings.TrimSpace(w.Body.String()), part)
		delete(whole, part)
	}
	require.Contains(t, whole, "timestamp")
	require.Contains(t, whole, "alerts")
	require.Len(t, whole, 2)
}

func TestTheWholeDashboardIsAsPromised(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	require.NoError(t, json.Indent(&got, newSite(t).get("/api/m1/dashboard").Body.Bytes(), "", "  "))
	path := filepath.Join("testdata", "dashboard.golden.json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "if this is meant: go test ./collector/dashboard -run AsPromised -update")
}

func TestEveryFieldOfTheContractIsThere(t *testing.T) {
	t.Parallel()
	contract := map[string]string{
		"metrics":                    "window_s operations performance errors slo series",
		"metrics.operations":         "agent_runs_total tool_calls_total policy_checks_total cache_hits cache_misses cache_evictions approvals_pending calls_per_s",
		"metrics.performance":        "policy cache_read cache_write redis tool agent_run",
		"metrics.performance.policy": "count p50_us p95_us p99_us max_us mean_us",
		"metrics.errors":             "tool_errors policy_denials error_rate by_tool by_class",
		"metrics.slo.0":              "name target actual unit ok budget_remaining",
		"metrics.series":             "t policy_p99_us tool_p95_us decision_hit_rate result_hit_rate error_rate usd_per_hour",
		"cache":                      "decisions results local redis by_tool classes coherence",
		"cache.decisions":            "hits misses hit_rate",
		"cache.results":              "hits misses hit_rate stale_prevented invalidations bypassed",
		"cache.local":                "entries bytes max_bytes evictions tags",
		"cache.redis":                "configured state latency used_memory keys last_error since mode breaker breaker_opened fills_dropped errors",
		"cache.classes.0":            "name fresh hits_local hits_redis misses stale_served isolated_served stale_prevented bypassed refused load_errors loading entries bytes broken",
		"cache.coherence":            "state lease_ms nodes seq_lag ack_p50_us ack_p99_us ack_timeouts journal not_propagated drops gaps replayed foreign_secret",
		"policy":                     "version loaded_at rules checks allowed denied asked allow_rate by_rule top_denied_tools scopes approvals grants",
		"policy.scopes":              "read write execute",
		"policy.approvals":           "pending approved rejected expired median_wait_ms",
		"policy.grants":              "issued used revoked refused",
		"costs":                      "total_usd usd_per_hour projected_month_usd cost_per_run_usd saved_usd unpriced by_model by_agent tokens budgets series",
		"costs.unpriced":             "models tokens",
		"costs.tokens":               "input output cache_read cache_write",
		"costs.budgets.0":            "id limit_usd used_usd reserved_usd used_ratio",
		"health":                     "status version uptime_s checks memory node nodes",
		"health.checks.engine":       "status message since",
		"health.memory":              "heap_bytes limit_bytes",
		"runs":                       "total active completed failed success_rate duration recent loops",
		"runs.duration":              "mean_ms p50_ms p95_ms p99_ms",
		"runs.recent.0":              "run_id agent goal status started_at duration_ms tool_calls denied cost_usd",
		"":                           "timestamp metrics cache policy costs health runs alerts",
	}
	var whole any
	require.NoError(t, json.Unmarshal(newSite(t).get("/api/m1/dashboard").Body.Bytes(), &whole))
	for path, names := range contract {
		at := whole
		for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
			if list, ok := at.([]any); ok {
				at = list[0]
				continue
			}
			at = at.(map[string]any)[step]
		}
		for _, name := range strings.Fields(names) {
			require.Contains(t, at, name, path)
		}
	}
}

func TestAListIsNeverNull(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.source.show(&snapshot.Dashboard{})
	body := s.get("/api/m1/dashboard").Body.String()
	require.Equal(t, 1, strings.Count(body, "null"), "only the time since when Redis is as it is: %s", body)
	require.Contains(t, body, `"since":null`)
	require.JSONEq(t, `{"calls":[]}`, s.get("/v1/calls").Body.String())
}

func TestAWindowIsOneOfSix(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for i, name := range []string{"1m", "5m", "15m", "1h", "6h", "24h"} {
		require.Equal(t, http.StatusOK, s.get("/api/m1/dashboard/metrics?window="+name).Code)
		require.Equal(t, snapshot.Windows[i], s.source.asked[i])
	}
	require.Equal(t, http.StatusOK, s.get("/api/m1/dashboard").Code)
	require.Equal(t, 5*time.Minute, s.source.asked[6])
	for _, query := range []string{"window=2m", "window=60s", "window=1m&window=5m", "Window=1m", "x=1", "%zz"} {
		w := s.get("/api/m1/dashboard?" + query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		require.Contains(t, w.Body.String(), `"code":"invalid_query"`)
	}
}

func TestBeforeTheFirstPictureThereIsA503(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.source.show(nil)
	for _, path := range []string{"/api/m1/dashboard", "/api/m1/dashboard/runs", "/v1/calls", "/readyz", "/readyz?verbose"} {
		require.Equal(t, http.StatusServiceUnavailable, s.get(path).Code, path)
	}
	require.Equal(t, http.StatusOK, s.get("/metrics").Code)
	require.Equal(t, http.StatusOK, s.get("/livez").Code)
}

func TestCallsAreNewestFirstAndCanBeNarrowed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ids := func(path string) (out []string) {
		w := s.get(path)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		var body struct{ Calls []struct{ ID string } }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		for _, c := range body.Calls {
			out = append(out, c.ID)
		}
		return out
	}
	require.Equal(t, []string{"tc_3", "tc_2", "tc_1"}, ids("/v1/calls"))
	require.Equal(t, []string{"tc_3"}, ids("/v1/calls?limit=1"))
	require.Equal(t, []string{"tc_2", "tc_1"}, ids("/v1/calls?run=r1"))
	require.Equal(t, []string{"tc_2"}, ids("/v1/calls?run=r1&limit=1"))
	require.Empty(t, ids("/v1/calls?run=none"))
	for _, query := range []string{"limit=0", "limit=-1", "limit=1001", "limit=many", "after=1"} {
		require.Equal(t, http.StatusBadRequest, s.get("/v1/calls?"+query).Code, query)
	}
}

func TestTextThatWasCutInsideALetterIsStillServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := full()
	d.Calls[0].Args = "{\"emoji\":\"\xf0\x9f"
	s.source.show(d)
	w := s.get("/v1/calls?limit=1")
	require.Equal(t, http.StatusOK, w.Code)
	require.True(t, utf8.Valid(w.Body.Bytes()))
	require.True(t, json.Valid(w.Body.Bytes()))
}

func TestEverythingButTheProbesNeedsTheToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, route := range s.server.Routes() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+route.Pattern, nil))
		if route.Pattern == "/livez" || route.Pattern == "/readyz" {
			require.Equal(t, http.StatusOK, w.Code, route.Pattern)
			continue
		}
		require.Equal(t, http.StatusUnauthorized, w.Code, route.Pattern)
	}
}

func TestReadySaysWhyNot(t *testing.T) {
	t.Parallel()
	var unready error
	s := newSite(t, func(o *dashboard.Options) { o.Ready = func() error { return unready } })
	require.JSONEq(t, `{"status":"ready"}`, s.get("/readyz").Body.String())
	require.JSONEq(t, `{"status":"ready","checks":{"engine":"healthy","ledger":"healthy"}}`, s.get("/readyz?verbose").Body.String())

	d := full()
	d.Health.Checks["ledger"] = snapshot.Check{Status: "critical", Message: "/secret/path: disk full"}
	s.source.show(d)
	w := s.get("/readyz?verbose")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), "cannot decide")
	require.Contains(t, w.Body.String(), `"ledger":"critical"`)
	require.NotContains(t, w.Body.String(), "secret", "anybody may ask")

	s.source.show(full())
	unready = http.ErrServerClosed
	require.Equal(t, http.StatusServiceUnavailable, s.get("/readyz").Code)
	unready = nil
	s.server.EndStreams()
	s.server.EndStreams()
	w = s.get("/readyz")
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), "shutting down")
	require.Equal(t, http.StatusBadRequest, s.get("/readyz?x").Code)
}

func TestNewNamesTheOptionThatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := dashboard.New(dashboard.Options{Ledger: &record{}})
	require.ErrorContains(t, err, "Source")
	_, err = dashboard.New(dashboard.Options{Source: &source{}})
	require.ErrorContains(t, err, "Ledger")
	_, err = dashboard.New(dashboard.Options{Source: &source{}, Ledger: &record{}, Streams: -1})
	require.ErrorContains(t, err, "Streams")
}
