package cachebench

import (
	"context"
	"sync"
	"testing"
	"time"

	"m1/cache"
	"m1/cache/redistest"
)

// BenchmarkHerd lets 50 callers on each of 3 nodes ask at once for what is nowhere.
func BenchmarkHerd(b *testing.B) {
	const most, nodes, callers, work = 20, 3, 50, 20 * time.Millisecond
	s := redistest.Start(b)
	es := append([]entrant{{"M1, Class.Wait 1 s", func(b *testing.B, at place) peer {
		return openM1With(b, at, m1Options{class: cache.Class{Wait: time.Second}})
	}}}, entrants()...)
	type herd struct {
		name         string
		src          *source
		nodes        []peer
		took         []time.Duration
		loads, worst int64
	}
	var herds []*herd
	for i, e := range es {
		h := &herd{name: e.name, src: sourceOf(most, func(string) []byte {
			time.Sleep(work)
			return make([]byte, valueBytes)
		})}
		for range nodes {
			h.nodes = append(h.nodes, e.open(b, place{server: s, db: i + 1, src: h.src, entries: roomy}))
		}
		herds = append(herds, h)
	}
	n := 0
	rounds(b, most, func(round int) {
		n++
		for _, h := range herds {
			before := h.src.loads.Load()
			gate := make(chan struct{})
			var mu sync.Mutex
			var wg sync.WaitGroup
			for _, node := range h.nodes {
				for range callers {
					wg.Go(func() {
						<-gate
						began := time.Now()
						_, err := node.read(context.Background(), round)
						mu.Lock()
						defer mu.Unlock()
						if h.took = append(h.took, time.Since(began)); err != nil {
							b.Errorf("%s: %v", h.name, err)
						}
					})
				}
			}
			close(gate)
			wg.Wait()
			loads := h.src.loads.Load() - before
			h.loads += loads
			h.worst = max(h.worst, loads)
		}
	})
	t := newTable("Herd: 3 nodes x 50 callers of one missing key, load takes 20 ms", "loads", "loads max", "p50 ms", "p99 ms")
	for _, h := range herds {
		t.put(h.name, "loads", float64(h.loads)/float64(n))
		t.put(h.name, "loads max", float64(h.worst))
		t.put(h.name, "p50 ms", ms(quantile(h.took, 0.5)))
		t.put(h.name, "p99 ms", ms(quantile(h.took, 0.99)))
	}
	t.report(b)
}
