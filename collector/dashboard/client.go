package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"m1/collector/snapshot"
	"m1/engine/call"
	"m1/engine/gateway/guard"
)

// Client reads the pictures of another M1. It is safe for concurrent use.
type Client struct{ conn *guard.Conn }

// Dial prepares a client of the M1 at url, such as "http://127.0.0.1:7600". It
// does not connect; see Check.
func Dial(url, token string) (*Client, error) {
	conn, err := guard.Dial(url, token)
	if err != nil {
		return nil, err
	}
	return &Client{conn}, nil
}

// Close gives idle connections back.
func (c *Client) Close() { c.conn.Close() }

// Check says whether pictures can be had, for the first connect. Its error is a
// sentence for people with what to do.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.fetch(ctx, snapshot.DefaultWindow)
	return err
}

// fetch reads one whole picture with its calls.
func (c *Client) fetch(ctx context.Context, window time.Duration) (*snapshot.Dashboard, error) {
	whole, err := c.conn.Do(ctx, http.MethodGet, "/api/m1/dashboard?"+url.Values{"window": {snapshot.WindowName(window)}}.Encode(), nil, nil)
	if err != nil {
		return nil, c.explain(err)
	}
	calls, err := c.conn.Do(ctx, http.MethodGet, fmt.Sprintf("/v1/calls?limit=%d", maxCalls), nil, nil)
	if err != nil {
		return nil, c.explain(err)
	}
	d, err := decode(whole, calls)
	if err != nil {
		return nil, c.explain(err)
	}
	if d.Approvals, err = c.approvals(ctx); err != nil {
		return nil, c.explain(err)
	}
	d.Source = snapshot.Source{Mode: "attached", Title: c.conn.URL(), NoAuth: d.Health.NoAuth}
	return d, nil
}

// answeredShown is how many closed questions a picture holds.
const answeredShown = 50

// approvals are the open questions, the first to expire first, then the newest
// closed ones.
func (c *Client) approvals(ctx context.Context) ([]snapshot.Approval, error) {
	data, err := c.conn.Do(ctx, http.MethodGet, "/v1/approvals", nil, nil)
	if refusal, is := errors.AsType[*guard.Error](err); is && refusal.Status == http.StatusNotFound {
		return nil, nil // an M1 from before there were any
	}
	if err != nil {
		return nil, err
	}
	var list struct {
		Approvals []snapshot.Approval `json:"approvals"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("%w: the approvals cannot be read: %w", guard.ErrNotM1, err)
	}
	var pending, closed []snapshot.Approval
	for _, a := range list.Approvals {
		if a.Status == snapshot.Pending {
			pending = append(pending, a)
		} else if len(closed) < answeredShown {
			closed = append(closed, a)
		}
	}
	slices.SortStableFunc(pending, func(a, b snapshot.Approval) int { return a.ExpiresAt.Compare(b.ExpiresAt) })
	return append(pending, closed...), nil
}

// explain says what to do about err.
func (c *Client) explain(err error) error {
	var refusal *guard.Error
	switch {
	case errors.Is(err, guard.ErrNotM1):
		return fmt.Errorf("%w; check the address: it must be the one that the other M1 listens on", err)
	case errors.Is(err, guard.ErrUnreachable):
		return fmt.Errorf("%w; start it there with m1 --engine-only, or check the address", err)
	case !errors.As(err, &refusal):
		return err
	}
	if refusal.Code == "forbidden" {
		return fmt.Errorf("%s: this token may not read the dashboard; give one with role viewer, operator or admin: %w", c.conn.URL(), err)
	}
	switch refusal.Status {
	case http.StatusUnauthorized:
		return fmt.Errorf("%s refuses the token; give the admin token that it printed at its first start, or one with role viewer: %w", c.conn.URL(), err)
	case http.StatusForbidden, http.StatusMisdirectedRequest:
		return fmt.Errorf("%s does not let this client in; connect to it by localhost, by SSH forwarding or by its configured name: %w", c.conn.URL(), err)
	case http.StatusNotFound:
		return fmt.Errorf("%s has no dashboard; check the address and that its M1 is not older than this one: %w", c.conn.URL(), err)
	case http.StatusServiceUnavailable:
		return fmt.Errorf("%s is not ready; wait a moment: %w", c.conn.URL(), err)
	}
	return fmt.Errorf("%s: %w", c.conn.URL(), err)
}

// wireCall reads a call whose tool is in no catalogue: its scope is empty.
type wireCall struct {
	*snapshot.Call
	Scope string `json:"scope"`
}

// decode reads a picture that somebody else wrote. Whatever it is, what decode
// returns can be drawn: no call is nil, all columns of a series are as long as
// its times.
func decode(whole, calls []byte) (*snapshot.Dashboard, error) {
	d := new(snapshot.Dashboard)
	if err := json.Unmarshal(whole, d); err != nil {
		return nil, fmt.Errorf("%w: the dashboard cannot be read: %w", guard.ErrNotM1, err)
	}
	if d.Timestamp.IsZero() {
		return nil, fmt.Errorf("%w: the dashboard has no timestamp", guard.ErrNotM1)
	}
	var list struct {
		Calls []wireCall `json:"calls"`
	}
	if err := json.Unmarshal(calls, &list); err != nil {
		return nil, fmt.Errorf("%w: the calls cannot be read: %w", guard.ErrNotM1, err)
	}
	d.Calls = make([]*snapshot.Call, 0, len(list.Calls))
	for _, c := range list.Calls {
		if c.Call == nil {
			continue
		}
		if c.Scope != "" {
			var scope call.Scope
			if err := scope.UnmarshalText([]byte(c.Scope)); err != nil {
				return nil, fmt.Errorf("%w: %w", guard.ErrNotM1, err)
			}
			c.Call.Scope = scope
		}
		d.Calls = append(d.Calls, c.Call)
	}
	d.Runs.All = d.Runs.Recent
	s, n := &d.Metrics.Series, len(d.Metrics.Series.T)
	for _, column := range []*[]*float64{
		&s.PolicyP99US, &s.ToolP95US, &s.DecisionHitRate, &s.ResultHitRate, &s.ResultCeiling, &s.ErrorRate, &s.USDPerHour, &s.CallsPerS,
	} {
		*column = fit(*column, n)
	}
	d.Costs.Series.USDPerHour = fit(d.Costs.Series.USDPerHour, len(d.Costs.Series.T))
	return d, nil
}

// fit makes column n long; what is missing has no data.
func fit(column []*float64, n int) []*float64 {
	if len(column) > n {
		return column[:n]
	}
	for len(column) < n {
		column = append(column, nil)
	}
	return column
}
