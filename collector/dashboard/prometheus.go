package dashboard

import (
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/meter"
)

// policyBounds are the buckets of m1_policy_duration_seconds.
var policyBounds = []time.Duration{
	time.Microsecond, 2 * time.Microsecond, 5 * time.Microsecond, 10 * time.Microsecond, 20 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond,
	100 * time.Millisecond, time.Second,
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// No label is ever a run, a call or an argument: their number has no bound. Those
// of tools and models come from families of the meter, which are bounded.
var (
	decisionsDesc  = describe("m1_decisions_total", "Answers to proposed calls; a tool that is in no catalogue counts as execute.", "effect", "scope")
	policyDesc     = describe("m1_policy_duration_seconds", "How long the policy took to judge a call.")
	cacheDesc      = describe("m1_cache_requests_total", "Questions to the caches of decisions and of tool results.", "cache", "tier", "result")
	toolErrorsDesc = describe("m1_tool_errors_total", "Reports that a tool failed.", "tool")
	costDesc       = describe("m1_cost_usd_total", "Priced usage in US dollars; a model that has none yet is not listed, and usage without a price is not in it.", "model")
	budgetDesc     = describe("m1_budget_used_ratio", "Used share of a budget.", "budget")
	approvalsDesc  = describe("m1_approvals_pending", "Open questions to people.")
	bytesDesc      = describe("m1_cache_bytes", "What the memory tier of the cache holds, its own overhead included.")
	coherentDesc   = describe("m1_cache_coherent", "1 while this node may serve what is in its memory, also alone; 0 while it may have missed a change of another node.")
	journalDesc    = describe("m1_cache_journal", "Changes of this node that Redis has not seen yet.")
	lagDesc        = describe("m1_cache_seq_lag", "Changes that other nodes announced and this one has not applied yet.")
	unsentDesc     = describe("m1_cache_not_propagated_total", "Changes of this node that went into the journal because Redis could not be told.")
	redisDesc      = describe("m1_redis_up", "1 while Redis answers, 0 while it does not or none is configured.")
	breakerDesc    = describe("m1_redis_breaker_open", "1 while Redis is not asked because it failed too often.")
	queueDesc      = describe("m1_ledger_queue_depth", "Events that are accepted and not yet durable.")
	buildDesc      = describe("m1_build_info", "Always 1; the labels say what runs.", "version", "go")

	descriptions = []*prometheus.Desc{decisionsDesc, policyDesc, cacheDesc, bytesDesc, coherentDesc, journalDesc, lagDesc, unsentDesc, toolErrorsDesc, costDesc, budgetDesc, approvalsDesc, redisDesc, breakerDesc, queueDesc, buildDesc}
)

// scrape reads the engine's own instruments whenever Prometheus asks; nothing is
// counted twice.
type scrape struct{ Options }

func metricsHandler(o Options) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(scrape{o}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics:  true,
		DisableCompression: true,
		ErrorHandling:      promhttp.HTTPErrorOnError,
		ErrorLog:           errorLog{o.Log},
	})
}

type errorLog struct{ log *slog.Logger }

func (l errorLog) Println(v ...any) { l.log.Error("metrics", "err", v) }

func (scrape) Describe(out chan<- *prometheus.Desc) {
	for _, d := range descriptions {
		out <- d
	}
}

func (s scrape) Collect(out chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	m := s.Source.Meter()
	for effect := range m.Decisions {
		for _, scope := range []call.Scope{call.Read, call.Write, call.Execute} { // a tool that nobody listed executes
			count(decisionsDesc, float64(m.Decisions[effect][scope].Load()), call.Effect(effect).String(), scope.String())
		}
	}
	out <- policyMetric(m.Policy.Read())
	d := s.Source.Dashboard(snapshot.DefaultWindow)
	for of, n := range cacheRequests(m, d) {
		count(cacheDesc, float64(n), of[:]...)
	}
	for name, v := range byLabel(m.Tools, func(t *meter.ToolMeter) int64 { return t.Errors.Load() }) {
		count(toolErrorsDesc, float64(v), name)
	}
	for name, v := range byLabel(m.Models, func(t *meter.ModelMeter) int64 { return t.Nano.Load() }) {
		if v > 0 { // unknown is not zero: a model shows with its first priced usage
			count(costDesc, call.Nano(v).USD(), name)
		}
	}
	gauge(queueDesc, float64(s.Ledger.Status().Queue))
	gauge(buildDesc, 1, s.Version, runtime.Version())
	if d == nil { // M1 is starting: nothing is known of the rest
		return
	}
	gauge(approvalsDesc, float64(d.Metrics.Operations.ApprovalsPending))
	c := &d.Cache
	gauge(redisDesc, oneIf(c.Redis.State == "connected"))
	gauge(breakerDesc, oneIf(c.Redis.Breaker == "open"))
	gauge(bytesDesc, float64(c.Local.Bytes))
	gauge(coherentDesc, oneIf(!c.Redis.Configured || c.Coherence.State == "coherent"))
	gauge(journalDesc, float64(c.Coherence.Journal))
	gauge(lagDesc, float64(c.Coherence.SeqLag))
	count(unsentDesc, float64(c.Coherence.NotPropagated))
	for _, b := range d.Costs.Budgets {
		gauge(budgetDesc, b.UsedRatio, strings.ToValidUTF8(b.ID, "\uFFFD"))
	}
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// cacheRequests are the values of m1_cache_requests_total by cache, tier and
// result. The engine counts its two caches itself, and what it counts stays. But it
// does not tell the tiers of a result apart, so its hits give way to those of the
// class. Decisions it remembers before the class is asked: of that one only what
// Redis answered is new.
func cacheRequests(m *meter.Meter, d *snapshot.Dashboard) map[[3]string]int64 {
	out := map[[3]string]int64{
		{"decisions", "local", "hit"}:  m.DecisionHits.Load(),
		{"decisions", "local", "miss"}: m.DecisionMisses.Load(),
		{"results", "local", "hit"}:    m.ResultHits.Load(),
		{"results", "local", "miss"}:   m.ResultMisses.Load(),
		{"results", "local", "bypass"}: m.ResultBypassed.Load(),
	}
	if d == nil {
		return out
	}
	for i := range d.Cache.Classes {
		c := &d.Cache.Classes[i]
		name := strings.ToValidUTF8(c.Name, "\uFFFD")
		out[[3]string{name, "redis", "hit"}] = c.HitsRedis
		out[[3]string{name, "none", "stale_prevented"}] = c.StalePrevented
		if name != "decisions" {
			out[[3]string{name, "local", "hit"}] = c.HitsLocal + c.IsolatedServed
		}
		if name != "decisions" && name != "results" {
			out[[3]string{name, "none", "miss"}] = c.Misses
			out[[3]string{name, "none", "bypass"}] = c.Bypassed
		}
	}
	return out
}

// policyMetric is d as a histogram of Prometheus. What shares a bucket of the
// meter with a bound counts as not longer than it.
func policyMetric(d meter.Distribution) prometheus.Metric {
	upTo := make(map[float64]uint64, len(policyBounds))
	for _, bound := range policyBounds {
		upTo[bound.Seconds()] = uint64(d.Count() - d.Above(bound))
	}
	return prometheus.MustNewConstHistogram(policyDesc, uint64(d.Count()), d.Sum().Seconds(), upTo)
}

// byLabel reads one number of each member of a family under a name that
// Prometheus can take. Two names that become one are added: a repeated label
// would fail the whole scrape.
func byLabel[T any](f *meter.Family[T], read func(*T) int64) map[string]int64 {
	out := make(map[string]int64, f.Len())
	for name, of := range f.All() {
		out[strings.ToValidUTF8(name, "\uFFFD")] += read(of)
	}
	return out
}
