package sqlite_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"m1/engine/event"
	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

func big(n int) event.Event {
	ev := ledgertest.Event("r", n)
	ev.Data = json.RawMessage(bytes.Repeat([]byte("x"), 40_000))
	return ev
}

func TestAFullDiskRefusesAppendsAndKeepsTheQueue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var log bytes.Buffer
	s, err := sqlite.Open(sqlite.Options{
		Path:   file(t.TempDir()),
		Now:    func() time.Time { return now },
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	_, err = s.Append(t.Context(), ledgertest.Event("r", 0))
	require.NoError(t, err)

	require.NoError(t, s.Squeeze(t.Context(), 2))
	require.NoError(t, s.Enqueue(ledgertest.Event("r", 1), ledgertest.Event("r", 2)))
	seq, err := s.Append(t.Context(), big(99))
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.ErrorContains(t, err, "full; free some space")
	require.Zero(t, seq)
	st := s.Status()
	require.Equal(t, uint64(1), st.Events)
	require.Equal(t, 2, st.Queue, "the enqueued events wait, the refused append does not")
	require.Equal(t, err.Error(), st.Err)
	require.Equal(t, now, st.Since)
	require.Len(t, ledgertest.All(t, s, ledger.Query{}), 1)

	now = now.Add(time.Minute)
	require.NoError(t, s.Squeeze(t.Context(), 0))
	_, err = s.Append(t.Context(), big(98))
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.Equal(t, now.Add(-time.Minute), s.Status().Since, "since it first failed")
	require.Equal(t, 2, s.Status().Queue)
	require.Contains(t, log.String(), "ledger cannot write")

	seq, err = s.Append(t.Context(), ledgertest.Event("r", 3))
	require.NoError(t, err, "there is space again")
	require.Equal(t, uint64(4), seq)
	st = s.Status()
	require.Empty(t, st.Err)
	require.Zero(t, st.Since)
	require.Zero(t, st.Queue)
	require.Contains(t, log.String(), "ledger writes again")
	require.Contains(t, log.String(), "failed_for=1m0s")
	all := ledgertest.All(t, s, ledger.Query{})
	ledgertest.RequireChain(t, all)
	for i, ev := range all {
		require.Equal(t, ledgertest.Event("r", i).Call, ev.Call, "in the order of acceptance, and no record of the refused one")
	}
	require.NoError(t, s.Verify(t.Context()))
}

func TestCloseSaysHowManyEventsAreLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	require.NoError(t, s.Squeeze(t.Context(), 0))
	require.NoError(t, s.Enqueue(big(0), big(1), big(2)))
	err := s.Close()
	require.ErrorIs(t, err, ledger.ErrUnavailable)
	require.ErrorContains(t, err, "3 enqueued events are lost")
	require.Zero(t, open(t, dir).Status().Events, "it let go of the file all the same")
}

// What is enqueued while a write fails must not overtake what the write held.
func TestAFailedWriteGoesBackBeforeWhatCameMeanwhile(t *testing.T) {
	t.Parallel()
	var s *sqlite.Store
	var failing bool
	calls := 0
	s, err := sqlite.Open(sqlite.Options{Path: file(t.TempDir()), Now: func() time.Time {
		// Flush asks for the time as it begins, and again once its write failed.
		if failing {
			calls++
		}
		if calls == 2 {
			failing, calls = false, 0
			require.NoError(t, s.Enqueue(ledgertest.Event("r", 2)))
		}
		return time.Unix(0, 0)
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	require.NoError(t, s.Enqueue(big(0), ledgertest.Event("r", 1)))
	require.NoError(t, s.Squeeze(t.Context(), 0))
	failing = true
	require.ErrorIs(t, s.Flush(t.Context()), ledger.ErrUnavailable)
	require.Equal(t, 3, s.Status().Queue)
	require.NoError(t, s.Flush(t.Context()))
	all := ledgertest.All(t, s, ledger.Query{})
	require.Len(t, all, 3)
	for i, ev := range all {
		require.Equal(t, ledgertest.Event("r", i).Call, ev.Call)
	}
}
