package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// MaxAnswer bounds what a client reads of one answer, in bytes.
const MaxAnswer = 32 << 20

// ErrUnreachable is wrapped when no answer came at all.
var ErrUnreachable = errors.New("M1 cannot be reached")

// ErrNotM1 is wrapped when what answered does not speak as M1 does.
var ErrNotM1 = errors.New("this is not an M1")

// Conn speaks to one M1. It is safe for concurrent use and holds no goroutine
// but those of idle connections; see Close.
type Conn struct {
	base   *url.URL
	token  string
	client *http.Client
}

// Dial prepares to speak to the M1 at address, a URL or just host:port; it does
// not connect. An empty token sends none.
func Dial(address, token string) (*Conn, error) {
	return DialThrough(address, token, http.DefaultTransport.(*http.Transport).Clone())
}

// DialThrough is Dial with a transport of the caller's own.
func DialThrough(address, token string, transport http.RoundTripper) (*Conn, error) {
	full := address
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, fmt.Errorf("guard: address %q must be http://host:port or https://host:port", address)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// The address is not repeated: it may hold a secret.
		return nil, errors.New("guard: the address of M1 must have no user name, query or fragment; the token is given apart")
	}
	if strings.ContainsAny(token, " \t\r\n") {
		return nil, errors.New("guard: the token must be one word without white space")
	}
	return &Conn{
		base:  u,
		token: token,
		client: &http.Client{
			Transport: transport,
			// A redirect would take the token to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// URL is the address as it is used, for people.
func (c *Conn) URL() string { return c.base.String() }

// Close gives idle connections back.
func (c *Conn) Close() { c.client.CloseIdleConnections() }

// Do sends body, or nothing if it is nil, to path below the address and returns
// the body of a 2xx answer. header may be nil. A refusal is an *Error; what does
// not look like M1 wraps ErrNotM1, no answer ErrUnreachable.
func (c *Conn) Do(ctx context.Context, method, path string, header http.Header, body []byte) ([]byte, error) {
	target := strings.TrimSuffix(c.base.String(), "/") + path
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	if body == nil {
		req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.client.Do(req)
	if err != nil {
		var wrapped *url.Error // it repeats method and address
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.URL(), err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w at %s: the answer broke off: %w", ErrUnreachable, c.URL(), err)
	case len(data) > MaxAnswer:
		return nil, fmt.Errorf("%w: %s answers with more than %d bytes", ErrNotM1, c.URL(), MaxAnswer)
	case res.StatusCode/100 == 2:
		return data, nil
	}
	var refusal errorBody
	if json.Unmarshal(data, &refusal) != nil || refusal.Error == nil || refusal.Error.Code == "" {
		return nil, fmt.Errorf("%w: %s answers %s to %s %s", ErrNotM1, c.URL(), res.Status, method, strings.SplitN(path, "?", 2)[0])
	}
	refusal.Error.Status, refusal.Error.Answer = res.StatusCode, data
	return nil, refusal.Error
}

// Segment is id as one part of a path, also where it is "." or "..", which
// url.PathEscape leaves as they are.
func Segment(id string) string {
	if id == "." || id == ".." {
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}
