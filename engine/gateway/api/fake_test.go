package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway"
	"m1/engine/gateway/api"
	"m1/engine/gateway/guard"
	"m1/engine/pricing"
)

const token = "m1_test"

// buildToken speaks for build-* and lint alone.
const buildToken = "m1_build"

// decider is an engine of which a test says what it answers and sees what it
// was asked.
type decider struct {
	propose func(context.Context, call.Proposal) (call.Decision, error)
	err     error // of every other method

	mu        sync.Mutex
	proposals []call.Proposal
	reports   []call.Report
	usages    []call.Usage
	runs      []call.Run
	ended     map[call.RunID]string
}

var _ gateway.Decider = (*decider)(nil)

// allowed is the answer of a decider without propose.
var allowed = call.Decision{
	ID: "tc_1", Effect: call.Allow, Would: call.Allow, Rule: "reads", Reason: "Reading is allowed.", Version: "sha256:ab",
	Scope: call.Read, Duration: 12*time.Microsecond + 900*time.Nanosecond, Cache: call.CacheAnswer{Status: call.CacheMiss},
}

func (d *decider) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	d.mu.Lock()
	d.proposals = append(d.proposals, p)
	d.mu.Unlock()
	if d.propose != nil {
		return d.propose(ctx, p)
	}
	if _, err := call.Canonical(p.Args); err != nil {
		return call.Decision{}, err
	}
	return allowed, nil
}

func (d *decider) Report(_ context.Context, r call.Report) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reports = append(d.reports, r)
	return d.err
}

func (d *decider) Use(_ context.Context, u call.Usage) (call.Charge, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.usages = append(d.usages, u)
	if u.Model == "unknown" {
		return call.Charge{Version: "2026-11-01"}, d.err
	}
	return call.Charge{Cost: 23_076_000, Priced: true, Version: "2026-11-01"}, d.err
}

func (d *decider) StartRun(_ context.Context, r call.Run) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs = append(d.runs, r)
	return d.err
}

func (d *decider) EndRun(_ context.Context, run call.RunID, why string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == nil {
		d.ended = map[call.RunID]string{}
	}
	d.ended[run] = why
	return d.err
}

// options are those of the tests, with a catalogue of two tools.
func options(d gateway.Decider) api.Options {
	return api.Options{
		Decider:    d,
		ParseUsage: pricing.ParseUsage,
		Tools: func() []api.Tool {
			return []api.Tool{
				{Name: "get_order", Description: "Reads one order.", Scope: call.Read, Reads: []string{"orders"}, Cacheable: true},
				{Name: "ping", Scope: call.Execute},
			}
		},
	}
}

func handler(t testing.TB, d gateway.Decider, change ...func(*api.Options)) http.Handler {
	t.Helper()
	o := options(d)
	for _, c := range change {
		c(&o)
	}
	routes, err := api.Agents(o)
	require.NoError(t, err)
	h, err := guard.New(guard.Options{Auth: func(s string) (guard.Identity, bool) {
		if s == buildToken {
			return guard.Identity{Name: "build", Role: guard.Agent, Agents: []string{"build-*", "lint"}}, true
		}
		return guard.Identity{Name: "test", Role: guard.Agent}, s == token
	}}, routes)
	require.NoError(t, err)
	return h
}

// post sends body in the manner of a well-behaved agent.
func post(h http.Handler, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// refusal reads the error object that every answer but 2xx has.
func refusal(t testing.TB, w *httptest.ResponseRecorder) guard.Error {
	t.Helper()
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var body map[string]guard.Error
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), w.Body)
	require.Len(t, body, 1)
	e := body["error"]
	require.NotEmpty(t, e.Code, w.Body)
	require.NotEmpty(t, e.Message, w.Body)
	require.NotEmpty(t, e.Hint, w.Body)
	e.Status = w.Code
	return e
}
