package token_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/token"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: noon} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// node is a ring with what its tests need to forge: the folder and the clock.
type node struct {
	*token.Ring
	dir   string
	clock *clock
}

func newNode(t testing.TB, name string) node {
	t.Helper()
	c, dir := newClock(), t.TempDir()
	r, err := token.Open(token.Options{Dir: dir, Node: name, Now: c.Now})
	require.NoError(t, err)
	return node{r, dir, c}
}

// key returns what the node signs with, out of its file.
func (n node) key(t testing.TB) (kid string, private ed25519.PrivateKey) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(n.dir, token.File))
	require.NoError(t, err)
	var f struct {
		Keys []struct {
			Kid  string `json:"kid"`
			Seed []byte `json:"seed"`
		} `json:"keys"`
	}
	require.NoError(t, json.Unmarshal(data, &f))
	last := f.Keys[len(f.Keys)-1]
	return last.Kid, ed25519.NewKeyFromSeed(last.Seed)
}

func digest(args string) string { return call.DigestOf("pay.refund", json.RawMessage(args)).String() }

func grant() token.Grant {
	return token.Grant{
		ID: "gr_1", Agent: "claude-code/s1", Run: "run-7", Tool: "pay.refund", Scope: call.Execute,
		Digest: digest(`{"amount":250}`), Narrow: json.RawMessage(`{"order":"<a&b>"}`),
		Schema: "5c", Rule: "refund-l", Version: "sha256:aa", Uses: 1, By: "lead", Approval: "ap_1",
		ExpiresAt: noon.Add(5 * time.Minute),
	}
}

func sign(t testing.TB, n node, g token.Grant) string {
	t.Helper()
	signed, err := n.Sign(g)
	require.NoError(t, err)
	return signed
}

func requireRefused(t testing.TB, err error, want token.Reason) {
	t.Helper()
	var refused *token.Refusal
	require.ErrorAs(t, err, &refused)
	require.Equal(t, want, refused.Reason, "%v", err)
}

func TestAGrantIsTheSameAfterSigningAndVerifying(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	want := grant()
	got, err := n.Verify(sign(t, n, want))
	require.NoError(t, err)
	want.Issuer, want.IssuedAt = "node-a", noon
	require.Equal(t, want, got)
}

func TestAGrantThatBindsLittleIsTheSameToo(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	want := token.Grant{
		ID: token.NewID(), Agent: "a", Tool: "t", Scope: call.Read, Version: "v", Uses: 3, By: "lead",
		IssuedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(time.Minute),
	}
	g := want
	g.Narrow = json.RawMessage(` { } `)
	other := want
	other.Narrow = json.RawMessage(` {"b" : 1.0, "a":"\u0031"} `)
	canonical, err := n.Verify(sign(t, n, other))
	require.NoError(t, err)
	require.NoError(t, token.Fits(canonical.Narrow, json.RawMessage(`{"a":"1","b":1}`)), "in the form that Covers compares")
	got, err := n.Verify(sign(t, n, g))
	require.NoError(t, err)
	want.Issuer = "node-a"
	require.Equal(t, want, got)
}

// Another reader of JWTs sees a plain one.
func TestATokenIsAnOrdinaryJWT(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	kid, private := n.key(t)
	parsed, err := jwt.Parse(sign(t, n, grant()), func(*jwt.Token) (any, error) { return private.Public(), nil },
		jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithIssuer("node-a"), jwt.WithAudience("m1"), jwt.WithIssuedAt(),
		jwt.WithExpirationRequired(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(n.clock.Now))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"alg": "EdDSA", "kid": kid, "typ": "JWT"}, parsed.Header)
	require.Equal(t, "claude-code/s1", parsed.Claims.(jwt.MapClaims)["sub"])
}

func TestWhatNoGrantMayBeIsNotSigned(t *testing.T) {
	t.Parallel()
	n := newNode(t, "node-a")
	tests := []struct {
		name   string
		change func(*token.Grant)
		want   token.Reason
		names  string
	}{
		{"no id", func(g *token.Grant) { g.ID = "" }, token.Malformed, "id"},
		{"an id of nothing", func(g *token.Grant) { g.ID = "gr_" }, token.Malformed, "id"},
		{"an id of another kind", func(g *token.Grant) { g.ID = "ap_1" }, token.Malformed, "gr_"},
		{"an id with a path", func(g *token.Grant) { g.ID = "gr_../x" }, token.Malformed, "id"},
		{"no agent", func(g *token.Grant) { g.Agent = "" }, token.Malformed, "agent"},
		{"no tool", func(g *token.Grant) { g.Tool = "" }, token.Malformed, "tool"},
		{"no scope", func(g *token.Grant) { g.Scope = call.NoScope }, token.Malformed, "scope"},
		{"a scope that does not exist", func(g *token.Grant) { g.Scope = 9 }, token.Malformed, "scope"},
		{"no policy", func(g *token.Grant) { g.Version = "" }, token.Malformed, "policy"},
		{"nobody gave it", func(g *token.Grant) { g.By = "" }, token.Malformed, "who gave it"},
		{"no uses", func(g *token.Grant) { g.Uses = 0 }, token.Malformed, "uses"},
		{"half a digest", func(g *token.Grant) { g.Digest = g.Digest[:63] }, token.Malformed, "digest"},
		{"a digest in capitals", func(g *token.Grant) { g.Digest = strings.ToUpper(g.Digest) }, token.Malformed, "digest"},
		{"invalid UTF-8, which JSON would change", func(g *token.Grant) { g.Agent = "a\xff" }, token.Malformed, "agent"},
		{"narrowed by a list", func(g *token.Grant) { g.Narrow = json.RawMessage(`[1]`) }, token.Malformed, "object"},
		{"narrowed by duplicate members", func(g *token.Grant) { g.Narrow = json.RawMessage(`{"a":1,"a":2}`) }, token.Malformed, "object"},
		{"longer than a token may be", func(g *token.Grant) { g.Narrow = json.RawMessage(`{"a":"` + strings.Repeat("x", 8<<10) + `"}`) }, token.Malformed, "8192"},
		{"another issuer", func(g *token.Grant) { g.Issuer = "node-b" }, token.WrongIssuer, ""},
		{"no end", func(g *token.Grant) { g.ExpiresAt = time.Time{} }, token.Malformed, "exp"},
		{"ends before it begins", func(g *token.Grant) { g.ExpiresAt = noon }, token.Malformed, "exp"},
		{"a second too long", func(g *token.Grant) { g.ExpiresAt = noon.Add(24*time.Hour + time.Second) }, token.TooLong, "24h"},
		{"over already", func(g *token.Grant) {
			g.IssuedAt, g.ExpiresAt = noon.Add(-time.Hour), noon.Add(-time.Minute)
		}, token.Expired, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := grant()
			tt.change(&g)
			signed, err := n.Sign(g)
			requireRefused(t, err, tt.want)
			require.ErrorContains(t, err, tt.names)
			require.Empty(t, signed)
		})
	}
}

// Both ends of the validity move by the leeway, and the end itself is too late.
func TestTheClockMayDifferByTheLeewayAndNoMore(t *testing.T) {
	t.Parallel()
	const leeway = token.DefaultLeeway
	end := noon.Add(5 * time.Minute)
	tests := []struct {
		name string
		now  time.Time
		want token.Reason // empty: accepted
	}{
		{"the clock behind by the leeway", noon.Add(-leeway), ""},
		{"the clock behind by a nanosecond more", noon.Add(-leeway - 1), token.FutureIAT},
		{"at the end", end, ""},
		{"one nanosecond before the end and the leeway", end.Add(leeway - 1), ""},
		{"at the end and the leeway", end.Add(leeway), token.Expired},
		{"a day later", end.Add(24 * time.Hour), token.Expired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, "node-a")
			signed := sign(t, n, grant())
			n.clock.set(tt.now)
			_, err := n.Verify(signed)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			requireRefused(t, err, tt.want)
		})
	}
}

func TestANilRingRefusesEverything(t *testing.T) {
	t.Parallel()
	var r *token.Ring
	_, err := r.Sign(grant())
	requireRefused(t, err, token.NoKey)
	_, err = r.Verify(sign(t, newNode(t, "node-a"), grant()))
	requireRefused(t, err, token.NoKey)
	require.Empty(t, r.Keys())
	require.Error(t, r.Trust("node-b", nil))
	_, err = r.Rotate()
	require.Error(t, err)
}

func TestIdsAreNotGuessed(t *testing.T) {
	t.Parallel()
	a, b := token.NewID(), token.NewID()
	require.NotEqual(t, a, b)
	require.True(t, strings.HasPrefix(a, "gr_"))
	require.GreaterOrEqual(t, len(a), len("gr_")+26, "128 bits in base32")
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func unb64(t testing.TB, s string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	require.NoError(t, err)
	return string(b)
}
