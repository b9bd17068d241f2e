package ledgertest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/event"
	"m1/engine/ledger"
)

func closeFlushes(t *testing.T, b Backend) {
	dir := t.TempDir()
	s := b.openIn(t, dir, Options{})
	require.NoError(t, s.Enqueue(Event("r", 0), Event("r", 1)))
	require.NoError(t, s.Close())
	require.Equal(t, uint64(2), s.Status().Events)
	require.Zero(t, s.Status().Queue)
	if b.Survives {
		require.Len(t, All(t, b.openIn(t, dir, Options{}), ledger.Query{}), 2)
	}
}

func reopen(t *testing.T, b Backend) {
	if !b.Survives {
		t.Skip("this backend keeps nothing beyond Close")
	}
	dir := t.TempDir()
	total := 0
	for _, n := range []int{0, 1, 500, 0, 1100, 3} {
		s := b.openIn(t, dir, Options{})
		require.Equal(t, uint64(total), s.Status().Events, "everything acknowledged is there")
		before := s.Status().Head
		if n > 0 {
			fill(t, s, n, "a", "b", "c")
			require.NotEqual(t, before, s.Status().Head)
		}
		total += n
		all := All(t, s, ledger.Query{})
		require.Len(t, all, total)
		RequireChain(t, all)
		require.Equal(t, seqs(model(all, ledger.Query{Run: "b"})), seqs(All(t, s, ledger.Query{Run: "b"})))
		require.NoError(t, s.Verify(t.Context()))
		require.NoError(t, s.Close())
	}
}

func tampered(t *testing.T, b Backend) {
	const n = 60
	change := func(i int, f func(*event.Event)) func([]event.Event) []event.Event {
		return func(evs []event.Event) []event.Event {
			f(&evs[i])
			return evs
		}
	}
	for _, c := range []struct {
		name   string
		seq    uint64
		tamper func([]event.Event) []event.Event
	}{
		{"nothing", 0, func(evs []event.Event) []event.Event { return evs }},
		{"time", 30, change(29, func(ev *event.Event) { ev.At = ev.At.Add(1) })},
		{"kind", 1, change(0, func(ev *event.Event) { ev.Kind = event.Reported })},
		{"run", 30, change(29, func(ev *event.Event) { ev.Run = "x" })},
		{"call", 30, change(29, func(ev *event.Event) { ev.Call = "x" })},
		{"agent", 30, change(29, func(ev *event.Event) { ev.Agent = "x" })},
		{"tool", 30, change(29, func(ev *event.Event) { ev.Tool = "x" })},
		{"payload", n, change(n-1, func(ev *event.Event) { ev.Data = []byte(`{"n":0}`) })},
		{"hash", 30, change(29, func(ev *event.Event) { ev.Hash[31] ^= 1 })},
		{"moved between fields", 30, change(29, func(ev *event.Event) { ev.Call, ev.Agent = ev.Call+"a", ev.Agent[1:] })},
		{"first removed", 1, func(evs []event.Event) []event.Event { return evs[1:] }},
		{"one removed", 30, func(evs []event.Event) []event.Event { return slices.Delete(evs, 29, 30) }},
		{"last removed", n, func(evs []event.Event) []event.Event { return evs[:n-1] }},
		{"all removed", 1, func([]event.Event) []event.Event { return nil }},
		{"removed and renumbered", 30, func(evs []event.Event) []event.Event {
			return renumber(slices.Delete(evs, 29, 30))
		}},
		{"swapped", 30, func(evs []event.Event) []event.Event {
			evs[29], evs[30] = evs[30], evs[29]
			return renumber(evs)
		}},
		{"put in", 30, func(evs []event.Event) []event.Event {
			return renumber(slices.Insert(evs, 29, Event("r", 5)))
		}},
		{"put in at the end, chained", n + 1, func(evs []event.Event) []event.Event {
			return rechain(append(evs, Event("r", 5)), n)
		}},
		{"rewritten from one on, chained", n, func(evs []event.Event) []event.Event {
			evs[29].Tool = "x"
			return rechain(evs, 29)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := b.openIn(t, dir, Options{})
			fill(t, s, n, "r", "s")
			b.Tamper(t, dir, s, c.tamper)
			err := s.Verify(t.Context())
			if c.seq == 0 {
				require.NoError(t, err)
				return
			}
			var corrupt *ledger.CorruptError
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, c.seq, corrupt.Seq, corrupt.Why)
			require.NotEmpty(t, corrupt.Why)
		})
	}
}

func renumber(evs []event.Event) []event.Event {
	for i := range evs {
		evs[i].Seq = uint64(i + 1)
	}
	return evs
}

// rechain gives evs[from:] numbers and hashes that continue the chain, as a
// forger who can write the file would.
func rechain(evs []event.Event, from int) []event.Event {
	for i := from; i < len(evs); i++ {
		evs[i].Seq = uint64(i + 1)
		evs[i].Hash = evs[i].Sum(evs[i-1].Hash)
	}
	return evs
}
