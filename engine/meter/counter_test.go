package meter_test

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/meter"
)

// The attack: usage of 2^63-1 tokens twice; the counter of costs became negative,
// and every chart with it.
func TestACounterStaysAtTheGreatestNumber(t *testing.T) {
	t.Parallel()
	var c meter.Counter
	c.Add(math.MaxInt64 - 1)
	c.Add(math.MaxInt64)
	require.EqualValues(t, math.MaxInt64, c.Load())
	c.Inc()
	require.EqualValues(t, math.MaxInt64, c.Load())
	var many meter.Counter
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				many.Add(3)
				many.Inc()
				many.Add(-5)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 32_000, many.Load(), "nothing is lost, and a sum never falls")
}

func BenchmarkCounter(b *testing.B) {
	var c meter.Counter
	b.Run("Inc", func(b *testing.B) {
		for b.Loop() {
			c.Inc()
		}
	})
	b.Run("Add", func(b *testing.B) {
		for b.Loop() {
			c.Add(2)
		}
	})
}
