package daemon_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/daemon"
	"m1/cache/redistest"
	"m1/engine"
	"m1/engine/approval"
	"m1/engine/call"
)

const asks = "version: 1\ntools: { refund: { scope: execute } }\nrules:\n  - { id: large, effect: ask, tools: [refund] }\n"

// Three nodes, one Redis, a thousand tries: one call runs.
func TestNodesThatShareARedisSpendAGrantOnce(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	dir := t.TempDir()
	key, file := filepath.Join(dir, "key"), filepath.Join(dir, "policy.yaml")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("0123456789abcdef", 4)+"\n"), 0o600))
	require.NoError(t, os.WriteFile(file, []byte(asks), 0o600))
	var nodes []*daemon.Daemon
	for range 3 {
		o := options(t, t.TempDir(), patient, "M1_REDIS="+redis.URL(), "M1_CACHE_KEY_FILE="+key)
		var err error
		o.Rules, err = daemon.LoadRules("", file)
		require.NoError(t, err)
		nodes = append(nodes, running(t, o, true))
	}
	spend := func(d *daemon.Daemon, grant string) (call.Decision, error) {
		return d.Engine().Propose(t.Context(), call.Proposal{Agent: "bot", Run: "r", Tool: "refund", Grant: grant})
	}
	issue := func(uses int) (id, signed string) {
		g, signed, err := nodes[0].Engine().IssueGrant(t.Context(), engine.Order{Agent: "bot", Tool: "refund", Uses: uses}, approval.Person{Name: "anna"})
		require.NoError(t, err)
		return g.ID, signed
	}
	_, warm := issue(100)
	for _, n := range nodes { // every node has heard of the key, at the latest when it is asked
		require.Eventually(t, func() bool { d, err := spend(n, warm); return err == nil && d.Effect == call.Allow }, 30*time.Second, 200*time.Millisecond)
	}

	_, once := issue(1)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			if d, err := spend(nodes[i%3], once); err == nil && d.Effect == call.Allow {
				allowed.Add(1)
			}
		})
	}
	wg.Wait()
	// An answer of the issuer that came too late leaves the use spent and the call
	// denied: never more than one runs.
	require.LessOrEqual(t, allowed.Load(), int64(1))
	d, err := spend(nodes[0], once)
	require.NoError(t, err)
	require.Equal(t, call.Deny, d.Effect)
	require.Contains(t, d.Reason, "spent")
	require.Equal(t, int64(1), allowed.Load())

	id, revoked := issue(5)
	require.NoError(t, nodes[0].Engine().RevokeGrant(t.Context(), id, approval.Person{Name: "anna"}))
	d, err = spend(nodes[1], revoked)
	require.NoError(t, err)
	require.Contains(t, d.Reason, "revoked")

	_, last := issue(5)
	redis.Kill()
	d, err = spend(nodes[1], last)
	require.NoError(t, err)
	require.Equal(t, call.Deny, d.Effect, "the issuer cannot be asked")
	d, err = spend(nodes[0], last)
	require.NoError(t, err)
	require.Equal(t, call.Allow, d.Effect, "the issuer needs no Redis")
}
