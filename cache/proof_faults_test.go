package cache_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/cache"
)

// Each part of the protocol is left out once; then an oracle must complain. With
// the part the same must be right. The two parts below need no luck.
func TestProofFaults(t *testing.T) {
	t.Parallel()
	hot := phase{name: "hot", lasts: 400 * time.Millisecond, disturb: idle, pace: 4 * time.Millisecond, load: 6 * time.Millisecond, readers: 3}
	cut := phase{name: "cut off", lasts: 900 * time.Millisecond, disturb: func(w *world, _ *dice, lasts time.Duration) {
		for _, s := range w.subjects {
			for _, n := range w.nodes {
				w.holding(n, s)
			}
		}
		w.nodes[0].link.Cut()
		time.Sleep(lasts)
	}, mend: func(w *world) { // when no later change makes up for a lost one
		w.nodes[0].link.Reset() // what is on its way does not arrive after all
		w.nodes[0].link.Restore()
	}}
	for _, c := range []struct {
		name     string
		fault    cache.Fault
		phase    phase
		class    string
		subjects int
		together bool
		oracle   string
	}{
		{"a change waits for the other nodes", cache.FaultAcks, phase{name: "steady", disturb: idle, lasts: 400 * time.Millisecond}, "ack", 4, false, freshness},
		{"memory is served with a lease only", cache.FaultLease, cut, "ack", 4, false, freshness},
		{"versions are read before the load", cache.FaultLate, hot, "ack", 2, false, freshness},
		{"a load from before a change is not joined", cache.FaultFlight, hot, "ack", 2, false, freshness},
		{"what Redis did not hear is told later", cache.FaultJournal, cut, "ack", 3, false, freshness},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := seed(t)
			t.Run("with", func(t *testing.T) {
				w := newWorld(t, n, cache.Options{}).add(c.class, c.subjects, c.together)
				r := w.run(c.phase)
				t.Log("\n" + table([]result{r}))
				require.Empty(t, w.all())
			})
			t.Run("without", func(t *testing.T) {
				complaint := ""
				// Each time anew: a fault may also leave a world where nothing is cached.
				for end := time.Now().Add(3 * patience); complaint == "" && time.Now().Before(end); n++ {
					w := newWorld(t, n, cache.WithFault(cache.Options{}, c.fault)).add(c.class, c.subjects, c.together)
					p := c.phase
					p.hasty = func() bool { return w.complained(c.oracle) != "" }
					w.run(p)
					complaint = w.complained(c.oracle)
					for _, node := range w.nodes {
						node.stop()
					}
				}
				require.NotEmpty(t, complaint, "no oracle notices")
				t.Log(complaint)
			})
		})
	}
}

// everyTime runs a scenario that needs a Redis which answers in time, until it has
// come to an end once. It returns what it found wrong.
func everyTime(t *testing.T, f cache.Fault, class string, scenario func(w *world, s *subject) (wrong string, done bool)) string {
	t.Helper()
	for end := time.Now().Add(3 * patience); time.Now().Before(end); {
		w, s, _, _, _ := one(t, class, cache.WithFault(cache.Options{}, f))
		wrong, done := scenario(w, s)
		for _, n := range w.nodes {
			n.stop()
		}
		if done {
			return wrong
		}
	}
	t.Fatal("Redis never answered in time")
	return ""
}

// Two changes of one point overlap. The end of the first must not lift the fence of
// the second: else a node keeps an old answer that it serves when another one has
// given the new one.
func TestProofFaultFencesAreCounted(t *testing.T) {
	t.Parallel()
	scenario := func(w *world, s *subject) (string, bool) {
		a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
		first, err1 := a.cache.Begin(t.Context(), s.moved...)
		second, err2 := b.cache.Begin(t.Context(), s.moved...)
		err3 := first.Done(t.Context())
		for range 20 {
			w.read(c, s, 0) // it may keep what it gets, if it may
		}
		s.truth.now.Add(1)
		v, _, err4 := b.of[s.class].Get(t.Context(), s.key[b], s.tags, s.load(b.dice, 0))
		old, info, err5 := c.of[s.class].Get(t.Context(), s.key[c], s.tags, s.load(c.dice, 0))
		err6 := second.Done(t.Context())
		if errors.Join(err1, err2, err3, err4, err5, err6) != nil || info.Why == cache.Slow || info.Why == cache.NoLease {
			return "", false
		}
		if string(v) != string(old) {
			return fmt.Sprintf("b gave %s, and after it c gave %s: %+v", v, old, info), true
		}
		return "", true
	}
	require.Empty(t, everyTime(t, cache.NoFault, "linear", scenario))
	require.NotEmpty(t, everyTime(t, cache.FaultFence, "linear", scenario))
}

// No node hears a change: the messages were lost. The numbers must tell.
func TestProofFaultLostMessagesAreNoticed(t *testing.T) {
	t.Parallel()
	scenario := func(w *world, s *subject) (string, bool) {
		a, b := w.nodes[0], w.nodes[1]
		w.holding(b, s)
		before := b.cache.Stats().Redis.Gaps
		w.server.KillClients("pubsub")
		v := s.truth.now.Add(1)
		if _, err := a.cache.Invalidate(t.Context(), s.moved...); err != nil {
			return "", false
		}
		if !within(time.Second, b.well) {
			return "", false
		}
		got, info, err := b.of[s.class].Get(t.Context(), s.key[b], s.tags, s.load(b.dice, 0))
		if err != nil {
			return "", false
		}
		if string(got) != strconv.FormatInt(v, 10) {
			return fmt.Sprintf("b gave %s after %d was acknowledged: %+v", got, v, info), true
		}
		return "", b.cache.Stats().Redis.Gaps > before // else it was not lost
	}
	require.Empty(t, everyTime(t, cache.NoFault, "ack", scenario))
	require.NotEmpty(t, everyTime(t, cache.FaultGap, "ack", scenario))
}
