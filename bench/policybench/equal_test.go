package policybench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/bench/policybench/mix"
)

// Engines that look at every rule are asked this much where there are many.
const (
	slowCalls = 1000
	fewCalls  = 200
)

// sizes are the numbers of rules.
var sizes = []int{10, 100, 1000, 10_000}

func TestEveryEngineGivesTheSameAnswers(t *testing.T) {
	for _, n := range sizes {
		agree(t, fmt.Sprint(n), mix.New(n))
	}
	agree(t, "hot", mix.NewHot(sizes[len(sizes)-1]))
}

func agree(t *testing.T, name string, m *mix.Mix) {
	all, probes := m.Stream(), m.Probe(2000)
	for _, e := range engines() {
		t.Run(name+"/"+e.name, func(t *testing.T) {
			stream, again, probe := all, all, probes
			if e.slow {
				again = all[:fewCalls] // JSON takes another way in, and no more
				if len(m.Rules) > 1000 {
					if testing.Short() {
						t.Skip("takes seconds")
					}
					stream, probe = all[:slowCalls], probes[:fewCalls]
				}
			}
			l := e.load(m)
			same(t, "JSON", again, l.raw(again))
			if l.prepared == nil {
				same(t, "probe", probe, l.raw(probe))
				return
			}
			same(t, "prepared", stream, l.prepared(stream))
			same(t, "probe", probe, l.prepared(probe))
		})
	}
}

func same(t *testing.T, what string, calls []mix.Call, decide func(int) bool) {
	t.Helper()
	for i, c := range calls {
		require.Equal(t, c.Allowed, decide(i), "%s, call %d: %s %s %s", what, i, c.Agent, c.Tool, c.JSON)
	}
}
