package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	jsonx "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"m1/engine/call"
	"m1/engine/gateway"
	"m1/engine/gateway/guard"
)

var _ gateway.Decider = (*Client)(nil)

// Client is a Decider that asks a running M1. It is safe for concurrent use.
// Refusals are *guard.Error; those that the engine names wrap call.ErrArgs,
// call.ErrUnknownCall or call.ErrUnknownRun too, and no answer at all wraps
// guard.ErrUnreachable. How long a method may wait is its context's concern.
type Client struct{ conn *guard.Conn }

// Dial prepares a client of the M1 at url, such as "http://127.0.0.1:7600". It
// does not connect.
func Dial(url, token string) (*Client, error) {
	conn, err := guard.Dial(url, token)
	if err != nil {
		return nil, err
	}
	return &Client{conn}, nil
}

// Close gives idle connections back.
func (c *Client) Close() { c.conn.Close() }

// Propose asks for a decision. With a ToolUse the question can be repeated: M1
// then gives the same answer again, or decides anew if that was a hit. On any error the Decision denies and its
// reason says what to do.
func (c *Client) Propose(ctx context.Context, p call.Proposal) (call.Decision, error) {
	var header http.Header
	if p.ToolUse != "" {
		header = http.Header{"Idempotency-Key": {p.ToolUse}}
	}
	var out toolCallAnswer
	if err := c.ask(ctx, "/v1/tool_calls", header, proposed(p), &out); err != nil {
		return call.Decision{Reason: "M1 did not decide, so the call is blocked: " + err.Error()}, err
	}
	if out.ID == "" {
		err := fmt.Errorf("%w: %s answers without the id of a decision", guard.ErrNotM1, c.conn.URL())
		return call.Decision{Reason: "M1 did not decide, so the call is blocked: " + err.Error()}, err
	}
	d := call.Decision{
		ID: out.ID, Effect: out.Decision, Would: out.Decision, Rule: out.RuleID, Code: out.Code, Reason: out.Reason, Version: out.PolicyVersion,
		Duration: time.Duration(out.DurationUS) * time.Microsecond,
		Retry:    time.Duration(out.RetryAfterMS) * time.Millisecond,
		Cache:    call.CacheAnswer{Status: out.Cache.Status, Tier: out.Cache.Tier, Result: json.RawMessage(out.Cache.Result)},
	}
	if out.Would != nil {
		d.Would = *out.Would
	}
	if out.Approval != nil {
		d.Approval = &call.Approval{ID: out.Approval.ID, ExpiresAt: out.Approval.ExpiresAt}
	}
	if out.Cache.AgeMS != nil {
		d.Cache.Age = time.Duration(*out.Cache.AgeMS) * time.Millisecond
	}
	if out.Scope != "" {
		if err := d.Scope.UnmarshalText([]byte(out.Scope)); err != nil {
			return call.Decision{Reason: "M1 did not decide, so the call is blocked: " + err.Error()}, fmt.Errorf("%w: %w", guard.ErrNotM1, err)
		}
	}
	return d, nil
}

// WriteProposal is the body that ReadProposal reads.
func WriteProposal(p call.Proposal) ([]byte, error) {
	body, err := jsonx.Marshal(proposed(p))
	if err != nil {
		return nil, fmt.Errorf("api: encode request: %w", err)
	}
	return body, nil
}

func proposed(p call.Proposal) toolCallRequest {
	in := toolCallRequest{
		Agent: &agent{ID: string(p.Agent), Type: p.AgentType}, RunID: string(p.Run), ToolUseID: p.ToolUse,
		ToolName: p.Tool, ToolInput: jsontext.Value(p.Args), Model: p.Model, Grant: p.Grant,
	}
	if len(p.Args) == 0 {
		in.ToolInput = jsontext.Value("{}")
	}
	return in
}

// Report tells what came of a released call.
func (c *Client) Report(ctx context.Context, r call.Report) error {
	in := resultRequest{
		Status: string(r.Outcome), Result: jsontext.Value(r.Result), ErrorType: r.ErrorType,
		DurationMS: float64(r.Duration) / float64(time.Millisecond),
	}
	return c.ask(ctx, "/v1/tool_calls/"+guard.Segment(string(r.ID))+"/result", nil, in, new(resultAnswer))
}

// Use records what a model call consumed. Usage without a provider is recorded
// under "m1".
func (c *Client) Use(ctx context.Context, u call.Usage) (call.Charge, error) {
	raw, err := jsonx.Marshal(usageObject{u.Input, u.Output, u.CacheRead, u.CacheWrite5m + u.CacheWrite1h, u.CacheWrite1h, u.Tier})
	if err != nil {
		return call.Charge{}, fmt.Errorf("api: encode usage: %w", err)
	}
	in := usageRequest{Provider: u.Provider, Model: u.Model, RunID: string(u.Run), MessageID: u.Message, Usage: raw}
	if in.Provider == "" {
		in.Provider = "m1"
	}
	if u.Agent != "" {
		in.Agent = &agentName{ID: string(u.Agent)}
	}
	if !u.At.IsZero() {
		in.OccurredAt = u.At.UTC().Format(time.RFC3339Nano)
	}
	var out usageAnswer
	if err := c.ask(ctx, "/v1/usage", nil, in, &out); err != nil {
		return call.Charge{}, err
	}
	charge := call.Charge{Priced: out.Priced, Version: out.PriceVersion}
	if out.CostNanoUSD != nil {
		charge.Cost = *out.CostNanoUSD
	}
	return charge, nil
}

// StartRun begins an agent run. The wire has no place for Model: it is not sent.
// MaxRuntime is rounded up to whole seconds.
func (c *Client) StartRun(ctx context.Context, r call.Run) error {
	in := runRequest{RunID: string(r.ID), Agent: &agentName{ID: string(r.Agent)}, Goal: r.Goal}
	if l := r.Limits; l != (call.RunLimits{}) {
		in.Constraints = &constraints{MaxToolCalls: limit(l.MaxToolCalls), MaxSteps: limit(l.MaxSteps), MaxRuntimeS: limit(int64((l.MaxRuntime + time.Second - 1) / time.Second))}
	}
	return c.ask(ctx, "/v1/runs", nil, in, new(runAnswer))
}

// limit is n as the wire has it, where 0 is no limit.
func limit(n int64) *int64 {
	if n == 0 {
		return nil
	}
	return &n
}

// EndRun ends an agent run.
func (c *Client) EndRun(ctx context.Context, run call.RunID, stopReason string) error {
	return c.ask(ctx, "/v1/runs/"+guard.Segment(string(run))+"/end", nil, endRequest{stopReason}, new(endAnswer))
}

// Tools lists the catalogue.
func (c *Client) Tools(ctx context.Context) ([]Tool, error) {
	data, err := c.conn.Do(ctx, http.MethodGet, "/v1/tools", nil, nil)
	if err != nil {
		return nil, err
	}
	var out toolsAnswer
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("%w: %w", guard.ErrNotM1, err)
	}
	return out.Tools, nil
}

// ask posts in and reads the answer into out, which points to a struct.
func (c *Client) ask(ctx context.Context, path string, header http.Header, in, out any) error {
	body, err := jsonx.Marshal(in)
	if err != nil {
		return fmt.Errorf("api: encode request: %w", err)
	}
	data, err := c.conn.Do(ctx, http.MethodPost, path, header, body)
	if err != nil {
		return sentinel(err)
	}
	if err := jsonx.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%w: %w", guard.ErrNotM1, err)
	}
	return nil
}

// sentinel gives a refusal back its meaning inside the engine.
func sentinel(err error) error {
	refusal, is := errors.AsType[*guard.Error](err)
	switch {
	case !is:
		return err
	case refusal.Code == "unknown_call":
		return fmt.Errorf("%w: %w", call.ErrUnknownCall, err)
	case refusal.Code == "unknown_run":
		return fmt.Errorf("%w: %w", call.ErrUnknownRun, err)
	case refusal.Field == "tool_input":
		return fmt.Errorf("%w: %w", call.ErrArgs, err)
	}
	return err
}

// usageObject is M1's own usage object, which every provider's usage fits in.
// All cache writes are in cache_write_tokens, those for one hour among them.
type usageObject struct {
	Input        int64  `json:"input_tokens"`
	Output       int64  `json:"output_tokens"`
	CacheRead    int64  `json:"cache_read_tokens"`
	CacheWrite   int64  `json:"cache_write_tokens"`
	CacheWrite1h int64  `json:"cache_write_1h_tokens"`
	Tier         string `json:"service_tier,omitzero"`
}
