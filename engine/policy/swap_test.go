package policy_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/policy"
)

// swapped is one of two policies in force, and what it must answer.
type swapped struct {
	set  *policy.Set
	want []call.Effect
}

// Two sets of 1,000 rules, the second with an emergency brake, change places all
// the time while calls are decided: every answer must be that of the set which was
// asked, also out of its memory. Run 10 million with -benchtime=10000000x.
func BenchmarkDecideWhileSwapping(b *testing.B) {
	src, base, qs := mix(1000, false)
	var both [2]swapped
	for i, text := range [][]byte{src, append(src[:len(src):len(src)], "- {id: a-brake, effect: deny, tools: [\"server1.*\"]}\n"...)} {
		set, err := policy.Parse("mix", text, base)
		require.NoError(b, err)
		both[i] = swapped{set: set, want: make([]call.Effect, len(qs))}
		for j, q := range qs {
			r := *q
			both[i].want[j] = set.Decide(&r).Effect
		}
	}
	require.NotEqual(b, both[0].want, both[1].want)
	var live atomic.Pointer[swapped]
	live.Store(&both[0])
	var stop atomic.Bool
	var wrong, swaps atomic.Int64
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 1; !stop.Load(); i++ {
			live.Store(&both[i%2])
			swaps.Add(1)
		}
	})
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		own := make([]policy.Request, len(qs))
		for i := range qs {
			own[i] = *qs[i]
		}
		for i := 0; pb.Next(); i = (i + 1) % len(own) {
			now := live.Load()
			if now.set.Decide(&own[i]).Effect != now.want[i] {
				wrong.Add(1)
			}
		}
	})
	stop.Store(true)
	swapper.Wait()
	b.ReportMetric(float64(swaps.Load()), "swaps")
	require.Zero(b, wrong.Load())
}
