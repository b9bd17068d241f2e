package policybench

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"m1/bench/policybench/mix"
)

// BenchmarkDecide gives every engine its turn in every iteration. What is not
// about one decision is measured once.
func BenchmarkDecide(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			compete(b, mix.New(n), fmt.Sprint(n), n == sizes[len(sizes)-1])
		})
	}
	b.Run("N=10000-hot", func(b *testing.B) { compete(b, mix.NewHot(10_000), columnHot, false) })
}

// slot is how much CPU time an engine gets in a turn.
const slot = 20 * time.Millisecond

// racer is one engine with one form of input.
type racer struct {
	name       string
	decide     func(i int) bool
	at, batch  int
	ns, allocs []float64
}

// compete fills one column of the tables; with details also those that have one
// size only.
func compete(b *testing.B, m *mix.Mix, column string, details bool) {
	stream := m.Stream()
	var prepared, raw []*racer
	var again []*first
	for _, e := range engines() {
		before, start := heap(), cpu()
		l := e.load(m)
		ms := (cpu() - start).Seconds() * 1e3
		if details && l.prepared != nil {
			tableDetails.put(e.name, "load ms", ms)
			tableDetails.put(e.name, "heap MiB", float64(heap()-before)/(1<<20))
		}
		if l.prepared != nil {
			prepared = append(prepared, &racer{name: e.name, decide: l.prepared(stream)})
		}
		if e.once {
			again = append(again, &first{name: e.name, load: func() func(int) bool { return e.load(m).prepared(stream) }})
		}
		if !e.slow {
			raw = append(raw, &racer{name: e.name, decide: l.raw(stream)})
		}
	}
	racers := slices.Concat(prepared, raw)
	for _, r := range racers {
		r.warm(len(stream))
	}
	for b.Loop() {
		for _, r := range racers {
			r.turn(len(stream))
		}
		for _, f := range again {
			f.turn(len(stream))
		}
	}
	for _, r := range prepared {
		tablePrepared.put(r.name, column, median(r.ns))
		for _, f := range again {
			if f.name == r.name {
				tablePrepared.put(f.name+nameFirst, column, median(f.ns))
			}
		}
		if details {
			tableDetails.put(r.name, "allocs", median(r.allocs))
			tableDetails.put(r.name, "p99 µs", r.p99(len(stream)).Seconds()*1e6)
		}
	}
	for _, r := range raw {
		tableRaw.put(r.name, column, median(r.ns))
	}
	for _, r := range prepared {
		b.Run(r.name, func(b *testing.B) { r.report(b) })
	}
	for _, r := range raw {
		b.Run(r.name+"/raw", func(b *testing.B) { r.report(b) })
	}
	runtime.KeepAlive(m)
}

// warm lets an engine remember what it remembers, and finds how many calls take a
// slot.
func (r *racer) warm(calls int) {
	for spent := time.Duration(0); r.at < calls && spent < 10*slot; {
		spent += r.run(64, calls)
	}
	for r.batch = 8; r.run(r.batch, calls) < slot/2; {
		r.batch *= 2
	}
}

// run decides the next calls of the stream and says what CPU time that took, that
// of the collector included.
func (r *racer) run(n, calls int) time.Duration {
	start := cpu()
	for range n {
		r.decide(r.at % calls)
		r.at++
	}
	return cpu() - start
}

func (r *racer) turn(calls int) {
	runtime.GC()            // what others left behind
	r.run(r.batch/2, calls) // the collector and others have had the processor's caches
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spent := r.run(r.batch, calls)
	runtime.ReadMemStats(&after)
	r.ns = append(r.ns, float64(spent.Nanoseconds())/float64(r.batch))
	r.allocs = append(r.allocs, float64(after.Mallocs-before.Mallocs)/float64(r.batch))
}

// p99 is by the wall clock, over a second or the stream.
func (r *racer) p99(calls int) time.Duration {
	var took []time.Duration
	for begin := time.Now(); len(took) < calls && time.Since(begin) < time.Second; {
		start := time.Now()
		r.decide(r.at % calls)
		took = append(took, time.Since(start))
		r.at++
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// first is an engine that decides the stream once after it was loaded, before it
// can have remembered much.
type first struct {
	name string
	load func() func(i int) bool
	ns   []float64
}

func (f *first) turn(calls int) {
	decide := f.load()
	runtime.GC()
	start := cpu()
	for i := range calls {
		decide(i)
	}
	f.ns = append(f.ns, float64((cpu()-start).Nanoseconds())/float64(calls))
}

// report gives the racer as a benchmark of its own, for tools that read those.
func (r *racer) report(b *testing.B) {
	b.ReportMetric(median(r.ns), "ns/op")
	b.ReportMetric(median(r.allocs), "allocs/op")
}

func median(vs []float64) float64 {
	vs = slices.Sorted(slices.Values(vs))
	return vs[len(vs)/2]
}

// cpu is what this process has used of all processors.
func cpu() time.Duration {
	var u syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what is in use after two collections.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
