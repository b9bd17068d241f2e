package cache_test

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"m1/cache"
	"m1/cache/redistest"
)

// report gives the median and the 99th percentile of what was timed, in µs.
func report(b *testing.B, name string, took []time.Duration) time.Duration {
	b.Helper()
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	us := func(share float64) float64 {
		return float64(took[int(share*float64(len(took)-1))].Nanoseconds()) / 1e3
	}
	b.ReportMetric(us(0.5), name+"p50-µs")
	b.ReportMetric(us(0.99), name+"p99-µs")
	return took[len(took)/2]
}

// hot is a class with one answer of 256 bytes in memory, and what to ask for it.
// Its tags are those of a read of two files.
func hot(t testing.TB, shared bool) (*cache.Of[[]byte], cache.Key, []cache.Tag, cache.Load[[]byte]) {
	var c *cache.Cache
	if shared {
		c = beside(t, redistest.Start(t), "a", cache.Options{})
	} else {
		c = alone(t, cache.Options{})
	}
	of := kind(t, c, cache.Class{})
	k, tags, load := key(t, of, "a"), []cache.Tag{item("a"), item("b")}, gives(string(make([]byte, 256)))
	await(t, func() bool {
		_, info, err := of.Get(t.Context(), k, tags, load)
		require.NoError(t, err)
		return info.Tier == cache.Local
	})
	return of, k, tags, load
}

// With Redis a hit in memory also checks the lease; alone the versions only.
func BenchmarkGetLocal(b *testing.B) {
	for _, with := range []string{"alone", "redis"} {
		b.Run(with, func(b *testing.B) {
			of, k, tags, load := hot(b, with == "redis")
			ctx := context.Background()
			const batch = 200 // what is timed at once, as the clock costs as much as a hit
			var took []time.Duration
			n, elsewhere := 0, 0
			began := time.Now()
			b.ReportAllocs()
			for b.Loop() {
				if _, info, _ := of.Get(ctx, k, tags, load); info.Tier != cache.Local {
					elsewhere++ // on a busy machine the lease may run out
				}
				if n++; n%batch == 0 && len(took) < 1<<16 {
					now := time.Now()
					took = append(took, now.Sub(began)/batch)
					began = now
				}
			}
			b.StopTimer()
			if len(took) > 0 {
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
			}
			b.ReportMetric(float64(elsewhere), "not-local")
		})
	}
}

func BenchmarkGetLocalParallel(b *testing.B) {
	of, k, tags, load := hot(b, false)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, _, err := of.Get(context.Background(), k, tags, load); err != nil {
				panic(err)
			}
		}
	})
}

// The bar is two allocations.
func TestAHitInMemoryAllocatesNothing(t *testing.T) {
	for _, shared := range []bool{false, true} {
		of, k, tags, load := hot(t, shared)
		ctx := context.Background()
		least := 1000.0 // what runs beside counts too, so the least of some tries is told
		for range 20 {
			least = min(least, testing.AllocsPerRun(100, func() { _, _, _ = of.Get(ctx, k, tags, load) }))
		}
		require.Zero(t, least, "shared: %v", shared)
	}
}

// A hit in Redis beside a bare GET of the same bytes, by turns. The reader's
// memory is too small to hold anything.
func BenchmarkGetRedis(b *testing.B) {
	s := redistest.Start(b)
	writer, reader := beside(b, s, "writer", cache.Options{}), beside(b, s, "reader", cache.Options{MaxBytes: 1})
	wt, rt := kind(b, writer, cache.Class{}), kind(b, reader, cache.Class{})
	ctx, tags, load := context.Background(), []cache.Tag{item("a"), item("b")}, gives(string(make([]byte, 256)))
	entry, _ := filled(b, s, wt, key(b, wt, "a"), tags, string(make([]byte, 256)))
	o, err := redis.ParseURL(s.URL())
	require.NoError(b, err)
	bare := redis.NewClient(o)
	defer bare.Close()
	k := key(b, rt, "a")
	var gets, bares []time.Duration
	elsewhere := 0
	for b.Loop() {
		t0 := time.Now()
		_, info, err := rt.Get(ctx, k, tags, load)
		t1 := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		if info.Tier != cache.Redis {
			elsewhere++
			continue
		}
		if err := bare.Get(ctx, entry).Err(); err != nil {
			b.Fatal(err)
		}
		gets, bares = append(gets, t1.Sub(t0)), append(bares, time.Since(t1))
	}
	b.ReportMetric(float64(elsewhere), "not-redis")
	ours, theirs := report(b, "", gets), report(b, "bare-", bares)
	if theirs > 0 {
		b.ReportMetric(float64(ours)/float64(theirs), "ratio")
	}
}

func BenchmarkInvalidate(b *testing.B) {
	for _, nodes := range []int{1, 2, 5} {
		b.Run("nodes="+strconv.Itoa(nodes), func(b *testing.B) {
			s := redistest.Start(b)
			var all []*cache.Cache
			for i := range nodes {
				c := beside(b, s, "n"+strconv.Itoa(i), cache.Options{})
				of := kind(b, c, cache.Class{})
				_, _, err := of.Get(b.Context(), key(b, of, "a"), []cache.Tag{item(1)}, gives("v"))
				require.NoError(b, err)
				all = append(all, c)
			}
			time.Sleep(300 * time.Millisecond) // until Redis is sure to know all nodes, a change waits out a lease
			var took []time.Duration
			failed := 0
			for b.Loop() {
				began := time.Now()
				ack, err := all[0].Invalidate(context.Background(), item(1))
				if took = append(took, time.Since(began)); err != nil || ack.Nodes != nodes-1 {
					failed++
				}
			}
			report(b, "", took)
			b.ReportMetric(float64(failed), "failed")
		})
	}
}

// A load that costs nothing, whose answer is kept.
func BenchmarkMiss(b *testing.B) {
	for _, with := range []string{"alone", "redis"} {
		b.Run(with, func(b *testing.B) {
			var c *cache.Cache
			if with == "redis" {
				c = beside(b, redistest.Start(b), "a", cache.Options{})
			} else {
				c = alone(b, cache.Options{})
			}
			of := kind(b, c, cache.Class{})
			ctx, tags, load := context.Background(), []cache.Tag{item("a"), item("b")}, gives(string(make([]byte, 256)))
			var took []time.Duration
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				k := key(b, of, strconv.Itoa(n))
				began := time.Now()
				if _, _, err := of.Get(ctx, k, tags, load); err != nil {
					b.Fatal(err)
				}
				if len(took) < 1<<16 {
					took = append(took, time.Since(began))
				}
			}
			report(b, "", took)
		})
	}
}

// What an entry takes beside its value, to compare with what it is counted as: by
// the number of its tags, whose points it shares with the others or has alone.
func BenchmarkEntrySize(b *testing.B) {
	for _, bb := range []struct {
		name string
		tags func(i int) []cache.Tag
	}{
		{"tags=0", func(int) []cache.Tag { return nil }},
		{"tags=1", func(int) []cache.Tag { return []cache.Tag{item(1)} }},
		{"tags=4", func(int) []cache.Tag { return []cache.Tag{item(1), item(2), item(3), item(4)} }},
		{"tags=1 own", func(i int) []cache.Tag { return []cache.Tag{item(i)} }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			const n, size = 50_000, 256
			for b.Loop() {
				before := liveHeap()
				c := alone(b, cache.Options{MaxBytes: 1 << 30})
				of := kind(b, c, cache.Class{})
				for i := range n {
					_, _, ticket, _ := of.Lookup(context.Background(), key(b, of, strconv.Itoa(i)), bb.tags(i))
					of.Keep(ticket, make([]byte, size))
				}
				used, s := liveHeap()-before, c.Stats()
				require.EqualValues(b, n, s.Local.Entries)
				b.ReportMetric(float64(used)/n-size, "B/entry")
				b.ReportMetric(float64(s.Local.Bytes)/n-size, "counted-B/entry")
				runtime.KeepAlive(c)
			}
		})
	}
}
