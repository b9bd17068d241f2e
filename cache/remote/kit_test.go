package remote_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/remote"
)

const patience = 10 * time.Second

// recorder is a Handler that keeps what it is told.
type recorder struct {
	mu      sync.Mutex
	changes []remote.Change
	acked   map[string][]uint64
	servers int
}

func (r *recorder) Changed(c remote.Change) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, c)
}

func (r *recorder) Acked(node string, nonces []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.acked == nil {
		r.acked = map[string][]uint64{}
	}
	r.acked[node] = append(r.acked[node], nonces...)
}

func (r *recorder) NewServer() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.servers++
}

func (r *recorder) heard() []remote.Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.changes)
}

func (r *recorder) newServers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.servers
}

func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s: %s", patience, what)
		}
	}
}

// run opens a Tier that has patience with a busy machine, and runs it for as long as
// the test takes.
func run(t testing.TB, o remote.Options) (*remote.Tier, *recorder) {
	t.Helper()
	if o.Node == "" {
		o.Node = "a"
	}
	tier, err := remote.Open(o)
	require.NoError(t, err)
	remote.Relax(tier)
	return serve(t, tier)
}

// hasty is run with the time limits of service, where those are what the test is about.
func hasty(t testing.TB, url string) (*remote.Tier, *recorder) {
	t.Helper()
	tier, err := remote.Open(remote.Options{URL: url, Node: "a"})
	require.NoError(t, err)
	return serve(t, tier)
}

func serve(t testing.TB, tier *remote.Tier) (*remote.Tier, *recorder) {
	t.Helper()
	r := &recorder{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tier.Run(ctx, r) }()
	t.Cleanup(func() {
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
	return tier, r
}

// admit does what the owner does: control calls until the breaker closes.
func admit(t testing.TB, tier *remote.Tier) {
	t.Helper()
	until(t, "the breaker closes", func() bool {
		_, _ = tier.Renew(t.Context(), time.Minute)
		return tier.Admit()
	})
}

// ready is a Tier in full service.
func ready(t testing.TB, url string) (*remote.Tier, *recorder) {
	t.Helper()
	tier, r := run(t, remote.Options{URL: url})
	admit(t, tier)
	until(t, "subscribed", tier.Subscribed)
	return tier, r
}

func ask(tier *remote.Tier, entries, ids []string) (remote.Found, error) {
	p, err := tier.Ask(entries, ids)
	if err != nil {
		return remote.Found{}, err
	}
	return p.Wait(patience)
}

func bump(t testing.TB, tier *remote.Tier, ids ...string) remote.Bumped {
	t.Helper()
	b, err := tier.Bump(t.Context(), remote.Bump{Nonce: 1, IDs: ids, TTL: time.Minute}, true)
	require.NoError(t, err)
	return b
}

// versions of ids as they are stored.
func versions(t testing.TB, tier *remote.Tier, ids ...string) []uint64 {
	t.Helper()
	f, err := ask(tier, nil, ids)
	require.NoError(t, err)
	return f.Versions
}
