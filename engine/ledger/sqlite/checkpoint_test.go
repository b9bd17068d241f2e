package sqlite_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"m1/engine/ledger"
	"m1/engine/ledger/ledgertest"
	"m1/engine/ledger/sqlite"
)

func TestCheckpointsKeepTheLogBoundedWhileAppendsNeverPause(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := s.Append(ctx, big(i*4+w)); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	const enough = 40 << 20 // several times the size at which the log begins anew
	var highest int64
	for s.Status().Bytes < enough {
		require.NoError(t, s.Checkpoint(t.Context()))
		highest = max(highest, sqlite.LogBytes(s))
	}
	stop()
	wg.Wait()
	t.Logf("log at most %d KiB", highest>>10)
	require.Less(t, highest, int64(32<<20))
	require.NoError(t, s.Verify(t.Context()))
}

func TestWithoutCheckpointsTheLogIsBoundedToo(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	ev := big(0)
	for range 80 {
		for range 25 { // 1 MB an append, 80 MB in all
			require.NoError(t, s.Enqueue(ev))
		}
		require.NoError(t, s.Flush(t.Context()))
	}
	require.Less(t, sqlite.LogBytes(s), int64(72<<20))
}

func TestAReaderThatPausesDoesNotHoldTheLog(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for i := range 10 {
		_, err := s.Append(t.Context(), ledgertest.Event("r", i))
		require.NoError(t, err)
	}
	for _, err := range s.Events(t.Context(), ledger.Query{}) {
		require.NoError(t, err)
		for i := range 300 { // 12 MB while the reader holds its first event
			_, err := s.Append(t.Context(), big(i))
			require.NoError(t, err)
		}
		require.NoError(t, s.Checkpoint(t.Context()))
		before := sqlite.LogBytes(s)
		_, err = s.Append(t.Context(), big(1))
		require.NoError(t, err)
		require.Equal(t, before, sqlite.LogBytes(s), "the log began anew")
		break
	}
}

func TestCheckpointHonoursItsContextAndClose(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Checkpoint(ctx), context.Canceled)
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Checkpoint(t.Context()), ledger.ErrClosed)
}
