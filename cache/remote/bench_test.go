package remote_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"

	"m1/cache/redistest"
	"m1/cache/remote"
)

// BenchmarkRead reads an entry of 256 bytes and one version, beside a bare GET of
// go-redis on the same server.
func BenchmarkRead(b *testing.B) {
	s := redistest.Start(b)
	tier, err := remote.Open(remote.Options{URL: s.URL(), Node: "a"})
	require.NoError(b, err)
	serve(b, tier)
	admit(b, tier)
	require.True(b, tier.Fill("k", make([]byte, 256), time.Hour))
	require.NoError(b, tier.Sync(b.Context()))
	bare := redis.NewClient(&redis.Options{
		Addr: s.Addr(), Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer bare.Close()
	for _, callers := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("Read/%d", callers), func(b *testing.B) {
			admit(b, tier)
			measure(b, callers, func() error {
				_, p, err := tier.Read([]string{"k"}, []string{"x"}, time.Second)
				if p != nil {
					_, err = p.Wait(time.Second)
				}
				return err
			})
		})
		b.Run(fmt.Sprintf("bare/%d", callers), func(b *testing.B) {
			measure(b, callers, func() error { return bare.Get(context.Background(), "m1:{m1}:e:k").Err() })
		})
	}
}

// measure shares b.N calls among callers.
func measure(b *testing.B, callers int, call func() error) {
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([][]time.Duration, callers)
	var failures atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for i := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				if call() != nil {
					failures.Add(1)
				}
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(failures.Load()), "failures")
}
