package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/seal"
	"m1/engine/cluster"
	"m1/engine/token"
)

// It must not be parallel: it counts goroutines.
func TestEverythingEndsWithRun(t *testing.T) {
	s := redistest.Start(t)
	before := runtime.NumGoroutine()
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b")
	together(t, a, b)
	g, _ := a.issue(t, 1)
	require.NoError(t, b.Spend(t.Context(), g, merge))
	a.stop()
	b.stop()
	until(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	until(t, "the connections end, but for that of this question", func() bool {
		return strings.Count(s.Do(t, "CLIENT", "LIST").(string), "\n") == 1
	})

	err := b.Spend(t.Context(), g, merge)
	require.ErrorIs(t, err, cluster.ErrIssuer)
	require.ErrorContains(t, err, "is ending")
	require.ErrorIs(t, b.Learn(t.Context()), cluster.ErrIssuer)
	require.ErrorContains(t, b.Run(t.Context()), "has run already")
}

func TestAGrantWithOneUseIsSpentOnceByThreeNodes(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	nodes := []*node{start(t, s.URL(), "a"), start(t, s.URL(), "b"), start(t, s.URL(), "c")}
	together(t, nodes...)
	g, signed := nodes[0].issue(t, 1)
	var done, spent atomic.Int64
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			n := nodes[i%3]
			if _, err := n.ring.Verify(signed); err != nil {
				t.Errorf("%s: %v", n.name, err)
			}
			err := n.Spend(t.Context(), g, merge)
			if r, is := errors.AsType[*token.Refusal](err); is && r.Reason == token.Spent {
				spent.Add(1)
			} else if err == nil {
				done.Add(1)
			} else {
				t.Errorf("%s: %v", n.name, err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(1), done.Load())
	require.Equal(t, int64(999), spent.Load())
	require.Equal(t, 1, nodes[0].record.count())
	require.Equal(t, merge, nodes[0].record.last, "as it was asked, byte by byte")
}

func TestARevocationOnAnotherNodeHoldsEverywhere(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b, c := start(t, s.URL(), "a"), start(t, s.URL(), "b"), start(t, s.URL(), "c")
	together(t, a, b, c)
	g, _ := a.issue(t, 10)
	require.NoError(t, c.Spend(t.Context(), g, merge))
	require.NoError(t, b.Revoke(t.Context(), "a", g.ID, "alice"))
	require.Equal(t, "alice", a.record.revoked[g.ID])
	for _, n := range []*node{a, b, c} {
		requireRefused(t, n.Spend(t.Context(), g, merge), token.Revoked)
	}
	requireRefused(t, b.Revoke(t.Context(), "a", token.NewID(), "alice"), token.Revoked)

	own, _ := b.issue(t, 1)
	asked := b.Stats().Asked
	require.NoError(t, b.Revoke(t.Context(), "b", own.ID, "bob"), "its own it revokes itself")
	requireRefused(t, b.Spend(t.Context(), own, merge), token.Revoked)
	require.Equal(t, asked, b.Stats().Asked)
}

func TestACutLineDeniesInTimeAndComesBack(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	link := redistest.Proxy(t, s.URL())
	a, b := start(t, link.URL(), "a"), start(t, s.URL(), "b")
	c := start(t, s.URL(), "c", hasty)
	d := start(t, link.URL(), "d", hasty)
	together(t, a, b, c, d)
	g, _ := a.issue(t, 1000)
	mine, _ := b.issue(t, 1000)
	link.Cut()
	for _, ask := range []func() error{
		func() error { return c.Spend(t.Context(), g, merge) },
		func() error { return c.Revoke(t.Context(), "a", "gr_late", "alice") },
		func() error { return d.Spend(t.Context(), mine, merge) },
	} {
		begin := time.Now()
		require.ErrorIs(t, ask(), cluster.ErrIssuer)
		require.Less(t, time.Since(begin), 2*time.Second)
	}
	require.Error(t, d.Learn(t.Context()))
	require.Zero(t, b.record.count())
	link.Restore()
	until(t, "the nodes answer again", func() bool {
		return c.Spend(t.Context(), g, merge) == nil && d.Spend(t.Context(), mine, merge) == nil
	})
}

func TestAnIssuerThatIsGoneDenies(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b", hasty)
	together(t, a, b)
	g, signed := a.issue(t, 1)
	a.stop()
	_, err := b.ring.Verify(signed)
	require.NoError(t, err, "its keys are still trusted")
	begin := time.Now()
	err = b.Spend(t.Context(), g, merge)
	require.ErrorIs(t, err, cluster.ErrIssuer)
	require.ErrorContains(t, err, `nothing came from "a" within 300ms`)
	require.GreaterOrEqual(t, time.Since(begin), 300*time.Millisecond)
	require.Less(t, time.Since(begin), 2*time.Second)
	require.Equal(t, uint64(1), b.Stats().Unanswered)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Spend(ctx, g, merge), cluster.ErrIssuer)
	require.ErrorIs(t, b.Spend(ctx, g, merge), context.Canceled)
	g.Issuer = ""
	require.ErrorIs(t, b.Spend(t.Context(), g, merge), cluster.ErrIssuer)
}

// An issuer that comes back does not work off what nobody waits for any more.
func TestRequestsFromBeforeAStartAreNotCarriedOut(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	b := start(t, s.URL(), "b", func(o *cluster.Options) { o.Wait = time.Second })
	ended := make(chan error, 1)
	go func() { ended <- b.Spend(t.Context(), token.Grant{ID: "gr_1", Issuer: "a"}, merge) }()
	until(t, "the request waits", func() bool { return s.Do(t, "LLEN", requestsOf+"a").(int64) > 0 })
	time.Sleep(5 * time.Millisecond) // messages are dated in milliseconds
	a := start(t, s.URL(), "a")
	a.record.mu.Lock()
	a.record.uses["gr_1"] = 1
	a.record.mu.Unlock()
	require.ErrorIs(t, <-ended, cluster.ErrIssuer)
	require.Zero(t, a.record.count())
	require.Positive(t, a.Stats().Stale)
}

func TestWhatWaitsForANodeRunsOut(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	b := start(t, s.URL(), "b", hasty)
	require.ErrorIs(t, b.Spend(t.Context(), token.Grant{ID: "gr_1", Issuer: "a"}, merge), cluster.ErrIssuer)
	until(t, "the request runs out", func() bool { return s.Do(t, "EXISTS", requestsOf+"a").(int64) == 0 })
	ttl := s.Do(t, "PTTL", keysAt).(int64)
	require.Positive(t, ttl)
	require.LessOrEqual(t, ttl, int64(60_000))
}

func TestAnIssuerThatFailsDenies(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b")
	together(t, a, b)
	g, _ := a.issue(t, 1)
	a.record.broken = errors.New("the disk /var/m1 is full")
	err := b.Spend(t.Context(), g, merge)
	require.ErrorIs(t, err, cluster.ErrIssuer)
	require.NotContains(t, err.Error(), "/var/m1", "what fails there is of its own log")
	require.Zero(t, a.record.count())
}

func TestAnAnswerThatIsLostLeavesTheUseSpent(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b", hasty)
	together(t, a, b)
	g, _ := a.issue(t, 1)
	a.record.slow = 600 * time.Millisecond
	require.ErrorIs(t, b.Spend(t.Context(), g, merge), cluster.ErrIssuer)
	until(t, "the use is spent", func() bool { return a.record.count() == 1 })
	until(t, "both requests are taken in", func() bool { return a.Stats().Repeated == 1 })
	requireRefused(t, a.Spend(t.Context(), g, merge), token.Spent)
}

// Half of Wait is over before the issuer answers, so it is asked a second time.
func TestARequestThatIsRepeatedIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a := start(t, s.URL(), "a")
	b := start(t, s.URL(), "b", func(o *cluster.Options) { o.Wait = 2 * time.Second })
	together(t, a, b)
	g, _ := a.issue(t, 2)
	a.record.slow = 1300 * time.Millisecond
	require.NoError(t, b.Spend(t.Context(), g, merge))
	require.Equal(t, uint64(1), a.Stats().Repeated)
	require.Equal(t, 1, a.record.count())
}

func TestEndingAnswersWhatWasAsked(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b")
	together(t, a, b)
	g, _ := a.issue(t, 1)
	a.record.slow = 300 * time.Millisecond
	ended := make(chan error, 1)
	go func() { ended <- b.Spend(t.Context(), g, merge) }()
	until(t, "asked", func() bool { return b.Stats().Asked == 1 && s.Do(t, "LLEN", requestsOf+"a").(int64) == 0 })
	time.Sleep(100 * time.Millisecond) // it is in the hands of a
	a.stop()
	require.NoError(t, <-ended)
}

func TestKeysThatRotateUnderLoadAreNeverRefused(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b, c := start(t, s.URL(), "a"), start(t, s.URL(), "b"), start(t, s.URL(), "c")
	together(t, a, b, c)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var spent atomic.Int64
	for _, n := range []*node{b, c, b, c} {
		wg.Go(func() {
			for ctx.Err() == nil {
				g, signed := a.issue(t, 1)
				if _, err := n.verify(t.Context(), signed); err != nil {
					t.Errorf("%s: %v", n.name, err)
					return
				}
				if err := n.Spend(t.Context(), g, merge); err != nil {
					t.Errorf("%s: %v", n.name, err)
					return
				}
				spent.Add(1)
			}
		})
	}
	for range 20 {
		before := spent.Load()
		_, err := a.ring.Rotate()
		require.NoError(t, err)
		until(t, "it goes on", func() bool { return spent.Load() >= before+10 || t.Failed() })
	}
	cancel()
	wg.Wait()
	require.Len(t, a.ring.Keys(), 21)
}

func TestARotationReachesTheOthersWithinASecond(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b")
	together(t, a, b)
	_, err := a.ring.Rotate()
	require.NoError(t, err)
	_, signed := a.issue(t, 1)
	begin := time.Now()
	until(t, "the new key is known", func() bool { _, err := b.ring.Verify(signed); return err == nil })
	require.Less(t, time.Since(begin), 3*time.Second, "a busy machine is given some more")
}

// A key may be published just after the first look.
func TestLearningLooksTwice(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a := start(t, s.URL(), "a")
	for range 3 { // a look that was due anyway may count once
		before := looks(t, s)
		require.NoError(t, a.Learn(t.Context()))
		require.GreaterOrEqual(t, looks(t, s), before+2)
	}
}

// looks is how often the keys were read.
func looks(t testing.TB, s *redistest.Server) (n int) {
	t.Helper()
	_, calls, _ := strings.Cut(s.Do(t, "INFO", "commandstats").(string), "cmdstat_hgetall:calls=")
	_, _ = fmt.Sscanf(calls, "%d", &n) // 0 before the first
	return n
}

func TestRedisMayLoseEverything(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b")
	together(t, a, b)
	g, _ := a.issue(t, 1000)
	for _, lose := range []struct {
		name string
		f    func()
	}{
		{"flushed", func() { s.Do(t, "FLUSHALL") }},
		{"scripts flushed", func() { s.Do(t, "SCRIPT", "FLUSH") }},
		{"clients killed", func() { s.KillClients("normal") }},
		{"restarted empty", s.Restart},
	} {
		lose.f()
		until(t, lose.name+": spends again", func() bool { return b.Spend(t.Context(), g, merge) == nil })
		// A newcomer finds the keys although nobody has rotated.
		c := start(t, s.URL(), "c"+strings.ReplaceAll(lose.name, " ", "-"))
		begin := time.Now()
		until(t, lose.name+": a newcomer knows both", func() bool { return c.Stats().Nodes >= 2 })
		require.Less(t, time.Since(begin), 5*time.Second, "it does not take until the next publication")
		require.NoError(t, c.Spend(t.Context(), g, merge))
		c.stop()
	}
}

func TestNodesWaitForARedisThatComesLater(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	s.Kill()
	a, b := start(t, s.URL(), "a"), start(t, s.URL(), "b", hasty)
	g, _ := a.issue(t, 1)
	require.ErrorIs(t, b.Spend(t.Context(), g, merge), cluster.ErrIssuer)
	s.Restart()
	together(t, a, b)
	until(t, "spends", func() bool { return b.Spend(t.Context(), g, merge) == nil || a.record.count() > 0 })
}

func TestARedisClusterAndOneWithAPasswordServeAsWell(t *testing.T) {
	t.Parallel()
	for _, url := range []func() string{
		func() string { return redistest.StartCluster(t).URL() + "&cluster=true" },
		func() string {
			// The rights that remote.Options names are enough.
			return redistest.Start(t).User(t, "m1", "pw", "~m1:*", "&m1:*", "+@read", "+@write", "+@connection", "+@pubsub", "+@scripting", "+info", "+time")
		},
	} {
		at := url()
		a, b := start(t, at, "a"), start(t, at, "b")
		together(t, a, b)
		g, _ := a.issue(t, 1)
		require.NoError(t, b.Spend(t.Context(), g, merge))
		requireRefused(t, b.Spend(t.Context(), g, merge), token.Spent)
	}
}

func TestNothingIsAskedBeforeRun(t *testing.T) {
	t.Parallel()
	o, _ := options(t, "redis://127.0.0.1:1", "a")
	c, err := cluster.New(o)
	require.NoError(t, err)
	require.ErrorIs(t, c.Spend(t.Context(), token.Grant{Issuer: "b"}, merge), cluster.ErrIssuer)
	require.ErrorIs(t, c.Revoke(t.Context(), "b", "gr_1", "alice"), cluster.ErrIssuer)
	require.ErrorIs(t, c.Learn(t.Context()), cluster.ErrIssuer)
	require.Equal(t, cluster.Stats{}, c.Stats())
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 256)
	tests := []struct {
		name   string
		change func(*cluster.Options)
		want   string
	}{
		{"no secret", func(o *cluster.Options) { o.Secret = seal.Secret{} }, "Secret is missing"},
		{"no ring", func(o *cluster.Options) { o.Ring = nil }, "Ring must sign with key pairs"},
		{"another name than the ring", func(o *cluster.Options) { o.Node = "b" }, `Node must be that of the Ring, "a", not "b"`},
		{"no Spend", func(o *cluster.Options) { o.Spend = nil }, "Spend and Revoke must be given"},
		{"no Revoke", func(o *cluster.Options) { o.Revoke = nil }, "Spend and Revoke must be given"},
		{"a short Wait", func(o *cluster.Options) { o.Wait = time.Millisecond }, "Wait must be at least 50ms"},
		{"a negative Leeway", func(o *cluster.Options) { o.Leeway = -1 }, "Leeway must not be negative"},
		{"a negative Timeout", func(o *cluster.Options) { o.Timeout = -1 }, "Timeout must not be negative"},
		{"no URL", func(o *cluster.Options) { o.URL = "" }, "the URL is empty"},
		{"a space with braces", func(o *cluster.Options) { o.Space = "a{b}" }, "must not contain braces"},
		{"a long name", func(o *cluster.Options) {
			o.Node = long
			var err error
			o.Ring, err = token.Open(token.Options{Dir: t.TempDir(), Node: long})
			require.NoError(t, err)
		}, "at most 255 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, _ := options(t, "redis://127.0.0.1:1", "a")
			tt.change(&o)
			_, err := cluster.New(o)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func BenchmarkSpend(b *testing.B) {
	s := redistest.Start(b)
	n, m := start(b, s.URL(), "a"), start(b, s.URL(), "b")
	together(b, n, m)
	g, _ := n.issue(b, 1<<40)
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			b.SetParallelism(callers)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := m.Spend(b.Context(), g, merge); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
