package remote_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/remote"
)

// TestMain serves the tests that need a process of their own.
func TestMain(m *testing.M) {
	switch what := os.Getenv("M1_REMOTE_TEST"); {
	case strings.HasPrefix(what, "redis"):
		troubled(what)
		os.Exit(0)
	case what != "":
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// troubled lives through what makes go-redis print.
func troubled(url string) {
	tier, err := remote.Open(remote.Options{URL: url, Node: "a"})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			_, _ = tier.Renew(ctx, time.Minute)
		}
	}()
	if err := tier.Run(ctx, &recorder{}); err != nil {
		panic(err)
	}
}

// The screen is drawn on the terminal: a line that go-redis prints tears it.
func TestNothingIsPrinted(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"redis://127.0.0.1:1", "redis://127.0.0.1:1?master_name=m", "redis://127.0.0.1:1?cluster=true"} {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), "M1_REMOTE_TEST="+url)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Empty(t, string(out))
	}
}

// Not parallel: it counts goroutines, and those that run in parallel wait meanwhile.
func TestRunLeavesNothingBehind(t *testing.T) {
	s := redistest.Start(t)
	count := func() int {
		b := make([]byte, 1<<20)
		stacks := string(b[:runtime.Stack(b, true)])
		return strings.Count(stacks, "go-redis/v9") + strings.Count(stacks, "m1/cache/remote.")
	}
	before := count()
	for range 5 {
		tier, err := remote.Open(remote.Options{URL: s.URL(), Node: "a"})
		require.NoError(t, err)
		remote.Relax(tier)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- tier.Run(ctx, &recorder{}) }()
		admit(t, tier)
		until(t, "subscribed", tier.Subscribed)
		_, err = ask(tier, []string{"k"}, nil)
		require.NoError(t, err)
		tier.Ack("a", 1)
		tier.Fill("k", nil, time.Minute)
		p, err := tier.Ask([]string{"k"}, nil)
		require.NoError(t, err)
		cancel()
		require.NoError(t, <-ended)
		if _, err := p.Wait(patience); err != nil {
			require.ErrorIs(t, err, remote.ErrOpen)
		}
		require.True(t, tier.Open())
		require.False(t, tier.Admit())
		_, err = tier.Renew(t.Context(), time.Minute)
		require.ErrorContains(t, err, "closed")
		require.ErrorContains(t, tier.Sync(t.Context()), "closed")
		require.Error(t, tier.Run(t.Context(), &recorder{}), "once only")
	}
	until(t, "all goroutines end", func() bool { return count() <= before })
	until(t, "all connections end, but the one that asks", func() bool {
		clients, _ := s.Do(t, "CLIENT", "LIST").(string)
		return strings.Count(clients, "\n") <= 1
	})
}

func TestFiguresOfTheServer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Do(t, "SET", "k", "v")
	tier, _ := ready(t, s.URL())
	until(t, "figures", func() bool { return tier.Status().Keys > 0 })
	st := tier.Status()
	require.Greater(t, st.UsedMemory, int64(100_000))
	require.True(t, strings.HasPrefix(st.Server, "7."), st.Server)
	require.Equal(t, "standalone", st.Mode)
	require.Equal(t, "closed", st.Breaker)
	until(t, "connected", func() bool { return tier.Status().State == remote.Connected })
	require.WithinDuration(t, time.Now(), tier.Status().Since, time.Minute)
}

func TestASubscriptionThatIsCutComesBack(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, r := ready(t, s.URL())
	for n := 1; n <= 3; n++ {
		s.KillClients("pubsub")
		until(t, "messages come again", func() bool {
			if !tier.Subscribed() {
				return false
			}
			before := len(r.heard())
			bump(t, tier, "x")
			time.Sleep(5 * time.Millisecond)
			return len(r.heard()) > before
		})
	}
	require.Zero(t, r.newServers())
	require.False(t, tier.Open(), "the data client has nothing to do with it")
}

// Behind a network that swallows everything no read ends by itself.
func TestASubscriptionThatHearsNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	link := redistest.Proxy(t, s.URL())
	tier, _ := ready(t, link.URL())
	link.Cut()
	until(t, "it is noticed", func() bool { return !tier.Subscribed() })
	link.Restore()
	until(t, "subscribed", tier.Subscribed)
}
