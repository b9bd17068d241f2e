package dashboard_test

import (
	"context"
	"encoding/json"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/collector/dashboard"
	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/gateway/guard"
	"m1/engine/ledger"
	"m1/engine/meter"
)

const token = "m1_test"

// agentToken may propose, and read nothing here.
const agentToken = "m1_agent"

// source shows what a test puts into it.
type source struct {
	mu      sync.Mutex
	picture *snapshot.Dashboard
	asked   []time.Duration
	meter   *meter.Meter
}

func (s *source) Dashboard(w time.Duration) *snapshot.Dashboard {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, w)
	return s.picture
}

func (s *source) Meter() *meter.Meter { return s.meter }

func (s *source) show(d *snapshot.Dashboard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.picture = d
}

// record is a ledger in memory.
type record struct {
	mu     sync.Mutex
	events []event.Event
	queue  int
}

func (r *record) add(kinds ...event.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range kinds {
		seq := uint64(len(r.events) + 1)
		r.events = append(r.events, event.Event{
			Seq: seq, At: moment.Add(time.Duration(seq) * time.Second), Kind: k, Run: "r1", Call: "tc_1", Agent: "bot", Tool: "get_order",
			Data: json.RawMessage(`{"text":"two\nlines"}`), Hash: event.Hash{byte(seq)},
		})
	}
}

func (r *record) Events(_ context.Context, q ledger.Query) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		r.mu.Lock()
		list := r.events[min(q.After, uint64(len(r.events))):]
		r.mu.Unlock()
		for i, e := range list {
			if i == q.Limit || !yield(e, nil) {
				return
			}
		}
	}
}

func (r *record) Status() ledger.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ledger.Status{Events: uint64(len(r.events)), Queue: r.queue}
}

var moment = time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)

func ptr[T any](v T) *T { return &v }

// full is a picture in which nothing is empty.
func full() *snapshot.Dashboard {
	lat := snapshot.Latency{Count: 10, P50US: 12.5, P95US: 30, P99US: 41, MaxUS: 55, MeanUS: 14}
	rate := []*float64{ptr(0.5), nil}
	t := []time.Time{moment.Add(-time.Second), moment}
	run := snapshot.Run{
		ID: "r1", Agent: "bot", Goal: "fix <b> & go", Status: "active", StartedAt: moment, LastAt: moment, DurationMS: 1200, ToolCalls: 3,
		Errors: 1, Denied: 1, CacheHits: 1, Repeats: 2, Streak: 2, CostNano: 23_076_000, CostUSD: "0.023076",
	}
	return &snapshot.Dashboard{
		Timestamp: moment,
		Metrics: snapshot.Metrics{
			WindowS:     300,
			Operations:  snapshot.Operations{AgentRunsTotal: 1, ToolCallsTotal: 3, PolicyChecksTotal: 3, CacheHits: 1, CacheMisses: 2, CacheEvictions: 1, ApprovalsPending: 2, CallsPerS: 0.01},
			Performance: snapshot.Performance{Policy: lat, CacheRead: lat, CacheWrite: lat, Redis: lat, Tool: lat, AgentRun: lat, Ledger: lat, Propose: lat},
			Errors:      snapshot.Errors{ToolErrors: 1, PolicyDenials: 1, ErrorRate: 0.5, ByTool: []snapshot.ToolErrors{{Tool: "get_order", Calls: 3, Errors: 1, Rate: 0.5}}, ByClass: map[string]int64{"timeout": 1}},
			SLO:         []snapshot.SLO{{Name: "decision p99", Target: 50, Actual: 41, Unit: "us", OK: true, BudgetRemaining: 1}},
			Series:      snapshot.Series{T: t, PolicyP99US: rate, ToolP95US: rate, DecisionHitRate: rate, ResultHitRate: rate, ResultCeiling: rate, ErrorRate: rate, USDPerHour: rate, CallsPerS: rate},
		},
		Cache: snapshot.Cache{
			Decisions: snapshot.DecisionCache{Hits: 2, Misses: 1, HitRate: 0.66}, Results: snapshot.ResultCache{Hits: 1, Misses: 2, HitRate: 0.33, Ceiling: 0.5},
			Local: snapshot.LocalTier{Entries: 1, Bytes: 100, MaxBytes: 1000, Tags: 3},
			Redis: snapshot.RedisTier{
				Configured: true, State: "connected", Since: &t[0], Latency: lat, UsedMemory: 4096, Keys: 7, LastError: "i/o timeout",
				Mode: "standalone", Breaker: "closed", BreakerOpened: 1, FillsDropped: 2, Errors: map[string]int64{"timeout": 1},
			},
			ByTool: []snapshot.ToolCache{{Tool: "get_order", Hits: 1, Misses: 2, HitRate: 0.33}},
			Classes: []snapshot.CacheClass{
				{
					Name: "results", Fresh: "ack", HitsLocal: 11, HitsRedis: 12, Misses: 13, StaleServed: 14, IsolatedServed: 15, StalePrevented: 16, Bypassed: 17,
					Refused: 18, LoadErrors: 19, Loading: 20, Entries: 21, Bytes: 22, Broken: map[string]int64{"seal": 1},
				},
				{Name: "decisions", Fresh: "ack", HitsLocal: 41, HitsRedis: 42, Misses: 43, StalePrevented: 44, Bypassed: 45, Broken: map[string]int64{"seal": 2}},
				{Name: "prices", Fresh: "bounded 30s", HitsLocal: 31, HitsRedis: 32, Misses: 33, StalePrevented: 34, Bypassed: 35, Broken: map[string]int64{"version": 2}},
			},
			Coherence: snapshot.Coherence{
				State: "coherent", LeaseMS: 182.5, Nodes: 3, SeqLag: 2, AckP50US: 241, AckP99US: 1200, AckTimeouts: 1, Journal: 4, NotPropagated: 5, Drops: 1, Gaps: 2, Replayed: 9,
			},
		},
		Policy: snapshot.Policy{
			Version: "sha256:ab", Name: "observe", Observe: true, LoadedAt: moment, Rules: 4, Checks: 3, Allowed: 2, Denied: 1, AllowRate: 0.66,
			ByRule:         []snapshot.RuleCount{{Rule: "reads", Effect: call.Allow, Count: 2}},
			TopDeniedTools: []snapshot.ToolCount{{Tool: "rm", Count: 1}}, Scopes: snapshot.ScopeCounts{Read: 2, Execute: 1},
			Grants: snapshot.Grants{Refused: map[string]int64{"expired": 1}},
		},
		Costs: snapshot.Costs{
			TotalUSD: "0.023076", TotalNanoUSD: 23_076_000, SavedUSD: "0.000000", Unpriced: snapshot.Unpriced{Models: []string{"mystery"}, Tokens: 5, Calls: 1},
			ByModel: []snapshot.ModelCost{{Model: "m", Calls: 1, Tokens: 9, NanoUSD: 23_076_000, USD: "0.023076", Priced: true}},
			ByAgent: []snapshot.AgentCost{{Agent: "bot", Calls: 1, Tokens: 9, NanoUSD: 23_076_000, USD: "0.023076"}},
			Budgets: []snapshot.Budget{{ID: "team", LimitUSD: "10.000000", UsedUSD: "6.100000", ReservedUSD: "0.000000", UsedRatio: 0.61}},
			Series:  snapshot.CostSeries{T: t, USDPerHour: rate}, PriceVersion: "2026-11-01",
		},
		Health: snapshot.Health{
			Status: "healthy", Version: "0.1.0", UptimeS: 60, Checks: map[string]snapshot.Check{"engine": {Status: "healthy", Message: "deciding", Since: moment}, "ledger": {Status: "healthy", Since: moment}},
			Memory: snapshot.Memory{HeapBytes: 1 << 20}, Process: snapshot.Process{CPURatio: 0.01, Goroutines: 12}, Node: "here", Nodes: []string{"here"},
		},
		Runs: snapshot.Runs{
			Total: 1, Active: 1, Recent: []snapshot.Run{run}, All: []snapshot.Run{run},
			Loops: []snapshot.Loop{{Run: "r1", Agent: "bot", Tool: "get_order", Streak: 5, Since: moment, Open: true}},
		},
		Alerts: []snapshot.Alert{{ID: "a1", Severity: "P2", Title: "Loop", Detail: "5 in a row", Since: moment}},
		Calls: []*snapshot.Call{
			{ID: "tc_3", At: moment, Agent: "bot", Run: "r2", Tool: "nobody_knows", Args: `{"cut":"\ud83d`, Effect: call.Allow, Would: call.Deny, Rule: "unknown_tool", Cache: "bypass"},
			{ID: "tc_2", At: moment, Agent: "bot", Run: "r1", Tool: "get_order", Scope: call.Read, Args: `{"id":7}`, Effect: call.Allow, Would: call.Allow, Cache: "hit", Tier: "local", PolicyUS: 1.5},
			{ID: "tc_1", At: moment, Agent: "bot", Run: "r1", Tool: "get_order", Scope: call.Read, Args: `{"id":7}`, Effect: call.Allow, Would: call.Allow, Cache: "miss", Outcome: call.OK, ToolMS: 42},
		},
		Source: snapshot.Source{Mode: "demo", Title: "secret to the endpoint"},
	}
}

type site struct {
	source *source
	ledger *record
	server *dashboard.Server
	http.Handler
}

func newSite(t testing.TB, change ...func(*dashboard.Options)) *site {
	t.Helper()
	s := &site{source: &source{picture: full(), meter: meter.New()}, ledger: &record{}}
	o := dashboard.Options{Source: s.source, Ledger: s.ledger, Version: "0.1.0"}
	for _, c := range change {
		c(&o)
	}
	var err error
	s.server, err = dashboard.New(o)
	require.NoError(t, err)
	s.Handler, err = guard.New(guard.Options{Auth: func(s string) (guard.Identity, bool) {
		if s == agentToken {
			return guard.Identity{Name: "bot", Role: guard.Agent}, true
		}
		return guard.Identity{Name: "test", Role: guard.Viewer}, s == token
	}}, s.server.Routes())
	require.NoError(t, err)
	return s
}

func (s *site) get(path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// pipes is a network without kernel: it works in a bubble of synctest, and a
// peer that does not read stalls the other at once.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7600} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
