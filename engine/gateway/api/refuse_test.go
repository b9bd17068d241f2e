package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/gateway/api"
)

func TestNothingInARequestIsIgnored(t *testing.T) {
	t.Parallel()
	const head = `{"agent":{"id":"a"},"tool_name":"t","tool_input":{}`
	result, usage, runs, end := "/v1/tool_calls/tc_1/result", "/v1/usage", "/v1/runs", "/v1/runs/r1/end"
	cases := map[string]struct {
		path, body        string
		code, field, says string
	}{
		"empty body":            {"", ``, "invalid_json", "", "empty"},
		"null":                  {"", `null`, "invalid_json", "", "null"},
		"array":                 {"", `[]`, "invalid_json", "", "an array"},
		"cut off":               {"", head, "invalid_json", "", "too early"},
		"trailing data":         {"", head + `} {}`, "invalid_json", "", "after"},
		"not JSON":              {"", `agent=a`, "invalid_json", "", "byte 0"},
		"invalid UTF-8":         {"", head + `,"model":"` + "\xff" + `"}`, "invalid_json", "model", "UTF-8"},
		"repeated name":         {"", head + `,"model":"a","model":"b"}`, "invalid_json", "model", "twice"},
		"repeated name inside":  {"", `{"agent":{"id":"a"},"tool_name":"t","tool_input":{"x":{"a":1,"a":2}}}`, "invalid_json", "tool_input.x.a", "twice"},
		"unknown field":         {"", head + `,"tool_imput":{}}`, "unknown_field", "tool_imput", `"tool_input"`},
		"wrong case":            {"", `{"Agent":{"id":"a"}}`, "unknown_field", "Agent", `"agent"`},
		"unknown field inside":  {"", `{"agent":{"name":"a"}}`, "unknown_field", "agent.name", "known here: id, type"},
		"wrong type":            {"", head + `,"run_id":7}`, "invalid_field", "run_id", "want a string, got a number"},
		"wrong type inside":     {"", `{"agent":{"id":{}}}`, "invalid_field", "agent.id", "want a string, got an object"},
		"agent is a string":     {"", `{"agent":"a"}`, "invalid_field", "agent", "want an object, got"},
		"no agent":              {"", `{"tool_name":"t","tool_input":{}}`, "missing_field", "agent.id", "required"},
		"no agent id":           {"", `{"agent":{"type":"x"},"tool_name":"t","tool_input":{}}`, "missing_field", "agent.id", "required"},
		"no tool name":          {"", `{"agent":{"id":"a"},"tool_input":{}}`, "missing_field", "tool_name", "required"},
		"no tool input":         {"", `{"agent":{"id":"a"},"tool_name":"t"}`, "missing_field", "tool_input", "required"},
		"null tool input":       {"", `{"agent":{"id":"a"},"tool_name":"t","tool_input":null}`, "missing_field", "tool_input", "required"},
		"tool input no object":  {"", `{"agent":{"id":"a"},"tool_name":"t","tool_input":[1]}`, "invalid_field", "tool_input", "want an object, got"},
		"grant no string":       {"", head + `,"grant":{}}`, "invalid_field", "grant", "want a string, got an object"},
		"grant too long":        {"", head + `,"grant":"` + strings.Repeat("e", 8193) + `"}`, "invalid_field", "grant", "8192"},
		"estimate negative":     {"", head + `,"estimated_usage":{"max_output_tokens":-1}}`, "invalid_field", "estimated_usage.max_output_tokens", "negative"},
		"estimate fraction":     {"", head + `,"estimated_usage":{"max_output_tokens":1.5}}`, "invalid_field", "estimated_usage.max_output_tokens", "whole number"},
		"name too long":         {"", `{"agent":{"id":"` + strings.Repeat("a", 257) + `"},"tool_name":"t","tool_input":{}}`, "invalid_field", "agent.id", "256"},
		"no status":             {result, `{}`, "missing_field", "status", "required"},
		"unknown status":        {result, `{"status":"failed"}`, "invalid_field", "status", "ok, error or cancelled"},
		"negative duration":     {result, `{"status":"ok","duration_ms":-1}`, "invalid_field", "duration_ms", "between"},
		"endless duration":      {result, `{"status":"ok","duration_ms":1e300}`, "invalid_field", "duration_ms", "between"},
		"duration as text":      {result, `{"status":"ok","duration_ms":"42"}`, "invalid_field", "duration_ms", "want a number"},
		"usage in result":       {result, `{"status":"ok","usage":{}}`, "not_supported", "usage", "not supported"},
		"no provider":           {usage, `{"model":"m","usage":{}}`, "missing_field", "provider", "required"},
		"no model":              {usage, `{"provider":"p","usage":{}}`, "missing_field", "model", "required"},
		"no usage":              {usage, `{"provider":"p","model":"m"}`, "missing_field", "usage", "required"},
		"usage no object":       {usage, `{"provider":"p","model":"m","usage":3}`, "invalid_field", "usage", "want the usage object"},
		"usage of no vendor":    {usage, `{"provider":"p","model":"m","usage":{"input_tokens":-1}}`, "invalid_field", "usage", "input_tokens"},
		"bad time":              {usage, `{"provider":"p","model":"m","usage":{"input_tokens":1},"occurred_at":"yesterday"}`, "invalid_field", "occurred_at", "RFC 3339"},
		"time in another epoch": {usage, `{"provider":"p","model":"m","usage":{"input_tokens":1},"occurred_at":"0001-01-01T00:00:00Z"}`, "invalid_field", "occurred_at", "between"},
		"agent a number":        {usage, `{"provider":"p","model":"m","usage":{},"agent":7}`, "invalid_field", "agent", "want an object, got"},
		"no run id":             {runs, `{"agent":"a"}`, "missing_field", "run_id", "required"},
		"no agent of the run":   {runs, `{"run_id":"r"}`, "missing_field", "agent.id", "required"},
		"goal too long":         {runs, `{"run_id":"r","agent":"a","goal":"` + strings.Repeat("g", 4097) + `"}`, "invalid_field", "goal", "4096"},
		"no calls at all":       {runs, `{"run_id":"r","agent":"a","constraints":{"max_tool_calls":0}}`, "invalid_field", "constraints.max_tool_calls", "at least 1"},
		"less than no steps":    {runs, `{"run_id":"r","agent":"a","constraints":{"max_steps":-1}}`, "invalid_field", "constraints.max_steps", "at least 1"},
		"half a second":         {runs, `{"run_id":"r","agent":"a","constraints":{"max_runtime_s":0.5}}`, "invalid_field", "constraints.max_runtime_s", "whole number"},
		"more than a year":      {runs, `{"run_id":"r","agent":"a","constraints":{"max_runtime_s":31536001}}`, "invalid_field", "constraints.max_runtime_s", "at most 31536000"},
		"limit as text":         {runs, `{"run_id":"r","agent":"a","constraints":{"max_tool_calls":"3"}}`, "invalid_field", "constraints.max_tool_calls", "want an integer, got a string"},
		"limit of money":        {runs, `{"run_id":"r","agent":"a","constraints":{"max_usd":"1"}}`, "not_supported", "constraints.max_usd", "not supported by this version"},
		"unknown limit":         {runs, `{"run_id":"r","agent":"a","constraints":{"max_tool_call":3}}`, "unknown_field", "constraints.max_tool_call", `"max_tool_calls"`},
		"no stop reason":        {end, `{}`, "missing_field", "stop_reason", "required"},
		"unknown stop reason":   {end, `{"stop_reason":"done"}`, "invalid_field", "stop_reason", "limit_exceeded"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &decider{}
			path := c.path
			if path == "" {
				path = "/v1/tool_calls"
			}
			e := refusal(t, post(handler(t, d), path, c.body))
			require.Equal(t, http.StatusBadRequest, e.Status)
			require.Equal(t, c.code, e.Code, e.Error())
			require.Equal(t, c.field, e.Field, e.Error())
			require.Contains(t, e.Message+" "+e.Hint, c.says)
			require.Empty(t, d.proposals)
			require.Empty(t, d.reports)
			require.Empty(t, d.usages)
			require.Empty(t, d.runs)
			require.Empty(t, d.ended)
		})
	}
}

func TestArgumentsThatTheEngineCannotReadAreTheCallersMistake(t *testing.T) {
	t.Parallel()
	d := &decider{propose: func(context.Context, call.Proposal) (call.Decision, error) {
		_, err := call.Canonical(json.RawMessage(`[]`))
		return call.Decision{}, err
	}}
	e := refusal(t, post(handler(t, d), "/v1/tool_calls", order))
	require.Equal(t, http.StatusBadRequest, e.Status)
	require.Equal(t, "tool_input", e.Field)
}

func TestOnlyJSONIsRead(t *testing.T) {
	t.Parallel()
	h := handler(t, &decider{})
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"} {
		e := refusal(t, post(h, "/v1/tool_calls", order, "Content-Type", kind))
		require.Equal(t, http.StatusUnsupportedMediaType, e.Status, kind)
	}
	require.Equal(t, http.StatusOK, post(h, "/v1/tool_calls", order, "Content-Type", "Application/JSON; charset=utf-8").Code)
	require.Equal(t, http.StatusUnsupportedMediaType, post(h, "/v1/tool_calls", order, "Content-Encoding", "gzip").Code)
}

func TestALargeBodyIsCutOff(t *testing.T) {
	t.Parallel()
	d := &decider{}
	h := handler(t, d, func(o *api.Options) { o.MaxBody = 1000 })
	fits := order + strings.Repeat(" ", 1000-len(order))
	require.Equal(t, http.StatusOK, post(h, "/v1/tool_calls", fits).Code)
	require.Equal(t, http.StatusRequestEntityTooLarge, refusal(t, post(h, "/v1/tool_calls", fits+" ")).Status)

	// Without a length, only as much is read as shows that it is too much.
	endless := &counted{}
	r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/tool_calls", endless)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusRequestEntityTooLarge, refusal(t, w).Status)
	require.LessOrEqual(t, endless.read, 1001)
	require.Len(t, d.proposals, 1)
}

// counted is an endless body.
type counted struct{ read int }

func (c *counted) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	c.read += len(b)
	return len(b), nil
}

func TestABodyThatBreaksOffIsNotDecided(t *testing.T) {
	t.Parallel()
	d := &decider{}
	r := httptest.NewRequest(http.MethodPost, "http://localhost/v1/tool_calls", io.MultiReader(strings.NewReader(order), broken{}))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler(t, d).ServeHTTP(w, r)
	require.Equal(t, http.StatusBadRequest, refusal(t, w).Status)
	require.Empty(t, d.proposals)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func FuzzToolCall(f *testing.F) {
	f.Add([]byte(order))
	f.Add([]byte(`{"agent":{"id":"a"},"tool_name":"t","tool_input":{"a":1,"a":2}}`))
	f.Add([]byte(`{"agent":{"id":"a","x":1}}`))
	f.Add([]byte("{\"agent\":{\"id\":\"\xff\"}}"))
	f.Add([]byte(`[[[[`))
	d := &decider{}
	h := handler(f, d)
	f.Fuzz(func(t *testing.T, body []byte) {
		d.proposals = nil
		w := post(h, "/v1/tool_calls", string(body))
		if w.Code != http.StatusOK {
			refusal(t, w)
			return
		}
		// What is decided is named, and is exactly one object of what was sent.
		require.Len(t, d.proposals, 1)
		p := d.proposals[0]
		require.NotEmpty(t, p.Agent)
		require.NotEmpty(t, p.Tool)
		require.True(t, bytes.Contains(body, p.Args))
		_, err := call.Canonical(p.Args)
		require.NoError(t, err)
	})
}

// A result nested 9,999 deep was accepted; inside the answer of a hit it was too
// deep to be written, so the identical call was 503 for as long as it was held.
func TestWhatIsNestedTooDeepIsRefusedByName(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	d := &decider{}
	h := handler(t, d)
	result := func(v string) *httptest.ResponseRecorder {
		return post(h, "/v1/tool_calls/tc_1/result", `{"status":"ok","result":`+v+`}`)
	}
	input := func(v string) *httptest.ResponseRecorder {
		return post(h, "/v1/tool_calls", `{"agent":{"id":"a"},"tool_name":"t","tool_input":{"x":`+v+`}}`)
	}
	for _, deep := range []string{nested(1001), nested(9_990), strings.Repeat(`{"a":`, 1001) + "1" + strings.Repeat("}", 1001)} {
		for field, w := range map[string]*httptest.ResponseRecorder{"result": result(deep), "tool_input": input(deep)} {
			e := refusal(t, w)
			require.Equal(t, http.StatusBadRequest, e.Status)
			require.Equal(t, "invalid_field", e.Code)
			require.Equal(t, field, e.Field)
			require.Contains(t, e.Message, "nested deeper than 1000")
		}
	}
	require.Empty(t, d.reports)
	require.Empty(t, d.proposals)

	for _, flat := range []string{nested(1000), `"` + strings.Repeat(`[{\"`, 2000) + `"`, "[" + strings.Repeat("[],", 2000) + "[]]"} {
		require.Equal(t, http.StatusOK, result(flat).Code)
	}
	require.Equal(t, http.StatusOK, input(nested(999)).Code)
}
