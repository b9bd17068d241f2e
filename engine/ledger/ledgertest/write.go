package ledgertest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/event"
	"m1/engine/ledger"
)

func emptyLedger(t *testing.T, b Backend) {
	s := b.open(t)
	require.Empty(t, All(t, s, ledger.Query{}))
	require.Empty(t, All(t, s, ledger.Query{Run: "r", Kind: event.Decided, Limit: 3, Last: true}))
	require.NoError(t, s.Verify(t.Context()))
	require.NoError(t, s.Flush(t.Context()))
	st := s.Status()
	require.Zero(t, st.Events)
	require.Zero(t, st.Head)
	require.Zero(t, st.Queue)
	require.Empty(t, st.Err)
	require.Zero(t, st.Since)
}

func appendOrder(t *testing.T, b Backend) {
	s := b.open(t)
	seq, err := s.Append(t.Context(), Event("r", 0))
	require.NoError(t, err)
	require.Equal(t, uint64(1), seq)
	seq, err = s.Append(t.Context(), Event("r", 1), Event("r", 2), Event("r", 3))
	require.NoError(t, err)
	require.Equal(t, uint64(4), seq, "the seq of the last event")

	evs := All(t, s, ledger.Query{})
	require.Len(t, evs, 4)
	RequireChain(t, evs)
	for i, ev := range evs {
		want := Event("r", i)
		want.Seq, want.Hash = ev.Seq, ev.Hash
		require.Equal(t, want, ev)
	}
	st := s.Status()
	require.Equal(t, uint64(4), st.Events)
	require.Equal(t, evs[3].Hash, st.Head)
	require.Zero(t, st.Queue)
	require.Equal(t, uint64(2), st.Commits)
	require.Positive(t, st.Bytes)
}

func sharedOrder(t *testing.T, b Backend) {
	s := b.open(t)
	require.NoError(t, s.Enqueue(Event("r", 0), Event("r", 1)))
	require.Equal(t, 2, s.Status().Queue)
	require.Empty(t, All(t, s, ledger.Query{}), "enqueued is not durable yet")
	seq, err := s.Append(t.Context(), Event("r", 2))
	require.NoError(t, err)
	require.Equal(t, uint64(3), seq, "append takes what was enqueued before it along")
	require.NoError(t, s.Enqueue(Event("r", 3)))
	require.NoError(t, s.Enqueue())
	seq, err = s.Append(t.Context(), Event("r", 4))
	require.NoError(t, err)
	require.Equal(t, uint64(5), seq)

	evs := All(t, s, ledger.Query{})
	require.Len(t, evs, 5)
	RequireChain(t, evs)
	for i, ev := range evs {
		require.Equal(t, Event("r", i).Call, ev.Call)
	}
}

func appendNothing(t *testing.T, b Backend) {
	s := b.open(t)
	seq, err := s.Append(t.Context())
	require.NoError(t, err)
	require.Zero(t, seq)
	require.NoError(t, s.Enqueue(Event("r", 0), Event("r", 1)))
	seq, err = s.Append(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(2), seq, "the last durable seq")
	seq, err = s.Append(t.Context())
	require.NoError(t, err)
	require.Equal(t, uint64(2), seq)
}

func flush(t *testing.T, b Backend) {
	s := b.open(t)
	for i := range 100 {
		require.NoError(t, s.Enqueue(Event("r", i)))
	}
	require.NoError(t, s.Flush(t.Context()))
	require.Equal(t, uint64(100), s.Status().Events)
	require.Zero(t, s.Status().Queue)
	RequireChain(t, All(t, s, ledger.Query{}))
}

func everyField(t *testing.T, b Backend) {
	const odd = "a\x00b\xff\xfe'\"\n\u202e\U0001f600"
	large := json.RawMessage(strings.Repeat("x\x00\xff", 1<<20))
	berlin := time.FixedZone("CET", 3600)
	for _, c := range []struct {
		name string
		in   event.Event
	}{
		{"empty", event.Event{At: time.Unix(0, 1)}},
		{"only a kind", event.Event{At: time.Unix(0, 0), Kind: "k"}},
		{"NUL and invalid UTF-8", event.Event{At: time.Unix(1, 0), Kind: odd, Run: odd, Call: odd, Agent: odd, Tool: odd, Data: json.RawMessage(odd)}},
		{"another zone, nanoseconds", event.Event{At: time.Date(2026, 1, 2, 3, 4, 5, 123456789, berlin), Kind: "k"}},
		{"before 1970", event.Event{At: time.Date(1699, 1, 2, 3, 4, 5, 999999999, time.UTC)}},
		{"a monotonic reading", event.Event{At: time.Now()}},
		{"a large payload", event.Event{At: time.Unix(2, 0), Data: large}},
		{"an empty payload", event.Event{At: time.Unix(2, 0), Data: json.RawMessage{}}},
		{"seq and hash are not the caller's", event.Event{At: time.Unix(2, 0), Seq: 99, Hash: event.Hash{1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := b.open(t)
			_, err := s.Append(t.Context(), c.in)
			require.NoError(t, err)
			got := All(t, s, ledger.Query{Run: c.in.Run, Kind: c.in.Kind})
			require.Len(t, got, 1)
			RequireChain(t, got)
			require.True(t, c.in.At.Equal(got[0].At), "want %s, got %s", c.in.At, got[0].At)
			require.Equal(t, time.UTC, got[0].At.Location())
			want := c.in
			want.Seq, want.Hash, want.At = got[0].Seq, got[0].Hash, got[0].At
			if len(want.Data) == 0 {
				want.Data = nil
			}
			require.Equal(t, want, got[0])
			require.NoError(t, s.Verify(t.Context()))
		})
	}
}

func zeroTime(t *testing.T, b Backend) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 10, time.UTC)
	s := b.openIn(t, t.TempDir(), Options{Now: func() time.Time { return now }})
	_, err := s.Append(t.Context(), event.Event{Kind: "k"})
	require.NoError(t, err)
	require.NoError(t, s.Enqueue(event.Event{Kind: "k"}))
	require.NoError(t, s.Flush(t.Context()))
	for _, ev := range All(t, s, ledger.Query{}) {
		require.Equal(t, now, ev.At)
	}
}

func invalid(t *testing.T, b Backend) {
	s := b.open(t)
	for name, bad := range map[string]event.Event{
		"far future": {At: time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)},
		"far past":   {At: time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)},
		"too large":  {At: time.Unix(0, 0), Data: make(json.RawMessage, ledger.MaxEvent)},
	} {
		_, err := s.Append(t.Context(), Event("r", 0), bad)
		require.ErrorIs(t, err, ledger.ErrInvalid, name)
		require.ErrorIs(t, s.Enqueue(Event("r", 0), bad), ledger.ErrInvalid, name)
	}
	require.NoError(t, s.Flush(t.Context()))
	require.Zero(t, s.Status().Events, "nothing of a refused call is kept")
}

func callerMemory(t *testing.T, b Backend) {
	s := b.open(t)
	evs := []event.Event{Event("r", 0), Event("r", 1)}
	require.NoError(t, s.Enqueue(evs...))
	evs[0].Call = "changed"
	copy(evs[1].Data, "changed")
	_, err := s.Append(t.Context(), Event("r", 2))
	require.NoError(t, err)
	got := All(t, s, ledger.Query{})
	require.Equal(t, Event("r", 0).Call, got[0].Call)
	require.Equal(t, Event("r", 1).Data, got[1].Data)
	require.Zero(t, evs[0].Seq, "the caller's events are left alone")
}

func fullQueue(t *testing.T, b Backend) {
	s := b.openIn(t, t.TempDir(), Options{MaxQueue: 4})
	require.NoError(t, s.Enqueue(Event("r", 0), Event("r", 1), Event("r", 2)))
	require.ErrorIs(t, s.Enqueue(Event("r", 9), Event("r", 9)), ledger.ErrFull, "all or none")
	require.NoError(t, s.Enqueue(Event("r", 3)))
	require.ErrorIs(t, s.Enqueue(Event("r", 9)), ledger.ErrFull)
	_, err := s.Append(t.Context(), Event("r", 4))
	require.NoError(t, err, "append is not bounded by the queue")
	require.NoError(t, s.Enqueue(Event("r", 5)), "room again")
	require.NoError(t, s.Flush(context.Background()))
	evs := All(t, s, ledger.Query{})
	require.Len(t, evs, 6)
	for i, ev := range evs {
		require.Equal(t, Event("r", i).Call, ev.Call)
	}
}

// An agent was answered "reported" 3,100 times while the disk was full: the
// store took every record into its queue, and the stop of M1 lost them all.
func unavailable(t *testing.T, b Backend) {
	if b.Break == nil {
		t.Skip("this backend never fails to write")
	}
	s := b.open(t)
	large := Event("r", 0)
	large.Data = make(json.RawMessage, 40_000)
	b.Break(t, s)
	require.NoError(t, s.Enqueue(large), "nothing has failed yet")
	require.ErrorIs(t, s.Flush(t.Context()), ledger.ErrUnavailable)
	require.NotEmpty(t, s.Status().Err)
	require.ErrorIs(t, s.Enqueue(Event("r", 9)), ledger.ErrUnavailable)
	require.Equal(t, 1, s.Status().Queue, "what was accepted stays, and nothing came to it")

	_, err := s.Append(t.Context(), Event("r", 1))
	require.NoError(t, err, "append tries again")
	require.Empty(t, s.Status().Err)
	require.NoError(t, s.Enqueue(Event("r", 2)), "and opens the queue again")
	require.NoError(t, s.Flush(t.Context()))
	evs := All(t, s, ledger.Query{})
	require.Len(t, evs, 3)
	RequireChain(t, evs)
	for i, ev := range evs {
		require.Equal(t, Event("r", i).Call, ev.Call)
	}
}
