package cachebench

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"m1/cache/redistest"
)

// versions is a source whose answers change: the answer to every question is the
// number of the last change.
type versions struct {
	*source
	now atomic.Int64
}

func newVersions(n int) *versions {
	v := &versions{}
	v.source = sourceOf(n, func(string) []byte { return strconv.AppendInt(nil, v.now.Load(), 10) })
	return v
}

// party is some nodes of one library.
type party struct {
	name    string
	src     *versions
	nodes   []changer
	took    []time.Duration // until the change returned
	refused []time.Duration // until no node gave the old answer
	failed  int
}

func parties(b *testing.B, s *redistest.Server, n, questions int) []*party {
	ps := []*party{{name: nameM1}, {name: nameMinimal + ", DEL + PUBLISH"}}
	for i, open := range []func(*testing.B, place) peer{openM1, openMinimal} {
		ps[i].src = newVersions(questions)
		ps[i].nodes = cluster(b, s, i+1, n, ps[i].src.source, open)
	}
	time.Sleep(acquaintance)
	return ps
}

// BenchmarkInvalidate changes what 1, 2 and 5 nodes hold. The same answer is held
// by all when it changes.
func BenchmarkInvalidate(b *testing.B) {
	const most, changes, watched = 20, 100, 50
	t := newTable("Invalidate", "p50 µs", "p99 µs", "refused everywhere p50 µs", "refused p99 µs", "never in 1 s", "failed")
	b.StopTimer()
	all := map[int][]*party{}
	sizes := []int{1, 2, 5}
	for _, n := range sizes {
		all[n] = parties(b, redistest.Start(b), n, 1)
	}
	lost := map[*party]int{}
	b.StartTimer()
	rounds(b, most, func(int) {
		for _, n := range sizes {
			for i := range changes + watched {
				for _, p := range all[n] {
					for _, node := range p.nodes {
						must(b, node, 0)
					}
					switch {
					case i < changes:
						began := time.Now()
						p.src.now.Add(1)
						if p.nodes[0].change(context.Background(), 0) != nil {
							p.failed++
						}
						p.took = append(p.took, time.Since(began))
					case n == 5:
						if d, ok := p.refusal(); ok {
							p.refused = append(p.refused, d)
						} else {
							lost[p]++
						}
					}
				}
			}
		}
	})
	for _, n := range sizes {
		for _, p := range all[n] {
			name := fmt.Sprintf("%s, nodes: %d", p.name, n)
			t.put(name, "p50 µs", us(quantile(p.took, 0.5)))
			t.put(name, "p99 µs", us(quantile(p.took, 0.99)))
			t.put(name, "failed", float64(p.failed))
			if n == 5 {
				t.put(name, "refused everywhere p50 µs", us(quantile(p.refused, 0.5)))
				t.put(name, "refused p99 µs", us(quantile(p.refused, 0.99)))
				t.put(name, "never in 1 s", float64(lost[p]))
			}
		}
	}
	t.report(b)
}

// refusal changes the answer and returns how long any node still gave the old one;
// false if one gives it after a second still. Each node is asked again and again;
// what counts is when the first read began that gave the new answer.
func (p *party) refusal() (time.Duration, bool) {
	began := time.Now()
	want := p.src.now.Add(1)
	var late atomic.Int64
	var stuck atomic.Bool
	var wg sync.WaitGroup
	for _, node := range p.nodes {
		wg.Go(func() {
			for {
				at := time.Since(began)
				v, err := node.read(context.Background(), 0)
				if err == nil && number(v) >= want {
					for have := late.Load(); int64(at) > have && !late.CompareAndSwap(have, int64(at)); have = late.Load() {
					}
					return
				}
				if at > time.Second {
					stuck.Store(true)
					return
				}
				time.Sleep(10 * time.Microsecond) // what a sleep takes at least is the error of this
			}
		})
	}
	_ = p.nodes[0].change(context.Background(), 0)
	wg.Wait()
	return time.Duration(late.Load()), !stuck.Load()
}
