package cachebench

import (
	"context"
	"math/rand"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"m1/cache/redistest"
)

// BenchmarkLocalHit reads 16,384 answers that are in memory, the popular ones more
// often. A batch is timed at once, as the clock costs as much as a read.
func BenchmarkLocalHit(b *testing.B) {
	const hot, reads, batch = 1 << 14, 1 << 16, 256
	s := redistest.Start(b)
	es := append([]entrant{{nameOtter, openOtter}, {nameM1Alone, openM1Alone}, {nameM1Assembly, openM1Assembly}}, entrants()...)
	rs := start(b, s, es, hot, roomy)
	fillAll(b, s, rs)
	zipf := rand.NewZipf(rand.New(rand.NewSource(1)), 1.01, 1, hot-1)
	order := make([]int, reads)
	for i := range order {
		order[i] = int(zipf.Uint64())
	}
	for _, r := range rs {
		readAll(r, order) // some put into memory late what they read from Redis
	}
	one, two, elsewhere := map[*runner][]time.Duration{}, map[*runner][]time.Duration{}, map[*runner]int64{}
	n := 0
	rounds(b, 100, func(round int) {
		n++
		turns(rs, round, func(r *runner) {
			before := lookups(b, s) + r.src.loads.Load()
			began := time.Now()
			last := began
			for i := 0; i < reads; i += batch {
				readAll(r, order[i:i+batch])
				now := time.Now()
				r.took = append(r.took, now.Sub(last)/batch)
				last = now
			}
			one[r] = append(one[r], last.Sub(began)/reads)
			began = time.Now()
			var wg sync.WaitGroup
			for _, half := range [][]int{order[:reads/2], order[reads/2:]} {
				wg.Go(func() { readAll(r, half) })
			}
			wg.Wait()
			two[r] = append(two[r], time.Since(began)/reads)
			elsewhere[r] += lookups(b, s) + r.src.loads.Load() - before
		})
	})
	t := newTable("Local hit: 16,384 hot keys, 256 B", "ns", "x of otter", "p50 ns", "ns, 2 goroutines", "x of otter, 2 goroutines", "allocs", "not local %")
	otterOne, otterTwo := quantile(one[rs[0]], 0.5), quantile(two[rs[0]], 0.5)
	for _, r := range rs {
		t.put(r.name, "ns", float64(quantile(one[r], 0.5)))
		t.put(r.name, "x of otter", float64(quantile(one[r], 0.5))/float64(otterOne))
		t.put(r.name, "p50 ns", float64(quantile(r.took, 0.5)))
		t.put(r.name, "ns, 2 goroutines", float64(quantile(two[r], 0.5)))
		t.put(r.name, "x of otter, 2 goroutines", float64(quantile(two[r], 0.5))/float64(otterTwo))
		i := 0
		t.put(r.name, "allocs", testing.AllocsPerRun(1000, func() {
			_, _ = r.read(context.Background(), order[i])
			i++
		}))
		t.put(r.name, "not local %", 100*float64(elsewhere[r])/float64(n*2*reads))
	}
	t.report(b)
}

func readAll(r *runner, order []int) {
	ctx := context.Background()
	for _, i := range order {
		if _, err := r.read(ctx, i); err != nil {
			panic(err)
		}
	}
}

// lookups is how often the server has looked for a key.
func lookups(b *testing.B, s *redistest.Server) (n int64) {
	text := s.Do(b, "INFO", "stats").(string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "keyspace_hits" || name == "keyspace_misses" {
			v, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			n += v
		}
	}
	return n
}
