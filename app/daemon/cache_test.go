package daemon_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/app/daemon"
	"m1/cache/redistest"
	"m1/engine/call"
)

// running starts a daemon and waits until it holds a lease, if it has a Redis that
// answers.
func running(t *testing.T, o daemon.Options, coherent bool) *daemon.Daemon {
	t.Helper()
	d := open(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	require.Eventually(t, func() bool { return d.Engine().Status().Cache.Redis.Coherent == coherent }, 20*time.Second, time.Millisecond)
	return d
}

func propose(t *testing.T, d *daemon.Daemon, tool string) call.Decision {
	t.Helper()
	got, err := d.Engine().Propose(t.Context(), call.Proposal{Agent: "a", Run: "r", Tool: tool, Args: []byte(`{"id":7}`)})
	require.NoError(t, err)
	require.Equal(t, call.Allow, got.Effect)
	return got
}

func report(t *testing.T, d *daemon.Daemon, id call.ID, result string) {
	t.Helper()
	require.NoError(t, d.Engine().Report(t.Context(), call.Report{ID: id, Outcome: call.OK, Result: []byte(result)}))
}

// keep reports result until get_order is answered from the cache at d: right after
// Redis's data began nothing is kept, in case a change is under way elsewhere.
func keep(t *testing.T, d *daemon.Daemon, result string) {
	t.Helper()
	require.Eventually(t, func() bool {
		answer := propose(t, d, "get_order")
		if answer.Cache.Status == call.CacheHit {
			require.JSONEq(t, result, string(answer.Cache.Result))
			return true
		}
		report(t, d, answer.ID, result)
		return false
	}, 20*time.Second, 10*time.Millisecond)
}

// patient gives Redis more time than a busy machine takes.
const patient = "M1_REDIS_TIMEOUT=10s"

// settled asks d for get_order until it comes from the cache.
func settled(t *testing.T, d *daemon.Daemon) (answer call.Decision) {
	t.Helper()
	require.Eventually(t, func() bool {
		answer = propose(t, d, "get_order")
		return answer.Cache.Status == call.CacheHit
	}, 20*time.Second, 10*time.Millisecond)
	return answer
}

func TestNodesShareResultsAndAWriteOnOneDropsThemOnAll(t *testing.T) {
	t.Parallel()
	for name, redis := range map[string]func(t *testing.T) []string{
		"plain": func(t *testing.T) []string { return []string{patient, "M1_REDIS=" + redistest.Start(t).URL()} },
		"with a password": func(t *testing.T) []string {
			return []string{patient, "M1_REDIS=" + redistest.Start(t, "--requirepass", "secret-of-redis").URL()}
		},
		"encrypted": func(t *testing.T) []string {
			key := filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("0123456789abcdef", 4)+"\n"), 0o600))
			return []string{patient, "M1_REDIS=" + redistest.Start(t).URL(), "M1_CACHE_KEY_FILE=" + key, "M1_CACHE_ENCRYPT=true"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vars := redis(t)
			a, b := running(t, options(t, t.TempDir(), vars...), true), running(t, options(t, t.TempDir(), vars...), true)

			keep(t, a, `{"n":1}`)
			require.JSONEq(t, `{"n":1}`, string(settled(t, b).Cache.Result), "what the other node kept")

			change := propose(t, b, "ship")
			require.Equal(t, call.CacheMiss, propose(t, a, "get_order").Cache.Status, "while it changes nothing is served")
			report(t, b, change.ID, `{}`)
			again := propose(t, a, "get_order")
			require.Equal(t, call.CacheMiss, again.Cache.Status, "what was kept before the change")
			report(t, a, again.ID, `{"n":2}`)
			keep(t, a, `{"n":2}`)
			require.JSONEq(t, `{"n":2}`, string(settled(t, b).Cache.Result))
		})
	}
}

// The journal must outlive the process: nobody else knows of the change.
func TestAChangeThatRedisDidNotHearIsToldAfterARestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	vars := []string{"M1_REDIS_TIMEOUT=1s", "M1_REDIS=" + s.URL()}
	b := running(t, options(t, t.TempDir(), vars...), true)
	state := t.TempDir()
	func() {
		o := options(t, state, vars...)
		a, err := daemon.Open(o)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		require.Eventually(t, func() bool { return a.Engine().Status().Cache.Redis.Coherent }, 20*time.Second, time.Millisecond)
		keep(t, a, `{"n":1}`)
		settled(t, b)
		s.Stop()
		report(t, a, propose(t, a, "ship").ID, `{}`)
		require.NotZero(t, a.Engine().Status().Cache.Redis.Journal)
		cancel()
		require.NoError(t, <-ended)
	}()
	require.FileExists(t, filepath.Join(state, daemon.JournalFile))
	s.Cont()
	a := running(t, options(t, state, vars...), true)
	require.Zero(t, a.Engine().Status().Cache.Redis.Journal)
	// Redis has seen the change; b hears of it in its own time.
	require.Eventually(t, func() bool { return propose(t, b, "get_order").Cache.Status == call.CacheMiss }, 20*time.Second, time.Millisecond)
}

func TestWithoutARedisThatAnswersNothingFails(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Kill()
	d := running(t, options(t, t.TempDir(), patient, "M1_REDIS="+s.URL()), false)
	report(t, d, propose(t, d, "get_order").ID, `{"n":1}`)
	report(t, d, propose(t, d, "ship").ID, `{}`)
	require.Equal(t, call.CacheBypass, propose(t, d, "get_order").Cache.Status)
	s.Restart()
	require.Eventually(t, func() bool {
		r := d.Engine().Status().Cache.Redis
		return r.Coherent && r.Journal == 0
	}, 20*time.Second, time.Millisecond)
	keep(t, d, `{"n":2}`)
}
