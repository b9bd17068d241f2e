package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
)

func concurrentWriters(t *testing.T, b Backend) {
	s := b.open(t)
	const writers, each = 64, 20
	acked := make([][]uint64, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			run := call.RunID(fmt.Sprintf("run-%d", w))
			for i := range each {
				if i%4 == 3 {
					if err := s.Enqueue(Event(run, i)); err != nil {
						t.Errorf("enqueue: %v", err)
					}
					continue
				}
				seq, err := s.Append(context.Background(), Event(run, i))
				if err != nil {
					t.Errorf("append: %v", err)
				}
				acked[w] = append(acked[w], seq)
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Flush(t.Context()))

	all := All(t, s, ledger.Query{})
	require.Len(t, all, writers*each, "no gap, no duplicate")
	RequireChain(t, all)
	require.NoError(t, s.Verify(t.Context()))
	next := map[call.RunID]int{}
	for _, ev := range all {
		if want := Event(ev.Run, next[ev.Run]).Call; ev.Call != want {
			require.FailNow(t, "a writer's own order is broken", "record %d is %s, want %s", ev.Seq, ev.Call, want)
		}
		next[ev.Run]++
	}
	for w, seqs := range acked {
		run := call.RunID(fmt.Sprintf("run-%d", w))
		for _, seq := range seqs {
			require.Equal(t, run, all[seq-1].Run, "a seq goes to the one who appended it")
		}
		require.Len(t, All(t, s, ledger.Query{Run: run}), each)
	}
}

// The promise to a caller whose context ended: its error and the ledger agree.
func cancelledAppend(t *testing.T, b Backend) {
	s := b.open(t)
	const writers, each = 16, 25
	acked := make([]map[call.ID]bool, writers)
	var wg sync.WaitGroup
	for w := range writers {
		acked[w] = map[call.ID]bool{}
		wg.Go(func() {
			for i := range each {
				ctx, cancel := context.WithCancel(context.Background())
				ev := Event(call.RunID(fmt.Sprintf("run-%d", w)), i)
				wg.Go(cancel)
				_, err := s.Append(ctx, ev)
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("append: %v", err)
				}
				acked[w][ev.Call] = err == nil
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Flush(t.Context()))
	stored := map[call.ID]bool{}
	for _, ev := range All(t, s, ledger.Query{}) {
		stored[ev.Call] = true
	}
	for _, m := range acked {
		for id, ok := range m {
			require.Equal(t, ok, stored[id], "call %s: acknowledged, stored", id)
		}
	}
	require.Zero(t, s.Status().Queue)
	require.NoError(t, s.Verify(t.Context()))
}

func readersBesideWriters(t *testing.T, b Backend) {
	s := b.open(t)
	const events = 600
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for seen := 0; ; {
				n, last := 0, uint64(0)
				for ev, err := range s.Events(context.Background(), ledger.Query{Run: "a"}) {
					if err != nil || ev.Seq <= last {
						t.Errorf("seq %d after %d: %v", ev.Seq, last, err)
						return
					}
					n, last = n+1, ev.Seq
				}
				if n < seen {
					t.Errorf("a reader saw %d events, and later only %d", seen, n)
				}
				seen = n
				if err := s.Verify(context.Background()); err != nil {
					t.Errorf("verify: %v", err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	fill(t, s, events, "a", "b")
	close(stop)
	wg.Wait()
	require.Len(t, All(t, s, ledger.Query{Run: "a"}), events/2)
}

func closed(t *testing.T, b Backend) {
	s := b.open(t)
	fill(t, s, 3, "r")
	before := s.Status()
	require.NoError(t, s.Close())
	_, err := s.Append(t.Context(), Event("r", 3))
	require.ErrorIs(t, err, ledger.ErrClosed)
	require.ErrorIs(t, s.Enqueue(Event("r", 3)), ledger.ErrClosed)
	require.ErrorIs(t, s.Flush(t.Context()), ledger.ErrClosed)
	require.ErrorIs(t, s.Verify(t.Context()), ledger.ErrClosed)
	n := 0
	for ev, err := range s.Events(t.Context(), ledger.Query{}) {
		n++
		require.ErrorIs(t, err, ledger.ErrClosed)
		require.Equal(t, event.Event{}, ev)
	}
	require.Equal(t, 1, n)
	require.ErrorIs(t, s.Close(), ledger.ErrClosed)
	require.Equal(t, before.Events, s.Status().Events)
}
