package cache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
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
	"m1/cache/seal"
)

// soon is how long a test waits for what must happen; machines that test are busy.
const soon = 20 * time.Second

// await asks done until it says yes. Unlike require.Eventually it does so here,
// where a failure ends the test.
func await(t testing.TB, done func() bool, why ...any) {
	t.Helper()
	for end := time.Now().Add(soon); !done(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), why...)
	}
}

// alone returns a cache without Redis.
func alone(t testing.TB, o cache.Options) *cache.Cache {
	t.Helper()
	c, err := cache.New(o)
	require.NoError(t, err)
	return c
}

// beside returns a running cache that shares s with others, once it holds a lease.
func beside(t testing.TB, s *redistest.Server, name string, o cache.Options) *cache.Cache {
	t.Helper()
	c := started(t, s, name, o)
	await(t, func() bool { return c.Stats().Redis.Coherent }, "no lease")
	return c
}

// started is beside without waiting for the lease.
func started(t testing.TB, s *redistest.Server, name string, o cache.Options) *cache.Cache {
	t.Helper()
	r, err := remote.Open(remote.Options{URL: s.URL(), Node: name})
	require.NoError(t, err)
	o.Redis = r
	c := alone(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }() // ends with the test
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return c
}

// kind registers a class of bytes. Without a name it is "answers".
func kind(t testing.TB, c *cache.Cache, k cache.Class) *cache.Of[[]byte] {
	t.Helper()
	if k.Name == "" {
		k.Name = "answers"
	}
	of, err := cache.Register(c, k, cache.Bytes{})
	require.NoError(t, err)
	return of
}

// key is that of a question of one principal.
func key[V any](t testing.TB, of *cache.Of[V], tool string) cache.Key {
	t.Helper()
	k, err := of.Key(cache.Question{Tenant: "acme", Principal: "ann", Tool: tool})
	require.NoError(t, err)
	return k
}

// source is data that is asked for by load. It counts.
type source struct{ version, loads atomic.Int64 }

func (s *source) load(context.Context) ([]byte, error) {
	s.loads.Add(1)
	return fmt.Append(nil, s.version.Load()), nil
}

func gives(v string) cache.Load[[]byte] {
	return func(context.Context) ([]byte, error) { return []byte(v), nil }
}

func fails(err error) cache.Load[[]byte] {
	return func(context.Context) ([]byte, error) { return nil, err }
}

// errAsked is what nothing should see that is held.
var errAsked = errors.New("the source was asked")

func item(i any) cache.Tag { return cache.Tag{Scope: "run", Collection: "files", Item: fmt.Sprint(i)} }

// put keeps v, which must not be there.
func put(t testing.TB, of *cache.Of[[]byte], k cache.Key, v string, tags ...cache.Tag) {
	t.Helper()
	_, _, ticket, hit := of.Lookup(t.Context(), k, tags)
	require.False(t, hit)
	require.True(t, of.Keep(ticket, []byte(v)))
}

func holds(t testing.TB, of *cache.Of[[]byte], k cache.Key, tags ...cache.Tag) bool {
	t.Helper()
	_, _, _, hit := of.Lookup(t.Context(), k, tags)
	return hit
}

// change declares a change of tags until Redis, which may be slow on a busy
// machine, has heard of it.
func change(t testing.TB, c *cache.Cache, tags ...cache.Tag) (ack cache.Ack) {
	t.Helper()
	await(t, func() bool {
		var err error
		if ack, err = c.Invalidate(t.Context(), tags...); err != nil {
			require.ErrorIs(t, err, cache.ErrNotPropagated)
		}
		return err == nil
	})
	return ack
}

// begin is change for one that stays open.
func begin(t testing.TB, c *cache.Cache, tags ...cache.Tag) (ch *cache.Change) {
	t.Helper()
	await(t, func() bool {
		var err error
		if ch, err = c.Begin(t.Context(), tags...); err != nil {
			require.ErrorIs(t, err, cache.ErrNotPropagated)
			_ = ch.Done(t.Context())
		}
		return err == nil
	})
	return ch
}

func classOf(c *cache.Cache, name string) cache.ClassStats {
	for _, k := range c.Stats().Classes {
		if k.Name == name {
			return k
		}
	}
	return cache.ClassStats{}
}

func TestAnAnswerIsHeldForItsQuestionAlone(t *testing.T) {
	t.Parallel()
	of := kind(t, alone(t, cache.Options{}), cache.Class{})
	one := key(t, of, "one")
	v, info, err := of.Get(t.Context(), one, []cache.Tag{item(1)}, gives("a"))
	require.NoError(t, err)
	require.Equal(t, "a", string(v))
	require.Equal(t, cache.Info{Tier: cache.None, Why: cache.Absent}, info)
	v, info, err = of.Get(t.Context(), one, []cache.Tag{item(1)}, fails(errAsked))
	require.NoError(t, err)
	require.Equal(t, "a", string(v))
	require.Equal(t, cache.Local, info.Tier)
	require.Equal(t, cache.Held, info.Why)
	require.False(t, info.Stale)
	_, _, err = of.Get(t.Context(), key(t, of, "two"), nil, fails(errAsked))
	require.ErrorIs(t, err, errAsked)
}

func TestLookupAndKeepAreGetInTwoSteps(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	k := key(t, of, "a")
	_, info, ticket, hit := of.Lookup(t.Context(), k, []cache.Tag{item(1)})
	require.False(t, hit)
	require.Equal(t, cache.Info{Tier: cache.None, Why: cache.Absent}, info)
	require.True(t, of.Keep(ticket, []byte("v")))
	v, info, _, hit := of.Lookup(t.Context(), k, []cache.Tag{item(1)})
	require.True(t, hit)
	require.Equal(t, "v", string(v))
	require.Equal(t, cache.Local, info.Tier)
	v, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, fails(errAsked))
	require.NoError(t, err)
	require.Equal(t, "v", string(v))
	require.False(t, of.Keep(cache.Ticket{}, []byte("v")), "the zero Ticket keeps nothing")
}

func TestAHundredCallersShareOneLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{})
		k := key(t, of, "a")
		var loads, right atomic.Int64
		for range 100 {
			go func() {
				v, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, func(context.Context) ([]byte, error) {
					time.Sleep(time.Second)
					return fmt.Append(nil, loads.Add(1)), nil
				})
				if err == nil && string(v) == "1" {
					right.Add(1)
				}
			}()
		}
		synctest.Wait()
		require.EqualValues(t, 1, classOf(c, "answers").Loading)
		time.Sleep(time.Second)
		synctest.Wait()
		require.EqualValues(t, 1, loads.Load())
		require.EqualValues(t, 100, right.Load())
		s := classOf(c, "answers")
		require.EqualValues(t, 99, s.Joined)
		require.EqualValues(t, 1, s.Misses)
		require.Zero(t, s.Loading)
	})
}

// A load that began before a change may bring the old answer: who asks after the
// change must not get it, and it must not be kept.
func TestNobodyJoinsALoadThatBeganBeforeAChange(t *testing.T) {
	t.Parallel()
	changes := map[string]func(context.Context, *cache.Cache) error{
		"Invalidate": func(ctx context.Context, c *cache.Cache) error { _, err := c.Invalidate(ctx, item(1)); return err },
		"Write": func(ctx context.Context, c *cache.Cache) error {
			return c.Write(ctx, []cache.Tag{item(1)}, func(context.Context) error { return nil })
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := alone(t, cache.Options{})
				of := kind(t, c, cache.Class{})
				k := key(t, of, "a")
				late := make(chan string, 1)
				go func() {
					v, _, _ := of.Get(t.Context(), k, []cache.Tag{item(1)}, func(context.Context) ([]byte, error) {
						time.Sleep(time.Second)
						return []byte("old"), nil
					})
					late <- string(v)
				}()
				synctest.Wait()
				require.NoError(t, change(t.Context(), c))
				v, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, gives("new"))
				require.NoError(t, err)
				require.Equal(t, "new", string(v))
				require.Equal(t, "old", <-late, "who asked before may get either")
				v, info, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, fails(errAsked))
				require.NoError(t, err)
				require.Equal(t, "new", string(v), "the late answer must not replace it")
				require.Equal(t, cache.Local, info.Tier)
				require.EqualValues(t, 1, classOf(c, "answers").Refused)
			})
		})
	}
}

// In several libraries all who wait fail with the one who came first.
func TestTheFirstCallerGivesUpAndTwentyOthersAreAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		of := kind(t, alone(t, cache.Options{}), cache.Class{})
		k := key(t, of, "a")
		var loads atomic.Int64
		load := func(ctx context.Context) ([]byte, error) {
			loads.Add(1)
			select {
			case <-time.After(time.Second):
				return []byte("v"), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		owner, giveUp := context.WithCancel(t.Context())
		first, others := make(chan error, 1), make(chan error, 20)
		go func() { _, _, err := of.Get(owner, k, nil, load); first <- err }()
		synctest.Wait()
		for range 20 {
			go func() { _, _, err := of.Get(t.Context(), k, nil, load); others <- err }()
		}
		synctest.Wait()
		before := time.Now()
		giveUp()
		require.ErrorIs(t, <-first, context.Canceled)
		require.Zero(t, time.Since(before), "it does not wait for the load")
		for range 20 {
			require.NoError(t, <-others)
		}
		require.EqualValues(t, 1, loads.Load())
	})
}

func TestAnEndedContextAsksNobodyButMemoryAnswers(t *testing.T) {
	t.Parallel()
	of := kind(t, alone(t, cache.Options{}), cache.Class{})
	k := key(t, of, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := of.Get(ctx, k, nil, fails(errAsked))
	require.ErrorIs(t, err, context.Canceled)
	put(t, of, k, "v")
	v, _, err := of.Get(ctx, k, nil, fails(errAsked))
	require.NoError(t, err)
	require.Equal(t, "v", string(v))
}

func TestALoadThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{})
		k := key(t, of, "a")
		_, info, err := of.Get(t.Context(), k, nil, func(context.Context) ([]byte, error) { panic("no such tool") })
		require.ErrorContains(t, err, "load of class answers panicked: no such tool")
		require.Equal(t, cache.Failed, info.Why)
		require.EqualValues(t, 1, classOf(c, "answers").LoadErrors)
		time.Sleep(time.Second)
		v, _, err := of.Get(t.Context(), k, nil, gives("v"))
		require.NoError(t, err)
		require.Equal(t, "v", string(v))
	})
}

// testing's FailNow does that, for one. Whoever waited would have waited for ever.
func TestALoadThatEndsItsGoroutineIsAnError(t *testing.T) {
	t.Parallel()
	of := kind(t, alone(t, cache.Options{}), cache.Class{})
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, _, err := of.Get(ctx, key(t, of, "a"), nil, func(context.Context) ([]byte, error) { runtime.Goexit(); return nil, nil })
	require.ErrorContains(t, err, "did not return")
}

func TestALoadHasItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		of := kind(t, alone(t, cache.Options{}), cache.Class{LoadTimeout: time.Minute})
		began := time.Now()
		_, _, err := of.Get(t.Context(), key(t, of, "a"), nil, func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestTheZeroKeyIsNoQuestion(t *testing.T) {
	t.Parallel()
	of := kind(t, alone(t, cache.Options{}), cache.Class{})
	none, err := of.Key(cache.Question{Tool: "a"})
	require.ErrorIs(t, err, cache.ErrNoPrincipal)
	require.Zero(t, none)
	_, _, err = of.Get(t.Context(), none, nil, gives("of somebody"))
	require.ErrorIs(t, err, cache.ErrNoKey)
	_, _, ticket, hit := of.Lookup(t.Context(), none, nil)
	require.False(t, hit)
	require.False(t, of.Keep(ticket, []byte("of somebody")))
	rs, err := of.GetMany(t.Context(), []cache.Request{{}, {Key: key(t, of, "a")}}, func(_ context.Context, missing []int) ([][]byte, error) {
		require.Equal(t, []int{1}, missing)
		return [][]byte{[]byte("v")}, nil
	})
	require.NoError(t, err)
	require.ErrorIs(t, rs[0].Err, cache.ErrNoKey)
	require.NoError(t, rs[1].Err)
	require.Equal(t, "v", string(rs[1].Value))
}

// What one principal was told must never be told to another. The questions are
// made so that fields run into each other if they are only strung together.
func TestTwoPrincipalsNeverShare(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	of := kind(t, alone(t, cache.Options{}), cache.Class{})
	piece := func() string {
		return []string{"", "a", "b", "aa", "ab", "a\x00", "\x00a", "\x01a", "a/b", "\xff"}[r.IntN(10)]
	}
	type question struct{ tenant, principal, session, server, tool, schema, policy, args string }
	seen := map[cache.Key]question{}
	for range 20_000 {
		q := question{piece(), "p" + piece(), piece(), piece(), piece(), piece(), piece(), piece()}
		k, err := of.Key(cache.Question{Tenant: q.tenant, Principal: q.principal, Session: q.session, Server: q.server, Tool: q.tool,
			Schema: q.schema, Policy: q.policy, Args: []byte(q.args)})
		require.NoError(t, err)
		if have, ok := seen[k]; ok {
			require.Equal(t, have, q, "two questions with one key; seed %d", seed)
		}
		seen[k] = q
	}
	for a := range maps.Values(seen) { // and through the door, for one of them
		b := a
		b.principal += "x"
		ask := func(q question) string {
			k, err := of.Key(cache.Question{Tenant: q.tenant, Principal: q.principal, Session: q.session, Tool: q.tool, Args: []byte(q.args)})
			require.NoError(t, err)
			v, _, err := of.Get(t.Context(), k, nil, gives(q.principal))
			require.NoError(t, err)
			return string(v)
		}
		for range 2 {
			require.Equal(t, a.principal, ask(a))
			require.Equal(t, b.principal, ask(b))
		}
		break
	}
}

// Every call is counted as one thing: what a dashboard adds up must be the calls.
func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := alone(t, cache.Options{})
		of := kind(t, c, cache.Class{TTL: time.Second, StaleTTL: time.Second, FailTTL: 50 * time.Millisecond, MaxValue: 64})
		other := kind(t, c, cache.Class{Name: "other"})
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		var calls, lookups, loads, failed int64
		load := func(context.Context) ([]byte, error) {
			loads++
			switch loads % 7 {
			case 3:
				failed++
				return nil, errAsked
			case 5:
				return make([]byte, 65), nil // too large to keep
			}
			return []byte("v"), nil
		}
		for range 3000 {
			i := r.IntN(20)
			k, tags := key(t, of, strconv.Itoa(i)), []cache.Tag{item(i)}
			switch r.IntN(8) {
			case 0:
				_, err := c.Invalidate(t.Context(), item(i))
				require.NoError(t, err)
			case 1:
				time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
			case 2:
				_, _, ticket, hit := of.Lookup(t.Context(), k, tags)
				if lookups++; !hit {
					of.Keep(ticket, []byte("v"))
				}
			case 3:
				lookups += 2
				_, _ = of.GetMany(t.Context(), []cache.Request{{Key: k, Tags: tags}, {Key: key(t, of, "x"+strconv.Itoa(i)), Tags: tags}},
					func(_ context.Context, missing []int) ([][]byte, error) {
						if loads++; loads%5 == 0 {
							failed++
							return nil, errAsked
						}
						return slices.Repeat([][]byte{[]byte("v")}, len(missing)), nil
					})
			default:
				calls++
				_, _, _ = of.Get(t.Context(), k, tags, load)
				synctest.Wait() // a renewal is done before the next call
			}
		}
		ch, err := c.Begin(t.Context(), item(0))
		require.NoError(t, err)
		_, info, err := other.Get(t.Context(), key(t, other, "0"), []cache.Tag{item(0)}, gives("v"))
		require.NoError(t, err)
		require.Equal(t, cache.Fenced, info.Why)
		require.NoError(t, ch.Done(t.Context()))

		one, two, s := classOf(c, "answers"), classOf(c, "other"), c.Stats()
		renewals := one.LocalHits + one.Misses + one.Joined + one.Bypassed - calls - lookups
		require.LessOrEqual(t, renewals, one.StaleServed, "only a renewal is a load beside an answer; seed %d", seed)
		require.GreaterOrEqual(t, renewals, int64(0), "seed %d", seed)
		require.Positive(t, one.StaleServed)
		require.Equal(t, failed, one.LoadErrors)
		require.EqualValues(t, 1, two.Bypassed)
		require.Zero(t, two.Misses)
		require.Equal(t, one.LocalHits+two.LocalHits, s.Hits)
		require.Equal(t, one.Misses+two.Misses, s.Misses)
		require.Equal(t, one.StalePrevented+two.StalePrevented, s.StalePrevented)
		require.Equal(t, one.Refused+two.Refused, s.Refused)
		require.Equal(t, one.Entries+two.Entries, s.Local.Entries)
		require.Equal(t, one.Bytes+two.Bytes+128*s.Local.Tags, s.Local.Bytes)
		require.Positive(t, one.StalePrevented)
		require.Positive(t, one.Refused)
		require.True(t, s.Redis.Coherent)
		require.Equal(t, "disabled", s.Redis.State)
		require.False(t, s.Redis.Configured)
	})
}

func TestARedisHitSaysItsTierAndAge(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := beside(t, s, "a", cache.Options{}), beside(t, s, "b", cache.Options{MaxBytes: 1})
	at, bt := kind(t, a, cache.Class{}), kind(t, b, cache.Class{})
	k := key(t, at, "a")
	began := time.Now()
	filled(t, s, at, k, []cache.Tag{item(1)}, "v")
	await(t, func() bool {
		time.Sleep(20 * time.Millisecond)
		asked := time.Since(began)
		v, info, err := bt.Get(t.Context(), key(t, bt, "a"), []cache.Tag{item(1)}, gives("v"))
		require.NoError(t, err)
		require.Equal(t, "v", string(v))
		if info.Tier != cache.Redis {
			return false
		}
		require.Equal(t, cache.Held, info.Why)
		require.Less(t, info.Age, time.Since(began)+10*time.Millisecond)
		return info.Age >= asked/2 // of the answer that a gave, not of one that b did
	})
	require.Positive(t, classOf(b, "answers").RedisHits)
	require.Equal(t, classOf(b, "answers").RedisHits, b.Stats().Hits)
}

func TestEveryKeyInRedisEndsByItself(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := beside(t, s, "a", cache.Options{})
	of := kind(t, c, cache.Class{Wait: time.Second})
	for i := range 10 {
		_, _, err := of.Get(t.Context(), key(t, of, strconv.Itoa(i)), []cache.Tag{item(i)}, gives("v"))
		require.NoError(t, err)
		ch := begin(t, c, item(i))
		if i%2 == 0 {
			_ = ch.Done(t.Context())
			change(t, c, item(i))
		}
	}
	await(t, func() bool { return len(named(t, s, "e:")) > 0 })
	all := s.Do(t, "KEYS", "*").([]any)
	require.Greater(t, len(all), 10)
	for _, name := range all {
		require.True(t, strings.HasPrefix(name.(string), "m1:{m1}:"), "%v", name)
		left := s.Do(t, "PTTL", name).(int64)
		require.True(t, left > 0 || left == -2, "%v ends never", name) // -2: it has ended since
		require.LessOrEqual(t, left, (24 * time.Hour).Milliseconds(), "%v", name)
	}
}

// named lists the keys of one sort in Redis.
func named(t testing.TB, s *redistest.Server, sort string) []string {
	t.Helper()
	var out []string
	for _, name := range s.Do(t, "KEYS", "m1:{m1}:"+sort+"*").([]any) {
		out = append(out, name.(string))
	}
	return out
}

// Versions that all classes share were once kept as long as the class that came
// first needed them: when they were gone, every answer of every class was lost.
func TestAClassOfShortAnswersDoesNotCostTheLongOnes(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := beside(t, s, "a", cache.Options{})
	of := kind(t, c, cache.Class{TTL: time.Millisecond})
	await(t, func() bool {
		_, _, err := of.Get(t.Context(), key(t, of, "a"), []cache.Tag{item(1)}, gives("v"))
		require.NoError(t, err)
		return len(named(t, s, "v:")) == 4
	})
	for _, name := range named(t, s, "v:") {
		require.Greater(t, s.Do(t, "PTTL", name), time.Hour.Milliseconds(), "%v", name)
	}
}

// Nodes with different secrets share no answer, but a change must drop what both
// have kept of it.
func TestAnotherSecretSharesNoAnswerButHearsOfChanges(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	secret := func(b byte) seal.Secret {
		x, err := seal.NewSecret(slices.Repeat([]byte{b, b + 1}, seal.MinSecret))
		require.NoError(t, err)
		return x
	}
	a := beside(t, s, "a", cache.Options{Secret: secret(1)})
	b := beside(t, s, "b", cache.Options{Secret: secret(2)})
	require.True(t, a.Secret())
	at, bt := kind(t, a, cache.Class{}), kind(t, b, cache.Class{})
	tags := []cache.Tag{item(1)}
	filled(t, s, at, key(t, at, "a"), tags, "of a")
	await(t, func() bool { return a.Stats().Redis.ForeignSecret && b.Stats().Redis.ForeignSecret })
	v, info, err := bt.Get(t.Context(), key(t, bt, "a"), tags, gives("of b"))
	require.NoError(t, err)
	require.Equal(t, "of b", string(v))
	require.Equal(t, cache.None, info.Tier)
	_, err = b.Invalidate(t.Context(), tags...)
	require.NoError(t, err)
	v, info, err = at.Get(t.Context(), key(t, at, "a"), tags, gives("newer"))
	require.NoError(t, err)
	require.Equal(t, "newer", string(v), "%+v", info)
}
