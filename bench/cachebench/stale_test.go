package cachebench

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"m1/cache/redistest"
)

const registers = 8

// witness is two nodes of one library, of which the first is told of the changes.
type witness struct {
	name         string
	src          *source
	nodes        []changer
	truth, acked [registers]atomic.Int64
	reads, stale atomic.Int64
	changes      int64
	unheard      int64
	next         int
}

func newWitness(b *testing.B, s *redistest.Server, db int, e entrant) *witness {
	w := &witness{name: e.name}
	at := map[string]int{}
	w.src = sourceOf(registers, func(name string) []byte {
		// The source needs up to 0.9 ms and looks somewhere in between.
		whole := time.Duration(rand.IntN(900)) * time.Microsecond
		time.Sleep(whole / 4)
		v := []byte(time.Duration(w.truth[at[name]].Load()).String())
		time.Sleep(whole - whole/4)
		return v
	})
	for i, name := range w.src.names {
		at[name] = i
	}
	w.nodes = cluster(b, s, db, 2, w.src, e.open)
	return w
}

// run reads at both nodes and changes at the first.
func (w *witness) run(b *testing.B, lasts time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), lasts)
	defer cancel()
	var wg sync.WaitGroup
	for _, node := range w.nodes {
		for range 2 {
			wg.Go(func() {
				for ctx.Err() == nil {
					for range registers {
						w.read(b, node, rand.IntN(registers))
					}
					time.Sleep(100 * time.Microsecond)
				}
			})
		}
	}
	for ctx.Err() == nil {
		i := w.next % registers
		w.next++
		v := w.truth[i].Add(1)
		if w.changes++; w.nodes[0].change(context.Background(), i) == nil {
			w.acked[i].Store(v)
		} else {
			w.unheard++
		}
		time.Sleep(2 * time.Millisecond)
	}
	wg.Wait()
}

func (w *witness) read(b *testing.B, node changer, i int) {
	floor := w.acked[i].Load()
	text, err := node.read(context.Background(), i)
	if err != nil {
		b.Errorf("%s: %v", w.name, err)
		return
	}
	v, err := time.ParseDuration(string(text))
	if err != nil {
		b.Errorf("%s: %v", w.name, err)
	}
	if w.reads.Add(1); int64(v) < floor {
		w.stale.Add(1)
	}
}

// BenchmarkStale reads at two nodes while one of them is told of a change every
// 2 ms, and counts answers older than what was acknowledged before the read.
func BenchmarkStale(b *testing.B) {
	const most, slice = 20, 200 * time.Millisecond
	s := redistest.Start(b)
	var all []*witness
	for i, e := range []entrant{
		{nameM1, openM1}, {nameMinimal + " + pub/sub", openMinimal}, {nameRueidis, openRueidis}, {nameGoRedis, openGoRedisCache},
	} {
		all = append(all, newWitness(b, s, i+1, e))
	}
	time.Sleep(acquaintance)
	rounds(b, most, func(round int) {
		for i := range all {
			all[(i+round)%len(all)].run(b, slice)
		}
	})
	t := newTable("Stale: two nodes, one writer, no faults", "stale %", "stale", "reads", "held %", "changes", "unacknowledged")
	for _, w := range all {
		reads := float64(w.reads.Load())
		t.put(w.name, "stale %", 100*float64(w.stale.Load())/reads)
		t.put(w.name, "stale", float64(w.stale.Load()))
		t.put(w.name, "reads", reads)
		t.put(w.name, "held %", 100*max(0, 1-float64(w.src.loads.Load())/reads))
		t.put(w.name, "changes", float64(w.changes))
		t.put(w.name, "unacknowledged", float64(w.unheard))
	}
	t.report(b)
}
