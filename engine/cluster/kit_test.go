package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/seal"
	"m1/engine/call"
	"m1/engine/cluster"
	"m1/engine/token"
)

const patience = 20 * time.Second

// Names of what is in Redis.
const (
	requestsOf = "m1:{m1}:grants:requests:"
	answersTo  = "m1:{m1}:grants:answers:"
	keysAt     = "m1:{m1}:grants:keys"
)

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s: %s", patience, what)
		}
	}
}

func secret(t testing.TB, of byte) seal.Secret {
	t.Helper()
	s, err := seal.NewSecret(bytes.Repeat([]byte{of}, seal.MinSecret))
	require.NoError(t, err)
	return s
}

// record is what an issuer knows of its grants.
type record struct {
	mu      sync.Mutex
	uses    map[string]int // left
	revoked map[string]string
	spent   int
	by      map[string]int // node
	slow    time.Duration
	broken  error
	last    token.Call
}

func (r *record) Spend(ctx context.Context, node, id string, c token.Call) error {
	r.mu.Lock()
	slow := r.slow
	r.mu.Unlock()
	if slow > 0 {
		time.Sleep(slow)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = c
	switch _, revoked := r.revoked[id]; {
	case r.broken != nil:
		return r.broken
	case revoked:
		return &token.Refusal{Reason: token.Revoked, Detail: "an operator has revoked it"}
	case r.uses[id] == 0:
		return &token.Refusal{Reason: token.Spent, Detail: "all of its uses are spent"}
	}
	r.uses[id]--
	r.spent++
	r.by[node]++
	return nil
}

func (r *record) Revoke(_ context.Context, id, by string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.uses[id]; !known {
		return &token.Refusal{Reason: token.Revoked, Detail: "unknown"}
	}
	r.revoked[id] = by
	return nil
}

func (r *record) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spent
}

// node is one process with its own ring and record.
type node struct {
	*cluster.Cluster
	name   string
	ring   *token.Ring
	record *record
	stop   func() // ends Run and waits
}

// options are those of a node with patience for a busy machine.
func options(t testing.TB, url, name string) (cluster.Options, *record) {
	t.Helper()
	ring, err := token.Open(token.Options{Dir: t.TempDir(), Node: name})
	require.NoError(t, err)
	r := &record{uses: map[string]int{}, revoked: map[string]string{}, by: map[string]int{}}
	return cluster.Options{
		URL: url, Node: name, Secret: secret(t, 's'), Ring: ring, Spend: r.Spend, Revoke: r.Revoke, Wait: 5 * time.Second,
	}, r
}

func start(t testing.TB, url, name string, changes ...func(*cluster.Options)) *node {
	t.Helper()
	o, r := options(t, url, name)
	for _, change := range changes {
		change(&o)
	}
	c, err := cluster.New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	n := &node{Cluster: c, name: name, ring: o.Ring, record: r}
	n.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("run does not end")
		}
	})
	t.Cleanup(n.stop)
	until(t, "it runs", func() bool { return cluster.Up(c) })
	return n
}

// together waits until every node knows all the others.
func together(t testing.TB, nodes ...*node) {
	t.Helper()
	until(t, "the nodes know each other", func() bool {
		for _, n := range nodes {
			if n.Stats().Nodes < len(nodes)-1 {
				return false
			}
		}
		return true
	})
}

// issue makes a grant of n with some uses.
func (n *node) issue(t testing.TB, uses int) (token.Grant, string) {
	t.Helper()
	now := time.Now()
	g := token.Grant{
		ID: token.NewID(), Agent: "bot", Tool: "merge", Scope: call.Write, Version: "v1", Uses: uses, By: "alice",
		Issuer: n.name, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
	}
	signed, err := n.ring.Sign(g)
	require.NoError(t, err)
	n.record.mu.Lock()
	n.record.uses[g.ID] = uses
	n.record.mu.Unlock()
	return g, signed
}

var merge = token.Call{Agent: "bot", Run: "r1", Tool: "merge", Scope: call.Write, Args: []byte(`{"a":"<&>"}`), Version: "v1"}

// verify does what an engine does with a grant, and learns once if its key is unknown.
func (n *node) verify(ctx context.Context, signed string) (token.Grant, error) {
	g, err := n.ring.Verify(signed)
	if r, is := errors.AsType[*token.Refusal](err); is && r.Reason == token.UnknownKid {
		if err := n.Learn(ctx); err != nil {
			return token.Grant{}, err
		}
		g, err = n.ring.Verify(signed)
	}
	return g, err
}

func hasty(o *cluster.Options) { o.Wait = 300 * time.Millisecond }

func requireRefused(t testing.TB, err error, reason token.Reason) {
	t.Helper()
	r, is := errors.AsType[*token.Refusal](err)
	require.True(t, is, "%v", err)
	require.Equal(t, reason, r.Reason)
}
