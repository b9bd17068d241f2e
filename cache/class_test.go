package cache_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
	"m1/cache/remote"
)

func TestBadOptionsAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		o    cache.Options
		says string
	}{
		{cache.Options{MaxBytes: -1}, "cache: MaxBytes must not be negative, got -1"},
		{cache.Options{TenantBytes: -1}, "cache: TenantBytes must not be negative, got -1"},
		{cache.Options{MaxTags: -1}, "cache: MaxTags must not be negative, got -1"},
		{cache.Options{MaxChange: -1}, "cache: MaxChange must not be negative, got -1"},
		{cache.Options{Lease: -1}, "cache: Lease must not be negative, got -1"},
		{cache.Options{Lease: 19 * time.Millisecond}, "cache: Lease must be at least 20ms, got 19ms"},
	} {
		_, err := cache.New(tt.o)
		require.EqualError(t, err, tt.says)
	}
	_, err := cache.New(cache.Options{Lease: 20 * time.Millisecond, Logger: slog.Default()})
	require.NoError(t, err)
}

func TestBadClassesAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		k    cache.Class
		says string
	}{
		{cache.Class{}, "cache: a class needs a Name"},
		{cache.Class{Name: "c", TTL: -1}, `cache: class "c": TTL must not be negative`},
		{cache.Class{Name: "c", StaleTTL: -1}, `cache: class "c": StaleTTL must not be negative`},
		{cache.Class{Name: "c", NegTTL: -1}, `cache: class "c": NegTTL must not be negative`},
		{cache.Class{Name: "c", Isolated: -1}, `cache: class "c": Isolated must not be negative`},
		{cache.Class{Name: "c", LoadTimeout: -1}, `cache: class "c": LoadTimeout must not be negative`},
		{cache.Class{Name: "c", Wait: -1}, `cache: class "c": Wait must not be negative`},
		{cache.Class{Name: "c", MaxValue: -1}, `cache: class "c": MaxValue must not be negative`},
		{cache.Class{Name: "c", Compress: -1}, `cache: class "c": Compress must not be negative`},
		{cache.Class{Name: "c", Jitter: -0.1}, `cache: class "c": Jitter must be between 0 and 0.5, got -0.1`},
		{cache.Class{Name: "c", Jitter: 0.51}, `cache: class "c": Jitter must be between 0 and 0.5, got 0.51`},
		{cache.Class{Name: "c", Jitter: math.NaN()}, `cache: class "c": Jitter must be between 0 and 0.5, got NaN`},
		{cache.Class{Name: "c", Fresh: cache.Linear, StaleTTL: 1}, `cache: class "c": a Linear class can have neither StaleTTL nor Isolated`},
		{cache.Class{Name: "c", Fresh: cache.Linear, Isolated: 1}, `cache: class "c": a Linear class can have neither StaleTTL nor Isolated`},
		{cache.Class{Name: "c", Fresh: cache.Bounded(-1)}, `cache: class "c": the bound of Bounded must not be negative`},
		{cache.Class{Name: "c", Encrypt: true}, `cache: class "c": Encrypt needs Options.Secret`},
		{cache.Class{Name: "c", Scope: cache.Public + 1}, `cache: class "c": there is no Scope 3`},
	} {
		_, err := cache.Register(alone(t, cache.Options{}), tt.k, cache.Bytes{})
		require.EqualError(t, err, tt.says)
	}
}

func TestANameIsForOneClass(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	kind(t, c, cache.Class{Name: "c"})
	_, err := cache.Register(c, cache.Class{Name: "c", Schema: "2"}, cache.JSON[int]{})
	require.EqualError(t, err, `cache: class "c" is registered already`)
	kind(t, c, cache.Class{Name: "d"})
	require.Len(t, c.Stats().Classes, 2)
}

func TestFreshSaysWhatItIs(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	kind(t, c, cache.Class{})
	require.Equal(t, cache.AckFresh, classOf(c, "answers").Fresh, "the default")
	require.Equal(t, "ack", cache.AckFresh.String())
	require.Equal(t, "linear", cache.Linear.String())
	require.Equal(t, "bounded 5s", cache.Bounded(5*time.Second).String())
	require.NotEqual(t, cache.Bounded(1), cache.Bounded(2))
}

func TestScopeSaysWhoSharesAnAnswer(t *testing.T) {
	t.Parallel()
	ann := cache.Question{Tenant: "acme", Principal: "ann", Session: "s1", Tool: "t"}
	bob, next, rival, nobody := ann, ann, ann, ann
	bob.Principal, next.Session, rival.Tenant, nobody.Principal = "bob", "s2", "rival", ""
	for _, tt := range []struct {
		scope                           cache.Scope
		bob, session, tenant, anonymous bool
	}{
		{cache.Principal, false, false, false, false},
		{cache.Tenant, true, true, false, true},
		{cache.Public, true, true, true, true},
	} {
		of := kind(t, alone(t, cache.Options{}), cache.Class{Scope: tt.scope})
		k, err := of.Key(ann)
		require.NoError(t, err)
		put(t, of, k, "v")
		for _, other := range []struct {
			q      cache.Question
			shares bool
		}{{ann, true}, {bob, tt.bob}, {next, tt.session}, {rival, tt.tenant}} {
			k, err := of.Key(other.q)
			require.NoError(t, err)
			require.Equal(t, other.shares, holds(t, of, k), "scope %d, %+v", tt.scope, other.q)
		}
		k, err = of.Key(nobody)
		if tt.scope == cache.Principal {
			require.ErrorIs(t, err, cache.ErrNoPrincipal)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tt.anonymous, holds(t, of, k))
	}
}

func TestClassesAndSchemasDoNotShare(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	a, b := kind(t, c, cache.Class{Name: "a"}), kind(t, c, cache.Class{Name: "b"})
	d, e := kind(t, c, cache.Class{Name: "ab", Schema: "c"}), kind(t, c, cache.Class{Name: "abc"})
	seen := map[cache.Key]bool{}
	for _, of := range []*cache.Of[[]byte]{a, b, d, e} {
		seen[key(t, of, "x")] = true
	}
	require.Len(t, seen, 4)
	next := kind(t, alone(t, cache.Options{}), cache.Class{Name: "a", Schema: "2"})
	require.NotEqual(t, fmt.Sprint(key(t, a, "x")), fmt.Sprint(key(t, next, "x")))
}

func TestAnAnswerGrowsTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		of := kind(t, alone(t, cache.Options{}), cache.Class{TTL: time.Minute})
		normal := kind(t, alone(t, cache.Options{}), cache.Class{})
		put(t, of, key(t, of, "1"), "v")
		put(t, normal, key(t, normal, "1"), "v")
		time.Sleep(time.Minute)
		_, info, err := of.Get(t.Context(), key(t, of, "1"), nil, fails(errAsked))
		require.NoError(t, err)
		require.Equal(t, cache.Info{Tier: cache.Local, Age: time.Minute, Why: cache.Held}, info)
		time.Sleep(time.Nanosecond)
		require.False(t, holds(t, of, key(t, of, "1")))
		put(t, of, key(t, of, "1"), "again")
		time.Sleep(14*time.Minute - 1)
		require.True(t, holds(t, normal, key(t, normal, "1")), "the default is 15 min")
		time.Sleep(time.Nanosecond)
		require.False(t, holds(t, normal, key(t, normal, "1")))
	})
}

// The clock may be the operator's.
func TestAgesAreCountedByTheClockOfTheOptions(t *testing.T) {
	t.Parallel()
	var at atomic.Int64
	of := kind(t, alone(t, cache.Options{Now: func() time.Time { return time.Unix(at.Load(), 0) }}), cache.Class{TTL: time.Minute})
	put(t, of, key(t, of, "1"), "v")
	at.Add(60)
	require.True(t, holds(t, of, key(t, of, "1")))
	at.Add(1)
	require.False(t, holds(t, of, key(t, of, "1")))
}

func TestJitterTakesOffAShareAtRandom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		of := kind(t, alone(t, cache.Options{}), cache.Class{TTL: 1000 * time.Second, Jitter: 0.3})
		const n = 400
		for i := range n {
			put(t, of, key(t, of, strconv.Itoa(i)), "v")
		}
		left := func() (n int) {
			for i := range 400 {
				if holds(t, of, key(t, of, strconv.Itoa(i))) {
					n++
				}
			}
			return n
		}
		time.Sleep(700*time.Second - 1)
		require.Equal(t, n, left(), "none ends before its TTL less the share")
		time.Sleep(150 * time.Second)
		require.InDelta(t, n/2, left(), n/5, "half of them in the middle")
		time.Sleep(150*time.Second + 2)
		require.Zero(t, left(), "none lives longer than its TTL")
	})
}

func TestThatThereIsNothingIsRememberedForNegTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{NegTTL: time.Second, StaleTTL: time.Hour})
		var loads int
		none := func(context.Context) ([]byte, error) {
			loads++
			return nil, fmt.Errorf("order 5: %w", cache.ErrNotFound)
		}
		k := key(t, of, "1")
		_, info, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, none)
		require.ErrorIs(t, err, cache.ErrNotFound)
		require.Equal(t, cache.Absent, info.Why, "that is an answer, no failure")
		time.Sleep(time.Second)
		_, info, err = of.Get(t.Context(), k, []cache.Tag{item(1)}, none)
		require.ErrorIs(t, err, cache.ErrNotFound)
		require.Equal(t, cache.Local, info.Tier)
		require.Equal(t, 1, loads)
		require.False(t, holds(t, of, k, item(1)), "Lookup is for answers that are there")
		time.Sleep(time.Nanosecond)
		_, _, err = of.Get(t.Context(), k, []cache.Tag{item(1)}, none)
		require.ErrorIs(t, err, cache.ErrNotFound)
		require.Equal(t, 2, loads, "never stale: it may be there by now")
		_, err = c.Invalidate(t.Context(), item(1))
		require.NoError(t, err)
		v, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, gives("v"))
		require.NoError(t, err)
		require.Equal(t, "v", string(v))
		require.Zero(t, classOf(c, "answers").LoadErrors)

		forgets := kind(t, c, cache.Class{Name: "forgets"})
		loads = 0
		for range 3 {
			_, _, err = forgets.Get(t.Context(), key(t, forgets, "1"), nil, none)
			require.ErrorIs(t, err, cache.ErrNotFound)
		}
		require.Equal(t, 3, loads)
		require.Zero(t, classOf(c, "forgets").Refused)
	})
}

func TestALoadThatFailedIsSharedAndRememberedForAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{})
		down := errors.New("source is down")
		var loads, failed atomic.Int64
		load := func(context.Context) ([]byte, error) {
			loads.Add(1)
			time.Sleep(10 * time.Millisecond)
			return nil, down
		}
		k := key(t, of, "1")
		for range 20 {
			go func() {
				if _, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, load); errors.Is(err, down) {
					failed.Add(1)
				}
			}()
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 20, failed.Load())
		require.EqualValues(t, 1, loads.Load())
		time.Sleep(200 * time.Millisecond)
		_, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, load)
		require.ErrorIs(t, err, down)
		require.EqualValues(t, 1, loads.Load())
		time.Sleep(time.Nanosecond)
		_, info, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, load)
		require.ErrorIs(t, err, down)
		require.Equal(t, cache.Failed, info.Why)
		require.EqualValues(t, 2, loads.Load())
		_, err = c.Invalidate(t.Context(), item(1))
		require.NoError(t, err)
		v, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, gives("v"))
		require.NoError(t, err, "a change may have mended it")
		require.Equal(t, "v", string(v))
		require.EqualValues(t, 2, classOf(c, "answers").LoadErrors)

		never := kind(t, c, cache.Class{Name: "never", FailTTL: -1})
		loads.Store(0)
		for range 3 {
			_, _, err = never.Get(t.Context(), key(t, never, "1"), nil, load)
			require.ErrorIs(t, err, down)
		}
		require.EqualValues(t, 3, loads.Load())
	})
}

func TestAStaleAnswerIsServedWhileOneLoadRenewsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{TTL: time.Minute, StaleTTL: time.Minute})
		k, tags := key(t, of, "1"), []cache.Tag{item(1)}
		put(t, of, k, "old", tags...)
		time.Sleep(time.Minute + time.Second)
		var loads atomic.Int64
		load := func(context.Context) ([]byte, error) {
			loads.Add(1)
			time.Sleep(time.Second)
			return []byte("new"), nil
		}
		for range 50 {
			began := time.Now()
			v, info, err := of.Get(t.Context(), k, tags, load)
			require.NoError(t, err)
			require.Equal(t, "old", string(v))
			require.Equal(t, cache.Info{Tier: cache.Local, Age: time.Minute + time.Second, Stale: true, Why: cache.Renewing}, info)
			require.Zero(t, time.Since(began), "nobody waits")
		}
		synctest.Wait()
		require.EqualValues(t, 1, loads.Load())
		time.Sleep(time.Second)
		synctest.Wait()
		v, info, err := of.Get(t.Context(), k, tags, load)
		require.NoError(t, err)
		require.Equal(t, "new", string(v))
		require.False(t, info.Stale)
		require.EqualValues(t, 1, loads.Load())
		require.EqualValues(t, 50, classOf(c, "answers").StaleServed)

		time.Sleep(2*time.Minute + 1) // past both
		v, info, err = of.Get(t.Context(), k, tags, gives("third"))
		require.NoError(t, err)
		require.Equal(t, "third", string(v))
		require.Equal(t, cache.None, info.Tier)
	})
}

func TestAStaleAnswerIsNeverOlderThanAChange(t *testing.T) {
	t.Parallel()
	for how, change := range changed {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := alone(t, cache.Options{})
				of := kind(t, c, cache.Class{TTL: time.Minute, StaleTTL: time.Hour})
				k, tags := key(t, of, "1"), []cache.Tag{item(1)}
				put(t, of, k, "old", tags...)
				time.Sleep(2 * time.Minute)
				_, _, err := of.Get(t.Context(), k, tags, func(context.Context) ([]byte, error) { // its renewal is under way
					time.Sleep(time.Second)
					return []byte("old too"), nil
				})
				require.NoError(t, err)
				synctest.Wait()
				change(t, c, tags...)
				v, _, err := of.Get(t.Context(), k, tags, gives("new"))
				require.NoError(t, err)
				require.Equal(t, "new", string(v))
				time.Sleep(2 * time.Second)
				v, _, err = of.Get(t.Context(), k, tags, fails(errAsked))
				require.NoError(t, err)
				require.Equal(t, "new", string(v), "a renewal from before the change must not be kept")
			})
		})
	}
}

// Lookup has no load to renew with, and GetMany's is for what is missing: for
// both a stale answer is none.
func TestLookupAndGetManyRenewWhatIsStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{TTL: time.Minute, StaleTTL: time.Hour})
		k := key(t, of, "1")
		put(t, of, k, "old")
		time.Sleep(2 * time.Minute)
		_, _, ticket, hit := of.Lookup(t.Context(), k, nil)
		require.False(t, hit)
		rs, err := of.GetMany(t.Context(), []cache.Request{{Key: k}}, func(context.Context, []int) ([][]byte, error) {
			return [][]byte{[]byte("new")}, nil
		})
		require.NoError(t, err)
		require.Equal(t, "new", string(rs[0].Value))
		require.True(t, of.Keep(ticket, []byte("newer")))
		s := classOf(c, "answers")
		require.Zero(t, s.StaleServed)
		require.Zero(t, s.LocalHits, "found, but not used")
		require.EqualValues(t, 3, s.Misses)
	})
}

func TestAnAnswerThatIsTooLargeIsGivenAndNotKept(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{MaxValue: 4096})
	for range 2 {
		v, info, err := of.Get(t.Context(), key(t, of, "1"), nil, gives(strings.Repeat("x", 4097)))
		require.NoError(t, err)
		require.Len(t, v, 4097)
		require.Equal(t, cache.None, info.Tier)
	}
	_, _, ticket, _ := of.Lookup(t.Context(), key(t, of, "2"), nil)
	require.False(t, of.Keep(ticket, make([]byte, 4097)))
	require.True(t, of.Keep(ticket, make([]byte, 4096)))
	require.EqualValues(t, 3, classOf(c, "answers").Refused)
	tiny := alone(t, cache.Options{MaxBytes: 1000})
	small := kind(t, tiny, cache.Class{})
	_, _, ticket, _ = small.Lookup(t.Context(), key(t, small, "1"), nil)
	require.False(t, small.Keep(ticket, make([]byte, 1000)), "larger than all the memory there is")
	require.True(t, small.Keep(ticket, make([]byte, 100)))
}

func tenantKey(t testing.TB, of *cache.Of[[]byte], tenant string, i int) cache.Key {
	t.Helper()
	k, err := of.Key(cache.Question{Tenant: tenant, Principal: "p", Tool: strconv.Itoa(i)})
	require.NoError(t, err)
	return k
}

func TestATenantHasItsQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{TenantBytes: 66 << 10})
		of := kind(t, c, cache.Class{})
		fill := func(tenant string, from int) (kept int) {
			for i := range 100 {
				_, _, ticket, hit := of.Lookup(t.Context(), tenantKey(t, of, tenant, from+i), []cache.Tag{{Scope: tenant, Collection: "c"}})
				if hit || of.Keep(ticket, make([]byte, 4096)) {
					kept++
				}
			}
			return kept
		}
		change := func(tenant string) {
			_, err := c.Invalidate(t.Context(), cache.Tag{Scope: tenant, Collection: "c"})
			require.NoError(t, err)
		}
		require.Equal(t, 15, fill("acme", 0))
		require.Equal(t, 15, fill("rival", 0), "one tenant's use is not the other's")
		require.LessOrEqual(t, c.Stats().Local.Bytes, int64(132<<10))
		require.EqualValues(t, 170, classOf(c, "answers").Refused)
		change("acme")
		require.Equal(t, 15, fill("acme", 0), "what has changed gives its bytes back")
		time.Sleep(time.Second)
		change("acme")
		require.Equal(t, 15, fill("acme", 1000), "also if nobody asks for it again")
		require.True(t, holds(t, of, tenantKey(t, of, "rival", 0), cache.Tag{Scope: "rival", Collection: "c"}), "what is good stays")
		time.Sleep(time.Second)
		require.Zero(t, fill("acme", 2000))
	})
}

func TestAFullTenantCanRenewWhatItHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{TenantBytes: 10_000})
		of := kind(t, c, cache.Class{TTL: time.Minute})
		for range 5 {
			_, _, ticket, hit := of.Lookup(t.Context(), tenantKey(t, of, "acme", 1), nil)
			require.False(t, hit)
			require.True(t, of.Keep(ticket, make([]byte, 6000)), "it replaces the old one")
			require.True(t, of.Keep(ticket, make([]byte, 6000)), "and at once")
			time.Sleep(time.Minute + 1)
		}
		for i := range 5 { // what has grown too old makes room
			_, _, ticket, _ := of.Lookup(t.Context(), tenantKey(t, of, "acme", 10+i), nil)
			require.True(t, of.Keep(ticket, make([]byte, 6000)), "%d", i)
			time.Sleep(time.Minute + 1)
		}
	})
}

func TestEvictionGivesTheTenantItsBytesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{MaxBytes: 64 << 10, TenantBytes: 48 << 10})
		of := kind(t, c, cache.Class{})
		for round := range 20 {
			for _, tenant := range []string{"a", "b"} { // together more than there is
				kept := 0
				for i := range 40 {
					_, _, ticket, _ := of.Lookup(t.Context(), tenantKey(t, of, tenant, round*1000+i), []cache.Tag{{Scope: tenant, Collection: "c"}})
					if of.Keep(ticket, make([]byte, 4096)) {
						kept++
					}
				}
				require.GreaterOrEqual(t, kept, 10, "round %d, tenant %s", round, tenant)
				if round%2 == 0 {
					time.Sleep(time.Hour) // they grow too old
					continue
				}
				_, err := c.Invalidate(t.Context(), cache.Tag{Scope: tenant, Collection: "c"})
				require.NoError(t, err)
				time.Sleep(time.Second) // it looks for what is of no use only so often
			}
		}
		require.Positive(t, c.Stats().Local.Evictions)
		require.LessOrEqual(t, c.Stats().Local.Bytes, int64(64<<10))
	})
}

// liveHeap is what is reachable.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A flood of eight times the budget must fit into it. What an entry costs beside
// its bytes is counted in, by the constants that BenchmarkEntrySize measures;
// the allowance is for what they do not know.
func TestMemoryStaysWithinTheBudgetInAFlood(t *testing.T) {
	for _, size := range []int{256, 16 << 10, 200 << 10} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			const budget, allowance = 8 << 20, 1 << 20
			before := liveHeap()
			c := alone(t, cache.Options{MaxBytes: budget})
			of := kind(t, c, cache.Class{})
			refused := 0
			for i := range 8 * budget / (size + 400) {
				tags := []cache.Tag{item(i), {Scope: "run", Collection: "users"}} // of its own, too
				_, _, ticket, _ := of.Lookup(t.Context(), key(t, of, strconv.Itoa(i)), tags)
				kept := of.Keep(ticket, make([]byte, size)) // unless a point of it was given up just now
				refused += map[bool]int{false: 1}[kept]
			}
			require.Less(t, refused, 8*budget/(size+400)/10)
			used := liveHeap() - before
			s := c.Stats()
			t.Logf("%d bytes live for %d counted, %d entries", used, s.Local.Bytes, s.Local.Entries)
			require.LessOrEqual(t, s.Local.Bytes, int64(budget))
			require.Greater(t, s.Local.Bytes, int64(budget/2))
			require.Equal(t, s.Local.Bytes, s.Classes[0].Bytes+128*s.Local.Tags)
			require.Equal(t, s.Local.Entries, s.Classes[0].Entries)
			require.Positive(t, s.Local.Evictions)
			require.LessOrEqual(t, used, int64(budget+allowance))
			runtime.KeepAlive(c)
		})
	}
}

// The attack: errors are remembered too, and their text was not counted. A load
// that panics brings its whole stack.
func TestRememberedFailuresAreInTheBudget(t *testing.T) {
	const budget, allowance = 4 << 20, 1 << 20
	before := liveHeap()
	c := alone(t, cache.Options{MaxBytes: budget})
	of := kind(t, c, cache.Class{})
	for i := range 4 * budget / (16 << 10) {
		_, _, err := of.Get(t.Context(), key(t, of, strconv.Itoa(i)), nil, fails(errors.New(strings.Repeat(strconv.Itoa(i%10), 16<<10))))
		require.Error(t, err)
	}
	used := liveHeap() - before
	require.LessOrEqual(t, used, int64(budget+allowance))
	runtime.KeepAlive(c)
}

// While Redis is away a class may serve what this node loaded itself, for a moment.
func TestOwnLoadsAreServedWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	r, err := remote.Open(remote.Options{URL: "redis://127.0.0.1:1/0", Node: "a"})
	require.NoError(t, err)
	c := alone(t, cache.Options{Redis: r})
	require.True(t, c.Shared())
	of := kind(t, c, cache.Class{Isolated: time.Hour, MaxValue: 100})
	strict := kind(t, c, cache.Class{Name: "strict"})
	for range 2 {
		_, info, err := strict.Get(t.Context(), key(t, strict, "1"), []cache.Tag{item(1)}, gives("v"))
		require.NoError(t, err)
		require.Equal(t, cache.Info{Tier: cache.None, Why: cache.NoLease}, info)
	}
	_, _, err = of.Get(t.Context(), key(t, of, "1"), []cache.Tag{item(1)}, gives("v"))
	require.NoError(t, err)
	v, info, err := of.Get(t.Context(), key(t, of, "1"), []cache.Tag{item(1)}, fails(errAsked))
	require.NoError(t, err)
	require.Equal(t, "v", string(v))
	require.Equal(t, cache.Isolated, info.Why)
	require.EqualValues(t, 1, classOf(c, "answers").IsolatedServed)

	_, _, ticket, hit := of.Lookup(t.Context(), key(t, of, "2"), []cache.Tag{item(1)})
	require.False(t, hit)
	require.False(t, of.Keep(ticket, make([]byte, 101)), "too large")
	require.True(t, of.Keep(ticket, make([]byte, 100)))
	_, err = c.Invalidate(t.Context(), item(1))
	require.ErrorIs(t, err, cache.ErrNotPropagated)
	require.False(t, holds(t, of, key(t, of, "1"), item(1)), "a change of this node holds on it")
	require.False(t, of.Keep(ticket, make([]byte, 100)), "changed since the Lookup")
}

func TestABoundedClassIsServedForItsTimeAfterTheLeaseIsLost(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := beside(t, s, "a", cache.Options{})
	bounded, strict := kind(t, c, cache.Class{Name: "b", Fresh: cache.Bounded(time.Hour)}), kind(t, c, cache.Class{Name: "s"})
	for _, of := range []*cache.Of[[]byte]{bounded, strict} {
		await(t, func() bool {
			_, info, err := of.Get(t.Context(), key(t, of, "1"), []cache.Tag{item(1)}, gives("v"))
			require.NoError(t, err)
			return info.Tier == cache.Local
		})
	}
	s.Stop()
	await(t, func() bool { return !c.Stats().Redis.Coherent })
	_, info, err := bounded.Get(t.Context(), key(t, bounded, "1"), []cache.Tag{item(1)}, fails(errAsked))
	require.NoError(t, err)
	require.Equal(t, cache.Isolated, info.Why)
	_, _, err = strict.Get(t.Context(), key(t, strict, "1"), []cache.Tag{item(1)}, fails(errAsked))
	require.ErrorIs(t, err, errAsked)
}
