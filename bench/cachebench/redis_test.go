package cachebench

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"m1/cache"
	"m1/cache/redistest"
)

// cold is a bare GET, all entrants and more of them, with next to no memory and
// all answers in Redis.
func cold(b *testing.B, n int, more ...entrant) []*runner {
	b.Helper()
	s := redistest.Start(b)
	es := append([]entrant{{nameBare, openBare}}, entrants()...)
	rs := start(b, s, append(es, more...), n, cramped)
	fillAll(b, s, rs)
	return rs
}

// BenchmarkRedisHit reads answers that are in Redis only, one caller.
func BenchmarkRedisHit(b *testing.B) {
	const keys, reads = 2048, 300
	rs := cold(b, keys)
	loads := map[*runner]int64{}
	for _, r := range rs {
		loads[r] = r.src.loads.Load()
	}
	next, n := 0, 0
	rounds(b, 100, func(round int) {
		for range reads {
			next = (next + 1) % keys
			n++
			turns(rs, round+next, func(r *runner) {
				began := time.Now()
				must(b, r, next)
				r.took = append(r.took, time.Since(began))
			})
		}
	})
	t := newTable("Redis hit: one caller, 256 B", "p50 µs", "p99 µs", "x-of-GET", "loads %")
	get := quantile(rs[0].took, 0.5)
	for _, r := range rs {
		t.put(r.name, "p50 µs", us(quantile(r.took, 0.5)))
		t.put(r.name, "p99 µs", us(quantile(r.took, 0.99)))
		t.put(r.name, "x-of-GET", float64(quantile(r.took, 0.5))/float64(get))
		t.put(r.name, "loads %", 100*float64(r.src.loads.Load()-loads[r])/float64(n))
	}
	t.report(b)
}

// BenchmarkRedis128 reads answers that are in Redis only, 128 callers at once.
func BenchmarkRedis128(b *testing.B) {
	const keys, callers, slice = 4096, 128, 100 * time.Millisecond
	// With its defaults M1 asks the source when Redis takes too long.
	rs := cold(b, keys, entrant{"M1, Patience 200 ms", func(b *testing.B, at place) peer {
		return openM1With(b, at, m1Options{cache: cache.Options{Patience: 200 * time.Millisecond}, timeout: 500 * time.Millisecond})
	}})
	busy, loads := map[*runner]time.Duration{}, map[*runner]int64{}
	for _, r := range rs {
		loads[r] = r.src.loads.Load()
	}
	rounds(b, 50, func(round int) {
		turns(rs, round, func(r *runner) {
			var mu sync.Mutex
			var wg sync.WaitGroup
			began := time.Now()
			for range callers {
				wg.Go(func() {
					var took []time.Duration
					for last := time.Now(); last.Sub(began) < slice; {
						if _, err := r.read(context.Background(), rand.IntN(keys)); err != nil {
							panic(err)
						}
						now := time.Now()
						took = append(took, now.Sub(last))
						last = now
					}
					mu.Lock()
					defer mu.Unlock()
					r.took = append(r.took, took...)
				})
			}
			wg.Wait()
			busy[r] += time.Since(began)
		})
	})
	t := newTable("Through Redis: 128 callers, 256 B", "reads/s", "x-of-GET", "p50 ms", "p99 ms", "loads %")
	rate := func(r *runner) float64 { return float64(len(r.took)) / busy[r].Seconds() }
	for _, r := range rs {
		t.put(r.name, "reads/s", rate(r))
		t.put(r.name, "x-of-GET", rate(r)/rate(rs[0]))
		t.put(r.name, "p50 ms", ms(quantile(r.took, 0.5)))
		t.put(r.name, "p99 ms", ms(quantile(r.took, 0.99)))
		t.put(r.name, "loads %", 100*float64(r.src.loads.Load()-loads[r])/float64(len(r.took)))
	}
	t.report(b)
}

// BenchmarkMiss asks for what is nowhere, of a source that answers at once.
func BenchmarkMiss(b *testing.B) {
	const most, reads = 20, 200
	es := append([]entrant{{"M1, one tag for all", func(b *testing.B, at place) peer {
		return openM1With(b, at, m1Options{oneTag: true})
	}}}, entrants()...)
	rs := start(b, redistest.Start(b), es, most*reads, roomy)
	n := 0
	rounds(b, most, func(round int) {
		for range reads {
			turns(rs, n, func(r *runner) {
				began := time.Now()
				must(b, r, n)
				r.took = append(r.took, time.Since(began))
			})
			n++
		}
	})
	t := newTable("Miss: the source answers at once, 256 B", "p50 µs", "p99 µs", "loads %")
	for _, r := range rs {
		t.put(r.name, "p50 µs", us(quantile(r.took, 0.5)))
		t.put(r.name, "p99 µs", us(quantile(r.took, 0.99)))
		t.put(r.name, "loads %", 100*float64(r.src.loads.Load())/float64(n))
	}
	t.report(b)
}
