package meter_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/meter"
)

func names[T any](f *meter.Family[T]) []string {
	var out []string
	for name := range f.All() {
		out = append(out, name)
	}
	return out
}

func TestANameKeepsItsShareAndItsPlace(t *testing.T) {
	t.Parallel()
	var f meter.Family[meter.Counter]
	require.Empty(t, names(&f))
	for _, name := range []string{"b", "a", "", "b", "a"} {
		f.Get(name).Inc()
	}
	require.Equal(t, []string{"b", "a", ""}, names(&f))
	require.Equal(t, 3, f.Len())
	require.EqualValues(t, 2, f.Get("b").Load())
	require.EqualValues(t, 2, f.Get("a").Load())
	require.EqualValues(t, 1, f.Get("").Load())
}

// Tool names come from agents: one that invents a new name for each call must
// not fill the memory.
func TestInventedNamesShareOther(t *testing.T) {
	t.Parallel()
	var f meter.Family[meter.Counter]
	for i := range 5000 {
		f.Get(fmt.Sprint("tool-", i)).Inc()
	}
	require.Equal(t, 513, f.Len())
	require.Equal(t, meter.Other, names(&f)[512])
	require.EqualValues(t, 5000-512, f.Get(meter.Other).Load())
	require.EqualValues(t, 1, f.Get("tool-511").Load())
	require.Same(t, f.Get("tool-512"), f.Get(meter.Other))
}

func TestAnEndlessNameCountsAsOther(t *testing.T) {
	t.Parallel()
	var f meter.Family[meter.Counter]
	f.Get(strings.Repeat("x", 1<<20)).Inc()
	f.Get(meter.Other).Inc()
	require.Equal(t, []string{meter.Other}, names(&f))
	require.EqualValues(t, 2, f.Get(meter.Other).Load())
}

func TestConcurrentFirstSightsGetOneShare(t *testing.T) {
	t.Parallel()
	var f meter.Family[meter.Counter]
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				f.Get(fmt.Sprint(i)).Inc()
				for range f.All() {
					break
				}
			}
		})
	}
	all.Wait()
	var sum int64
	seen := map[string]bool{}
	for name, n := range f.All() {
		require.False(t, seen[name], name)
		seen[name] = true
		sum += n.Load()
	}
	require.EqualValues(t, 8000, sum)
	require.Len(t, seen, 513)
}

func BenchmarkFamilyGet(b *testing.B) {
	var f meter.Family[meter.ToolMeter]
	for i := range 100 {
		f.Get(fmt.Sprint("tool-", i))
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.Get("tool-50").Calls.Inc()
		}
	})
}
