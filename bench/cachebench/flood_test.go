package cachebench

import (
	"context"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/cache"
)

// BenchmarkFlood gives M1 eight times what it may keep and weighs what it keeps.
func BenchmarkFlood(b *testing.B) {
	const budget = 32 << 20
	floods := []struct {
		name string
		size int
		tag  func(i int) string
	}{
		{"256 B", 256, func(int) string { return "all" }},
		{"256 B, a tag each", 256, strconv.Itoa},
		{"16 KiB", 16 << 10, func(int) string { return "all" }},
		{"200 KiB", 200 << 10, func(int) string { return "all" }},
	}
	t := newTable("Flood: 8 times a budget of 32 MiB, M1", "live heap % of budget", "live heap MiB", "counted %", "entries", "µs/answer")
	rounds(b, 1, func(int) {
		for _, f := range floods {
			before := liveHeap()
			c, err := cache.New(cache.Options{MaxBytes: budget})
			require.NoError(b, err)
			of, err := cache.Register(c, cache.Class{Name: "flood", TTL: ttl}, cache.Bytes{})
			require.NoError(b, err)
			n := 8 * budget / f.size
			took := timed(func() {
				for i := range n {
					key, err := of.Key(cache.Question{Tenant: "acme", Principal: "ann", Tool: strconv.Itoa(i)})
					require.NoError(b, err)
					tags := []cache.Tag{{Scope: "run", Collection: "files", Item: f.tag(i)}}
					_, _, ticket, hit := of.Lookup(context.Background(), key, tags)
					require.False(b, hit)
					of.Keep(ticket, make([]byte, f.size))
				}
			})
			used, s := liveHeap()-before, c.Stats().Local
			t.put(f.name, "live heap % of budget", 100*float64(used)/budget)
			t.put(f.name, "live heap MiB", float64(used)/(1<<20))
			t.put(f.name, "counted %", 100*float64(s.Bytes)/budget)
			t.put(f.name, "entries", float64(s.Entries))
			t.put(f.name, "µs/answer", us(took)/float64(n))
			runtime.KeepAlive(c)
		}
	})
	t.report(b)
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
