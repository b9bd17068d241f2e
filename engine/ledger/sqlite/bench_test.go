package sqlite_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

// sized is the n-th event of a run with a payload of 400 bytes.
func sized(run call.RunID, n int) event.Event {
	ev := ledgertest.Event(run, n)
	ev.Data = json.RawMessage(`"` + string(bytes.Repeat([]byte("x"), 398)) + `"`)
	return ev
}

// carried calls Checkpoint as the daemon does, until stop.
func carried(b *testing.B, s *sqlite.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := s.Checkpoint(ctx); err != nil && ctx.Err() == nil {
				b.Errorf("checkpoint: %v", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(250 * time.Millisecond):
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// BenchmarkAppend is one durable append of one event, by writers that each
// belong to a run of their own.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := open(b, b.TempDir())
			stop := carried(b, s)
			took := make([][]time.Duration, writers)
			var wg sync.WaitGroup
			b.ResetTimer()
			for w := range writers {
				wg.Go(func() {
					run := call.RunID(fmt.Sprintf("run-%02d", w))
					for i := w; i < b.N; i += writers {
						start := time.Now()
						if _, err := s.Append(context.Background(), sized(run, i)); err != nil {
							b.Error(err)
							return
						}
						took[w] = append(took[w], time.Since(start))
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			stop()
			all := slices.Concat(took...)
			slices.Sort(all)
			b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "appends/s")
			b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(len(all))/float64(s.Status().Commits), "events/commit")
			b.ReportMetric(float64(sqlite.LogBytes(s))/(1<<20), "log-MiB")
		})
	}
}

// BenchmarkEnqueueFlush is 1,000 events made durable together.
func BenchmarkEnqueueFlush(b *testing.B) {
	s := open(b, b.TempDir())
	evs := make([]event.Event, 1000)
	for i := range evs {
		evs[i] = sized(call.RunID(fmt.Sprintf("run-%02d", i%64)), i)
	}
	for b.Loop() {
		for _, ev := range evs {
			require.NoError(b, s.Enqueue(ev))
		}
		require.NoError(b, s.Flush(b.Context()))
	}
	b.ReportMetric(float64(b.N*len(evs))/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkEnqueue is what a caller pays who does not wait.
func BenchmarkEnqueue(b *testing.B) {
	s := open(b, b.TempDir())
	ev := sized("run", 1)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%sqlite.DefaultMaxQueue == sqlite.DefaultMaxQueue-1 {
			b.StopTimer()
			require.NoError(b, s.Flush(b.Context()))
			b.StartTimer()
		}
		if err := s.Enqueue(ev); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLastOfRun reads the last 100 events of one of 64 interleaved runs out
// of 100,000.
func BenchmarkLastOfRun(b *testing.B) {
	s := open(b, b.TempDir())
	const n, at = 100_000, 1000
	for from := 0; from < n; from += at {
		evs := make([]event.Event, at)
		for i := range evs {
			evs[i] = sized(call.RunID(fmt.Sprintf("run-%02d", (from+i)%64)), from+i)
		}
		_, err := s.Append(b.Context(), evs...)
		require.NoError(b, err)
	}
	for b.Loop() {
		require.Len(b, ledgertest.All(b, s, ledger.Query{Run: "run-17", Limit: 100, Last: true}), 100)
	}
}
