package cache_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
)

func TestInvalidateDropsWhatItNames(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	one, two := key(t, of, "1"), key(t, of, "2")
	put(t, of, one, "v", item(1))
	put(t, of, two, "v", item(2))
	ack, err := c.Invalidate(t.Context(), item(1))
	require.NoError(t, err)
	require.Zero(t, ack, "there is nobody to wait for")
	require.False(t, holds(t, of, one, item(1)))
	require.True(t, holds(t, of, two, item(2)))
	s := c.Stats()
	require.EqualValues(t, 1, s.Invalidations)
	require.EqualValues(t, 1, s.StalePrevented)
}

func TestAChangeOfNothingChangesNothing(t *testing.T) {
	t.Parallel()
	for _, with := range []string{"alone", "redis"} {
		t.Run(with, func(t *testing.T) {
			t.Parallel()
			var c *cache.Cache
			if with == "alone" {
				c = alone(t, cache.Options{})
			} else {
				c = beside(t, redistest.Start(t), "a", cache.Options{})
			}
			of := kind(t, c, cache.Class{})
			k := key(t, of, "1")
			await(t, func() bool {
				_, _, err := of.Get(t.Context(), k, []cache.Tag{item(1)}, gives("v"))
				require.NoError(t, err)
				return holds(t, of, k, item(1))
			})
			require.Zero(t, change(t, c).Nodes)
			ran := 0
			await(t, func() bool {
				return c.Write(t.Context(), nil, func(context.Context) error { ran++; return nil }) == nil
			})
			require.Positive(t, ran)
			await(t, func() bool { return holds(t, of, k, item(1)) }) // only looks: what is lost does not come back
		})
	}
}

// A load that began before a change and ended after it must not be kept: its
// answer may be the old one. Every library compared in the design keeps it.
func TestALateAnswerIsRefused(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	k := key(t, of, "1")
	ticket := func() cache.Ticket {
		_, _, ticket, hit := of.Lookup(t.Context(), k, []cache.Tag{item(1)})
		require.False(t, hit)
		return ticket
	}
	before := ticket()
	change, err := c.Begin(t.Context(), item(1))
	require.NoError(t, err)
	during := ticket()
	require.False(t, of.Keep(before, []byte("old")))
	require.False(t, of.Keep(during, []byte("old or new")))
	require.NoError(t, change.Done(t.Context()))
	require.False(t, of.Keep(before, []byte("old")))
	require.False(t, of.Keep(during, []byte("old or new")))
	require.False(t, holds(t, of, k, item(1)))
	require.EqualValues(t, 4, c.Stats().Refused)
	put(t, of, k, "new", item(1))
	require.True(t, holds(t, of, k, item(1)))
}

func TestNothingIsGivenOrKeptWhileAChangeIsOpen(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	k, tags := key(t, of, "1"), []cache.Tag{item(1)}
	src := &source{}
	get := func() (string, cache.Info) {
		v, info, err := of.Get(t.Context(), k, tags, src.load)
		require.NoError(t, err)
		return string(v), info
	}
	get()
	require.NoError(t, c.Write(t.Context(), tags, func(context.Context) error {
		for n := range int64(3) {
			src.version.Add(1)
			v, info := get()
			require.Equal(t, strconv.FormatInt(n+1, 10), v)
			require.Equal(t, cache.Fenced, info.Why)
			require.Equal(t, n+2, src.loads.Load(), "each asks the source")
		}
		_, info, ticket, hit := of.Lookup(t.Context(), k, tags)
		require.False(t, hit)
		require.Equal(t, cache.Fenced, info.Why)
		require.False(t, of.Keep(ticket, []byte("x")))
		rs, err := of.GetMany(t.Context(), []cache.Request{{Key: k, Tags: tags}}, func(context.Context, []int) ([][]byte, error) {
			return [][]byte{[]byte("many")}, nil
		})
		require.NoError(t, err)
		require.Equal(t, "many", string(rs[0].Value))
		require.Equal(t, cache.Fenced, rs[0].Info.Why)
		return nil
	}))
	v, info := get()
	require.Equal(t, "3", v)
	require.Equal(t, cache.None, info.Tier)
	_, info = get()
	require.Equal(t, cache.Local, info.Tier)
}

func TestTwoOpenChangesNeedTwoEnds(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	k := key(t, of, "1")
	begin := func(tags ...cache.Tag) *cache.Change {
		ch, err := c.Begin(t.Context(), tags...)
		require.NoError(t, err)
		return ch
	}
	fenced := func() bool {
		_, _, ticket, _ := of.Lookup(t.Context(), k, []cache.Tag{item(1)})
		return !of.Keep(ticket, []byte("v"))
	}
	first, second := begin(item(1)), begin(cache.Tag{Scope: "run", Collection: "files"}) // they overlap by half
	require.NoError(t, first.Done(t.Context()))
	require.NoError(t, first.Done(t.Context())) // a second end of the first must not lift the other's fence
	require.True(t, fenced())
	require.NoError(t, second.Done(t.Context()))
	require.False(t, fenced())
	require.EqualValues(t, 2, c.Stats().Invalidations)
}

func TestDoneIsOneEndHoweverManyCallIt(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	other, err := c.Begin(t.Context(), item(1))
	require.NoError(t, err)
	ch, err := c.Begin(t.Context(), item(1))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { _ = ch.Done(context.Background()) })
	}
	wg.Wait()
	_, _, ticket, _ := of.Lookup(t.Context(), key(t, of, "1"), []cache.Tag{item(1)})
	require.False(t, of.Keep(ticket, []byte("v")))
	require.NoError(t, other.Done(t.Context()))
	put(t, of, key(t, of, "1"), "v", item(1))
}

func TestWriteEndsItsChangeHoweverItsFunctionEnds(t *testing.T) {
	t.Parallel()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{})
	tags := []cache.Tag{item(1)}
	failed := errors.New("disk full")
	require.ErrorIs(t, c.Write(t.Context(), tags, func(context.Context) error { return failed }), failed)
	put(t, of, key(t, of, "1"), "v", tags...)
	require.PanicsWithValue(t, "no disk", func() { _ = c.Write(t.Context(), tags, func(context.Context) error { panic("no disk") }) })
	require.False(t, holds(t, of, key(t, of, "1"), tags...))
	put(t, of, key(t, of, "1"), "v", tags...)
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, c.Write(ctx, tags, func(context.Context) error { cancel(); return nil }))
	put(t, of, key(t, of, "1"), "v", tags...)
}

// Readers and writers of eight items for a while: no read that began after an
// acknowledged change may return an older value, and none may return one that is
// older than what somebody has seen before.
func TestNoReadIsOlderThanTheLastAcknowledgedChange(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	c := alone(t, cache.Options{})
	of := kind(t, c, cache.Class{Fresh: cache.Linear})
	const items = 8
	var data, acked, seen [items]atomic.Int64
	var writing [items]sync.Mutex
	var wg sync.WaitGroup
	var keys [items]cache.Key
	for i := range keys {
		keys[i] = key(t, of, strconv.Itoa(i))
	}
	for w := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for n := range 3000 {
				i := r.IntN(items)
				writing[i].Lock()
				if n%3 == 0 && w == 0 {
					_ = c.Write(context.Background(), []cache.Tag{item(i)}, func(context.Context) error { data[i].Add(1); return nil })
				} else {
					ch, _ := c.Begin(context.Background(), item(i))
					data[i].Add(1)
					_ = ch.Done(context.Background())
				}
				acked[i].Store(data[i].Load())
				writing[i].Unlock()
			}
		})
	}
	var stale, inverted, wrong atomic.Int64
	for w := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(10+w)))
			for n := range 10_000 {
				i := r.IntN(items)
				tags := []cache.Tag{item(i)}
				least, before := acked[i].Load(), seen[i].Load()
				var v []byte
				if n%4 == 0 {
					var ticket cache.Ticket
					var hit bool
					if v, _, ticket, hit = of.Lookup(context.Background(), keys[i], tags); !hit {
						v = fmt.Append(nil, data[i].Load())
						of.Keep(ticket, v)
					}
				} else {
					v, _, _ = of.Get(context.Background(), keys[i], tags, func(context.Context) ([]byte, error) {
						return fmt.Append(nil, data[i].Load()), nil
					})
				}
				got, err := strconv.ParseInt(string(v), 10, 64)
				if err != nil {
					wrong.Add(1)
				}
				if got < least {
					stale.Add(1)
				}
				if got < before {
					inverted.Add(1)
				}
				for {
					if have := seen[i].Load(); got <= have || seen[i].CompareAndSwap(have, got) {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, wrong.Load())
	require.Zero(t, stale.Load(), "older than an acknowledged change; seed %d", seed)
	require.Zero(t, inverted.Load(), "older than an answer given before; seed %d", seed)
	require.Positive(t, c.Stats().Hits, "nothing was ever answered from memory: the test shows nothing")
	require.Positive(t, c.Stats().StalePrevented)
}

func TestInvalidateReachesAnotherNodeBeforeItReturns(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	a, b := beside(t, s, "a", cache.Options{}), beside(t, s, "b", cache.Options{})
	at, bt := kind(t, a, cache.Class{}), kind(t, b, cache.Class{})
	src, told := &source{}, 0
	tags := []cache.Tag{item(1)}
	for n := range int64(50) {
		for range 3 {
			v, _, err := bt.Get(t.Context(), key(t, bt, "1"), tags, src.load)
			require.NoError(t, err)
			require.Equal(t, strconv.FormatInt(n, 10), string(v))
		}
		src.version.Add(1)
		told += change(t, a, tags...).Nodes
	}
	require.Positive(t, told)
	require.Positive(t, b.Stats().Hits)
	require.Positive(t, b.Stats().Redis.Nodes)
	ch := begin(t, a, tags...)
	for range 3 {
		_, info, err := bt.Get(t.Context(), key(t, bt, "1"), tags, src.load)
		require.NoError(t, err)
		require.Equal(t, cache.None, info.Tier)
		require.NotEqual(t, cache.Absent, info.Why, "it must not be kept")
	}
	_ = ch.Done(t.Context())
	_, _, err := at.Get(t.Context(), key(t, at, "1"), tags, src.load)
	require.NoError(t, err)
}

func TestAChangeThatRedisDidNotHearSaysSoAndHoldsHere(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	c := beside(t, s, "a", cache.Options{})
	of := kind(t, c, cache.Class{})
	src := &source{}
	tags := []cache.Tag{item(1)}
	get := func() string {
		v, _, err := of.Get(t.Context(), key(t, of, "1"), tags, src.load)
		require.NoError(t, err)
		return string(v)
	}
	require.Equal(t, "0", get())
	s.Kill()
	src.version.Add(1)
	_, err := c.Invalidate(t.Context(), tags...)
	require.ErrorIs(t, err, cache.ErrNotPropagated)
	require.Equal(t, "1", get())
	require.Positive(t, c.Stats().Redis.Journal)
	failed := errors.New("disk full")
	err = c.Write(t.Context(), tags, func(context.Context) error { return failed })
	require.ErrorIs(t, err, failed)
	require.ErrorIs(t, err, cache.ErrNotPropagated)
	require.Positive(t, c.Stats().Redis.NotPropagated)
	s.Restart()
	await(t, func() bool { r := c.Stats().Redis; return r.Coherent && r.Journal == 0 })
	src.version.Add(1)
	change(t, c, tags...)
	require.Equal(t, "2", get())
}

// A node once took the changes that it made while it renewed its lease for a
// server that had lost some: it forgot everything, and each change waited 225 ms.
func TestManyChangesInARowLoseNothing(t *testing.T) {
	t.Parallel()
	c := beside(t, redistest.Start(t), "a", cache.Options{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 1500 {
				_, _ = c.Invalidate(context.Background(), item(w*10_000+i))
			}
		})
	}
	wg.Wait()
	require.Zero(t, c.Stats().Redis.Drops)
}

// A fence runs out after MaxChange, in case its node has died. If the node lives,
// the end of the change must still be confirmed by all.
func TestTheEndOfAChangeThatOutlivedItsFenceIsConfirmed(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t)
	o := cache.Options{MaxChange: 300 * time.Millisecond}
	a, b := beside(t, s, "a", o), beside(t, s, "b", o)
	of := kind(t, b, cache.Class{})
	tags := []cache.Tag{item(1)}
	for range 5 {
		change, err := a.Begin(t.Context(), tags...)
		if err != nil { // the machine is busy
			_ = change.Done(t.Context())
			continue
		}
		time.Sleep(320 * time.Millisecond)
		_, _, err = of.Get(t.Context(), key(t, of, "k"), tags, gives("old"))
		require.NoError(t, err)
		if change.Done(t.Context()) == nil {
			v, info, err := of.Get(t.Context(), key(t, of, "k"), tags, gives("new"))
			require.NoError(t, err)
			require.Equal(t, "new", string(v), "%+v", info)
		}
		_, err = a.Invalidate(t.Context(), tags...)
		if err != nil {
			await(t, func() bool { return a.Stats().Redis.Journal == 0 })
		}
	}
}
