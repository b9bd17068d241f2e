package cache_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
)

func open(t testing.TB, o cache.Options) *cache.Cache {
	t.Helper()
	c, err := cache.New(o)
	require.NoError(t, err)
	return c
}

func keep(t *testing.T, c *cache.Cache, scope string, key byte, value string, tags ...cache.Tag) {
	t.Helper()
	_, ticket, hit := c.Get(scope, cache.Key{key}, tags)
	require.False(t, hit)
	require.True(t, ticket.Keep([]byte(value)))
}

func has(c *cache.Cache, scope string, key byte) bool {
	_, _, hit := c.Get(scope, cache.Key{key}, nil)
	return hit
}

func TestAnAnswerIsHeldForItsScopeAlone(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{})
	keep(t, c, "run-1", 1, "one")
	a, _, hit := c.Get("run-1", cache.Key{1}, nil)
	require.True(t, hit)
	require.Equal(t, "one", string(a.Value))
	require.Equal(t, cache.Local, a.Tier)
	require.False(t, has(c, "run-2", 1))
	require.False(t, has(c, "run-1", 2))
}

func TestAChangeDropsWhatOverlapsAndNothingElse(t *testing.T) {
	t.Parallel()
	order5, order6, orders := cache.Tag{Collection: "orders", Item: "5"}, cache.Tag{Collection: "orders", Item: "6"}, cache.Tag{Collection: "orders"}
	users, everything := cache.Tag{Collection: "users"}, cache.Tag{Collection: cache.Everything}
	tests := []struct {
		name          string
		reads, change []cache.Tag
		kept          bool
	}{
		{"same item", []cache.Tag{order5}, []cache.Tag{order5}, false},
		{"another item", []cache.Tag{order5}, []cache.Tag{order6}, true},
		{"whole by item", []cache.Tag{orders}, []cache.Tag{order5}, false},
		{"item by whole", []cache.Tag{order5}, []cache.Tag{orders}, false},
		{"whole by whole", []cache.Tag{orders}, []cache.Tag{orders}, false},
		{"another collection", []cache.Tag{orders}, []cache.Tag{users}, true},
		{"one of several", []cache.Tag{users, order5}, []cache.Tag{order5}, false},
		{"by everything", []cache.Tag{order5}, []cache.Tag{everything}, false},
		{"from everything", []cache.Tag{everything}, []cache.Tag{order5}, false},
		{"no data by a change of data", nil, []cache.Tag{order5}, true},
		{"no data by everything", nil, []cache.Tag{everything}, false},
		{"a change of nothing", []cache.Tag{order5}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, cache.Options{})
			keep(t, c, "run", 1, "v", tt.reads...)
			c.Begin("other run", cache.Tag{Collection: cache.Everything}).Done()
			require.True(t, has(c, "run", 1), "a change in another scope dropped it")
			c.Begin("run", tt.change...).Done()
			require.Equal(t, tt.kept, has(c, "run", 1))
		})
	}
}

// A load that began before a change and ended after it must not be kept: its
// answer may be the old one. Every library compared in the design keeps it.
func TestALateAnswerIsRefused(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{})
	tag := cache.Tag{Collection: "files", Item: "a.go"}
	_, before, _ := c.Get("run", cache.Key{1}, []cache.Tag{tag})
	change := c.Begin("run", tag)
	_, during, _ := c.Get("run", cache.Key{1}, []cache.Tag{tag})
	require.False(t, before.Keep([]byte("old")))
	require.False(t, during.Keep([]byte("old or new")))
	change.Done()
	require.False(t, before.Keep([]byte("old")))
	require.False(t, during.Keep([]byte("old or new")))
	require.False(t, has(c, "run", 1))
	require.Equal(t, int64(4), c.Stats().Refused)
	keep(t, c, "run", 1, "new", tag)
	require.True(t, has(c, "run", 1))
}

func TestTwoOpenChangesNeedTwoEnds(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{})
	tag := cache.Tag{Collection: "files"}
	first, second := c.Begin("run", tag), c.Begin("run", tag)
	first.Done()
	first.Done() // a second end of the first must not lift the other's fence
	_, ticket, _ := c.Get("run", cache.Key{1}, []cache.Tag{tag})
	require.False(t, ticket.Keep([]byte("v")))
	second.Done()
	keep(t, c, "run", 1, "v", tag)
}

func TestDropForgetsAScopeButNotItsOpenChanges(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{})
	tag := cache.Tag{Collection: "files"}
	keep(t, c, "run", 1, "v", tag)
	_, ticket, _ := c.Get("run", cache.Key{2}, nil)
	change := c.Begin("run", cache.Tag{Collection: "users"})
	c.Drop("run")
	require.False(t, has(c, "run", 1))
	require.False(t, ticket.Keep([]byte("computed before the drop")))
	_, ticket, _ = c.Get("run", cache.Key{3}, []cache.Tag{{Collection: "users"}})
	require.False(t, ticket.Keep([]byte("v")), "the change that was open before the drop is still open")
	change.Done()
	keep(t, c, "run", 3, "v", cache.Tag{Collection: "users"})
}

func TestAForgottenScopeNeverComesBackToLife(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{MaxScopes: 2})
	tag := cache.Tag{Collection: "files"}
	keep(t, c, "a", 1, "old", tag)
	has(c, "b", 1)
	has(c, "c", 1) // pushes "a" out
	c.Begin("a", tag).Done()
	require.False(t, has(c, "a", 1))
}

func TestAnAnswerGrowsTooOld(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	c := open(t, cache.Options{MaxAge: time.Minute, Now: func() time.Time { return now }})
	keep(t, c, "run", 1, "v")
	now = now.Add(time.Minute)
	a, _, hit := c.Get("run", cache.Key{1}, nil)
	require.True(t, hit)
	require.Equal(t, time.Minute, a.Age)
	now = now.Add(1)
	require.False(t, has(c, "run", 1))
}

func TestBytesStayWithinTheBound(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{MaxBytes: 1 << 20, MaxValue: 4096})
	value := make([]byte, 4096)
	for i := range 4096 {
		_, ticket, _ := c.Get("run", cache.Key{byte(i), byte(i >> 8)}, []cache.Tag{{Collection: "c", Item: fmt.Sprint(i)}})
		require.True(t, ticket.Keep(value))
	}
	s := c.Stats()
	require.LessOrEqual(t, s.Bytes, s.MaxBytes)
	require.Greater(t, s.Bytes, s.MaxBytes/2)
	require.Positive(t, s.Evictions)
	_, ticket, _ := c.Get("run", cache.Key{1, 2, 3}, nil)
	require.False(t, ticket.Keep(make([]byte, 4097)), "larger than MaxValue")
}

func TestTagTablesAreBoundedAndStayRight(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{})
	for i := range 20_000 { // more items and collections than a table has room for
		name := fmt.Sprint(i)
		keep(t, c, "run", 1, "v", cache.Tag{Collection: "c" + name}, cache.Tag{Collection: "files", Item: name})
		if i%2 == 0 {
			c.Begin("run", cache.Tag{Collection: "files", Item: name}).Done()
		} else {
			c.Begin("run", cache.Tag{Collection: "c" + name}).Done()
		}
		require.False(t, has(c, "run", 1), "change %d was not seen", i)
	}
}

// The attack: 4,096 runs that each read 16,384 items. Every table kept its own
// bound, and together they had none.
func TestTheTablesOfAllScopesShareOneBound(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{MaxItems: 100})
	file := func(i int) cache.Tag { return cache.Tag{Collection: "files", Item: fmt.Sprint(i)} }
	for scope := range 20 {
		run := fmt.Sprint("run-", scope)
		for i := range 10 {
			keep(t, c, run, byte(i), "v", file(i))
		}
	}
	require.Equal(t, int64(100), c.Stats().Items)

	c.Begin("run-0", file(1)).Done()
	require.True(t, has(c, "run-0", 0), "items told apart")
	require.False(t, has(c, "run-0", 1))
	for i := range 10 { // no room was left for the items of this one
		keep(t, c, "run-19", 20, "v", file(i))
		c.Begin("run-19", file(i)).Done()
		require.False(t, has(c, "run-19", 20), "coarser, and still right")
	}

	change := c.Begin("run-19", file(1)) // as the whole collection
	c.Drop("run-0")
	require.Equal(t, int64(90), c.Stats().Items)
	_, ticket, _ := c.Get("run-19", cache.Key{1}, []cache.Tag{file(1)}) // as an item: there is room again
	require.Equal(t, int64(91), c.Stats().Items)
	require.False(t, ticket.Keep([]byte("v")), "it overlaps the change that began while there was none")
	change.Done()
	keep(t, c, "run-19", 1, "v", file(1))
	c.Begin("run-19", file(1)).Done()
	require.False(t, has(c, "run-19", 1))
}

func TestBadOptionsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := cache.New(cache.Options{MaxValue: -1})
	require.EqualError(t, err, "cache: MaxValue must not be negative, got -1")
}

// Readers and writers of eight items for a while: no read that began after an
// acknowledged change may return an older value.
func TestNoReadIsOlderThanTheLastAcknowledgedChange(t *testing.T) {
	t.Parallel()
	c := open(t, cache.Options{})
	const items = 8
	var source, acked [items]atomic.Int64
	var writing [items]sync.Mutex
	var wg sync.WaitGroup
	var hits atomic.Int64
	tags := func(i int) []cache.Tag { return []cache.Tag{{Collection: "c", Item: fmt.Sprint(i)}} }
	for w := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range 4000 {
				i := r.IntN(items)
				writing[i].Lock()
				ch := c.Begin("run", tags(i)...)
				v := source[i].Add(1)
				ch.Done()
				acked[i].Store(v)
				writing[i].Unlock()
			}
		})
	}
	var stale atomic.Int64
	for w := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(2, uint64(w)))
			for range 20_000 {
				i := r.IntN(items)
				least := acked[i].Load()
				var got int64
				if a, ticket, hit := c.Get("run", cache.Key{byte(i)}, tags(i)); hit {
					hits.Add(1)
					_, err := fmt.Sscan(string(a.Value), &got)
					if err != nil {
						panic(err)
					}
				} else {
					got = source[i].Load()
					ticket.Keep([]byte(fmt.Sprint(got)))
				}
				if got < least {
					stale.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, stale.Load())
	require.Positive(t, hits.Load(), "nothing was ever answered from the cache: the test shows nothing")
}

func BenchmarkGetHit(b *testing.B) {
	c := open(b, cache.Options{})
	tags := []cache.Tag{{Collection: "files", Item: "a"}}
	_, ticket, _ := c.Get("run", cache.Key{1}, tags)
	require.True(b, ticket.Keep(make([]byte, 256)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, hit := c.Get("run", cache.Key{1}, tags); !hit {
			b.Fatal("miss")
		}
	}
}

func BenchmarkMissAndKeep(b *testing.B) {
	c := open(b, cache.Options{})
	tags := []cache.Tag{{Collection: "files", Item: "a"}}
	value := make([]byte, 256)
	b.ReportAllocs()
	var n uint64
	for b.Loop() {
		n++
		_, ticket, _ := c.Get("run", cache.Key{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, tags)
		ticket.Keep(value)
	}
}
