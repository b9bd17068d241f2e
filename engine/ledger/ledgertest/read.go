package ledgertest

import (
	"bytes"
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/call"
	"m1/engine/event"
	"m1/engine/ledger"
)

// model is what q selects of all, by the words of ledger.Query alone.
func model(all []event.Event, q ledger.Query) []event.Event {
	var out []event.Event
	for _, ev := range all {
		if ev.Seq > q.After && (q.Run == "" || ev.Run == q.Run) && (q.Kind == "" || ev.Kind == q.Kind) {
			out = append(out, ev)
		}
	}
	switch {
	case q.Limit <= 0 || len(out) <= q.Limit:
		return out
	case q.Last:
		return out[len(out)-q.Limit:]
	}
	return out[:q.Limit]
}

func queries(t *testing.T, b Backend) {
	s := b.open(t)
	const n = 1_400 // more than any page or step of an index
	var evs []event.Event
	for i := range n {
		ev := Event("often", i)
		switch {
		case i%500 == 400:
			ev.Run = "seldom"
		case i%3 == 0:
			ev.Run = "third"
		case i%7 == 0:
			ev.Run = ""
		}
		if i%5 == 0 {
			ev.Kind = event.Reported
		}
		if i == 1111 {
			ev.Kind = event.RunEnded
		}
		evs = append(evs, ev)
	}
	for part := range slices.Chunk(evs, 100) {
		_, err := s.Append(t.Context(), part...)
		require.NoError(t, err)
	}
	all := All(t, s, ledger.Query{})
	require.Len(t, all, n)
	RequireChain(t, all)

	for _, run := range []call.RunID{"", "often", "third", "seldom", "nobody"} {
		for _, kind := range []event.Kind{"", event.Reported, event.RunEnded} {
			for _, after := range []uint64{0, 1024, 1025, n - 1, n, math.MaxUint64} {
				for _, part := range []ledger.Query{{}, {Last: true}, {Limit: 1}, {Limit: 1, Last: true}, {Limit: 99}, {Limit: 99, Last: true}} {
					q := ledger.Query{After: after, Run: run, Kind: kind, Limit: part.Limit, Last: part.Last}
					require.Equal(t, seqs(model(all, q)), seqs(All(t, s, q)), "%+v", q)
				}
			}
		}
	}
}

func seqs(evs []event.Event) []uint64 {
	var out []uint64
	for _, ev := range evs {
		out = append(out, ev.Seq)
	}
	return out
}

func largePages(t *testing.T, b Backend) {
	s := b.open(t)
	const n = 12
	for i := range n {
		ev := Event("r", i)
		ev.Data = bytes.Repeat([]byte{byte(i)}, 1<<20)
		_, err := s.Append(t.Context(), ev)
		require.NoError(t, err)
	}
	all := All(t, s, ledger.Query{})
	RequireChain(t, all)
	for _, q := range []ledger.Query{
		{}, {Run: "r"}, {After: 2}, {After: 2, Run: "r"}, {Limit: 9}, {Run: "r", Limit: 9},
		{Limit: 9, Last: true}, {Run: "r", Limit: 9, Last: true}, {After: 5, Limit: n, Last: true},
	} {
		require.Equal(t, seqs(model(all, q)), seqs(All(t, s, q)), "%+v", q)
	}
	require.NoError(t, s.Verify(t.Context()))
}

func stableIteration(t *testing.T, b Backend) {
	s := b.open(t)
	fill(t, s, 1100, "a", "b")
	for _, q := range []ledger.Query{{}, {Run: "a"}, {Kind: event.Decided}} {
		want := len(All(t, s, q))
		got := 0
		for _, err := range s.Events(t.Context(), q) {
			require.NoError(t, err)
			if got++; got%500 == 1 {
				fill(t, s, 100, "a", "b")
			}
		}
		require.Equal(t, want, got, "%+v", q)
	}
}

func earlyBreak(t *testing.T, b Backend) {
	s := b.open(t)
	fill(t, s, 300, "a", "b")
	for round := range 20 { // more than any pool of readers
		n := 0
		for _, err := range s.Events(t.Context(), ledger.Query{Run: "a", After: uint64(round)}) {
			require.NoError(t, err)
			if n++; n == 3 {
				break
			}
		}
		_, err := s.Append(t.Context(), Event("a", 300+round))
		require.NoError(t, err)
	}
	require.Len(t, All(t, s, ledger.Query{}), 320)
}

func endedContext(t *testing.T, b Backend) {
	s := b.open(t)
	fill(t, s, 10, "r")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Append(ctx, Event("r", 10))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Flush(ctx), context.Canceled)
	require.ErrorIs(t, s.Verify(ctx), context.Canceled)
	var got error
	for _, err := range s.Events(ctx, ledger.Query{}) {
		got = err
	}
	require.ErrorIs(t, got, context.Canceled)
	require.NoError(t, s.Flush(t.Context()))
	require.Len(t, All(t, s, ledger.Query{}), 10, "a cancelled append leaves nothing")

	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range s.Events(ctx, ledger.Query{}) {
		if n++; n == 1 {
			require.NoError(t, err)
			cancel()
			fill(t, s, 1100, "r")
		}
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
	require.LessOrEqual(t, n, 11, "a reader learns of its context within a page")
}
