package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	jsonx "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"m1/collector/snapshot"
	"m1/engine/approval"
	"m1/engine/call"
	"m1/engine/gateway/api"
	"m1/engine/gateway/guard"
	"m1/engine/source"
)

// Client does over HTTP what a Desk and Rules do in the engine: with the token of an
// operator it acts, with that of an agent it only waits. It is safe for concurrent
// use. A refusal is a *guard.Error; one that the engine or package approval names
// wraps that error too, a policy that is not valid source.Problems, and no answer at
// all guard.ErrUnreachable. How long a method may take is its context's concern.
type Client struct{ conn *guard.Conn }

// NewClient speaks through conn, which stays the caller's to close.
func NewClient(conn *guard.Conn) *Client { return &Client{conn} }

// Approvals lists those with status, the newest first; "" lists all.
func (c *Client) Approvals(ctx context.Context, status string) ([]snapshot.Approval, error) {
	var out approvalsAnswer
	err := c.ask(ctx, http.MethodGet, "/v1/approvals"+parameter("status", status), nil, &out)
	return out.Approvals, err
}

// Approval returns one approval as it is. Grant is set only for its own agent.
func (c *Client) Approval(ctx context.Context, id string) (snapshot.Approval, error) {
	return c.poll(ctx, id, 0)
}

// eachWait is how long one request of Await waits: shorter than what proxies let
// pass without an answer.
const eachWait = 25 * time.Second

// Await blocks until the approval is answered or expired. When ctx ends before, it
// returns the approval as it was last seen and the error of ctx.
func (c *Client) Await(ctx context.Context, id string) (snapshot.Approval, error) {
	var last snapshot.Approval
	for {
		began := time.Now()
		a, err := c.poll(ctx, id, eachWait)
		if refused, is := errors.AsType[*guard.Error](err); is && refused.Status == http.StatusTooManyRequests {
			err = nil // only too many who wait
		} else if err == nil {
			last = a
		}
		switch {
		case ctx.Err() != nil && (err != nil || last.Status == snapshot.Pending):
			return last, fmt.Errorf("operate: wait for the answer: %w", ctx.Err())
		case err != nil:
			return last, err
		case last.Status != snapshot.Pending && last.ID != "":
			return last, nil
		}
		// A server that is going away answers at once.
		if pause := time.Second - time.Since(began); pause > 0 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
		}
	}
}

func (c *Client) poll(ctx context.Context, id string, wait time.Duration) (snapshot.Approval, error) {
	var out snapshot.Approval
	path := "/v1/approvals/" + guard.Segment(id)
	if wait > 0 {
		path += parameter("wait", wait.String())
	}
	err := c.ask(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

// Answer approves or rejects in the name of the token's holder: By is not sent. On a
// rejection only Reason and Digest are.
func (c *Client) Answer(ctx context.Context, a approval.Answer) (snapshot.Approval, error) {
	var in any = rejectRequest{a.Reason, a.Digest}
	path := "/reject"
	if a.Approve {
		in, path = approveRequest{a.Reason, seconds(a.TTL), int64(a.Uses), jsontext.Value(a.Narrow), a.Digest}, "/approve"
	}
	var out snapshot.Approval
	err := c.ask(ctx, http.MethodPost, "/v1/approvals/"+guard.Segment(a.ID)+path, in, &out)
	return out, err
}

// Grants lists those that are known, the newest first.
func (c *Client) Grants(ctx context.Context) ([]snapshot.Grant, error) {
	var out grantsAnswer
	err := c.ask(ctx, http.MethodGet, "/v1/grants", nil, &out)
	return out.Grants, err
}

// IssueGrant permits calls before they are asked about, and returns the signed
// token too. It is shown this once.
func (c *Client) IssueGrant(ctx context.Context, o GrantOrder) (snapshot.Grant, string, error) {
	in := grantRequest{
		Agent: string(o.Agent), RunID: string(o.Run), Tool: o.Tool, Scope: o.Scope.String(),
		TTLS: seconds(o.TTL), Uses: int64(o.Uses), Args: jsontext.Value(o.Narrow), Input: jsontext.Value(o.Args),
	}
	var out grantAnswer
	err := c.ask(ctx, http.MethodPost, "/v1/grants", in, &out)
	return out.Grant, out.Token, err
}

// RevokeGrant ends a grant at once.
func (c *Client) RevokeGrant(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, "/v1/grants/"+guard.Segment(id), nil, new(revokeAnswer))
}

// RotateKeys signs with a new key from now on and returns its id.
func (c *Client) RotateKeys(ctx context.Context) (kid string, err error) {
	var out rotateAnswer
	err = c.ask(ctx, http.MethodPost, "/v1/grants/rotate", struct{}{}, &out)
	return out.Key, err
}

// Policy returns the policy that decides and those before it.
func (c *Client) Policy(ctx context.Context) (PolicyState, error) {
	var out PolicyState
	err := c.ask(ctx, http.MethodGet, "/v1/policy", nil, &out)
	return out, err
}

// PutPolicy loads another policy; with dryRun it only says what that would change.
func (c *Client) PutPolicy(ctx context.Context, src, comment string, dryRun bool) (snapshot.PolicyVersion, snapshot.PolicyDiff, error) {
	path := "/v1/policy"
	if dryRun {
		path += "?dry_run=1"
	}
	var out policyAnswer
	err := c.ask(ctx, http.MethodPut, path, policyRequest{src, comment}, &out)
	return out.Policy, out.Diff, err
}

// Rollback loads a version that decided before.
func (c *Client) Rollback(ctx context.Context, to, comment string) (snapshot.PolicyVersion, error) {
	var out rollbackAnswer
	err := c.ask(ctx, http.MethodPost, "/v1/policy/rollback", rollbackRequest{to, comment}, &out)
	return out.Policy, err
}

// Explain says how p would be decided. An agent is told ForModel only.
func (c *Client) Explain(ctx context.Context, p call.Proposal) (snapshot.Explanation, error) {
	var out snapshot.Explanation
	body, err := api.WriteProposal(p)
	if err != nil {
		return out, err
	}
	err = c.send(ctx, http.MethodPost, "/v1/policy/explain", body, &out)
	return out, err
}

// ask sends in, or nothing if it is nil, and reads the answer into out.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = jsonx.Marshal(in); err != nil {
			return fmt.Errorf("operate: encode request: %w", err)
		}
	}
	return c.send(ctx, method, path, body, out)
}

func (c *Client) send(ctx context.Context, method, path string, body []byte, out any) error {
	data, err := c.conn.Do(ctx, method, path, nil, body)
	if err != nil {
		return meaning(err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%w: %w", guard.ErrNotM1, err)
	}
	return nil
}

// meaning gives a refusal back what it means inside the engine.
func meaning(err error) error {
	refusal, is := errors.AsType[*guard.Error](err)
	if !is {
		return err
	}
	switch refusal.Code {
	case "already_answered":
		var body struct{ Answered answered }
		if json.Unmarshal(refusal.Answer, &body) == nil {
			return fmt.Errorf("%w: %w", (*approval.Answered)(&body.Answered), err)
		}
	case "invalid_policy":
		var body struct{ Problems []problem }
		if json.Unmarshal(refusal.Answer, &body) == nil {
			return fmt.Errorf("%w: %w", err, inside(body.Problems))
		}
	case "invalid_grant":
		return fmt.Errorf("%w: %w", &BadOrder{refusal.Field, refusal.Message, refusal.Hint}, err)
	}
	for _, m := range meanings {
		if m.code == refusal.Code {
			return fmt.Errorf("%w: %w", m.err, err)
		}
	}
	return err
}

func inside(lines []problem) source.Problems {
	problems := make(source.Problems, len(lines))
	for i, l := range lines {
		problems[i] = source.Problem{Line: l.Line, Col: l.Col, Field: l.Field, Msg: l.Message, Hint: l.Hint}
	}
	return problems
}

// seconds is d in whole seconds, rounded down: a grant never opens longer than was
// meant. Less than one second is 1, since 0 asks for the default.
func seconds(d time.Duration) int64 {
	if d > 0 && d < time.Second {
		return 1
	}
	return int64(d / time.Second)
}

func parameter(name, value string) string {
	if value == "" {
		return ""
	}
	return "?" + url.Values{name: {value}}.Encode()
}
