package remote_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/remote"
)

func TestTheBreakerIsOpenUntilThreeControlCallsWereGood(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, err := remote.Open(remote.Options{URL: s.URL(), Node: "a"})
	require.NoError(t, err)
	remote.Relax(tier)
	for range 3 {
		require.True(t, tier.Open())
		require.False(t, tier.Admit())
		_, err = tier.Ask([]string{"k"}, nil)
		require.ErrorIs(t, err, remote.ErrOpen)
		_, err = tier.Ensure(t.Context(), []string{"x"}, time.Minute)
		require.ErrorIs(t, err, remote.ErrOpen)
		_, err = tier.Take(t.Context(), "k", "t", time.Minute)
		require.ErrorIs(t, err, remote.ErrOpen)
		require.ErrorIs(t, tier.Release(t.Context(), "k", "t"), remote.ErrOpen)
		_, err = tier.Bump(t.Context(), remote.Bump{IDs: []string{"x"}, TTL: time.Minute}, false)
		require.ErrorIs(t, err, remote.ErrOpen)
		require.False(t, tier.Fill("k", []byte("v"), time.Minute))
		require.Equal(t, remote.Opened, tier.Status().State)
		_, err = tier.Renew(t.Context(), time.Minute)
		require.NoError(t, err)
	}
	require.True(t, tier.Admit())
	require.False(t, tier.Open())
	require.Zero(t, tier.Status().Opened, "it was never closed before")
	require.Equal(t, remote.Degraded, tier.Status().State, "nothing is subscribed yet")
}

// spent asks until the breaker is open and returns how often it asked meanwhile.
func spent(t *testing.T, tier *remote.Tier, wait time.Duration) (asked int) {
	t.Helper()
	until(t, "the breaker opens", func() bool {
		p, err := tier.Ask([]string{"k"}, nil)
		if err != nil {
			return errors.Is(err, remote.ErrOpen)
		}
		asked++
		_, _ = p.Wait(wait)
		return tier.Open()
	})
	return asked
}

func TestAHungServerOpensTheBreakerBySoftDeadlines(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := hasty(t, s.URL())
	admit(t, tier)
	until(t, "a good read", func() bool { admit(t, tier); _, err := ask(tier, []string{"k"}, nil); return err == nil })
	s.Stop()
	defer s.Cont()
	start := time.Now()
	require.LessOrEqual(t, spent(t, tier, 3*time.Millisecond), 8)
	t.Logf("open after %s", time.Since(start))
	require.Equal(t, "open", tier.Status().Breaker)
	require.Positive(t, tier.Status().Errors["timeout"])
	for range 3 {
		_, err := tier.Renew(t.Context(), time.Minute)
		require.Error(t, err)
	}
	require.False(t, tier.Admit())
	s.Cont()
	start = time.Now()
	admit(t, tier)
	t.Logf("back after %s", time.Since(start))
}

func TestPendingReadsAreAnsweredWhenTheBreakerOpens(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := run(t, remote.Options{URL: s.URL()}) // patient: no exchange ends within 5 s
	admit(t, tier)
	_, err := ask(tier, []string{"k"}, nil)
	require.NoError(t, err)
	s.Stop()
	defer s.Cont()
	p, err := tier.Ask([]string{"k"}, nil)
	require.NoError(t, err)
	got := make(chan error, 2)
	go func() {
		_, err := p.Wait(time.Minute)
		got <- err
	}()
	go func() {
		_, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
		got <- err
	}()
	start := time.Now()
	spent(t, tier, 3*time.Millisecond)
	require.ErrorIs(t, <-got, remote.ErrOpen)
	require.ErrorIs(t, <-got, remote.ErrOpen)
	require.Less(t, time.Since(start), 4*time.Second, "not when the exchange ends")
}

func TestAKilledServerOpensTheBreakerAndAFreshClientFollows(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, r := ready(t, s.URL())
	require.True(t, tier.Fill("k", []byte("v"), time.Minute))
	require.NoError(t, tier.Sync(t.Context()))
	s.Kill()
	require.LessOrEqual(t, spent(t, tier, patience), 6)
	require.EqualValues(t, 1, tier.Status().Opened)
	require.Positive(t, tier.Status().Errors["refused"]+tier.Status().Errors["reset"], tier.Status().Errors)
	until(t, "unsubscribed", func() bool { return !tier.Subscribed() })
	_, err := tier.Renew(t.Context(), time.Minute)
	require.Error(t, err)
	require.False(t, tier.Admit())
	require.Zero(t, r.newServers())
	s.Restart()
	admit(t, tier)
	_, err = ask(tier, []string{"k"}, nil) // at once, although the old pool would not dial for a second
	require.NoError(t, err)
	require.Equal(t, 1, r.newServers(), "many connections, one server")
	until(t, "subscribed again", tier.Subscribed)
	bump(t, tier, "x")
	until(t, "messages come", func() bool { return len(r.heard()) == 1 })
	until(t, "connected", func() bool { return tier.Status().State == remote.Connected })
}

func TestARestartIsToldBeforeTheFirstCommand(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, r := ready(t, s.URL())
	for n := 1; n <= 3; n++ {
		s.Kill()
		for range 3 {
			_, err := tier.Renew(t.Context(), time.Minute)
			require.Error(t, err)
		}
		s.Restart()
		// At the first attempt, although a pool that failed would not dial for a second.
		_, err := tier.Renew(t.Context(), time.Minute)
		require.NoError(t, err)
		require.Equal(t, n, r.newServers())
	}
}

func TestRepliesThatMakeTheServerUselessOpenTheBreaker(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reply, class string
		opens        bool
	}{
		{"READONLY You can't write against a read only replica.", "readonly", true},
		{"LOADING Redis is loading the dataset in memory", "loading", true},
		{"NOAUTH Authentication required.", "noauth", true},
		{"NOPERM this user has no permissions", "noauth", true},
		{"CLUSTERDOWN The cluster is down", "clusterdown", true},
		{"MASTERDOWN Link with MASTER is down", "masterdown", true},
		{"BUSY Redis is busy running a script", "busy", true},
		{"ERR max number of clients reached", "maxclients", true},
		{"WRONGTYPE Operation against a key holding the wrong kind of value", "wrongtype", false},
		{"OOM command not allowed when used memory > 'maxmemory'.", "oom", false},
		{"ERR something", "other", false},
	}
	for _, tt := range tests {
		t.Run(tt.class, func(t *testing.T) {
			t.Parallel()
			f := redistest.Fake(t, func(cmd []string) string {
				switch cmd[0] {
				case "EVALSHA": // a control call
					return "*6\r\n$1\r\ne\r\n$1\r\n1\r\n$0\r\n\r\n$1\r\n1\r\n:1\r\n$0\r\n\r\n"
				case "MGET":
					return "-" + tt.reply + "\r\n"
				}
				return ""
			})
			tier, _ := run(t, remote.Options{URL: f.URL()})
			admit(t, tier)
			for n := range 10 {
				_, err := ask(tier, []string{"k"}, nil)
				if n == 4 && tt.opens {
					require.Error(t, err) // the one that opens it may hear of either
				} else if n < 5 || !tt.opens {
					require.ErrorContains(t, err, tt.reply[:4])
					require.NotErrorIs(t, err, remote.ErrOpen)
				} else {
					require.ErrorIs(t, err, remote.ErrOpen)
				}
			}
			require.Equal(t, tt.opens, tier.Open())
			require.Equal(t, !tt.opens, tier.Admit(), "the good control calls of before do not count")
			require.GreaterOrEqual(t, tier.Status().Errors[tt.class], int64(5))
			require.NotEmpty(t, tier.Status().LastError)
		})
	}
}

func TestCallersThatGiveUpDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, _ := run(t, remote.Options{URL: s.URL()})
	admit(t, tier)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		_, err := tier.Ensure(gone, []string{"x"}, time.Minute)
		require.ErrorIs(t, err, context.Canceled)
		_, err = tier.Renew(gone, time.Minute)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.False(t, tier.Open())
	require.Empty(t, tier.Status().Errors)
}

func TestSlowCallsOpenTheBreaker(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	link := redistest.Proxy(t, s.URL())
	tier, err := remote.Open(remote.Options{URL: link.URL(), Node: "a"})
	require.NoError(t, err)
	remote.Relax(tier)
	remote.Hurry(tier) // good, but slow
	serve(t, tier)
	admit(t, tier)
	_, err = ask(tier, []string{"k"}, nil)
	require.NoError(t, err)
	link.Delay(6 * time.Millisecond)
	n := 0
	until(t, "the breaker opens", func() bool {
		_, err := ask(tier, []string{"k"}, nil)
		n++
		return errors.Is(err, remote.ErrOpen)
	})
	require.Greater(t, n, 18, "fewer say nothing")
}

func TestNobodyListensThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	require.NoError(t, l.Close())
	tier, _ := run(t, remote.Options{URL: "redis://:secret@" + at})
	for range 4 {
		_, err = tier.Renew(t.Context(), time.Minute)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	}
	require.GreaterOrEqual(t, tier.Status().Errors["refused"], int64(4))
	require.NotContains(t, tier.Status().LastError, "secret")
	require.False(t, tier.Admit())
	tier.Ack("b", 1)
	until(t, "the acknowledgement is given up", func() bool { return tier.Status().LostAcks == 1 })
}

func TestAFullServerStillTellsOfChanges(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, r := ready(t, s.URL())
	old, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
	require.NoError(t, err)
	s.Do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	s.Do(t, "CONFIG", "SET", "maxmemory", "1mb")
	require.True(t, tier.Fill("k", []byte("v"), time.Minute))
	require.NoError(t, tier.Sync(t.Context()))
	require.False(t, tier.Fill("k", []byte("v"), time.Minute), "writing pauses")
	require.EqualValues(t, 2, tier.Status().Dropped)
	require.EqualValues(t, 1, tier.Status().Errors["oom"])
	require.Equal(t, remote.Degraded, tier.Status().State)

	for _, control := range []bool{false, true} {
		b, err := tier.Bump(t.Context(), remote.Bump{IDs: []string{"x"}, Fence: "w", For: time.Minute, TTL: time.Minute}, control)
		require.NoError(t, err)
		require.Greater(t, b.Versions[0].At, old[0])
	}
	_, err = tier.Renew(t.Context(), time.Minute)
	require.NoError(t, err)
	_, err = tier.Ensure(t.Context(), []string{"y"}, time.Minute)
	require.NoError(t, err)
	until(t, "both arrive", func() bool { return len(r.heard()) == 2 })
	require.False(t, tier.Open())

	s.Do(t, "CONFIG", "SET", "maxmemory", "0")
	until(t, "writing resumes", func() bool { return tier.Fill("k", []byte("v"), time.Minute) })
	require.NoError(t, tier.Sync(t.Context()))
	until(t, "connected", func() bool { return tier.Status().State == remote.Connected })
}

func TestReadsThatNobodyTookAreAnsweredToo(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	tier, err := remote.Open(remote.Options{URL: s.URL(), Node: "a"}) // nobody reads
	require.NoError(t, err)
	remote.Relax(tier)
	admit(t, tier)
	p, err := tier.Ask([]string{"k"}, nil)
	require.NoError(t, err)
	got := make(chan error, 1)
	go func() {
		_, err := p.Wait(time.Minute)
		got <- err
	}()
	s.Kill()
	for !tier.Open() {
		_, err := tier.Ensure(t.Context(), []string{"x"}, time.Minute)
		require.Error(t, err)
	}
	select {
	case err := <-got:
		require.ErrorIs(t, err, remote.ErrOpen)
	case <-time.After(patience):
		t.Fatal("it waits on")
	}
	_, err = p.Wait(time.Minute)
	require.ErrorIs(t, err, remote.ErrOpen)
}
