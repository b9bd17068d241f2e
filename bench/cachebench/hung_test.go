package cachebench

import (
	"context"
	"sync"
	"testing"
	"time"

	"m1/cache"
	"m1/cache/redistest"
)

// sufferer reads while Redis hangs. Questions below hot are in memory.
type sufferer struct {
	runner
	lasts time.Duration // of each hang
	next  int           // question that was not asked yet
	hot   []time.Duration
	first []time.Duration // the first 5 cold reads of a hang
	cold  []time.Duration // those after
}

const (
	hotKeys    = 64
	coldKeys   = 1 << 15
	firstCalls = 5
)

// endure reads one after the other while Redis hangs, mostly what is hot.
func (s *sufferer) endure(b *testing.B) {
	end := time.Now().Add(s.lasts)
	for n := 0; n <= firstCalls || time.Now().Before(end); n++ {
		d := s.one(b, s.unasked())
		if n < firstCalls {
			s.first = append(s.first, d)
		} else {
			s.cold = append(s.cold, d)
		}
		for i := range hotKeys {
			s.hot = append(s.hot, s.one(b, i))
		}
		time.Sleep(500 * time.Microsecond)
	}
}

// together lets callers ask at once, each for something else.
func (s *sufferer) together(b *testing.B, callers int) (took []time.Duration) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range callers {
		i := s.unasked()
		wg.Go(func() {
			d := s.one(b, i)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, d)
		})
	}
	wg.Wait()
	return took
}

func (s *sufferer) unasked() int {
	s.next++
	return hotKeys + s.next%coldKeys
}

func (s *sufferer) one(b *testing.B, i int) time.Duration {
	began := time.Now()
	if _, err := s.read(context.Background(), i); err != nil {
		b.Errorf("%s: %v", s.name, err)
	}
	return time.Since(began)
}

// BenchmarkHung stops redis-server (SIGSTOP) and reads on. Each peer has hangs of
// its own; what is left over of one would be easier for the next.
func BenchmarkHung(b *testing.B) {
	const most, callers, outage = 5, 8, 25 * time.Second
	s := redistest.Start(b)
	var all []*sufferer
	for i, e := range []entrant{
		{nameM1, openM1},
		{"M1, Isolated 5 s", func(b *testing.B, at place) peer {
			return openM1With(b, at, m1Options{class: cache.Class{Isolated: 5 * time.Second}})
		}},
		{"M1, Timeout 10 ms", func(b *testing.B, at place) peer {
			return openM1With(b, at, m1Options{timeout: 10 * time.Millisecond})
		}},
		{nameMinimal + ", timeouts 20 ms", func(b *testing.B, at place) peer {
			at.tight = true
			return openMinimal(b, at)
		}},
		{nameMinimal + ", defaults", openMinimal},
	} {
		src := newSource(hotKeys + coldKeys)
		p := e.open(b, place{server: s, db: i + 1, src: src, entries: roomy})
		all = append(all, &sufferer{runner: runner{name: e.name, src: src, peer: p}, lasts: 500 * time.Millisecond})
	}
	patient := all[len(all)-1]
	rounds(b, most, func(round int) {
		for _, p := range all {
			if m, ok := p.peer.(*m1); ok {
				m.settle(b)
			}
			// The second time everything is in memory. All connections work.
			for range 2 {
				for i := range hotKeys {
					must(b, p, i)
				}
			}
			switch {
			case p != patient:
				s.Stop()
				p.endure(b)
			case round == 0: // one call takes seconds: once is enough
				p.together(b, callers) // so many connections are there
				s.Stop()
				over := time.AfterFunc(outage, s.Cont)
				p.cold = p.together(b, callers)
				over.Stop()
				for range 20 {
					for i := range hotKeys {
						p.hot = append(p.hot, p.one(b, i))
					}
				}
			}
			s.Cont()
			until(b, func() bool { return s.Do(b, "PING") == "PONG" })
		}
	})
	t := newTable("Hung: redis-server stopped, the source answers at once", "hot p50 µs", "hot p99 µs", "cold p50 ms", "cold p99 ms", "max of first 5 ms", "max ms", "cold reads")
	for _, p := range all {
		t.put(p.name, "hot p50 µs", us(quantile(p.hot, 0.5)))
		t.put(p.name, "hot p99 µs", us(quantile(p.hot, 0.99)))
		t.put(p.name, "cold p50 ms", ms(quantile(p.cold, 0.5)))
		t.put(p.name, "cold p99 ms", ms(quantile(p.cold, 0.99)))
		if p != patient {
			t.put(p.name, "max of first 5 ms", ms(quantile(p.first, 1)))
		}
		t.put(p.name, "max ms", ms(max(quantile(p.first, 1), quantile(p.cold, 1), quantile(p.hot, 1))))
		t.put(p.name, "cold reads", float64(len(p.first)+len(p.cold)))
	}
	t.note("cold p50 and p99 are of the reads after the first %d of each hang; 'max ms' is over all, hot ones too.", firstCalls)
	t.note("With go-redis's defaults: one hang of at most %s, %d callers at once with one cold read each, counted from the first.", outage, callers)
	t.report(b)
}

// BenchmarkRecovery lets a server that hung for a second go on, and asks until an
// answer comes from memory or Redis again.
func BenchmarkRecovery(b *testing.B) {
	const most = 10
	s := redistest.Start(b)
	src := newSource(1)
	m := openM1(b, place{server: s, db: 1, src: src, entries: roomy}).(*m1)
	var took []time.Duration
	rounds(b, most, func(int) {
		m.settle(b)
		must(b, m, 0)
		s.Stop()
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			must(b, m, 0)
		}
		s.Cont()
		began := time.Now()
		for {
			_, info, err := m.of.Get(context.Background(), m.keys[0], m.tags[0], src.one[0])
			if err != nil {
				b.Fatal(err)
			}
			if info.Tier != cache.None {
				break
			}
			time.Sleep(200 * time.Microsecond)
		}
		took = append(took, time.Since(began))
	})
	t := newTable("Recovery: from SIGCONT after 1 s to the first answer from memory or Redis", "p50 ms", "max ms", "hangs")
	t.put(nameM1, "p50 ms", ms(quantile(took, 0.5)))
	t.put(nameM1, "max ms", ms(quantile(took, 1)))
	t.put(nameM1, "hangs", float64(len(took)))
	t.report(b)
}
